package personas

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

const (
	firstWords = "persona-snapshot 1 sha256:"
	// mostBytes is more than any copy has that a service could hold.
	mostBytes  = 1 << 30
	timeFormat = "2006-01-02T15:04:05.000Z07:00"
)

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
	digest := sha256.Sum256(rest)
	if string(first) != firstWords+hex.EncodeToString(digest[:]) {
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
		twice[p.GetName()] = held.personas[p.GetName()] != nil
		held.personas[p.GetName()] = newEntry(p)
	}
	for name := range twice {
		if twice[name] {
			log.Warn("a name stands twice in the copy on disk and is left out", slog.String("name", name))
			delete(held.personas, name)
			held.token = "" // a snapshot brings it
		}
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
func (f *snapshotFile) write(held *contents) (err error) {
	line, err := json.Marshal(head{
		f.of, held.storeID, strconv.FormatInt(held.revision, 10), held.token,
		time.Now().Add(-held.age()).UTC().Format(timeFormat),
	})
	if err != nil {
		return err
	}
	folder, base := filepath.Split(f.path)
	f.removeLeftovers()
	temporary, err := os.CreateTemp(folder, "."+base+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			temporary.Close()
			os.Remove(temporary.Name())
		}
	}()
	// The digest stands before what it is of: room is left for it.
	digest := sha256.New()
	blank := firstWords + strings.Repeat("0", 2*sha256.Size) + "\n"
	out := bufio.NewWriterSize(temporary, 1<<16)
	if _, err := out.WriteString(blank); err != nil {
		return err
	}
	if err := writeRest(io.MultiWriter(out, digest), line, held); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if _, err := temporary.WriteAt([]byte(hex.EncodeToString(digest.Sum(nil))), int64(len(firstWords))); err != nil {
		return err
	}
	if err := temporary.Sync(); err != nil {
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), f.path)
}

func writeRest(out io.Writer, head []byte, held *contents) error {
	if _, err := out.Write(append(head, '\n')); err != nil {
		return err
	}
	var line []byte
	for _, name := range held.names() {
		encoded, err := proto.Marshal(held.personas[name].persona)
		if err != nil {
			return err
		}
		line = append(base64.StdEncoding.AppendEncode(line[:0], encoded), '\n')
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// removeLeftovers takes away what writers left that were killed. One that is at it has touched its file just now.
func (f *snapshotFile) removeLeftovers() {
	folder, base := filepath.Split(f.path)
	entries, err := os.ReadDir(filepath.Clean(folder))
	if err != nil {
		return // writing says why
	}
	for _, each := range entries {
		if !strings.HasPrefix(each.Name(), "."+base+".") || !strings.HasSuffix(each.Name(), ".tmp") {
			continue
		}
		if info, err := each.Info(); err == nil && time.Since(info.ModTime()) > time.Minute {
			os.Remove(filepath.Join(folder, each.Name()))
		}
	}
}

// load begins with the copy on disk.
func (c *Client) load() {
	held, err := c.disk.read(c.log)
	if err != nil {
		c.log.Warn("the copy on disk is left out", slog.String("path", c.disk.path), slog.Any("error", err))
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
		c.log.Warn("the copy on disk could not be written", slog.String("path", c.disk.path), slog.Any("error", err))
	}
}
