// Command driver does with a client what the conformance suite says, and says what it sees: see ../../../conformance.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"

	personas "github.com/persona-registry/persona-registry/clients/go"
	"github.com/persona-registry/persona-registry/clients/go/internal/door"
	"github.com/persona-registry/persona-registry/clients/go/personapb"
)

type object = map[string]any

// command is one line. Times are in milliseconds; what is not there is nil or zero.
type command struct {
	ID     json.RawMessage `json:"id"`
	Do     string          `json:"do"`
	Client string          `json:"client"`

	Target             string   `json:"target"`
	Namespace          string   `json:"namespace"`
	Alias              string   `json:"alias"`
	Names              []string `json:"names"`
	Filter             string   `json:"filter"`
	Token              *string  `json:"token"`
	TokenFile          string   `json:"token_file"`
	AllowInsecureToken bool     `json:"allow_insecure_token"`
	CACert             string   `json:"ca_cert"`
	ClientCert         string   `json:"client_cert"`
	ClientKey          string   `json:"client_key"`
	ServerName         string   `json:"server_name"`
	SnapshotPath       string   `json:"snapshot_path"`
	FirstSyncTimeout   *float64 `json:"first_sync_timeout"`
	CallTimeout        *float64 `json:"call_timeout"`
	Retries            *int     `json:"retries"`
	BackoffFirst       *float64 `json:"backoff_first"`
	BackoffMost        *float64 `json:"backoff_most"`
	ProgressInterval   *float64 `json:"progress_interval"`
	SnapshotInterval   *float64 `json:"snapshot_interval"`
	SwitchOff          words    `json:"switch_off"`

	Timeout      *float64 `json:"timeout"`
	Name         string   `json:"name"`
	Fallback     *string  `json:"fallback"`
	Version      int64    `json:"version"`
	Pin          string   `json:"pin"`
	Subscription string   `json:"subscription"`
	Delay        *float64 `json:"delay"`
	Fail         bool     `json:"fail"`
	Document     []byte   `json:"document"`
	RequestID    string   `json:"request_id"`
	Message      string   `json:"message"`
	CreateOnly   bool     `json:"create_only"`
	ETag         string   `json:"etag"`
}

// words is a word, or several.
type words []string

func (w *words) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		*w = words{""}
		return json.Unmarshal(data, &(*w)[0])
	}
	return json.Unmarshal(data, (*[]string)(w))
}

// session is an open client and what belongs to it.
type session struct {
	client *personas.Client
	pins   map[string]*personas.Pin

	mu      sync.Mutex
	changes map[string][]object
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "driver:", err)
		os.Exit(1)
	}
}

func run() error {
	sessions := map[string]*session{}
	defer func() {
		for _, s := range sessions {
			s.client.Close()
		}
	}()
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		if len(strings.TrimSpace(in.Text())) == 0 {
			continue
		}
		var c command
		answer := object{}
		result, err := object(nil), json.Unmarshal(in.Bytes(), &c)
		if err == nil {
			result, err = do(sessions, &c)
		}
		answer["id"] = c.ID
		if err != nil {
			answer["error"] = describe(err)
		} else {
			answer["ok"] = result
		}
		if err := out.Encode(answer); err != nil {
			return err
		}
	}
	return in.Err()
}

func describe(err error) object {
	var failed *personas.Error
	if !errors.As(err, &failed) {
		return object{"kind": "Usage", "code": "", "reason": "", "metadata": object{}, "message": err.Error()}
	}
	metadata := failed.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return object{
		"kind": failed.Kind, "code": code.Code(failed.Code).String(), "reason": failed.Reason,
		"metadata": metadata, "message": failed.Message,
	}
}

func do(sessions map[string]*session, c *command) (object, error) {
	switch c.Do {
	case "hello":
		return object{"language": "go", "version": "0.1.0"}, nil
	case "open":
		s, err := open(c)
		if err != nil {
			return nil, err
		}
		sessions[c.Client] = s
		return object{}, nil
	}
	s := sessions[c.Client]
	if s == nil {
		return nil, fmt.Errorf("there is no client %q", c.Client)
	}
	ctx := context.Background()
	if c.Timeout != nil {
		limited, cancel := context.WithTimeout(ctx, *milliseconds(c.Timeout))
		defer cancel()
		ctx = limited
	}
	if c.Do == "close" {
		delete(sessions, c.Client)
		return object{}, s.client.Close()
	}
	if result, err := s.read(ctx, c); result != nil || err != nil {
		return result, err
	}
	return s.call(ctx, c)
}

func open(c *command) (*session, error) {
	o := personas.Options{
		Namespace: c.Namespace, Alias: c.Alias, Names: c.Names, Filter: c.Filter,
		AllowInsecureToken: c.AllowInsecureToken,
		CACert:             c.CACert, ClientCert: c.ClientCert, ClientKey: c.ClientKey, ServerName: c.ServerName,
		SnapshotPath: c.SnapshotPath,
	}
	if c.Token != nil {
		o.Token = *c.Token
	} else if c.TokenFile != "" {
		o.TokenSource = func(context.Context) (string, error) {
			text, err := os.ReadFile(c.TokenFile)
			return string(text), err
		}
	}
	for given, option := range map[*float64]*time.Duration{
		c.FirstSyncTimeout: &o.FirstSyncTimeout, c.CallTimeout: &o.CallTimeout, c.BackoffFirst: &o.BackoffFirst,
		c.BackoffMost: &o.BackoffMost, c.ProgressInterval: &o.ProgressInterval,
		c.SnapshotInterval: &o.SnapshotInterval,
	} {
		if given != nil {
			*option = *milliseconds(given)
		}
	}
	if c.Retries != nil {
		if o.Retries = *c.Retries; o.Retries == 0 {
			o.Retries = -1
		}
	}
	if c.FirstSyncTimeout != nil && *c.FirstSyncTimeout == 0 {
		o.FirstSyncTimeout = -1
	}
	client, err := personas.New(c.Target, o)
	if err != nil {
		return nil, err
	}
	var off door.Parts
	for _, part := range c.SwitchOff {
		switch part {
		case "cache":
			off.Cache = true
		case "backoff":
			off.Backoff = true
		case "resume":
			off.Resume = true
		case "sweep":
			off.Sweep = true
		default:
			return nil, fmt.Errorf("there is no part %q", part)
		}
	}
	door.SwitchOff(client, off)
	return &session{client: client, pins: map[string]*personas.Pin{}, changes: map[string][]object{}}, nil
}

// read does what concerns the copy. nil, nil: it is another command.
func (s *session) read(ctx context.Context, c *command) (object, error) {
	switch c.Do {
	case "ready":
		limited, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		return object{}, s.client.Ready(limited)
	case "get":
		if c.Fallback != nil {
			return held(s.client.GetOr(ctx, c.Name, *c.Fallback))
		}
		return held(s.client.Get(ctx, c.Name))
	case "await":
		return s.await(ctx, c)
	case "names":
		return object{"names": list(s.client.Names(ctx))}, nil
	case "pin":
		s.pins[c.Pin] = s.client.Pin(ctx)
		return object{}, nil
	case "pin_get":
		pin := s.pins[c.Pin]
		if pin == nil {
			return nil, fmt.Errorf("there is no pin %q", c.Pin)
		}
		if c.Fallback != nil {
			return held(pin.GetOr(c.Name, *c.Fallback))
		}
		return held(pin.Get(c.Name))
	case "subscribe":
		s.subscribe(c)
		return object{}, nil
	case "changes":
		s.mu.Lock()
		defer s.mu.Unlock()
		changes := s.changes[c.Subscription]
		s.changes[c.Subscription] = nil
		return object{"changes": list(changes)}, nil
	case "status":
		status := s.client.Status()
		kind := ""
		if status.LastError != nil {
			kind = fmt.Sprint(describe(status.LastError)["kind"])
		}
		return object{
			"state": status.State, "source": status.Source, "revision": status.Revision, "age": age(status.Age),
			"personas": status.Personas, "streams": status.Streams, "snapshots": status.Snapshots, "error": kind,
		}, nil
	}
	return nil, nil
}

func (s *session) await(ctx context.Context, c *command) (object, error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		held, err := s.client.Get(ctx, c.Name)
		if err == nil && held.Version >= c.Version {
			return object{"version": held.Version, "time_ns": time.Now().UnixNano()}, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err != nil {
				return nil, err
			}
			message := fmt.Sprintf("version %d was read last", held.Version)
			return nil, &personas.Error{Kind: personas.Unavailable, Code: 4, Message: message}
		}
	}
}

func (s *session) subscribe(c *command) {
	s.client.OnChange(func(change personas.Change) {
		s.mu.Lock()
		seen := object{"type": change.Type, "name": change.Name, "version": change.After.GetVersion()}
		s.changes[c.Subscription] = append(s.changes[c.Subscription], seen)
		s.mu.Unlock()
		if c.Delay != nil {
			time.Sleep(*milliseconds(c.Delay))
		}
		if c.Fail {
			panic("the callback fails, as it was told to")
		}
	})
}

// call does what asks the registry.
func (s *session) call(ctx context.Context, c *command) (object, error) {
	switch c.Do {
	case "fetch":
		request := &personapb.GetPersonaRequest{Name: c.Name}
		if c.Version != 0 {
			request.Selector = &personapb.GetPersonaRequest_Version{Version: c.Version}
		} else if c.Alias != "" {
			request.Selector = &personapb.GetPersonaRequest_Alias{Alias: c.Alias}
		}
		answer, err := s.client.Fetch(ctx, request)
		p := answer.GetPersona()
		return object{
			"version": p.GetVersion(), "revision": answer.GetHeader().GetRevision(),
			"digest": digest(p.GetFrontMatter() + p.GetBody()), "size": len(p.GetFrontMatter()) + len(p.GetBody()),
		}, err
	case "list":
		var names []string
		for p, err := range s.client.List(ctx, &personapb.ListPersonasRequest{Filter: c.Filter}) {
			if err != nil {
				return nil, err
			}
			names = append(names, p.GetName())
		}
		return object{"names": list(names)}, nil
	case "validate":
		answer, err := s.client.Validate(ctx, &personapb.ValidatePersonaRequest{Name: c.Name, Content: c.Document})
		var codes []string
		for _, diagnostic := range answer.GetDiagnostics() {
			codes = append(codes, diagnostic.GetCode())
		}
		return object{"codes": list(codes)}, err
	case "put":
		answer, err := s.client.Put(ctx, &personapb.PutPersonaRequest{
			Name: c.Name, Content: c.Document, RequestId: c.RequestID, Message: c.Message,
			CreateOnly: c.CreateOnly, Etag: c.ETag,
		})
		return object{"version": answer.GetVersion(), "revision": answer.GetRevision()}, err
	case "delete":
		answer, err := s.client.Delete(ctx, &personapb.DeletePersonaRequest{Name: c.Name})
		return object{"revision": answer.GetRevision()}, err
	case "set_alias":
		request := &personapb.SetPersonaAliasRequest{Name: c.Name, Alias: c.Alias, Version: c.Version}
		answer, err := s.client.SetAlias(ctx, request)
		return object{"revision": answer.GetRevision()}, err
	default:
		return nil, fmt.Errorf("there is no command %q", c.Do)
	}
}

func held(h personas.Held, err error) (object, error) {
	return object{
		"source": h.Source, "age": age(h.Age), "version": h.Version, "revision": h.Revision,
		"digest": digest(h.Document), "size": len(h.Document),
	}, err
}

func age(d time.Duration) any {
	if d == personas.UnknownAge {
		return nil
	}
	return float64(d) / float64(time.Millisecond)
}

func digest(document string) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(document)))
}

func milliseconds(n *float64) *time.Duration {
	d := time.Duration(*n * float64(time.Millisecond))
	return &d
}

// list is never null in JSON.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
