package personas

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/persona-registry/persona-registry/clients/go/personapb"
)

func persona(name string, version int64, body string) *personapb.Persona {
	front := "---\nname: " + name + "\n---\n"
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(front+body)))
	return &personapb.Persona{
		Namespace: "default", Name: name, Version: version, Digest: digest, FrontMatter: front, Body: body,
	}
}

func someContents() *contents {
	return &contents{
		personas: map[string]*entry{
			"b": newEntry(persona("b", 2, "# B\r\n")), "a": newEntry(persona("a", 1, "# Ä <&>\n")),
		},
		storeID: "00ff", revision: 12, token: "t0", source: Live,
	}
}

func fileOf(t *testing.T, path string, options Options) *snapshotFile {
	t.Helper()
	place, err := parseTarget("localhost:7000")
	if err != nil {
		t.Fatal(err)
	}
	if options, err = options.settle(place); err != nil {
		t.Fatal(err)
	}
	return newSnapshotFile(path, place, options)
}

func TestACopyOnDiskHasTheCommonFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "copy")
	options := Options{Alias: "production", Filter: `labels.team = "a<b"`, Names: []string{"b", "a"}}
	if err := fileOf(t, path, options).write(someContents()); err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first, rest, _ := strings.Cut(string(all), "\n")
	if want := fmt.Sprintf("persona-snapshot 1 sha256:%x", sha256.Sum256([]byte(rest))); first != want {
		t.Errorf("first line %q, want %q", first, want)
	}
	lines := strings.Split(strings.TrimSuffix(rest, "\n"), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines after the first, want 3", len(lines))
	}
	var head map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &head); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"target": "http://localhost:7000", "namespace": "default", "alias": "production", "filter": `labels.team = "a<b"`,
		"names": "[a b]", "store_id": "00ff", "revision": "12", "resume_token": "t0",
	} {
		if got := fmt.Sprint(head[key]); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if _, err := time.Parse(time.RFC3339, fmt.Sprint(head["time"])); err != nil {
		t.Error(err)
	}
	for i, name := range []string{"a", "b"} {
		encoded, err := base64.StdEncoding.DecodeString(lines[i+1])
		if err != nil {
			t.Fatal(err)
		}
		var p personapb.Persona
		if err := proto.Unmarshal(encoded, &p); err != nil || p.GetName() != name {
			t.Errorf("line %d holds %q (%v), want %q", i+3, p.GetName(), err, name)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
}

func TestACopyOnDiskIsReadAsItWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "copy")
	file := fileOf(t, path, Options{})
	for range 2 { // the second takes the place of the first
		if err := file.write(someContents()); err != nil {
			t.Fatal(err)
		}
	}
	held, err := file.read(slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	want := someContents()
	if held.revision != 12 || held.token != "t0" || held.storeID != "00ff" || held.source != Disk || len(held.personas) != 2 {
		t.Errorf("read %+v", held)
	}
	for name, e := range want.personas {
		if got := held.personas[name]; got == nil || got.document != e.document || !proto.Equal(got.persona, e.persona) {
			t.Errorf("%s was read as %+v", name, got)
		}
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("%v is left in the folder (%v)", files, err)
	}
}

func TestTheOrderOfNamesIsNoOtherSelection(t *testing.T) {
	file := fileOf(t, filepath.Join(t.TempDir(), "copy"), Options{Names: []string{"a", "b"}})
	another := *file
	another.of.Names = []string{"b", "a"}
	if err := another.write(someContents()); err != nil {
		t.Fatal(err)
	}
	if _, err := file.read(slog.Default()); err != nil {
		t.Error(err)
	}
}

func TestACopyOnDiskThatIsOfNoUseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "copy")
	if held, err := fileOf(t, path, Options{}).read(slog.Default()); held != nil || err != nil {
		t.Errorf("no file was read as %v, %v", held, err)
	}
	if err := fileOf(t, path, Options{}).write(someContents()); err != nil {
		t.Fatal(err)
	}
	for _, other := range []Options{{Namespace: "x"}, {Alias: "x"}, {Filter: "name = x"}, {Names: []string{"x"}}} {
		if _, err := fileOf(t, path, other).read(slog.Default()); err == nil {
			t.Errorf("a copy of everything was taken for one of %+v", other)
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := append([]byte{}, whole...)
	damaged[len(damaged)-5] ^= 1
	for what, bytes := range map[string][]byte{"damaged": damaged, "short": whole[:len(whole)/2], "empty": nil} {
		if err := os.WriteFile(path, bytes, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := fileOf(t, path, Options{}).read(slog.Default()); err == nil {
			t.Errorf("a %s file was read", what)
		}
	}
}

func TestANameThatStandsTwiceIsLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "copy")
	file := fileOf(t, path, Options{})
	if err := file.write(someContents()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(whole), "\n")
	lines := strings.SplitAfter(rest, "\n")
	rest += lines[2]
	if err := os.WriteFile(path, []byte(firstLine([]byte(rest))+rest), 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := file.read(slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	if names := held.names(); len(names) != 1 || names[0] != "a" || held.token != "" {
		t.Errorf("held %v with token %q, want a alone, and none", names, held.token)
	}
}

func TestWhatKilledWritersLeftIsRemoved(t *testing.T) {
	folder := t.TempDir()
	file := fileOf(t, filepath.Join(folder, "copy"), Options{})
	long, short := filepath.Join(folder, ".copy.tmp1"), filepath.Join(folder, ".copy.tmp2")
	for _, path := range []string{long, short} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := time.Now().Add(-time.Hour)
	if err := os.Chtimes(long, before, before); err != nil {
		t.Fatal(err)
	}
	if err := file.write(someContents()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(long); err == nil {
		t.Error("what was left an hour ago is still there")
	}
	if _, err := os.Stat(short); err != nil {
		t.Error("what another writer is at was removed")
	}
}
