package personas_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	personas "github.com/persona-registry/persona-registry/clients/go"
	"github.com/persona-registry/persona-registry/clients/go/personapb"
)

// program is the registry's. Tests that need it skip themselves aloud where it was not built.
func program(t testing.TB) string {
	t.Helper()
	path := os.Getenv("PERSONA_BIN")
	if path == "" {
		path = "../../target/debug/persona"
	}
	path, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "SKIPPED %s: no registry to test with (build it, or set PERSONA_BIN): %v\n", t.Name(), err)
		t.Skip("no registry")
	}
	return path
}

// command runs the registry's program, by these flags alone: it would take PERSONA_BIN for a setting.
func command(t testing.TB, flags ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(program(t), flags...)
	c.Dir = t.TempDir()
	c.Env = slices.DeleteFunc(os.Environ(), func(each string) bool { return strings.HasPrefix(each, "PERSONA_") })
	c.Stderr = os.Stderr
	return c
}

// registry is a running server.
type registry struct {
	t       testing.TB
	data    string
	address string
	flags   []string
	process *exec.Cmd
}

func start(t testing.TB, flags ...string) *registry {
	t.Helper()
	r := &registry{t: t, data: t.TempDir(), address: "127.0.0.1:0", flags: flags}
	r.start()
	t.Cleanup(r.kill)
	return r
}

// start starts it, on the port that it had before.
func (r *registry) start() {
	r.t.Helper()
	r.process = command(r.t, append([]string{"serve", "--listen", r.address, "--data-dir", r.data}, r.flags...)...)
	out, err := r.process.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.process.Start(); err != nil {
		r.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_, after, found := strings.Cut(line, "127.0.0.1:")
	if err != nil || !found {
		r.t.Fatalf("the registry said %q (%v)", line, err)
	}
	port := strings.FieldsFunc(after, func(c rune) bool { return c < '0' || c > '9' })[0]
	r.address = "127.0.0.1:" + port
	go io.Copy(io.Discard, out)
}

func (r *registry) kill() {
	r.process.Process.Kill()
	r.process.Wait()
}

// options that do not wait long.
func options() personas.Options {
	return personas.Options{
		FirstSyncTimeout: time.Hour, BackoffFirst: 20 * time.Millisecond, BackoffMost: 200 * time.Millisecond,
		ProgressInterval: time.Second, SnapshotInterval: time.Millisecond,
	}
}

func client(t testing.TB, target string, o personas.Options) *personas.Client {
	t.Helper()
	c, err := personas.New(target, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func put(t testing.TB, c *personas.Client, name, text string) *personapb.PutPersonaResponse {
	t.Helper()
	answer, err := c.Put(within(t), &personapb.PutPersonaRequest{Content: []byte(document(name, text))})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func document(name, text string) string {
	return "---\nname: " + name + "\ndescription: Says something.\n---\n# Says\r\n" + text + "\n"
}

// expect reads a persona until it is as wanted.
func expect(t testing.TB, c *personas.Client, name string, version int64, source personas.Source) personas.Held {
	t.Helper()
	ctx := within(t)
	for {
		held, err := c.Get(ctx, name)
		if ctx.Err() == nil && err == nil && held.Version == version && held.Source == source {
			return held
		}
		if ctx.Err() != nil {
			t.Fatalf("%s is %+v (%v), want version %d, %s; %+v", name, held, err, version, source, c.Status())
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAServiceFollowsItsPersonas(t *testing.T) {
	r := start(t)
	c := client(t, r.address, options())
	put(t, c, "one", "a")
	held := expect(t, c, "one", 1, personas.Live)
	if held.Document != document("one", "a") || held.Body() != "# Says\r\na\n" || held.Age != 0 || held.Revision < 1 {
		t.Errorf("held %+v", held)
	}
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	var got []string
	pin := c.Pin(ctx)
	for change := range c.Changes(ctx) {
		got = append(got, fmt.Sprint(change.Type, " ", change.Name, " ", change.Before.GetVersion(), change.After.GetVersion()))
		switch len(got) {
		case 1:
			put(t, c, "one", "b")
		case 2:
			put(t, c, "two", "a")
		case 3:
			if _, err := c.Delete(ctx, &personapb.DeletePersonaRequest{Name: "one"}); err != nil {
				t.Fatal(err)
			}
		case 4:
			cancel()
		}
	}
	want := "[CREATED one 0 1 UPDATED one 1 2 CREATED two 0 1 REMOVED one 2 0]"
	if fmt.Sprint(got) != want {
		t.Errorf("told %v, want %v", got, want)
	}
	if _, err := c.GetOr(within(t), "one", "mine"); !errors.Is(err, personas.NotFound) {
		t.Errorf("what was deleted is read with a fallback: %v", err)
	}
	if names := c.Names(within(t)); fmt.Sprint(names) != "[two]" {
		t.Errorf("names %v", names)
	}
	if held, err := pin.Get("one"); err != nil || held.Version != 1 || fmt.Sprint(pin.Names()) != "[one]" {
		t.Errorf("pinned %+v, %v, %v", held, err, pin.Names())
	}
}

func TestWhatWasHeldIsServedWhileTheRegistryIsAway(t *testing.T) {
	r := start(t)
	c := client(t, r.address, options())
	put(t, c, "one", "a")
	expect(t, c, "one", 1, personas.Live)
	r.kill()
	if held := expect(t, c, "one", 1, personas.Cached); held.Age <= 0 {
		t.Errorf("its age is %v", held.Age)
	}
	if state := c.Status().State; state != personas.Reconnecting {
		t.Errorf("it is %v", state)
	}
	r.start()
	expect(t, c, "one", 1, personas.Live)
	if s := c.Status(); s.Streams != 2 || s.Snapshots != 1 || !errors.Is(s.LastError, personas.Unavailable) {
		t.Errorf("it did not resume: %+v", s)
	}
	// Another store: what it does not have goes.
	r.kill()
	r.data = t.TempDir()
	r.start()
	put(t, c, "two", "a")
	expect(t, c, "two", 1, personas.Live)
	if _, err := c.Get(within(t), "one"); !errors.Is(err, personas.NotFound) {
		t.Errorf("what the other store had is still there: %v", err)
	}
	if s := c.Status(); s.Snapshots != 2 {
		t.Errorf("%+v", s)
	}
}

func TestAStartWithoutTheRegistry(t *testing.T) {
	r := start(t)
	o := options()
	o.SnapshotPath = filepath.Join(t.TempDir(), "copy")
	first := client(t, r.address, o)
	put(t, first, "one", "a")
	expect(t, first, "one", 1, personas.Live)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Fetch(within(t), &personapb.GetPersonaRequest{Name: "one"}); !errors.Is(err, personas.ErrClosed) {
		t.Errorf("a closed client calls: %v", err)
	}
	r.kill()
	c := client(t, r.address, o)
	ctx := within(t)
	if held, err := c.Get(ctx, "one"); err != nil || held.Source != personas.Disk || held.Age <= 0 || ctx.Err() != nil {
		t.Errorf("held %+v, %v, %v", held, err, ctx.Err())
	}
	r.start()
	expect(t, c, "one", 1, personas.Live)
	if s := c.Status(); s.Snapshots != 0 {
		t.Errorf("it did not resume from disk: %+v", s)
	}
	put(t, c, "one", "b")
	expect(t, c, "one", 2, personas.Live)
}

func TestAFallbackIsForWhoeverHoldsNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close() // nobody is there
	o := options()
	o.FirstSyncTimeout = 50 * time.Millisecond
	c := client(t, listener.Addr().String(), o)
	held, err := c.GetOr(within(t), "one", "mine")
	if err != nil || held.Source != personas.Fallback || held.Body() != "mine" || held.Age != personas.UnknownAge {
		t.Errorf("held %+v, %v", held, err)
	}
	if _, err := c.Get(within(t), "one"); !errors.Is(err, personas.Unavailable) {
		t.Errorf("without a fallback: %v", err)
	}
	short, cancel := context.WithTimeout(within(t), time.Millisecond)
	defer cancel()
	if err := c.Ready(short); !errors.Is(err, personas.Unavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ready: %v", err)
	}
	if _, err := c.Fetch(within(t), &personapb.GetPersonaRequest{Name: "one"}); !errors.Is(err, personas.Unavailable) {
		t.Errorf("fetch: %v", err)
	}
	// Whoever waits for the very first contents is let go by Close.
	waiting := client(t, listener.Addr().String(), options())
	time.AfterFunc(10*time.Millisecond, func() { waiting.Close() })
	ctx := within(t)
	if _, err := waiting.Get(ctx, "one"); !errors.Is(err, personas.ErrClosed) || ctx.Err() != nil {
		t.Errorf("after Close: %v", err)
	}
}

func TestCallsSayWhatIsWrong(t *testing.T) {
	c := client(t, start(t).address, options())
	put(t, c, "one", "a")
	_, err := c.Put(within(t), &personapb.PutPersonaRequest{Content: []byte(document("one", "b")), CreateOnly: true})
	var failed *personas.Error
	if !errors.As(err, &failed) || failed.Kind != personas.Conflict || failed.Code != codes.AlreadyExists ||
		failed.Reason != "PERSONA_EXISTS" || failed.Metadata["name"] != "one" || failed.CallID == "" {
		t.Errorf("create only: %+v", failed)
	}
	_, err = c.Put(within(t), &personapb.PutPersonaRequest{Content: []byte("no front matter")})
	if !errors.As(err, &failed) || failed.Reason != "PERSONA_INVALID" || len(failed.Violations) == 0 {
		t.Errorf("a bad document: %+v", failed)
	}
	request := &personapb.PutPersonaRequest{Content: []byte(document("one", "c")), RequestId: "r1"}
	for _, replayed := range []bool{false, true} {
		if answer, err := c.Put(within(t), request); err != nil || answer.GetReplayed() != replayed || request.Namespace != "" {
			t.Errorf("replayed %v: %+v, %v", replayed, answer, err)
		}
	}
	for persona, err := range c.List(within(t), &personapb.ListPersonasRequest{Filter: "words"}) {
		if !errors.Is(err, personas.InvalidArgument) {
			t.Errorf("a bad filter lists %v, %v", persona, err)
		}
	}
}

func TestOneListingHasAllPages(t *testing.T) {
	c := client(t, start(t).address, options())
	for i := range 7 {
		put(t, c, fmt.Sprintf("p%d", i), "a")
	}
	names := ""
	for persona, err := range c.List(within(t), &personapb.ListPersonasRequest{PageSize: 3}) {
		if err != nil {
			t.Fatal(err)
		}
		names += persona.GetName()
	}
	if names != "p0p1p2p3p4p5p6" {
		t.Errorf("listed %s", names)
	}
}

func TestATokenIsAskedForAnew(t *testing.T) {
	r := start(t, "--auth")
	token, err := command(t, "token", "create", "ops", "--grant", "admin", "--data-dir", r.data).Output()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	now := "wrong"
	o := options()
	o.TokenSource = func(context.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		return now, nil
	}
	c := client(t, r.address, o)
	short, cancel := context.WithTimeout(within(t), time.Second)
	defer cancel()
	if err := c.Ready(short); !errors.Is(err, personas.Unauthenticated) {
		t.Errorf("with a wrong token: %v", err)
	}
	mu.Lock()
	now = string(token)
	mu.Unlock()
	if err := c.Ready(within(t)); err != nil {
		t.Errorf("with a good one: %v", err)
	}
}

// A path that goes silent is a dead stream, and the next one takes another connection.
func TestASilentStreamIsGivenUp(t *testing.T) {
	r := start(t)
	p := newPath(t, r.address)
	c := client(t, p.address(), options())
	put(t, c, "one", "a")
	expect(t, c, "one", 1, personas.Live)
	p.silence()
	put(t, client(t, r.address, options()), "one", "b")
	expect(t, c, "one", 2, personas.Live)
	if s := c.Status(); s.Streams != 2 || s.Snapshots != 1 {
		t.Errorf("%+v", s)
	}
}

func TestNothingIsLeftRunningAfterClose(t *testing.T) {
	r := start(t)
	before := runtime.NumGoroutine()
	for range 3 {
		o := options()
		o.SnapshotPath = filepath.Join(t.TempDir(), "copy")
		c := client(t, r.address, o)
		put(t, c, "one", "a")
		told := make(chan personas.Change, 10)
		c.OnChange(func(change personas.Change) { told <- change; panic("as it is told to") })
		go func() {
			for range c.Changes(context.Background()) {
				continue
			}
		}()
		<-told
		if err := c.Ready(within(t)); err != nil {
			t.Fatal(err)
		}
		c.Close()
		c.Close()
		if held, err := c.Get(within(t), "one"); err != nil || held.Source != personas.Cached {
			t.Errorf("after Close: %+v, %v", held, err)
		}
		if s := c.Status(); s.State != personas.Closed {
			t.Errorf("after Close: %+v", s)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines more than before:\n%s", runtime.NumGoroutine()-before, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(time.Millisecond)
	}
}

func BenchmarkGet(b *testing.B) {
	c := client(b, start(b).address, options())
	put(b, c, "one", strings.Repeat("a ", 5_000))
	expect(b, c, "one", 1, personas.Live)
	ctx := context.Background()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(each *testing.PB) {
		for each.Next() {
			if _, err := c.Get(ctx, "one"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// path carries bytes to a registry, and can go silent without closing anything.
type path struct {
	listener net.Listener
	mu       sync.Mutex
	open     []chan struct{} // closed: that connection is silent
}

func newPath(t *testing.T, to string) *path {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	p := &path{listener: listener}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			silent := make(chan struct{})
			p.mu.Lock()
			p.open = append(p.open, silent)
			p.mu.Unlock()
			go carry(near, far, silent)
			go carry(far, near, silent)
		}
	}()
	return p
}

func (p *path) address() string { return p.listener.Addr().String() }

// silence drops what comes on the connections that are open now.
func (p *path) silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, silent := range p.open {
		close(silent)
	}
	p.open = nil
}

func carry(to, from net.Conn, silent <-chan struct{}) {
	defer to.Close()
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		select {
		case <-silent:
			continue
		default:
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
