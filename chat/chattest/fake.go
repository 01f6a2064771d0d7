package chattest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"tandem/chat"
	"tandem/queues"
)

// Fake is what every fake platform shares: a clock of its own, ids, a log, misbehaviour, what customers have got, and deliveries to the
// hook. Its methods may be called at the same time.
type Fake struct {
	Channel queues.Channel

	platform Platform
	closed   chan struct{}
	held     chan struct{} // has one while nobody has asked about the last call that is held back
	hook     hook

	mu       sync.Mutex
	now      time.Time
	timers   []timer
	ids      int
	log      []Entry
	logged   int
	next     map[string][]Behaviour // by recipient; "" is anybody's
	always   map[string]Behaviour
	received map[string][]*Received // by customer
	sent     map[string]*Received   // by id
	files    map[string]File
	tells    []chat.Status
	revoked  bool
}

type timer struct {
	at time.Time
	do func()
}

// Behaviour is how a call is answered.
type Behaviour struct {
	Misdeed Misdeed       `json:"misdeed"`
	Code    string        `json:"code,omitempty"`
	After   time.Duration `json:"after,omitempty"` // by the fake's clock
}

// Entry is a line of the log: a call to the platform's API, or a delivery of its to the hook (Operation "hook").
type Entry struct {
	Number    int       `json:"number"` // from 1
	At        time.Time `json:"at"`
	Operation string    `json:"operation"`
	To        string    `json:"to,omitempty"`
	Request   []byte    `json:"request,omitempty"`
	Misdeed   Misdeed   `json:"misdeed,omitempty"`
	Status    int       `json:"status"` // that was answered; 0: nothing was
	Answer    []byte    `json:"answer,omitempty"`
}

// logSize bounds the log of a fake that runs for days.
const logSize = 10_000

// New makes the shared part of p, whose clock stands at start.
func New(p Platform, channel queues.Channel, start time.Time) *Fake {
	return &Fake{
		Channel: channel, platform: p, closed: make(chan struct{}), held: make(chan struct{}, 1), hook: newHook(), now: start,
		next: map[string][]Behaviour{}, always: map[string]Behaviour{},
		received: map[string][]*Received{}, sent: map[string]*Received{}, files: map[string]File{},
	}
}

// Base is f: embedding *Fake implements a part of Platform.
func (f *Fake) Base() *Fake { return f }

// Close lets go of all calls that are held back. It is called once, before the server is closed that serves the fake.
func (f *Fake) Close() { close(f.closed) }

// Now is the platform's clock.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// Advance moves the clock and does what falls due, in its order.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	until := f.now.Add(d)
	f.mu.Unlock()
	for {
		f.mu.Lock()
		if len(f.timers) == 0 || f.timers[0].at.After(until) {
			f.now = until
			f.mu.Unlock()
			return
		}
		t := f.timers[0]
		f.timers = f.timers[1:]
		if t.at.After(f.now) {
			f.now = t.at
		}
		f.mu.Unlock()
		t.do()
	}
}

// After does something once the clock has moved by d.
func (f *Fake) After(d time.Duration, do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := timer{f.now.Add(d), do}
	at, _ := slices.BinarySearchFunc(f.timers, t, func(a, b timer) int { return cmp.Or(a.at.Compare(b.at), -1) })
	f.timers = slices.Insert(f.timers, at, t)
}

// Count is the next number of ids: 1, 2, …
func (f *Fake) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ids++
	return f.ids
}

// CountFrom has the ids begin above n: a fake that is started anew must not tell anew of what the program knows already.
func (f *Fake) CountFrom(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ids = n
}

// ID is the next id, with a prefix of the platform's form.
func (f *Fake) ID(prefix string) string { return fmt.Sprintf("%s%06d", prefix, f.Count()) }

// Next tells how the next calls for a recipient are answered, in order, before the standing behaviour counts again. "" is anybody.
func (f *Fake) Next(to string, b ...Behaviour) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next[to] = append(f.next[to], b...)
}

// Always sets the standing behaviour for a recipient; the zero Behaviour ends it. "" is anybody who has none of their own.
func (f *Fake) Always(to string, b Behaviour) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b == (Behaviour{}) {
		delete(f.always, to)
		return
	}
	f.always[to] = b
}

func (f *Fake) behaviour(to string) Behaviour {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, who := range []string{to, ""} {
		if n := f.next[who]; len(n) > 0 {
			f.next[who] = n[1:]
			return n[0]
		}
	}
	if b, ok := f.always[to]; ok {
		return b
	}
	return f.always[""]
}

// Revoke has the account's token refused, or taken again.
func (f *Fake) Revoke(revoked bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.revoked = revoked
}

// Revoked says whether the account's token is to be refused.
func (f *Fake) Revoked() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.revoked
}

// Tell sets the statuses that are told of each message right after it was taken, as far as the platform tells them.
func (f *Fake) Tell(statuses ...chat.Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tells = statuses
}

// AddFile keeps a file that a customer gives, and returns its id.
func (f *Fake) AddFile(prefix string, file File) string {
	id := f.ID(prefix)
	f.SetFile(id, file)
	return id
}

// SetFile puts another file, or one in another state, in the place of one.
func (f *Fake) SetFile(id string, file File) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[id] = file
}

// SetFiles puts all files that customers have given into another state.
func (f *Fake) SetFiles(s FileState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, file := range f.files {
		file.State = s
		f.files[id] = file
	}
}

// File finds a file.
func (f *Fake) File(id string) (File, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	file, ok := f.files[id]
	return file, ok
}

// Receive gives a customer a message of ours. An ID is made where r has none.
func (f *Fake) Receive(customer string, r Received) Received {
	if r.ID == "" {
		r.ID = f.ID(string(f.Channel) + "-out-")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	r.Number, r.At = len(f.sent)+1, f.now
	f.received[customer] = append(f.received[customer], &r)
	f.sent[r.ID] = &r
	return r
}

// Change changes a message that a customer has got; false: there is none.
func (f *Fake) Change(id string, change func(*Received)) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.sent[id]
	if ok {
		change(r)
	}
	return ok
}

// Taken finds what was received with a retry key.
func (f *Fake) Taken(customer, key string) (Received, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.received[customer] {
		if key != "" && r.Key == key {
			return *r, true
		}
	}
	return Received{}, false
}

// Received is what a customer has got so far, in order.
func (f *Fake) Received(customer string) []Received {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []Received
	for _, r := range f.received[customer] {
		all = append(all, *r)
	}
	return all
}

// Log is everything since the start, in order; a long-lived fake keeps the last 10,000.
func (f *Fake) Log() []Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.log)
}

// Note writes a line of the log.
func (f *Fake) Note(e Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logged++
	e.Number, e.At = f.logged, f.now
	if len(f.log) == logSize {
		f.log = slices.Delete(f.log, 0, logSize/10)
	}
	f.log = append(f.log, e)
}

// Reply is how a platform answers a call.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
	ID     string // of the message that was taken
}

// JSON is a reply of v.
func JSON(status int, v any) Reply {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a mistake in a fake
	}
	return Reply{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: b}
}

// Of is the reply as one to a message that was taken.
func (r Reply) Of(id string) Reply {
	r.ID = id
	return r
}
