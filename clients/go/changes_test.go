package personas

import (
	"context"
	"slices"
	"testing"
)

func told(s *subscription) (all []string) {
	for {
		change, ok := s.next()
		if !ok {
			return all
		}
		text := string(change.Type) + " " + change.Name
		if change.Before != nil {
			text += " from " + change.Before.GetBody()
		}
		if change.After != nil {
			text += " to " + change.After.GetBody()
		}
		all = append(all, text)
	}
}

func TestWhoIsSlowIsToldTheNewestOfEach(t *testing.T) {
	one, two, three := newEntry(persona("a", 1, "1")), newEntry(persona("a", 2, "2")), newEntry(persona("a", 3, "3"))
	type step struct{ before, after *entry }
	for _, each := range []struct {
		steps []step
		want  []string
	}{
		{[]step{{nil, one}}, []string{"CREATED a to 1"}},
		{[]step{{nil, one}, {one, two}, {two, three}}, []string{"CREATED a to 3"}},
		{[]step{{one, two}, {two, three}}, []string{"UPDATED a from 1 to 3"}},
		{[]step{{one, two}, {two, nil}}, []string{"REMOVED a from 1"}},
		{[]step{{one, nil}, {nil, two}}, []string{"UPDATED a from 1 to 2"}},
		{[]step{{nil, one}, {one, nil}}, nil}, // came and went
		{[]step{{one, two}, {two, one}}, nil}, // an alias that moved there and back
		{[]step{{one, one}}, nil},             // a snapshot of what is known
		{[]step{{one, nil}, {nil, one}, {one, nil}}, []string{"REMOVED a from 1"}},
	} {
		s := newSubscription()
		for _, step := range each.steps {
			s.put("a", step.before, step.after)
		}
		if s.order.Len() > 1 || len(s.byName) > 1 {
			t.Errorf("%d entries wait for one persona", s.order.Len())
		}
		if got := told(s); !slices.Equal(got, each.want) {
			t.Errorf("told %q, want %q", got, each.want)
		}
	}
}

func TestChangesComeInTheirOrder(t *testing.T) {
	s := newSubscription()
	for _, name := range []string{"c", "a", "b"} {
		s.put(name, nil, newEntry(persona(name, 1, "1")))
	}
	s.put("c", newEntry(persona("c", 1, "1")), newEntry(persona("c", 2, "2")))
	if got, want := told(s), []string{"CREATED c to 2", "CREATED a to 1", "CREATED b to 1"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestWhoLeavesTheLoopIsTakenOffTheList(t *testing.T) {
	c, err := New("127.0.0.1:1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.publish(someContents())
	for change := range c.Changes(context.Background()) {
		if change.Name != "a" || change.Type != Created {
			t.Errorf("told %+v", change)
		}
		if len(c.subscriptions) != 1 {
			t.Error("there is no subscription")
		}
		break
	}
	if len(c.subscriptions) != 0 {
		t.Error("the subscription is still there")
	}
}
