package personas

import (
	"errors"
	"maps"
	"slices"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/persona-registry/persona-registry/clients/go/personapb"
)

// Source says where a text is from.
type Source string

// The sources.
const (
	// Live: the stream stands and has caught up.
	Live Source = "LIVE"
	// Cached: it was live, and the stream is down or is catching up.
	Cached Source = "CACHED"
	// Disk: it is from the copy on disk, and was not live since the start.
	Disk Source = "DISK"
	// Fallback: nothing was ever held, and the caller brought a text.
	Fallback Source = "FALLBACK"
)

// UnknownAge is the age of a fallback.
const UnknownAge time.Duration = -1

// Held is a persona as it is held. It does not change.
type Held struct {
	// Persona is the message; of a fallback it has namespace, name and body only. It is shared: do not write to it.
	Persona *personapb.Persona
	// Document is the whole document, byte for byte; of a fallback its text.
	Document string
	// Version of the persona. 0: a fallback.
	Version int64
	// Revision of the registry that this is true of. 0: a fallback.
	Revision int64
	// Source says where it is from.
	Source Source
	// Age is how long ago it was known to be current. 0: it is now. UnknownAge: a fallback.
	Age time.Duration
}

// Body returns the document without its front matter: an agent's system prompt.
func (h Held) Body() string { return h.Persona.GetBody() }

// entry is one persona that is held.
type entry struct {
	persona  *personapb.Persona
	document string
}

// newEntry takes the message over. Its texts become parts of the document, so that they are in memory once.
func newEntry(p *personapb.Persona) *entry {
	front := len(p.GetFrontMatter())
	document := p.GetFrontMatter() + p.GetBody()
	p.FrontMatter, p.Body = document[:front], document[front:]
	return &entry{persona: p, document: document}
}

// isSame reports whether both show one version of one text. Either may be nil: none.
func (e *entry) isSame(other *entry) bool {
	if e == nil || other == nil {
		return e == other
	}
	return e.persona.GetVersion() == other.persona.GetVersion() && e.persona.GetDigest() == other.persona.GetDigest()
}

// contents is all that is held at one moment. It is immutable.
type contents struct {
	// personas by name. nil: nothing was ever held.
	personas map[string]*entry
	storeID  string
	revision int64
	// token is the place to go on from. Empty: a snapshot is needed.
	token  string
	source Source
	// current is when it was known to be current; not used of Live.
	current time.Time
}

var nothing = &contents{source: Fallback}

func (c *contents) isHeld() bool { return c.personas != nil }

func (c *contents) age() time.Duration {
	switch c.source {
	case Live:
		return 0
	case Fallback:
		return UnknownAge
	default:
		return max(0, time.Since(c.current))
	}
}

func (c *contents) names() []string {
	return slices.Sorted(maps.Keys(c.personas))
}

// errNothing says that nothing was ever held; whoever looked knows why.
var errNothing = errors.New("nothing is held")

// look finds a persona. It fails with NotFound or errNothing.
func (c *contents) look(namespace, name string, fallback *string) (Held, error) {
	if e := c.personas[name]; e != nil {
		return Held{e.persona, e.document, e.persona.GetVersion(), c.revision, c.source, c.age()}, nil
	}
	switch {
	case c.isHeld():
		err := newError(codes.NotFound, nil, "there is no persona "+name+" in namespace "+namespace+" as it is held")
		err.Reason = "PERSONA_NOT_FOUND"
		err.Metadata = map[string]string{"namespace": namespace, "name": name}
		return Held{}, err
	case fallback != nil:
		p := &personapb.Persona{Namespace: namespace, Name: name, Body: *fallback}
		return Held{Persona: p, Document: *fallback, Source: Fallback, Age: UnknownAge}, nil
	default:
		return Held{}, errNothing
	}
}

// Pin is what was held at one moment: it answers the same for as long as it is kept.
type Pin struct {
	contents  *contents
	namespace string
	age       time.Duration
	missing   error
}

// Get returns the persona of a name. It fails as Client.Get does.
func (p *Pin) Get(name string) (Held, error) { return p.look(name, nil) }

// GetOr is Get with a text for when nothing was held.
func (p *Pin) GetOr(name, fallback string) (Held, error) { return p.look(name, &fallback) }

// Names returns the names, sorted.
func (p *Pin) Names() []string { return p.contents.names() }

func (p *Pin) look(name string, fallback *string) (Held, error) {
	held, err := p.contents.look(p.namespace, name, fallback)
	if err == errNothing {
		return held, p.missing
	}
	held.Age = p.age
	return held, err
}
