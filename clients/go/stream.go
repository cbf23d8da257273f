package personas

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/persona-registry/persona-registry/clients/go/personapb"
)

// A stream is dead after so many progress intervals without a message.
const silentIntervals = 3

// longestWait bounds what a registry may ask for.
const longestWait = time.Hour

// After these a token is worth nothing.
var tokenIsVoid = []string{"STORE_MISMATCH", "REVISION_COMPACTED", "REVISION_IN_FUTURE", "RESUME_TOKEN_INVALID"}

// follow keeps a stream open until the client is closed.
func (c *Client) follow() {
	for attempts := 0; c.ctx.Err() == nil; attempts++ {
		s := &stream{client: c, held: c.contents.Load()}
		err := s.run()
		c.lost(s.left(err), err)
		if c.ctx.Err() != nil {
			return
		}
		if s.caughtUp {
			attempts = 0
		}
		wait := fullJitter(attempts, c.options.BackoffFirst, c.options.BackoffMost)
		wait += min(s.asked+err.RetryDelay, longestWait)
		if c.off.Backoff {
			wait = 0
		}
		level := slog.LevelError
		if err.Kind == Unavailable {
			level = slog.LevelWarn
		}
		c.log.Log(c.ctx, level, "the stream is down", "code", err.Code.String(), "reason", err.Reason,
			"error", err.Message, "wait", wait)
		sleep(c.ctx, wait)
	}
}

// fullJitter is a random time between 0 and first · 2^attempts, at most most.
func fullJitter(attempts int, first, most time.Duration) time.Duration {
	ceiling := most
	// A shift that loses bits would be a short wait.
	if shifted := first << min(attempts, 62); attempts <= 62 && shifted>>attempts == first {
		ceiling = min(shifted, most)
	}
	return rand.N(ceiling + 1)
}

func sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// stream is one attempt, on a connection of its own: a dead connection is never tried again.
type stream struct {
	client *Client
	// held is what the stream has brought, on top of what there was.
	held *contents
	// resumed: begun with a token.
	resumed bool
	opened  *personapb.WatchPersonasResponse_Opened
	// snapshot so far. nil: none is being received.
	snapshot map[string]*entry
	// fragments of one revision so far.
	fragments []*personapb.PersonaChange
	caughtUp  bool
	heard     time.Time
	// asked is how long Closing asks to wait.
	asked time.Duration
}

// run reads the stream to its end, which is always an error.
func (s *stream) run() *Error {
	c := s.client
	ctx, cancel := context.WithCancelCause(c.ctx)
	defer cancel(nil)
	silence := silentIntervals * c.options.ProgressInterval
	watchdog := time.AfterFunc(silence, func() {
		cancel(fmt.Errorf("the stream said nothing for %d progress intervals", silentIntervals))
	})
	defer watchdog.Stop()
	fail := func(err error) *Error {
		if cause := context.Cause(ctx); cause != nil && c.ctx.Err() == nil {
			return newError(codes.Unavailable, cause, cause.Error())
		}
		return fromCall(ctx, err)
	}

	conn, err := c.connection()
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	request := &personapb.WatchPersonasRequest{
		Namespace: c.options.Namespace, Names: c.options.Names, Filter: c.options.Filter, Alias: c.options.Alias,
		View: personapb.PersonaView_PERSONA_VIEW_FULL, Mode: personapb.WatchMode_WATCH_MODE_LATEST,
		ProgressInterval: durationpb.New(c.options.ProgressInterval),
	}
	if s.held.token != "" {
		s.resumed = true
		request.Start = &personapb.WatchPersonasRequest_ResumeToken{ResumeToken: s.held.token}
	}
	messages, err := personapb.NewPersonaServiceClient(conn).WatchPersonas(ctx, request)
	if err != nil {
		return fail(err)
	}
	for {
		message, err := messages.Recv()
		if err != nil {
			failed := fail(err)
			header, _ := messages.Header() // where there is none the trailer has the id
			failed.CallID = callID(header, messages.Trailer())
			return failed
		}
		if ctx.Err() != nil {
			return fail(ctx.Err())
		}
		s.heard = time.Now()
		if err := s.take(message); err != nil {
			return newError(codes.Internal, err, err.Error())
		}
		if interval := s.opened.GetProgressInterval().AsDuration(); interval > 0 {
			silence = silentIntervals * interval
		}
		watchdog.Reset(silence)
	}
}

// take takes a message in.
func (s *stream) take(message *personapb.WatchPersonasResponse) error {
	next := *s.held
	var touched []string
	event := message.GetEvent()
	if opened, ok := event.(*personapb.WatchPersonasResponse_Opened_); ok != (s.opened == nil) {
		return errors.New("the registry did not open the stream, or opened it twice")
	} else if ok {
		s.opened = opened.Opened
	}
	switch event := event.(type) {
	case *personapb.WatchPersonasResponse_Opened_:
		if s.resumed {
			s.reached(next.revision)
		} else {
			s.snapshot = map[string]*entry{}
		}
		s.client.streams.Add(1)
	case *personapb.WatchPersonasResponse_Snapshot_:
		if s.snapshot == nil {
			return errors.New("the registry sent a snapshot that was not asked for")
		}
		for _, p := range event.Snapshot.GetPersonas() {
			s.snapshot[p.GetName()] = newEntry(p)
		}
		return nil
	case *personapb.WatchPersonasResponse_Synced_:
		if got, want := int64(len(s.snapshot)), event.Synced.GetCount(); s.snapshot == nil || got != want {
			return fmt.Errorf("the registry sent %d personas as a snapshot of %d", got, want)
		}
		touched = s.swap(&next)
		next.storeID = s.opened.GetHeader().GetStoreId()
		next.revision = event.Synced.GetRevision()
		s.snapshot = nil
		s.caughtUp = true
	case *personapb.WatchPersonasResponse_Changes_:
		if s.snapshot != nil {
			return errors.New("the registry sent changes within a snapshot")
		}
		if s.fragments = append(s.fragments, event.Changes.GetChanges()...); event.Changes.GetFragment() {
			return nil
		}
		touched = apply(&next, s.fragments)
		next.revision = event.Changes.GetRevision()
		s.fragments = nil
		s.reached(next.revision)
	case *personapb.WatchPersonasResponse_Progress_:
		next.revision = event.Progress.GetRevision()
		s.reached(next.revision)
	case *personapb.WatchPersonasResponse_Closing_:
		s.asked = event.Closing.GetRetryDelay().AsDuration()
	}
	if s.snapshot != nil {
		return nil // before Synced there is no place to go on from
	}
	if token := message.GetResumeToken(); token != "" && !s.client.off.Resume {
		next.token = token
	}
	if s.caughtUp && next.source != Live {
		next.source = Live
		s.client.log.Info("the stream is live", "revision", next.revision, "resumed", s.resumed,
			"personas", len(next.personas))
	}
	s.held = &next
	s.client.publish(s.held, touched...)
	return nil
}

// reached notes that the stream is at a revision: one that resumed has caught up where the registry was when it
// began.
func (s *stream) reached(revision int64) {
	if s.snapshot == nil && revision >= s.opened.GetHeader().GetRevision() {
		s.caughtUp = true
	}
}

// swap puts the snapshot in the place of what is held, and returns the names of both.
func (s *stream) swap(next *contents) []string {
	before := next.personas
	next.personas = s.snapshot
	touched := next.names()
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if next.personas[name] != nil {
			continue
		}
		if s.client.off.Sweep {
			next.personas[name] = before[name]
			continue
		}
		touched = append(touched, name)
	}
	s.client.snapshots.Add(1)
	return touched
}

// apply takes in the changes of one revision, and returns the names that they are about.
func apply(next *contents, changes []*personapb.PersonaChange) []string {
	next.personas = maps.Clone(next.personas)
	var touched []string
	for _, change := range changes {
		name := change.GetPersona().GetName()
		switch change.GetType() {
		case personapb.PersonaChange_TYPE_CREATED, personapb.PersonaChange_TYPE_UPDATED:
			next.personas[name] = newEntry(change.GetPersona())
		case personapb.PersonaChange_TYPE_DELETED, personapb.PersonaChange_TYPE_LEFT:
			delete(next.personas, name)
		}
		touched = append(touched, name)
	}
	slices.Sort(touched)
	return slices.Compact(touched)
}

// left is what stays held after the stream ended.
func (s *stream) left(err *Error) *contents {
	if s.client.off.Cache {
		return nothing
	}
	next := *s.held
	if next.source == Live {
		next.source = Cached
		next.current = s.heard
	}
	if slices.Contains(tokenIsVoid, err.Reason) {
		next.token = ""
	}
	return &next
}
