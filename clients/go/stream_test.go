package personas

import (
	"math"
	"testing"
	"time"

	"github.com/persona-registry/persona-registry/clients/go/personapb"
)

type message = personapb.WatchPersonasResponse

func opened(revision int64) *message {
	header := &personapb.ResponseHeader{StoreId: "00ff", Revision: revision}
	return &message{Event: &personapb.WatchPersonasResponse_Opened_{
		Opened: &personapb.WatchPersonasResponse_Opened{Header: header},
	}}
}

func snapshot(personas ...*personapb.Persona) *message {
	return &message{Event: &personapb.WatchPersonasResponse_Snapshot_{
		Snapshot: &personapb.WatchPersonasResponse_Snapshot{Personas: personas},
	}}
}

func synced(revision, count int64, token string) *message {
	return &message{ResumeToken: token, Event: &personapb.WatchPersonasResponse_Synced_{
		Synced: &personapb.WatchPersonasResponse_Synced{Revision: revision, Count: count},
	}}
}

func progress(revision int64) *message {
	return &message{Event: &personapb.WatchPersonasResponse_Progress_{
		Progress: &personapb.WatchPersonasResponse_Progress{Revision: revision},
	}}
}

func changes(revision int64, fragment bool, kind personapb.PersonaChange_Type, p *personapb.Persona) *message {
	m := &message{Event: &personapb.WatchPersonasResponse_Changes_{Changes: &personapb.WatchPersonasResponse_Changes{
		Revision: revision, Fragment: fragment, Changes: []*personapb.PersonaChange{{Type: kind, Persona: p}},
	}}}
	if !fragment {
		m.ResumeToken = "later"
	}
	return m
}

// reader is a stream of a client that holds these.
func reader(t *testing.T, held *contents) (*Client, *stream) {
	t.Helper()
	c, err := New("localhost", Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.publish(held)
	return c, &stream{client: c, held: held, resumed: held.token != ""}
}

func take(t *testing.T, s *stream, messages ...*message) {
	t.Helper()
	for _, m := range messages {
		if err := s.take(m); err != nil {
			t.Fatal(err)
		}
	}
}

func TestASnapshotTakesThePlaceOfWhatIsHeldInOneStep(t *testing.T) {
	before := someContents()
	before.source, before.token = Cached, ""
	c, s := reader(t, before)
	take(t, s, opened(20), snapshot(persona("b", 3, "# B\n")), progress(20), snapshot(persona("c", 1, "# C\n")))
	if held := c.contents.Load(); held != before || s.caughtUp {
		t.Errorf("before Synced there is %v", held.names())
	}
	take(t, s, synced(20, 2, "t20"))
	held := c.contents.Load()
	names := held.names()
	if len(names) != 2 || names[0] != "b" || names[1] != "c" || held.personas["b"].persona.GetVersion() != 3 {
		t.Errorf("after Synced there is %v", names)
	}
	if held.source != Live || held.revision != 20 || held.token != "t20" || held.storeID != "00ff" || !s.caughtUp {
		t.Errorf("after Synced it is %+v", held)
	}
}

func TestASnapshotThatIsNotWholeIsNotTaken(t *testing.T) {
	c, s := reader(t, nothing)
	take(t, s, opened(20), snapshot(persona("b", 3, "# B\n")))
	if err := s.take(synced(20, 2, "t20")); err == nil || c.contents.Load().isHeld() {
		t.Errorf("one persona was taken for a snapshot of two: %v", err)
	}
}

func TestMessagesOutOfOrderEndTheStream(t *testing.T) {
	left := persona("a", 1, "")
	for what, messages := range map[string][]*message{
		"nothing opened":          {progress(1)},
		"opened twice":            {opened(1), opened(1)},
		"synced without snapshot": {opened(1), synced(1, 0, ""), synced(1, 0, "")},
		"changes before synced":   {opened(1), changes(2, false, personapb.PersonaChange_TYPE_LEFT, left)},
		"snapshot after synced":   {opened(1), synced(1, 0, ""), snapshot(left)},
	} {
		_, s := reader(t, nothing)
		take(t, s, messages[:len(messages)-1]...)
		if err := s.take(messages[len(messages)-1]); err == nil {
			t.Errorf("%s: was taken", what)
		}
	}
}

func TestARevisionIsAppliedWithItsLastFragment(t *testing.T) {
	before := someContents()
	before.source = Cached
	c, s := reader(t, before)
	take(t, s, opened(13),
		changes(13, true, personapb.PersonaChange_TYPE_CREATED, persona("c", 1, "# C\n")),
		changes(13, true, personapb.PersonaChange_TYPE_DELETED, &personapb.Persona{Name: "a"}))
	if held := c.contents.Load(); len(held.personas) != 2 || held.revision != 12 || held.token != "t0" || s.caughtUp {
		t.Errorf("with two fragments of three it is %+v", held)
	}
	take(t, s, changes(13, false, personapb.PersonaChange_TYPE_LEFT, &personapb.Persona{Name: "b"}))
	held := c.contents.Load()
	if names := held.names(); len(names) != 1 || names[0] != "c" || held.revision != 13 || held.token != "later" {
		t.Errorf("with the last fragment it is %v, %+v", names, held)
	}
	if held.source != Live {
		t.Errorf("at the revision of Opened it is %v", held.source)
	}
	if len(before.personas) != 2 {
		t.Error("what was read before has changed")
	}
}

func TestAStreamThatResumedIsLiveOnceItHasCaughtUp(t *testing.T) {
	for _, each := range []struct {
		opened int64
		more   []*message
		live   bool
	}{
		{12, nil, true}, // what is held is at it
		{13, nil, false},
		{14, []*message{progress(13)}, false},
		{14, []*message{progress(14)}, true},
		{14, []*message{changes(15, false, personapb.PersonaChange_TYPE_UPDATED, persona("a", 2, ""))}, true},
	} {
		before := someContents()
		before.source = Disk
		c, s := reader(t, before)
		take(t, s, opened(each.opened))
		take(t, s, each.more...)
		want := Disk
		if each.live {
			want = Live
		}
		if got := c.contents.Load().source; got != want {
			t.Errorf("opened at %d, then %v: %v, want %v", each.opened, each.more, got, want)
		}
	}
}

func TestWaitsDoubleUpToTheMost(t *testing.T) {
	const first, most = time.Second, 30 * time.Second
	for attempts, ceiling := range map[int]time.Duration{
		0: first, 1: 2 * first, 4: 16 * first, 5: most, 40: most, 62: most, 63: most, 1000: most, math.MaxInt: most,
	} {
		var longest time.Duration
		for range 2000 {
			wait := fullJitter(attempts, first, most)
			if wait < 0 || wait > ceiling {
				t.Fatalf("attempt %d waits %v, more than %v", attempts, wait, ceiling)
			}
			longest = max(longest, wait)
		}
		if longest < ceiling/2 {
			t.Errorf("attempt %d: of 2,000 waits none is over %v, half of what they may be", attempts, ceiling/2)
		}
	}
}
