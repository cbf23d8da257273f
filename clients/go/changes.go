package personas

import (
	"container/list"
	"context"
	"iter"
	"runtime/debug"
	"sync"

	"github.com/persona-registry/persona-registry/clients/go/personapb"
)

// ChangeType says what happened to a persona.
type ChangeType string

// What may happen.
const (
	Created ChangeType = "CREATED" // it was not held before
	Updated ChangeType = "UPDATED" // another version is held
	Removed ChangeType = "REMOVED" // it was deleted, or is not selected any more
)

// Change is what happened to a persona since the subscriber was last told of it.
type Change struct {
	Type ChangeType
	Name string
	// Before and After are the persona's messages. Before is nil of Created, After is nil of Removed. They are
	// shared: do not write to them.
	Before, After *personapb.Persona
}

// Changes follows changes: at first come those that are held, as Created. Each loop has a queue of its own with at
// most one change a persona: who is slow gets the newest. It ends with the context, or when the client is closed.
//
//	for change := range client.Changes(ctx) { … }
func (c *Client) Changes(ctx context.Context) iter.Seq[Change] {
	return func(yield func(Change) bool) { c.tell(ctx, c.subscribe(), yield) }
}

// OnChange calls back for each change, one at a time, as Changes has them. A slow callback delays no other and not the
// stream; one that panics is logged and called on. stop ends it, and does not wait for a call that runs.
func (c *Client) OnChange(callback func(Change)) (stop func()) {
	ctx, cancel := context.WithCancel(c.ctx)
	s := c.subscribe()
	go c.tell(ctx, s, func(change Change) bool {
		c.call(callback, change)
		return true
	})
	return cancel
}

// tell gives changes to a subscriber until it has enough.
func (c *Client) tell(ctx context.Context, s *subscription, yield func(Change) bool) {
	defer c.unsubscribe(s)
	for ctx.Err() == nil && c.ctx.Err() == nil {
		if change, ok := s.next(); ok {
			if !yield(change) {
				return
			}
			continue
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
		case <-c.ctx.Done():
		}
	}
}

func (c *Client) call(callback func(Change), change Change) {
	defer func() {
		if problem := recover(); problem != nil {
			c.log.Error("a callback panicked", "name", change.Name, "type", change.Type, "panic", problem,
				"stack", string(debug.Stack()))
		}
	}()
	callback(change)
}

func (c *Client) subscribe() *subscription {
	c.start()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := newSubscription()
	held := c.contents.Load()
	for _, name := range held.names() {
		s.put(name, nil, held.personas[name])
	}
	c.subscriptions[s] = struct{}{}
	return s
}

func (c *Client) unsubscribe(s *subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.subscriptions, s)
}

// subscription is a subscriber's queue: at most one entry a persona, the longest waiting first.
type subscription struct {
	wake chan struct{} // has one where the queue may have grown

	mu     sync.Mutex
	order  *list.List // of *pending
	byName map[string]*list.Element
}

// pending is what a subscriber was last told of a persona, and what is to be told now. nil: there is none.
type pending struct {
	name          string
	before, after *entry
}

func newSubscription() *subscription {
	return &subscription{wake: make(chan struct{}, 1), order: list.New(), byName: map[string]*list.Element{}}
}

// put adds a change. With one that waits it becomes one; where both together change nothing, none is left.
func (s *subscription) put(name string, before, after *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if element := s.byName[name]; element != nil {
		waiting := element.Value.(*pending)
		waiting.after = after
		if waiting.before.isSame(after) {
			s.order.Remove(element)
			delete(s.byName, name)
		}
		return
	}
	if before.isSame(after) {
		return
	}
	s.byName[name] = s.order.PushBack(&pending{name, before, after})
	signal(s.wake)
}

// next takes the change that waits longest.
func (s *subscription) next() (Change, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	front := s.order.Front()
	if front == nil {
		return Change{}, false
	}
	p := s.order.Remove(front).(*pending)
	delete(s.byName, p.name)
	change := Change{Type: Updated, Name: p.name}
	if p.before == nil {
		change.Type = Created
	} else {
		change.Before = p.before.persona
	}
	if p.after == nil {
		change.Type = Removed
	} else {
		change.After = p.after.persona
	}
	return change, true
}
