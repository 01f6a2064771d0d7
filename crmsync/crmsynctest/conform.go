// Package crmsynctest is what every CRM's provider must do: one suite for all.
package crmsynctest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/crmsync"
	"tandem/recording"
)

// CRM is a provider under test and the view that a person has of the same CRM.
type CRM struct {
	Provider crmsync.Provider
	// Contents returns the files of a ticket that bear the name, oldest first, as somebody who downloads them gets them.
	Contents func(t *testing.T, ticket, name string) [][]byte
	// Notes counts the notes of a ticket that contain the text.
	Notes func(t *testing.T, ticket, text string) int
	// NoTicket is an id that no ticket has.
	NoTicket string

	// What follows is for a CRM that is a fake; Faults is nil for a real one.
	Faults        *Faults
	TicketRequest string     // the one that makes a ticket, as Fault.On
	FileRequest   string     // the one that puts a file on a ticket
	BytesRequest  string     // the one that the file's bytes go with; empty: the same
	NoteRequest   string     // the one that writes a note
	Expire        func()     // ends the access token, where the vendor has them that end
	Hide          func(bool) // lets what is new be missing from lists and searches, where the vendor's may lag
	Field         [2]string  // a field of tickets, as Map.To, and a value for it; empty: none
	FieldOf       func(t *testing.T, ticket, field string) string
}

// NewCall is a call from a number.
func NewCall(caller string) crmsync.Matter {
	call := crmsync.Call{ID: uuid.New(), Number: "1001", Caller: caller, CallerName: "Ada O'Neil", QueuePath: []string{"Sales", "Söuth"}, StartedAt: time.Now()}
	return call.Matter()
}

// NewConversation is a conversation on a channel of somebody without a telephone number.
func NewConversation(channel, identity string) crmsync.Matter {
	who := crmsync.Customer{Item: uuid.New(), Channel: channel, Account: "demo", Identity: identity, Name: "Web User 10/05 10:15"}
	return crmsync.Matter{Customer: who, Title: "Web conversation with Web User 10/05 10:15 – Söuth", Words: "A conversation."}
}

// Run runs the suite.
func Run(t *testing.T, c CRM) {
	ctx := context.Background()
	t.Run("one ticket for each call", func(t *testing.T) { c.oneTicket(ctx, t) })
	t.Run("one contact for each number", func(t *testing.T) { c.oneContact(ctx, t) })
	t.Run("a look-up makes nothing", func(t *testing.T) { c.looks(ctx, t) })
	t.Run("the tickets of a contact", func(t *testing.T) { c.tickets(ctx, t) })
	if by, ok := c.Provider.(crmsync.Searcher); ok {
		t.Run("a search by words", func(t *testing.T) { c.searches(ctx, t, by) })
	}
	t.Run("files arrive whole and are listed", func(t *testing.T) { c.files(ctx, t) })
	t.Run("a file cut off leaves nothing", func(t *testing.T) { c.cutOff(ctx, t) })
	t.Run("a ticket that is gone", func(t *testing.T) { c.gone(ctx, t) })
	t.Run("a note is written once", func(t *testing.T) { c.notes(ctx, t) })
	t.Run("the connection is good", func(t *testing.T) {
		if err := c.Provider.Test(ctx); err != nil {
			t.Fatal(err)
		}
	})
	if c.Field[0] != "" {
		t.Run("fields are written", func(t *testing.T) { c.fields(ctx, t) })
	}
	if c.Faults != nil {
		c.misbehave(ctx, t)
	}
}

func (c *CRM) ticket(ctx context.Context, t *testing.T, m crmsync.Matter) string {
	t.Helper()
	id, err := c.Provider.EnsureTicket(ctx, m)
	if err != nil || id == "" {
		t.Fatalf("EnsureTicket: %q, %v", id, err)
	}
	return id
}

func (c *CRM) oneTicket(ctx context.Context, t *testing.T) {
	first, second := NewCall("+4989123456"), NewCall("")
	a := c.ticket(ctx, t, first)
	if again := c.ticket(ctx, t, first); again != a {
		t.Errorf("the same call has tickets %s and %s", a, again)
	}
	if b := c.ticket(ctx, t, second); b == a {
		t.Errorf("two calls share ticket %s", b)
	}
	chat := NewConversation("viber", "01234567890A=/+, b@example.com")
	b := c.ticket(ctx, t, chat)
	if again := c.ticket(ctx, t, chat); again != b || b == a {
		t.Errorf("the conversation has tickets %s and %s, a call has %s", b, again, a)
	}
}

func (c *CRM) oneContact(ctx context.Context, t *testing.T) {
	ids := map[string]bool{}
	for _, call := range []crmsync.Matter{NewCall("+4989777777"), NewCall("+4989777777"), NewCall("+4989777778"), NewCall(""), NewCall("")} {
		id, err := c.Provider.EnsureContact(ctx, call.Customer)
		if err != nil || id == "" {
			t.Fatalf("EnsureContact: %q, %v", id, err)
		}
		ids[id] = true
	}
	if len(ids) != 4 {
		t.Errorf("%d contacts for two numbers and two withheld ones", len(ids))
	}
}

// looks checks that a look-up makes nothing, and that a chosen contact is the one of the ticket.
func (c *CRM) looks(ctx context.Context, t *testing.T) {
	call := NewCall("+4989777770")
	if found, err := c.Provider.FindContact(ctx, call.Customer); err != nil || found.ID != "" {
		t.Fatalf("a stranger is %+v, %v", found, err)
	}
	made, err := c.Provider.EnsureContact(ctx, call.Customer)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := c.Provider.FindContact(ctx, call.Customer); err != nil || found.ID != made {
		t.Fatalf("contact %s is found as %+v, %v", made, found, err)
	}
	other := NewCall("+4989777771")
	other.Record = made
	ticket := c.ticket(ctx, t, other)
	list, err := c.Provider.Tickets(ctx, made)
	if err != nil || !slices.ContainsFunc(list, func(x crmsync.Ticket) bool { return x.ID == ticket }) {
		t.Errorf("ticket %s is not among those of the contact that was chosen: %+v, %v", ticket, list, err)
	}
}

func (c *CRM) tickets(ctx context.Context, t *testing.T) {
	support, sales := uuid.New(), uuid.New()
	var made []string
	for _, queue := range []*uuid.UUID{&support, &sales, nil} {
		call := NewCall("+4989888888")
		call.Queue = queue
		made = append(made, c.ticket(ctx, t, call))
	}
	c.ticket(ctx, t, NewCall("+4989888889"))
	contact, err := c.Provider.EnsureContact(ctx, NewCall("+4989888888").Customer)
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.Provider.Tickets(ctx, contact)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for i, want := range []uuid.UUID{support, sales, uuid.Nil} {
		at := slices.IndexFunc(list, func(x crmsync.Ticket) bool { return x.ID == made[i] })
		if at < 0 {
			t.Fatalf("ticket %s is not among %+v", made[i], list)
		}
		if got := list[at]; got.Queue != want || !got.Open || got.Title == "" || got.UpdatedAt.IsZero() || !got.ClosedAt.IsZero() {
			t.Errorf("%+v, want queue %s", got, want)
		}
	}
	if !slices.IsSortedFunc(list, func(a, b crmsync.Ticket) int { return b.UpdatedAt.Compare(a.UpdatedAt) }) {
		t.Errorf("the newest is not the first: %+v", list)
	}
}

// searches checks that a contact is found by name, and their ticket by its title or with them; and that whatever is typed is only words.
func (c *CRM) searches(ctx context.Context, t *testing.T, by crmsync.Searcher) {
	call := NewCall("+4989777780")
	call.Name, call.Title = "Quirin Zwiebelfisch", "Quirin Zwiebelfisch waits"
	queue := uuid.New()
	call.Queue = &queue
	ticket := c.ticket(ctx, t, call)
	contact, err := c.Provider.EnsureContact(ctx, call.Customer)
	if err != nil {
		t.Fatal(err)
	}
	found, err := by.Search(ctx, "Quirin Zwiebelfisch")
	if err != nil || len(found.Contacts) != 1 || found.Contacts[0].ID != contact || found.Contacts[0].Name != call.Name {
		t.Fatalf("contacts %+v, %v, want %s", found.Contacts, err, contact)
	}
	if len(found.Tickets) != 1 || found.Tickets[0].ID != ticket || found.Tickets[0].Title != call.Title || !found.Tickets[0].Open || found.Tickets[0].UpdatedAt.IsZero() {
		t.Errorf("tickets %+v, want %s", found.Tickets, ticket)
	}
	for _, text := range []string{"Xylograph", `Quirin' OR 'a'='a`, `Quirin" OR type:user`, "Quirin^ORDERBYsys_id", "100%_", `back\slash`} {
		if found, err := by.Search(ctx, text); err != nil || len(found.Contacts)+len(found.Tickets) > 0 {
			t.Errorf("%q finds %+v, %v", text, found, err)
		}
	}
}

func (c *CRM) fields(ctx context.Context, t *testing.T) {
	call := NewCall("+4989123460")
	call.Fields = map[string]string{c.Field[0]: c.Field[1]}
	if got := c.FieldOf(t, c.ticket(ctx, t, call), c.Field[0]); got != c.Field[1] {
		t.Errorf("%s is %q", c.Field[0], got)
	}
}

func (c *CRM) files(ctx context.Context, t *testing.T) {
	ticket := c.ticket(ctx, t, NewCall("+4989123457"))
	data := map[string][]byte{"rec_1_p1_aa.wav": bytes.Repeat([]byte("RIFF\x00\xff"), 20_000), "rec_1_p2_bb.wav": {1}}
	for _, name := range []string{"rec_1_p1_aa.wav", "rec_1_p2_bb.wav"} {
		if list, err := c.Provider.Attachments(ctx, ticket, name); err != nil || len(list) != 0 {
			t.Fatalf("before: %v, %v", list, err)
		}
		_, err := c.Provider.Attach(ctx, ticket, crmsync.File{Name: name, ContentType: "audio/x-wav", Size: int64(len(data[name])), Note: "A recording"}, bytes.NewReader(data[name]))
		if err != nil {
			t.Fatal(err)
		}
		list, err := c.Provider.Attachments(ctx, ticket, name)
		if err != nil || len(list) != 1 || list[0].Size != int64(len(data[name])) || list[0].Name != name || list[0].ID == "" {
			t.Fatalf("after: %+v, %v", list, err)
		}
		if got := c.Contents(t, ticket, name); len(got) != 1 || !bytes.Equal(got[0], data[name]) {
			t.Errorf("%s: the CRM's copy differs", name)
		}
		back, err := c.Provider.Read(ctx, ticket, list[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(back); err != nil || !bytes.Equal(got, data[name]) || back.Close() != nil {
			t.Errorf("%s: read back %d bytes, %v", name, len(got), err)
		}
	}
	list, err := c.Provider.Attachments(ctx, ticket, "rec_1_p1_aa.wav")
	if err != nil {
		t.Fatal(err)
	}
	err = c.Provider.RemoveAttachment(ctx, ticket, list[0].ID)
	if errors.Is(err, recording.ErrCannotRemove) {
		return
	}
	if list, listErr := c.Provider.Attachments(ctx, ticket, "rec_1_p1_aa.wav"); err != nil || listErr != nil || len(list) != 0 {
		t.Errorf("removed: %v, then %v, %v", err, list, listErr)
	}
}

func (c *CRM) cutOff(ctx context.Context, t *testing.T) {
	ticket := c.ticket(ctx, t, NewCall("+4989123458"))
	broken := io.MultiReader(bytes.NewReader(make([]byte, 100_000)), failing{})
	file := crmsync.File{Name: "rec_2_p1_cc.wav", ContentType: "audio/x-wav", Size: 200_000}
	if _, err := c.Provider.Attach(ctx, ticket, file, broken); err == nil {
		t.Fatal("a file that cannot be read was attached")
	}
	list, err := c.Provider.Attachments(ctx, ticket, file.Name)
	if err != nil || len(list) != 0 {
		t.Fatalf("left behind: %v, %v", list, err)
	}
	if _, err := c.Provider.Attach(ctx, ticket, file, bytes.NewReader(make([]byte, file.Size))); err != nil {
		t.Fatalf("the second attempt: %v", err)
	}
	if list, err := c.Provider.Attachments(ctx, ticket, file.Name); err != nil || len(list) != 1 || list[0].Size != file.Size {
		t.Fatalf("after the second attempt: %v, %v", list, err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (c *CRM) gone(ctx context.Context, t *testing.T) {
	_, attach := c.Provider.Attach(ctx, c.NoTicket, crmsync.File{Name: "x.wav", ContentType: "audio/x-wav", Size: 1}, bytes.NewReader([]byte{1}))
	_, list := c.Provider.Attachments(ctx, c.NoTicket, "x.wav")
	note := c.Provider.AddNote(ctx, c.NoTicket, crmsync.Note{Key: "k", Title: "t", Body: "b"})
	for what, err := range map[string]error{"Attach": attach, "Attachments": list, "AddNote": note} {
		var e *recording.SendError
		if !errors.As(err, &e) || e.Class != recording.ClassGone {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func (c *CRM) notes(ctx context.Context, t *testing.T) {
	ticket := c.ticket(ctx, t, NewCall("+4989123459"))
	for _, key := range []string{"one", "one", "two"} {
		if err := c.Provider.AddNote(ctx, ticket, crmsync.Note{Key: key, Title: "Summary", Body: "Talked about the weather."}); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.Notes(t, ticket, "the weather"); n != 2 {
		t.Errorf("%d notes, want 2", n)
	}
}
