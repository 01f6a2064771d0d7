package crm_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tandem/crm"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage/storagetest"
)

func (d *desk) ticket(t *testing.T, n crm.NewTicket) crm.Ticket {
	t.Helper()
	got, err := d.CreateTicket(t.Context(), d.Tenant, n)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TK-2: fields of a type, their kinds, and those without which a ticket is not resolved.
func TestFieldsOfATicket(t *testing.T) {
	ctx, d := t.Context(), open(t)
	set, err := d.SetTicketType(ctx, d.Tenant, crm.TicketType{Type: crm.Refund, Fields: []crm.Field{
		{Name: " Order ", Type: crm.AttributeText, Required: true},
		{Name: "Amount", Type: crm.AttributeNumber},
		{Name: "Bought", Type: crm.AttributeDate},
		{Name: "Opened", Type: crm.AttributeBoolean, Required: true},
		{Name: "Reason", Type: crm.AttributeList, Options: []string{" broken", "late"}},
	}})
	if err != nil || set.Fields[0].Name != "Order" || !slices.Equal(set.Fields[4].Options, []string{"broken", "late"}) {
		t.Fatalf("%+v, %v", set, err)
	}
	id := func(i int) string { return set.Fields[i].ID.String() }
	ticket := d.ticket(t, crm.NewTicket{Title: "Money back", Type: crm.Refund})
	for i, v := range map[int]any{0: 12.0, 1: "12", 2: "22.11.2026", 3: "true", 4: "stolen"} {
		_, err := d.ChangeTicket(ctx, d.Tenant, ticket.ID, crm.TicketChange{Fields: crm.Values{id(i): v}})
		var f *fault.Error
		if !errors.Is(err, crm.ErrValue) || !errors.As(err, &f) || f.Field != "fields."+id(i) {
			t.Errorf("%s takes %v: %v", set.Fields[i].Name, v, err)
		}
	}
	if _, err := d.ChangeTicket(ctx, d.Tenant, ticket.ID, crm.TicketChange{Fields: crm.Values{uuid.NewString(): "x"}}); !errors.Is(err, crm.ErrValue) {
		t.Errorf("a field of nobody: %v", err)
	}
	resolve := func(values crm.Values) error {
		_, err := d.ChangeTicket(ctx, d.Tenant, ticket.ID, crm.TicketChange{Status: ptr(crm.Resolved), Fields: values})
		return err
	}
	var f *fault.Error
	if err := resolve(crm.Values{id(1): 12.5, id(0): "  "}); !errors.Is(err, crm.ErrRequired) || !errors.As(err, &f) || f.Field != "fields."+id(0) || !strings.Contains(f.Message, "Order") || f.Kind != fault.Illegal {
		t.Errorf("resolved without the order: %v", err)
	}
	if got, err := d.Ticket(ctx, d.Tenant, ticket.ID); err != nil || len(got.Fields) != 0 {
		t.Errorf("a refused change changed something: %v, %v", got.Fields, err)
	}
	if err := resolve(crm.Values{id(0): "A-17"}); !errors.Is(err, crm.ErrRequired) || !errors.As(err, &f) || f.Field != "fields."+id(3) {
		t.Errorf("resolved without the second one: %v", err)
	}
	if err := resolve(crm.Values{id(0): "A-17", id(1): 12.5, id(2): "2026-11-22", id(3): false, id(4): "late"}); err != nil {
		t.Fatal(err)
	}
	got, err := d.Ticket(ctx, d.Tenant, ticket.ID)
	if err != nil || got.Fields[id(0)] != "A-17" || got.Fields[id(1)] != 12.5 || got.Fields[id(2)] != "2026-11-22" || got.Fields[id(3)] != false || got.Fields[id(4)] != "late" {
		t.Errorf("%v, %v", got.Fields, err)
	}
	if got, err = d.ChangeTicket(ctx, d.Tenant, ticket.ID, crm.TicketChange{Fields: crm.Values{id(1): nil}}); err != nil || len(got.Fields) != 4 {
		t.Errorf("a value that was taken away: %v, %v", got.Fields, err)
	}
}

func TestFieldsThatCannotBe(t *testing.T) {
	ctx, d := t.Context(), open(t)
	text := crm.Field{Name: "a", Type: crm.AttributeText}
	set, err := d.SetTicketType(ctx, d.Tenant, crm.TicketType{Type: crm.Bug, Fields: []crm.Field{text}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		fields []crm.Field
		want   error
	}{
		"no name":              {[]crm.Field{{Type: crm.AttributeText}}, crm.ErrFields},
		"the same name twice":  {[]crm.Field{text, {Name: "A", Type: crm.AttributeDate}}, crm.ErrFields},
		"a list of nothing":    {[]crm.Field{{Name: "b", Type: crm.AttributeList, Options: []string{" "}}}, crm.ErrFields},
		"an option twice":      {[]crm.Field{{Name: "b", Type: crm.AttributeList, Options: []string{"x", "x "}}}, crm.ErrFields},
		"too many":             {slices.Repeat([]crm.Field{text}, 51), crm.ErrFields},
		"another type than it": {[]crm.Field{{ID: set.Fields[0].ID, Name: "a", Type: crm.AttributeNumber}}, crm.ErrFieldType},
	} {
		if _, err := d.SetTicketType(ctx, d.Tenant, crm.TicketType{Type: crm.Bug, Fields: c.fields}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	all, err := d.TicketTypes(ctx, d.Tenant)
	if err != nil || len(all) != 6 || all[1].Type != crm.Bug || len(all[1].Fields) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	if all, err = d.TicketTypes(ctx, storagetest.Tenant(t, d.DB, "b")); err != nil || len(all[1].Fields) != 0 {
		t.Errorf("another tenant's fields: %+v, %v", all, err)
	}
}

// TK-5: everything of a merged ticket is the other's, and what still comes to the old id goes there.
func TestMergedTicket(t *testing.T) {
	ctx, d := t.Context(), open(t)
	actor := uuid.New()
	ctx = events.WithActor(ctx, actor)
	contact, err := d.CreateContact(ctx, d.Tenant, crm.ContactChange{FirstName: ptr("Ada")})
	if err != nil {
		t.Fatal(err)
	}
	call, talk := uuid.New(), uuid.New()
	old := d.ticket(t, crm.NewTicket{Title: "Lamp", Contact: &contact.ID, Call: call})
	kept := d.ticket(t, crm.NewTicket{Title: "Broken lamp", Call: talk, Conversation: true})
	older := d.ticket(t, crm.NewTicket{Title: "A lamp"})
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(d.AddNote(ctx, d.Tenant, old.ID, "from the call", "call note"))
	must(d.AddNote(ctx, d.Tenant, kept.ID, "from the other", "call note"))
	must(d.Attach(ctx, d.Tenant, old.ID, "part-1.wav", "audio/wav", bytes.NewReader(stereo(1))))
	must(d.MergeTicket(ctx, d.Tenant, older.ID, old.ID))

	// A recording that is on its way while the tickets are merged.
	arriving, parts := io.Pipe()
	attached := make(chan error, 1)
	go func() {
		_, err := d.Attach(ctx, d.Tenant, old.ID, "part-2.wav", "audio/wav", arriving)
		attached <- err
	}()
	sound := stereo(1)
	must(parts.Write(sound[:100]))
	must(d.MergeTicket(ctx, d.Tenant, old.ID, kept.ID))
	must(parts.Write(sound[100:]))
	must(nil, parts.Close())
	must(nil, <-attached)

	// One that begins to come afterwards, to an id that leads through two merges.
	file, err := d.Attach(ctx, d.Tenant, older.ID, "part-3.wav", "audio/wav", bytes.NewReader(sound))
	if err != nil || file.Ticket != kept.ID {
		t.Fatalf("%+v, %v", file, err)
	}
	if again, err := d.AddNote(ctx, d.Tenant, old.ID, "once only", "call note"); err != nil {
		t.Fatal(again, err)
	}
	for _, id := range []uuid.UUID{old.ID, older.ID, kept.ID} {
		got, err := d.Ticket(ctx, d.Tenant, id)
		if err != nil || got.ID != kept.ID || got.Contact == nil || *got.Contact != contact.ID {
			t.Errorf("%+v, %v", got, err)
		}
		notes, err := d.Notes(ctx, d.Tenant, id)
		if err != nil || len(notes) != 2 {
			t.Errorf("%+v, %v", notes, err)
		}
		files, err := d.Attachments(ctx, d.Tenant, id)
		if err != nil || len(files) != 3 {
			t.Errorf("%d files, %v", len(files), err)
		}
		links, err := d.Links(ctx, d.Tenant, id, nil)
		if err != nil || len(links) != 2 {
			t.Errorf("%+v, %v", links, err)
		}
		opened, err := d.OpenAttachment(ctx, d.Tenant, id, file.ID)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(opened); err != nil || !bytes.Equal(b, sound) {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		must(nil, opened.Close())
		if p, err := d.Peaks(ctx, d.Tenant, id, file.ID); err != nil || p.Channels != 2 {
			t.Errorf("%+v, %v", p, err)
		}
	}
	same, err := d.EnsureCallTicket(ctx, d.Tenant, crm.NewTicket{Title: "again", Call: call}, crm.Caller{})
	if err != nil || same.ID != kept.ID {
		t.Errorf("the call's ticket is %+v, %v", same, err)
	}
	if list, err := d.Tickets(ctx, d.Tenant, crm.TicketFilter{}); err != nil || len(list.Items) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	merged, err := d.Merged(ctx, d.Tenant, kept.ID)
	if err != nil || len(merged) != 2 || merged[0].Number != 1 || merged[1].Title != "A lamp" {
		t.Errorf("%+v, %v", merged, err)
	}
	if clocks, err := d.Clocks(ctx, d.Tenant, old.ID); err != nil || len(clocks) != 2 {
		t.Errorf("%+v, %v", clocks, err)
	}
	for from, into := range map[uuid.UUID]uuid.UUID{kept.ID: kept.ID, old.ID: kept.ID} {
		if _, err := d.MergeTicket(ctx, d.Tenant, from, into); !errors.Is(err, crm.ErrMergeSelf) {
			t.Errorf("%v", err)
		}
	}
	if _, err := d.MergeTicket(ctx, d.Tenant, older.ID, d.ticket(t, crm.NewTicket{Title: "x"}).ID); !errors.Is(err, crm.ErrMerged) {
		t.Errorf("merged twice: %v", err)
	}
}

// Pages are full whatever the order, and hold each ticket once, for those who see their own too.
func TestOrdersOfTickets(t *testing.T) {
	ctx, d := t.Context(), open(t)
	me, other := uuid.New(), uuid.New()
	mine := 0
	for i := range 23 {
		n := crm.NewTicket{Title: "t", Priority: []crm.Priority{crm.Low, crm.Urgent, crm.Medium, crm.High}[i%4], Assignee: &other}
		if i%3 == 0 {
			n.Assignee = &me
		} else if i%5 == 0 {
			n.Assignee = nil
		}
		by := other
		if i%7 == 0 {
			by = me
		}
		made, err := d.CreateTicket(events.WithActor(ctx, by), d.Tenant, n)
		if err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 || i%7 == 0 {
			mine++
		}
		if i%4 == 0 { // on hold: nothing is due
			if _, err := d.ChangeTicket(ctx, d.Tenant, made.ID, crm.TicketChange{Status: ptr(crm.OnHold)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	urgency := map[crm.Priority]int{crm.Urgent: 4, crm.High: 3, crm.Medium: 2, crm.Low: 1}
	for sort, ordered := range map[crm.TicketSort]func(a, b crm.Ticket) bool{
		crm.SortNewest:   func(a, b crm.Ticket) bool { return a.Number > b.Number },
		crm.SortUpdated:  func(a, b crm.Ticket) bool { return !a.UpdatedAt.Before(b.UpdatedAt) },
		crm.SortPriority: func(a, b crm.Ticket) bool { return urgency[a.Priority] >= urgency[b.Priority] },
		crm.SortDue:      func(a, b crm.Ticket) bool { return b.DueAt == nil || a.DueAt != nil && !a.DueAt.After(*b.DueAt) },
	} {
		for within, want := range map[bool]int{false: 23, true: mine} {
			f := crm.TicketFilter{Sort: sort, Limit: 4}
			if within {
				f.Within = []uuid.UUID{me}
			}
			var all []crm.Ticket
			for {
				p, err := d.Tickets(ctx, d.Tenant, f)
				if err != nil {
					t.Fatal(err)
				}
				if p.Next != "" && len(p.Items) != 4 {
					t.Errorf("%s: a page of %d", sort, len(p.Items))
				}
				all = append(all, p.Items...)
				if f.Cursor = p.Next; f.Cursor == "" {
					break
				}
			}
			seen := map[uuid.UUID]bool{}
			for i, x := range all {
				seen[x.ID] = true
				if i > 0 && !ordered(all[i-1], x) {
					t.Errorf("%s: %+v before %+v", sort, all[i-1], x)
				}
			}
			if len(all) != want || len(seen) != want {
				t.Errorf("%s, own %v: %d tickets, %d different, want %d", sort, within, len(all), len(seen), want)
			}
		}
		for _, cursor := range []string{"x", "~", "1~x", "'~" + uuid.NewString()} {
			if _, err := d.Tickets(ctx, d.Tenant, crm.TicketFilter{Sort: sort, Cursor: cursor}); !errors.Is(err, crm.ErrCursor) {
				t.Errorf("%s takes the cursor %q: %v", sort, cursor, err)
			}
		}
	}
	for name, c := range map[string]struct {
		f    crm.TicketFilter
		want int
	}{
		"open": {crm.TicketFilter{Open: true}, 23}, "urgent": {crm.TicketFilter{Priority: crm.Urgent}, 6}, "of nobody": {crm.TicketFilter{Unassigned: true}, 3},
		"on hold": {crm.TicketFilter{Status: crm.OnHold}, 6}, "of a type": {crm.TicketFilter{Type: crm.Bug}, 0}, "a number": {crm.TicketFilter{Search: "#7"}, 1},
	} {
		if p, err := d.Tickets(ctx, d.Tenant, c.f); err != nil || len(p.Items) != c.want {
			t.Errorf("%s: %d, %v", name, len(p.Items), err)
		}
	}
}
