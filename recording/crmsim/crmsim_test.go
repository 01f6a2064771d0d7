package crmsim_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"tandem/crmsync"
	"tandem/recording"
	"tandem/recording/crmsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type rig struct {
	*crmsim.CRM
	crmsync.Provider
	transport *http.Transport
	now       time.Time
	ticket    string
}

func newRig(t *testing.T, faults ...crmsim.Fault) *rig {
	t.Helper()
	r := &rig{transport: &http.Transport{}, now: time.Now()}
	r.CRM = crmsim.New(1, func() time.Time { return r.now })
	t.Cleanup(r.CRM.Close)
	t.Cleanup(r.transport.CloseIdleConnections)
	r.Provider = crmsim.Access{URL: r.URL(), Token: func() string { return "token-1" }, Timeout: time.Second, Client: &http.Client{Transport: r.transport}}.Provider()
	var err error
	if r.ticket, err = r.EnsureTicket(t.Context(), crmsync.Matter{Customer: crmsync.Customer{Item: uuid.New()}}); err != nil {
		t.Fatal(err)
	}
	r.Script(faults...)
	return r
}

func (r *rig) attach(ctx context.Context, name, data string) error {
	_, err := r.Attach(ctx, r.ticket, crmsync.File{Name: name, Size: int64(len(data))}, strings.NewReader(data))
	return err
}

// Each fault as its client sees it, and what the CRM has afterwards.
func TestFaults(t *testing.T) {
	const data = "some audio"
	for _, c := range []struct {
		name   string
		fault  crmsim.Fault
		class  recording.Class // empty: success
		stored []string        // what it holds afterwards
		lists  int             // files that it shows
	}{
		{"none", crmsim.Fault{Op: crmsim.OpNote, Do: crmsim.Refuse, Status: 500}, "", []string{data}, 1},
		{"500", crmsim.Fault{Do: crmsim.Refuse, Status: 500, Times: 1}, recording.ClassRetry, nil, 0},
		{"429", crmsim.Fault{Do: crmsim.Refuse, Status: 429, RetryAfter: time.Minute, Times: 1}, recording.ClassThrottled, nil, 0},
		{"413", crmsim.Fault{Do: crmsim.Refuse, Status: 413, Times: 1}, recording.ClassTooLarge, nil, 0},
		{"stored, then 502", crmsim.Fault{Do: crmsim.Lose, Status: 502, Times: 1}, recording.ClassRetry, []string{data}, 1},
		{"stored, then cut", crmsim.Fault{Do: crmsim.Lose, Times: 1}, recording.ClassDoubt, []string{data}, 1},
		{"no answer in time", crmsim.Fault{Do: crmsim.Hold, Times: 1}, recording.ClassDoubt, []string{data}, 1},
		{"cut in the body", crmsim.Fault{Do: crmsim.Cut, Bytes: 4, Times: 1}, recording.ClassDoubt, nil, 0},
		{"too little stored", crmsim.Fault{Do: crmsim.Shrink, Bytes: 4, Times: 1}, "", []string{"some"}, 1},
		{"nothing stored", crmsim.Fault{Do: crmsim.Shrink, Times: 1}, "", []string{""}, 1},
		{"not listed yet", crmsim.Fault{Do: crmsim.Hide, For: time.Minute, Times: 1}, "", []string{data}, 0},
		{"answered twice", crmsim.Fault{Do: crmsim.Twice, Times: 1}, "", []string{data}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.fault)
			err := r.attach(t.Context(), "a", data)
			var e *recording.SendError
			if errors.As(err, &e) != (c.class != "") || e != nil && (e.Class != c.class || e.RetryAfter != c.fault.RetryAfter) {
				t.Errorf("the client sees %v", err)
			}
			var stored []string
			for _, f := range r.CRM.Tickets()[0].Files {
				stored = append(stored, string(f.Data))
			}
			if strings.Join(stored, "|") != strings.Join(c.stored, "|") || len(stored) != len(c.stored) {
				t.Errorf("stored %q", stored)
			}
			r.transport.CloseIdleConnections() // a second answer must not be taken for the list
			list, err := r.Attachments(t.Context(), r.ticket, "a")
			if err != nil || len(list) != c.lists {
				t.Errorf("listed %v, %v", list, err)
			}
			r.now = r.now.Add(2 * time.Minute)
			if list, err = r.Attachments(t.Context(), r.ticket, "a"); err != nil || len(list) != len(c.stored) {
				t.Errorf("listed later %v, %v", list, err)
			}
		})
	}
}

// A script's lines take turns by count, time and ticket.
func TestScript(t *testing.T) {
	r := newRig(t,
		crmsim.Fault{Op: crmsim.OpAttach, Ticket: "another", Do: crmsim.Refuse, Status: 400},
		crmsim.Fault{Op: crmsim.OpAttach, Skip: 1, Times: 1, Do: crmsim.Refuse, Status: 500},
		crmsim.Fault{Op: crmsim.OpAttach, From: time.Hour, Until: 2 * time.Hour, Do: crmsim.Refuse, Status: 422})
	for i, want := range []bool{true, false, true} {
		if err := r.attach(t.Context(), "a", "x"); (err == nil) != want {
			t.Errorf("attempt %d: %v", i, err)
		}
	}
	r.now = r.now.Add(90 * time.Minute)
	if r.attach(t.Context(), "a", "x") == nil {
		t.Error("no fault in its time")
	}
	r.now = r.now.Add(time.Hour)
	if err := r.attach(t.Context(), "a", "x"); err != nil {
		t.Error(err)
	}
	r.SetToken("token-2")
	var e *recording.SendError
	if err := r.attach(t.Context(), "a", "x"); !errors.As(err, &e) || e.Class != recording.ClassUnauthorized {
		t.Errorf("with an old token: %v", err)
	}
}

// A body that ends early is not kept, and two files may have one name.
func TestStoresLikeARealOne(t *testing.T) {
	r := newRig(t)
	if _, err := r.Attach(t.Context(), r.ticket, crmsync.File{Name: "a", Size: 10}, bytes.NewReader([]byte("short"))); err == nil {
		t.Error("a body that ends early is taken")
	}
	for range 2 {
		if err := r.attach(t.Context(), "a", "x"); err != nil {
			t.Fatal(err)
		}
	}
	list, err := r.Attachments(t.Context(), r.ticket, "a")
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	if err := r.RemoveAttachment(t.Context(), r.ticket, list[1].ID); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := r.AddNote(t.Context(), r.ticket, crmsync.Note{Key: "k", Title: "t"}); err != nil {
			t.Fatal(err)
		}
	}
	got := r.CRM.Tickets()
	if len(got) != 1 || len(got[0].Files) != 1 || len(got[0].Notes) != 1 {
		t.Errorf("%+v", got)
	}
}

// A ticket that is gone says so, and its call gets another one; of a merged one it is where it went.
func TestTicketStates(t *testing.T) {
	for _, c := range []struct {
		state crmsim.TicketState
		next  int // tickets afterwards
	}{{crmsim.Closed, 2}, {crmsim.Deleted, 2}, {crmsim.Merged, 2}} {
		r := newRig(t)
		key := r.CRM.Tickets()[0].Key
		r.Change(key, c.state)
		var e *recording.SendError
		if err := r.attach(t.Context(), "a", "x"); !errors.As(err, &e) || e.Class != recording.ClassGone {
			t.Errorf("%s: %v", c.state, err)
		}
		id, err := r.EnsureTicket(t.Context(), crmsync.Matter{Customer: crmsync.Customer{Item: uuid.MustParse(key)}})
		if all := r.CRM.Tickets(); err != nil || id == r.ticket || len(all) != c.next || c.state == crmsim.Merged && all[0].Into != id {
			t.Errorf("%s: ticket %s of %+v, %v", c.state, id, all, err)
		}
	}
}
