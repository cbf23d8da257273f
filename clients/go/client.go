// Package personas keeps the personas that a service needs in memory, current to within milliseconds, and calls the
// registry.
//
// A Client holds what it selects by one stream. Get is a look into memory; when the registry is away, what was held
// is served on and says so. The generated contract is in personapb.
package personas

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/persona-registry/persona-registry/clients/go/internal/door"
	"github.com/persona-registry/persona-registry/clients/go/personapb"
)

// State says how a client's stream is.
type State string

// The states.
const (
	Idle         State = "IDLE"         // not used yet
	Connecting   State = "CONNECTING"   // not live since the start
	StateLive    State = "LIVE"         // the stream stands and has caught up
	Reconnecting State = "RECONNECTING" // it was live, and is not
	Closed       State = "CLOSED"       // Close was called
)

// Status is how a client is.
type Status struct {
	State State
	// Source, Revision and Age are as of a Held; Fallback: nothing is held.
	Source   Source
	Revision int64
	Age      time.Duration
	// Personas is how many are held.
	Personas int
	// Streams is how many stood so far, and Snapshots how many were received whole.
	Streams, Snapshots int64
	// LastError is what last failed or ended the stream. nil: nothing did.
	LastError error
}

// Client holds personas and calls the registry. It is for any number of goroutines. Make one for each selection,
// with New.
type Client struct {
	options  Options
	target   target
	dial     []grpc.DialOption
	log      *slog.Logger
	conn     *grpc.ClientConn // of calls; each stream has its own
	stub     personapb.PersonaServiceClient
	disk     *snapshotFile // nil: nothing on disk
	off      door.Parts
	contents atomic.Pointer[contents]

	// ctx ends with Close.
	ctx     context.Context
	cancel  context.CancelFunc
	started sync.Once
	tasks   sync.WaitGroup
	dirty   chan struct{} // has one where the copy on disk may be behind

	// settled is closed once a Get waits no more for the very first contents.
	settled  chan struct{}
	settle   func()
	firstGet sync.Once

	mu            sync.Mutex // of what follows, and of writing to contents
	state         State
	live          chan struct{} // closed while live
	subscriptions map[*subscription]struct{}
	lastError     error

	streams, snapshots atomic.Int64
}

// New makes a client of the registry at https://host:port, or http://host:port without TLS; without a scheme it is
// http, without a port 50051. It fails where an option is wrong. Nothing is connected before the first use.
func New(registry string, options Options) (*Client, error) {
	fail := func(err error) (*Client, error) { return nil, fmt.Errorf("personas: %w", err) }
	place, err := parseTarget(registry)
	if err != nil {
		return fail(err)
	}
	if options, err = options.settle(place); err != nil {
		return fail(err)
	}
	c := &Client{
		options: options,
		target:  place,
		log:     options.Logger.With("registry", place.String(), "namespace", options.Namespace),
		dirty:   make(chan struct{}, 1),
		settled: make(chan struct{}),
		state:   Idle,
		live:    make(chan struct{}),

		subscriptions: map[*subscription]struct{}{},
	}
	c.settle = sync.OnceFunc(func() { close(c.settled) })
	c.contents.Store(nothing)
	if c.dial, err = dialOptions(place, options); err != nil {
		return fail(err)
	}
	if options.SnapshotPath != "" {
		c.disk = newSnapshotFile(options.SnapshotPath, place, options)
	}
	if c.conn, err = c.connection(); err != nil {
		return fail(err)
	}
	c.stub = personapb.NewPersonaServiceClient(c.conn)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// connection makes one that connects when it is used.
func (c *Client) connection() (*grpc.ClientConn, error) {
	return grpc.NewClient("dns:///"+c.target.place, c.dial...)
}

// Get returns the persona of a name. It is a look into memory: only the first ones wait for the very first
// contents, until the stream has caught up, FirstSyncTimeout at most; with a copy on disk until the first attempt
// failed.
//
// It fails with NotFound where there is none, and where nothing was ever held with what keeps the stream from
// standing.
func (c *Client) Get(ctx context.Context, name string) (Held, error) { return c.get(ctx, name, nil) }

// GetOr is Get with a text for when nothing was ever held. It fails with NotFound alone: what was deleted does not
// come back by a fallback.
func (c *Client) GetOr(ctx context.Context, name, fallback string) (Held, error) {
	return c.get(ctx, name, &fallback)
}

func (c *Client) get(ctx context.Context, name string, fallback *string) (Held, error) {
	held, err := c.first(ctx).look(c.options.Namespace, name, fallback)
	if err == errNothing {
		err = c.missing(ctx)
	}
	return held, err
}

// Pin returns what is held, as it is now. What is pinned does not change: take one at the beginning of a run, and
// keep to it. The first time it waits as Get does.
func (c *Client) Pin(ctx context.Context) *Pin {
	held := c.first(ctx)
	return &Pin{contents: held, namespace: c.options.Namespace, age: held.age(), missing: c.missing(ctx)}
}

// Names returns the names that are held, sorted. The first time it waits as Get does.
func (c *Client) Names(ctx context.Context) []string { return c.first(ctx).names() }

// Ready waits until the stream stands and has caught up. It fails with the context, and says what keeps the stream.
func (c *Client) Ready(ctx context.Context) error {
	c.start()
	c.mu.Lock()
	live := c.live
	c.mu.Unlock()
	select {
	case <-live:
	case <-c.ctx.Done():
	case <-ctx.Done():
	}
	if c.ctx.Err() == nil && isClosed(live) {
		return nil
	}
	return c.missing(ctx)
}

// Status tells how the client is. It begins nothing.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	held := c.contents.Load()
	return Status{
		State: c.state, Source: held.source, Revision: held.revision, Age: held.age(), Personas: len(held.personas),
		Streams: c.streams.Load(), Snapshots: c.snapshots.Load(), LastError: c.lastError,
	}
}

// Close ends the stream, all subscriptions and all calls. What is held can be read on. It waits a second at most
// for the last writing to disk, and not for callbacks.
func (c *Client) Close() error {
	c.started.Do(func() {}) // what was not begun is not begun any more
	c.cancel()
	c.settle()
	c.mu.Lock()
	c.state = Closed
	c.mu.Unlock()
	c.conn.Close() // fails only where it is closed already
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.tasks.Wait()
	}()
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-ended:
		return nil
	case <-timer.C:
		return errors.New("personas: the last writing of the copy on disk was not waited for")
	}
}

// start opens the stream, with the copy on disk where there is one.
func (c *Client) start() {
	c.started.Do(func() {
		c.mu.Lock()
		c.state = Connecting
		c.mu.Unlock()
		if c.disk != nil {
			c.load()
			c.tasks.Go(c.keep)
		}
		c.tasks.Go(c.follow)
	})
}

// first returns what is held, and waits for the very first contents before.
func (c *Client) first(ctx context.Context) *contents {
	if !isClosed(c.settled) {
		c.start()
		c.firstGet.Do(func() { time.AfterFunc(c.options.FirstSyncTimeout, c.settle) })
		select {
		case <-c.settled:
		case <-ctx.Done():
		}
	}
	return c.contents.Load()
}

// missing is why nothing is held, or is live.
func (c *Client) missing(ctx context.Context) error {
	if c.ctx.Err() != nil {
		return newError(codes.Canceled, ErrClosed, ErrClosed.Error())
	}
	c.mu.Lock()
	err := c.lastError
	c.mu.Unlock()
	if err == nil {
		err = newError(codes.Unavailable, nil, "the registry has not told everything yet")
	}
	if done := ctx.Err(); done != nil {
		return fmt.Errorf("%w (%w)", err, done)
	}
	return err
}

// publish puts contents in the place of what is held, and tells subscribers of the personas that it touches.
func (c *Client) publish(next *contents, touched ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.contents.Swap(next)
	for s := range c.subscriptions {
		for _, name := range touched {
			s.put(name, before.personas[name], next.personas[name])
		}
	}
	if len(touched) > 0 || before.source != next.source {
		signal(c.dirty)
	}
	if next.source == Live && c.state != Closed {
		c.state = StateLive
		if !isClosed(c.live) {
			close(c.live)
		}
		c.settle()
	}
}

// lost keeps what is held after a stream ended, or did not stand.
func (c *Client) lost(next *contents, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.contents.Swap(next)
	if c.state == Closed {
		return
	}
	c.lastError = err
	if isClosed(c.live) {
		c.live = make(chan struct{})
		c.state = Reconnecting
	}
	if before.isHeld() {
		c.settle()
	}
}

func isClosed(channel <-chan struct{}) bool {
	select {
	case <-channel:
		return true
	default:
		return false
	}
}

// signal puts one in, unless there is one.
func signal(channel chan struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}

func init() {
	door.SwitchOff = func(client any, parts door.Parts) { client.(*Client).off = parts }
}
