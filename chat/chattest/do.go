package chattest

import (
	"context"
	"net/http"
	"time"

	"tandem/chat"
)

// Operation is a call to the platform's API whose token was good.
type Operation struct {
	Name string // "push"
	To   string // the recipient; "": the call is about none
	Body []byte // as it came
	// Accept does it, or refuses it for what it says.
	Accept func() Reply
	// Refuse is how the platform words an error; nil: as Accept does, whatever the behaviour.
	Refuse func(code string) Reply
}

// Do carries a call out as the next behaviour for its recipient says, and logs it.
func (f *Fake) Do(w http.ResponseWriter, r *http.Request, op Operation) {
	b := f.behaviour(op.To)
	var reply Reply
	switch {
	case b.Misdeed == Drop:
	case b.Misdeed == Down:
		reply = Reply{Status: http.StatusServiceUnavailable, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<h1>Service Unavailable</h1>")}
	case b.Misdeed == Refuse && op.Refuse != nil:
		reply = op.Refuse(b.Code)
	default:
		reply = op.Accept()
	}
	e := Entry{Operation: op.Name, To: op.To, Request: op.Body, Misdeed: b.Misdeed, Status: reply.Status, Answer: reply.Body}
	if b.Misdeed == Reset {
		e.Status, e.Answer = 0, nil
	}
	f.Note(e)
	switch b.Misdeed {
	case Drop:
		f.hold(r, nil)
		panic(http.ErrAbortHandler)
	case Reset:
		f.tell(reply.ID, b)
		panic(http.ErrAbortHandler)
	case Delay:
		f.wait(r, b.After)
	}
	f.write(w, r, reply, b)
	f.tell(reply.ID, b)
}

// Answer answers a call whatever the behaviour, and logs it: for callers with a wrong token.
func (f *Fake) Answer(w http.ResponseWriter, r *http.Request, op Operation, reply Reply) {
	f.Note(Entry{Operation: op.Name, To: op.To, Request: op.Body, Status: reply.Status, Answer: reply.Body})
	f.write(w, r, reply, Behaviour{})
}

func (f *Fake) write(w http.ResponseWriter, r *http.Request, reply Reply, b Behaviour) {
	for name, values := range reply.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(reply.Status)
	body := reply.Body
	if b.Misdeed == Slow {
		_, _ = w.Write(body[:len(body)/2]) // who has gone needs no answer
		_ = http.NewResponseController(w).Flush()
		body = body[len(body)/2:]
		f.wait(r, b.After)
	}
	_, _ = w.Write(body)
}

// tell queues the receipts of a message that was taken.
func (f *Fake) tell(id string, b Behaviour) {
	if id == "" {
		return
	}
	f.mu.Lock()
	tells := f.tells
	f.mu.Unlock()
	if b.Misdeed == Fail {
		tells = []chat.Status{chat.StatusFailed}
	}
	for _, s := range tells {
		f.Report(id, s, b.Code)
	}
}

// Report queues a receipt of a message of ours; false: the platform tells nothing of the kind.
func (f *Fake) Report(id string, s chat.Status, code string) bool {
	event, err := f.platform.Receipt(id, s, code)
	if err != nil {
		return false
	}
	f.Change(id, func(r *Received) { r.Status = r.Status.Next(s) })
	f.Emit(event)
	return true
}

// wait holds a call back until the clock has moved by d.
func (f *Fake) wait(r *http.Request, d time.Duration) {
	due := make(chan struct{})
	f.After(d, func() { close(due) })
	f.hold(r, due)
}

func (f *Fake) hold(r *http.Request, due <-chan struct{}) {
	select {
	case f.held <- struct{}{}: // AwaitHeld has been waiting for it
	default:
	}
	select {
	case <-due:
	case <-r.Context().Done():
	case <-f.closed:
	}
}

// AwaitHeld waits until a call is held back that was not when it was last asked, or until ctx ends.
func (f *Fake) AwaitHeld(ctx context.Context) {
	select {
	case <-f.held:
	case <-ctx.Done():
	}
}
