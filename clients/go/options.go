package personas

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"time"
)

// Options of a client. The zero value of each means its default.
type Options struct {
	// Namespace whose personas are held; one, so that a name means one persona. Default: default.
	Namespace string
	// Alias, such as production: personas that have it are held, at the versions that it names. Default: all, at
	// their newest.
	Alias string
	// Names of those to hold, 1,000 at most. Default: all.
	Names []string
	// Filter selects as in ListPersonas: labels.team = "payments". Default: all.
	Filter string

	// Token is sent with each call and each stream. Default: none is. Over plain HTTP it is sent to this machine only,
	// unless AllowInsecureToken.
	Token string
	// TokenSource is asked for the token anew for each call and each stream. Not together with Token.
	TokenSource func(context.Context) (string, error)
	// AllowInsecureToken lets tokens go over plain HTTP to other machines.
	AllowInsecureToken bool

	// CACert is a PEM file of the authorities to trust. Default: the machine's.
	CACert string
	// ClientCert and ClientKey are PEM files of the client's own certificate. They are read anew for each
	// connection.
	ClientCert, ClientKey string
	// ServerName is the name that the registry's certificate is for. Default: the target's host.
	ServerName string

	// SnapshotPath is the file that keeps a copy for a start without the registry. Default: nothing is on disk.
	SnapshotPath string
	// SnapshotInterval is the least time between two writings of it. Default: 1 s.
	SnapshotInterval time.Duration

	// FirstSyncTimeout is how long the first Get waits for the very first contents. Default: 5 s. Negative: not at
	// all.
	FirstSyncTimeout time.Duration
	// CallTimeout is the deadline of one attempt of a call. Default: 10 s.
	CallTimeout time.Duration
	// Retries is the number of further attempts of a call that got no decision, 10 at most. Default: 3. Negative:
	// none.
	Retries int
	// BackoffFirst and BackoffMost bound the random waits between attempts to open the stream. Default: 1 s, 30 s.
	BackoffFirst, BackoffMost time.Duration
	// ProgressInterval is how often the registry says that all is quiet, from 1 s to 60 s. Three without a message,
	// and the stream is dead. Default: 15 s.
	ProgressInterval time.Duration
	// KeepAlive is after what quiet time a connection is pinged; KeepAliveTimeout how long the answer may take.
	// Default: 30 s (10 s at least), 10 s.
	KeepAlive, KeepAliveTimeout time.Duration

	// Logger gets what goes wrong behind the scenes, without texts and tokens. Default: slog.Default().
	Logger *slog.Logger
}

const (
	mostNames   = 1000
	mostRetries = 10
	// longest is the most that any time may be: more is a slip of units.
	longest = 24 * time.Hour
)

// grammar is what a name has to be.
const grammar = "it has 1 to 64 lower-case letters and digits, with single . _ - between"

var nameGrammar = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`)

// settle judges the options and fills in what is not given.
func (o Options) settle(t target) (Options, error) {
	if o.Namespace == "" {
		o.Namespace = "default"
	}
	if !isName(o.Namespace) {
		return o, fmt.Errorf("option Namespace: %q is not one: %s", o.Namespace, grammar)
	}
	if o.Alias != "" && !isName(o.Alias) {
		return o, fmt.Errorf("option Alias: %q is none: %s", o.Alias, grammar)
	}
	if len(o.Names) > mostNames {
		return o, fmt.Errorf("option Names: %d are too many; %d may be selected", len(o.Names), mostNames)
	}
	o.Names = slices.Sorted(slices.Values(o.Names))
	for i, name := range o.Names {
		if !isName(name) {
			return o, fmt.Errorf("option Names: %q is none: %s", name, grammar)
		}
		if i > 0 && o.Names[i-1] == name {
			return o, fmt.Errorf("option Names: %q stands there twice", name)
		}
	}
	if o.Token != "" {
		if o.TokenSource != nil {
			return o, errors.New("options Token and TokenSource: give one of them")
		}
		token, err := header(o.Token)
		if err != nil {
			return o, fmt.Errorf("option Token: %w", err)
		}
		o.TokenSource = func(context.Context) (string, error) { return token, nil }
	}
	if o.TokenSource != nil && !t.tls && !t.isLoopback() && !o.AllowInsecureToken {
		return o, errors.New("option Token: it would go over plain HTTP to another machine; use https://, " +
			"or set AllowInsecureToken")
	}
	if !t.tls && (o.CACert != "" || o.ClientCert != "" || o.ClientKey != "" || o.ServerName != "") {
		return o, errors.New("options CACert, ClientCert, ClientKey and ServerName are for https:// only")
	}
	if (o.ClientCert == "") != (o.ClientKey == "") {
		return o, errors.New("options ClientCert and ClientKey go together")
	}
	if o.Retries == 0 {
		o.Retries = 3
	}
	o.Retries = max(o.Retries, 0)
	if o.Retries > mostRetries {
		return o, fmt.Errorf("option Retries: %d are too many; %d at most", o.Retries, mostRetries)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o, o.settleTimes()
}

func (o *Options) settleTimes() error {
	if o.FirstSyncTimeout < 0 {
		o.FirstSyncTimeout = 1 // the shortest there is
	}
	for _, each := range []struct {
		option                  string
		value                   *time.Duration
		otherwise, least, worst time.Duration
	}{
		{"SnapshotInterval", &o.SnapshotInterval, time.Second, 1, longest},
		{"FirstSyncTimeout", &o.FirstSyncTimeout, 5 * time.Second, 1, longest},
		{"CallTimeout", &o.CallTimeout, 10 * time.Second, 1, longest},
		{"BackoffFirst", &o.BackoffFirst, time.Second, 1, longest},
		{"BackoffMost", &o.BackoffMost, max(30*time.Second, o.BackoffFirst), max(1, o.BackoffFirst), longest},
		{"ProgressInterval", &o.ProgressInterval, 15 * time.Second, time.Second, time.Minute},
		{"KeepAlive", &o.KeepAlive, 30 * time.Second, 10 * time.Second, longest},
		{"KeepAliveTimeout", &o.KeepAliveTimeout, 10 * time.Second, 1, longest},
	} {
		if *each.value == 0 {
			*each.value = each.otherwise
		}
		if *each.value < each.least || *each.value > each.worst {
			return fmt.Errorf("option %s: %v is not from %v to %v", each.option, *each.value, each.least, each.worst)
		}
	}
	return nil
}

func isName(text string) bool {
	return len(text) <= 64 && nameGrammar.MatchString(text)
}
