// Package crmsim is a CRM for tests: a small HTTP service with tickets, files and notes that misbehaves by a script and remembers every request.
//
//	PUT    /tickets?key=K                       the open ticket of K, made when there is none   {"id"}
//	POST   /tickets/T/files?name=N              the body is the file                            {"id","name","size"}
//	GET    /tickets/T/files?name=N              the files of that name, oldest first            [{"id","name","size","at"}]
//	GET    /tickets/T/files/F                   the file's bytes
//	DELETE /tickets/T/files/F
//	PUT    /tickets/T/notes?key=K               the body is the note; once for each K
//
// Every request bears "Authorization: Bearer TOKEN". A ticket that is closed or merged answers 410, a deleted one 404. A file whose body ends
// early is not kept, as with real ones; two files may have the same name, as with real ones.
package crmsim

import (
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"time"
)

// CRM is the simulator. Its methods may be called from any goroutine.
type CRM struct {
	server *httptest.Server
	now    func() time.Time
	began  time.Time

	mu       sync.Mutex
	rng      *rand.Rand
	script   []*running
	token    string
	ids      int
	tickets  []*ticket
	requests []Request
	former   map[Op]any // the last answer to each kind of request
	open     int        // requests that are being answered
	watch    func(Request)
	held     chan struct{} // closed to answer what a Hold keeps
	sink     func(name string, body io.Reader) error
}

type ticket struct {
	id, key string
	state   TicketState
	into    *ticket
	files   []*file
	notes   []Note
}

type file struct {
	File
	listed time.Time // when lists show it
}

// TicketState is what became of a ticket.
type TicketState string

// The states.
const (
	Open    TicketState = "open"
	Closed  TicketState = "closed"
	Merged  TicketState = "merged"
	Deleted TicketState = "deleted"
)

// Ticket is the oracle's view of one.
type Ticket struct {
	ID, Key string
	State   TicketState
	Into    string // the ticket it was merged into
	Files   []File // in the order in which they were stored
	Notes   []Note
}

// File is a file that the CRM keeps.
type File struct {
	ID, Name string
	Data     []byte // nil when a Sink has it
	Size     int64
	Sum      [32]byte // SHA-256
	At       time.Time
}

// Note is a note on a ticket.
type Note struct{ Key, Title, Body string }

// Request is one request, as it was answered.
type Request struct {
	At     time.Time // by the CRM's clock
	Op     Op
	Ticket string // its id; of OpTicket the key
	Name   string // of the file or note
	Status int    // 0: no answer was given
	Stored bool   // the CRM did what it was asked
	Begin  bool   // told to the watcher only: it has just come in
}

// New starts a CRM whose choices follow the seed and whose time is now's. Close ends it.
func New(seed uint64, now func() time.Time) *CRM {
	c := &CRM{now: now, began: now(), rng: rand.New(rand.NewPCG(seed, seed)), token: "token-1", former: map[Op]any{}, held: make(chan struct{})}
	c.server = httptest.NewServer(c.handler())
	return c
}

// Close cuts what is under way and ends the CRM.
func (c *CRM) Close() {
	c.Release()
	c.server.CloseClientConnections()
	c.server.Close()
}

// URL is where the CRM listens.
func (c *CRM) URL() string { return c.server.URL }

// Token is the token that requests need now.
func (c *CRM) Token() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token
}

// SetToken makes every other token a refused one.
func (c *CRM) SetToken(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = token
}

// Watch calls f at the beginning and at the end of each request, before it is answered. f must not call the CRM's other methods.
func (c *CRM) Watch(f func(Request)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watch = f
}

// Sink has files that come go to a function, one after another, instead of into memory. It reads each to its end.
func (c *CRM) Sink(f func(name string, body io.Reader) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sink = f
}

// Busy says whether a request is being answered.
func (c *CRM) Busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open > 0
}

// Requests returns what has been answered so far, in that order.
func (c *CRM) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// Tickets returns what the CRM holds, in the order in which it was made, whatever lists show.
func (c *CRM) Tickets() (list []Ticket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.tickets {
		v := Ticket{ID: t.id, Key: t.key, State: t.state, Notes: slices.Clone(t.notes)}
		if t.into != nil {
			v.Into = t.into.id
		}
		for _, f := range t.files {
			v.Files = append(v.Files, f.File)
		}
		list = append(list, v)
	}
	return list
}

// Change makes the open ticket of a key another state; a merged one goes into a new ticket.
func (c *CRM) Change(key string, state TicketState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.ofKey(key)
	if t == nil {
		return
	}
	t.state = state
	if state == Merged {
		t.into = c.newTicket("")
	}
}

func (c *CRM) ofKey(key string) *ticket {
	for _, t := range c.tickets {
		if t.key != key {
			continue
		}
		if t.state == Merged {
			t = t.into
		}
		if t.state == Open {
			return t
		}
	}
	return nil
}

func (c *CRM) newTicket(key string) *ticket {
	t := &ticket{id: c.newID(), key: key, state: Open}
	c.tickets = append(c.tickets, t)
	return t
}

func (c *CRM) newID() string {
	c.ids++
	return strconv.Itoa(c.ids)
}

// find returns a ticket, or the status that says why not.
func (c *CRM) find(id string) (*ticket, int) {
	for _, t := range c.tickets {
		switch {
		case t.id != id:
		case t.state == Open:
			return t, http.StatusOK
		case t.state == Deleted:
			return nil, http.StatusNotFound
		default:
			return nil, http.StatusGone
		}
	}
	return nil, http.StatusNotFound
}
