package crmsynctest

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"tandem/crmsync"
	"tandem/recording"
)

// misbehave is what a provider makes of a CRM that fails.
func (c *CRM) misbehave(ctx context.Context, t *testing.T) {
	t.Run("failures have their classes", func(t *testing.T) { c.classes(ctx, t) })
	t.Run("the answer is lost after a ticket was made", func(t *testing.T) { c.lostTicket(ctx, t) })
	t.Run("the answer is lost after a file was stored", func(t *testing.T) { c.lostFile(ctx, t) })
	t.Run("the answer is lost after a note was written", func(t *testing.T) { c.lostNote(ctx, t) })
	if c.Expire != nil {
		t.Run("the access token ends in mid-way", func(t *testing.T) { c.expired(ctx, t) })
	}
	if c.Hide != nil {
		t.Run("what is new shows later", func(t *testing.T) { c.hidden(ctx, t) })
	}
}

// secret is a number that no error may tell.
const secret = "+4989555000"

func (c *CRM) bytesRequest() string {
	if c.BytesRequest != "" {
		return c.BytesRequest
	}
	return c.FileRequest
}

func (c *CRM) classes(ctx context.Context, t *testing.T) {
	ticket := c.ticket(ctx, t, NewCall(secret))
	retry := func(after string) http.Header { return http.Header{"Retry-After": {after}} }
	for _, f := range []struct {
		name  string
		fault Fault
		want  recording.Class
		after time.Duration
	}{
		{"limit", Fault{Status: 429, Header: retry("120")}, recording.ClassThrottled, 2 * time.Minute},
		{"limit without a word", Fault{Status: 429}, recording.ClassThrottled, 0},
		{"maintenance", Fault{Status: 503, Header: retry("60")}, recording.ClassRetry, time.Minute},
		{"broken", Fault{Status: 500}, recording.ClassRetry, 0},
		{"no right", Fault{Status: 403}, recording.ClassUnauthorized, 0},
		{"too large", Fault{Status: 413}, recording.ClassTooLarge, 0},
		{"refused for good", Fault{Status: 422}, recording.ClassRejected, 0},
		{"cut off", Fault{}, recording.ClassDoubt, 0},
	} {
		f.fault.On = c.bytesRequest()
		c.Faults.Add(f.fault)
		_, err := c.attach(ctx, ticket, "rec_3_p1_"+strings.ReplaceAll(f.name, " ", "")+".wav")
		var e *recording.SendError
		if !errors.As(err, &e) || e.Class != f.want || e.RetryAfter < f.after || f.after > 0 && e.RetryAfter > f.after+time.Second {
			t.Errorf("%s: %v", f.name, err)
		} else if strings.Contains(err.Error(), secret[3:]) || strings.Contains(err.Error(), "http") {
			t.Errorf("%s: the error tells too much: %v", f.name, err)
		}
	}
}

func (c *CRM) attach(ctx context.Context, ticket, name string) (string, error) {
	return c.Provider.Attach(ctx, ticket, crmsync.File{Name: name, ContentType: "audio/x-wav", Size: 1000, Note: "A recording"}, bytes.NewReader(make([]byte, 1000)))
}

// mayAgain says that an error lets a request be made again.
func mayAgain(err error) bool {
	var e *recording.SendError
	return errors.As(err, &e) && (e.Class == recording.ClassDoubt || e.Class == recording.ClassRetry)
}

func (c *CRM) lostTicket(ctx context.Context, t *testing.T) {
	call := NewCall("+4989123470")
	contact, err := c.Provider.EnsureContact(ctx, call.Customer)
	if err != nil {
		t.Fatal(err)
	}
	c.Faults.Add(Fault{On: c.TicketRequest, After: true})
	if _, err := c.Provider.EnsureTicket(ctx, call); err != nil && !mayAgain(err) { // net/http sends what bears an idempotency key again by itself
		t.Fatal(err)
	}
	ticket := c.ticket(ctx, t, call)
	if list, err := c.Provider.Tickets(ctx, contact); err != nil || len(list) != 1 || list[0].ID != ticket {
		t.Errorf("%+v, %v", list, err)
	}
}

func (c *CRM) lostFile(ctx context.Context, t *testing.T) {
	ticket := c.ticket(ctx, t, NewCall("+4989123471"))
	c.Faults.Add(Fault{On: c.FileRequest, After: true})
	_, err := c.attach(ctx, ticket, "rec_4_p1_aa.wav")
	var e *recording.SendError
	if !errors.As(err, &e) || e.Class != recording.ClassDoubt {
		t.Fatalf("nobody knows whether the file is there: %v", err)
	}
	limits := c.Provider.Limits()
	if limits.Idempotent {
		if _, err := c.attach(ctx, ticket, "rec_4_p1_aa.wav"); err != nil {
			t.Errorf("sent again: %v", err)
		}
	}
	if !limits.Lists {
		return
	}
	if list, err := c.Provider.Attachments(ctx, ticket, "rec_4_p1_aa.wav"); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

func (c *CRM) lostNote(ctx context.Context, t *testing.T) {
	ticket := c.ticket(ctx, t, NewCall("+4989123472"))
	note := crmsync.Note{Key: "lost", Title: "Summary", Body: "Talked about the sea."}
	c.Faults.Add(Fault{On: c.NoteRequest, After: true})
	if err := c.Provider.AddNote(ctx, ticket, note); !mayAgain(err) {
		t.Fatal(err)
	}
	if err := c.Provider.AddNote(ctx, ticket, note); err != nil {
		t.Fatal(err)
	}
	if n := c.Notes(t, ticket, "the sea"); n != 1 {
		t.Errorf("%d notes", n)
	}
}

// expired: a request may fail, since a file cannot be read twice, but the next one has new tokens.
func (c *CRM) expired(ctx context.Context, t *testing.T) {
	ticket := c.ticket(ctx, t, NewCall("+4989123473"))
	c.Expire()
	if _, err := c.Provider.Attachments(ctx, ticket, "x.wav"); err != nil {
		t.Fatal(err)
	}
	c.Expire()
	if _, err := c.attach(ctx, ticket, "rec_5_p1_aa.wav"); err != nil {
		if !mayAgain(err) {
			t.Fatal(err)
		}
		if _, err := c.attach(ctx, ticket, "rec_5_p1_aa.wav"); err != nil {
			t.Fatalf("with the new token: %v", err)
		}
	}
	if list, err := c.Provider.Attachments(ctx, ticket, "rec_5_p1_aa.wav"); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

func (c *CRM) hidden(ctx context.Context, t *testing.T) {
	limits := c.Provider.Limits()
	if limits.Settle == 0 {
		t.Error("lists lag, but Limits does not say how long")
	}
	call := NewCall("+4989123474")
	ticket := c.ticket(ctx, t, call)
	c.Hide(true)
	_, attachErr := c.attach(ctx, ticket, "rec_6_p1_aa.wav")
	again, ticketErr := c.Provider.EnsureTicket(ctx, call)
	c.Hide(false)
	if attachErr != nil || ticketErr != nil {
		t.Fatal(attachErr, ticketErr)
	}
	if again != ticket {
		t.Errorf("the call has tickets %s and %s", ticket, again)
	}
	if list, err := c.Provider.Attachments(ctx, ticket, "rec_6_p1_aa.wav"); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}
