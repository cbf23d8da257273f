package personas

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/persona-registry/persona-registry/clients/go/personapb"
)

// mostBytes is more than any copy has that a service could hold.
const mostBytes = 1 << 30

// snapshotFile is the copy on disk. Clients in all languages have the same format:
//
//	persona-snapshot 1 sha256:<hex digest of all bytes after this line>
//	{"target": …}
//	<base64 of one Persona, a line each, by name>
type snapshotFile struct {
	path string
	of   selection
}

// selection is what a copy is of.
type selection struct {
	Target    string   `json:"target"`
	Namespace string   `json:"namespace"`
	Alias     string   `json:"alias"`
	Filter    string   `json:"filter"`
	Names     []string `json:"names"`
}

// head is the second line.
type head struct {
	selection
	StoreID     string `json:"store_id"`
	Revision    string `json:"revision"`
	ResumeToken string `json:"resume_token"`
	Time        string `json:"time"`
}

func newSnapshotFile(path string, t target, o Options) *snapshotFile {
	names := append([]string{}, o.Names...) // [] where there are none, not null
	return &snapshotFile{path, selection{t.String(), o.Namespace, o.Alias, o.Filter, names}}
}

// read returns what the file holds; nil: there is none. It fails where the file is of no use.
func (f *snapshotFile) read(log *slog.Logger) (*contents, error) {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > mostBytes {
		return nil, errors.New("it is no file, or too large")
	}
	all, err := os.ReadFile(f.path)
	if err != nil {
		return nil, err
	}
	first, rest, _ := bytes.Cut(all, []byte("\n"))
	if string(first)+"\n" != firstLine(rest) {
		return nil, errors.New("it is damaged: its digest is not that of its contents")
	}
	lines := bytes.Split(bytes.TrimSuffix(rest, []byte("\n")), []byte("\n"))
	held, err := f.readHead(lines[0])
	if err != nil {
		return nil, err
	}
	twice := map[string]bool{}
	for i, line := range lines[1:] {
		encoded, err := base64.StdEncoding.DecodeString(string(line))
		if err != nil {
			return nil, fmt.Errorf("line %d is damaged: %w", i+3, err)
		}
		p := &personapb.Persona{}
		if err := proto.Unmarshal(encoded, p); err != nil {
			return nil, fmt.Errorf("line %d is damaged: %w", i+3, err)
		}
		if held.personas[p.GetName()] != nil {
			twice[p.GetName()] = true
		}
		held.personas[p.GetName()] = newEntry(p)
	}
	for name := range twice {
		log.Warn("a name stands twice in the copy on disk and is left out", "name", name)
		delete(held.personas, name)
		held.token = "" // a snapshot brings it
	}
	return held, nil
}

func (f *snapshotFile) readHead(line []byte) (*contents, error) {
	var h head
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, fmt.Errorf("its second line is damaged: %w", err)
	}
	slices.Sort(h.Names)
	if h.Target != f.of.Target || h.Namespace != f.of.Namespace || h.Alias != f.of.Alias || h.Filter != f.of.Filter ||
		!slices.Equal(h.Names, f.of.Names) {
		return nil, fmt.Errorf("it is of another selection: %+v", h.selection)
	}
	revision, err := strconv.ParseInt(h.Revision, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("its revision: %w", err)
	}
	current, err := time.Parse(time.RFC3339, h.Time)
	if err != nil {
		return nil, fmt.Errorf("its time: %w", err)
	}
	return &contents{
		personas: map[string]*entry{}, storeID: h.StoreID, revision: revision, token: h.ResumeToken,
		source: Disk, current: current,
	}, nil
}

// write puts a new file in the place of the old one, in one step.
func (f *snapshotFile) write(held *contents) error {
	var rest bytes.Buffer
	current := time.Now().Add(-held.age()).UTC().Format("2006-01-02T15:04:05.000Z07:00")
	line, err := json.Marshal(head{f.of, held.storeID, strconv.FormatInt(held.revision, 10), held.token, current})
	if err != nil {
		return err
	}
	rest.Write(append(line, '\n'))
	for _, name := range held.names() {
		encoded, err := proto.Marshal(held.personas[name].persona)
		if err != nil {
			return err
		}
		rest.Write(base64.StdEncoding.AppendEncode(rest.AvailableBuffer(), encoded))
		rest.WriteByte('\n')
	}
	f.removeLeftovers()
	file, err := os.CreateTemp(filepath.Dir(f.path), f.temporary()+"*") // mode 0600
	if err != nil {
		return err
	}
	_, err = file.WriteString(firstLine(rest.Bytes()))
	if err == nil {
		_, err = rest.WriteTo(file)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), f.path)
	}
	if err != nil {
		os.Remove(file.Name())
	}
	return err
}

func firstLine(rest []byte) string {
	return fmt.Sprintf("persona-snapshot 1 sha256:%x\n", sha256.Sum256(rest))
}

// temporary is what the names of temporary files begin with.
func (f *snapshotFile) temporary() string { return "." + filepath.Base(f.path) + ".tmp" }

// removeLeftovers takes away what writers left that were killed. One that is at it has touched its file just now.
func (f *snapshotFile) removeLeftovers() {
	files, _ := os.ReadDir(filepath.Dir(f.path)) // where that fails, writing says why
	for _, file := range files {
		if !strings.HasPrefix(file.Name(), f.temporary()) {
			continue
		}
		if info, err := file.Info(); err == nil && time.Since(info.ModTime()) > time.Minute {
			os.Remove(filepath.Join(filepath.Dir(f.path), file.Name()))
		}
	}
}

// load begins with the copy on disk.
func (c *Client) load() {
	held, err := c.disk.read(c.log)
	if err != nil {
		c.log.Warn("the copy on disk is left out", "path", c.disk.path, "error", err)
	}
	if held == nil {
		return
	}
	if c.off.Resume {
		held.token = ""
	}
	c.publish(held, held.names()...)
}

// keep writes the copy on disk, until the client is closed.
func (c *Client) keep() {
	for c.ctx.Err() == nil {
		select {
		case <-c.dirty:
			c.write()
			sleep(c.ctx, c.options.SnapshotInterval)
		case <-c.ctx.Done():
		}
	}
	c.write()
}

func (c *Client) write() {
	held := c.contents.Load()
	if held.source == Disk || !held.isHeld() {
		return // the disk has it
	}
	if err := c.disk.write(held); err != nil {
		c.log.Warn("the copy on disk could not be written", "path", c.disk.path, "error", err)
	}
}
