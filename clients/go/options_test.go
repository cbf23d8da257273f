package personas

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTargetsForgiveWhatIsLeftOut(t *testing.T) {
	for text, want := range map[string]string{
		"http://127.0.0.1:50051/": "http://127.0.0.1:50051", "localhost:7000": "http://localhost:7000",
		"registry.example": "http://registry.example:50051", "[::1]": "http://[::1]:50051",
		"https://registry.example": "https://registry.example:50051", "https://[::1]:443": "https://[::1]:443",
	} {
		if got, err := parseTarget(text); err != nil || got.String() != want {
			t.Errorf("%q was read as %q (%v), want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "http://", "a:", "a:b", "a:99999", "a:0", "a b", "user@a:1", "ftp://a:1", "HTTPS://a", "http://a:1/v1", "a?b", "a#b",
	} {
		if got, err := parseTarget(text); err == nil {
			t.Errorf("%q was read as %q", text, got)
		}
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	source := func(context.Context) (string, error) { return "t", nil }
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprintf("n%d", i)
	}
	for what, each := range map[string]struct {
		target  string
		options Options
	}{
		"all namespaces":       {"localhost", Options{Namespace: "-"}},
		"a bad alias":          {"localhost", Options{Alias: "Production"}},
		"too many names":       {"localhost", Options{Names: many}},
		"a name twice":         {"localhost", Options{Names: []string{"a", "b", "a"}}},
		"a bad name":           {"localhost", Options{Names: []string{"a b"}}},
		"a token elsewhere":    {"http://registry.example", Options{Token: "t"}},
		"a source elsewhere":   {"http://registry.example", Options{TokenSource: source}},
		"two tokens":           {"localhost", Options{Token: "t", TokenSource: source}},
		"a token with a blank": {"localhost", Options{Token: "a b"}},
		"TLS without TLS":      {"http://localhost", Options{CACert: empty}},
		"half a pair":          {"https://localhost", Options{ClientCert: empty}},
		"no authority":         {"https://localhost", Options{CACert: empty}},
		"no pair":              {"https://localhost", Options{ClientCert: empty, ClientKey: empty}},
		"no such file":         {"https://localhost", Options{CACert: empty + ".not"}},
		"too many retries":     {"localhost", Options{Retries: 11}},
		"a negative time":      {"localhost", Options{CallTimeout: -1}},
		"crossed waits":        {"localhost", Options{BackoffFirst: time.Minute, BackoffMost: time.Second}},
		"a short interval":     {"localhost", Options{ProgressInterval: time.Millisecond}},
		"a long interval":      {"localhost", Options{ProgressInterval: time.Hour}},
	} {
		if c, err := New(each.target, each.options); err == nil {
			c.Close()
			t.Errorf("%s: was taken", what)
		}
	}
}

func TestTokensThatMayGoOverPlainHTTP(t *testing.T) {
	for target, options := range map[string]Options{
		"http://localhost": {Token: "t"}, "http://127.8.0.1:1": {Token: "t"}, "http://[::1]": {Token: " t\n"},
		"https://registry.example": {Token: "t"}, "http://registry.example": {Token: "t", AllowInsecureToken: true},
	} {
		c, err := New(target, options)
		if err != nil {
			t.Errorf("%s: %v", target, err)
			continue
		}
		c.Close()
	}
}
