package crm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tandem/crm"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

// TK-2: a type of one's own, with fields of its own, that goes when no ticket has it.
func TestOwnTicketType(t *testing.T) {
	ctx, d := t.Context(), open(t)
	warranty, err := d.AddTicketType(ctx, d.Tenant, " Warranty ", []crm.Field{{Name: "Receipt", Type: crm.AttributeText, Required: true}})
	if err != nil || warranty.Name != "Warranty" || len(warranty.Fields) != 1 {
		t.Fatalf("%+v, %v", warranty, err)
	}
	for name, want := range map[string]error{"": crm.ErrTypeName, "warranty": crm.ErrTypeName, strings.Repeat("x", 61): crm.ErrTypeName} {
		if _, err := d.AddTicketType(ctx, d.Tenant, name, nil); !errors.Is(err, want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	ticket := d.ticket(t, crm.NewTicket{Title: "Tent", Type: warranty.Type})
	if _, err := d.ChangeTicket(ctx, d.Tenant, ticket.ID, crm.TicketChange{Status: ptr(crm.Resolved)}); !errors.Is(err, crm.ErrRequired) {
		t.Errorf("resolved without its receipt: %v", err)
	}
	warranty.Name = "Guarantee"
	if _, err := d.SetTicketType(ctx, d.Tenant, warranty); err != nil {
		t.Fatal(err)
	}
	if all, err := d.TicketTypes(ctx, d.Tenant); err != nil || len(all) != 7 || all[6].Name != "Guarantee" || all[0].Name != "" {
		t.Errorf("%+v, %v", all, err)
	}
	if p, err := d.Tickets(ctx, d.Tenant, crm.TicketFilter{Type: warranty.Type}); err != nil || len(p.Items) != 1 {
		t.Errorf("tickets of the type: %+v, %v", p, err)
	}
	other := storagetest.Tenant(t, d.DB, "b")
	if _, err := d.CreateTicket(ctx, other, crm.NewTicket{Title: "x", Type: warranty.Type}); !errors.Is(err, crm.ErrType) {
		t.Errorf("another tenant's type: %v", err)
	}
	if err := d.RemoveTicketType(ctx, d.Tenant, warranty.Type); !errors.Is(err, crm.ErrTypeUsed) {
		t.Errorf("a type that a ticket has: %v", err)
	}
	if _, err := d.ChangeTicket(ctx, d.Tenant, ticket.ID, crm.TicketChange{Type: ptr(crm.General)}); err != nil {
		t.Fatal(err)
	}
	if err := d.RemoveTicketType(ctx, d.Tenant, warranty.Type); err != nil {
		t.Error(err)
	}
	for _, gone := range []crm.Type{warranty.Type, crm.Bug} {
		if err := d.RemoveTicketType(ctx, d.Tenant, gone); !errors.Is(err, crm.ErrNoType) {
			t.Errorf("%s: %v", gone, err)
		}
	}
	if _, err := d.ChangeTicket(ctx, d.Tenant, ticket.ID, crm.TicketChange{Type: &warranty.Type}); !errors.Is(err, crm.ErrType) {
		t.Errorf("a type that is gone: %v", err)
	}
}

// Titles are found by their words, in any order, the last of them as a beginning; whoever wrote them.
func TestTicketsByTitle(t *testing.T) {
	ctx, d := t.Context(), open(t)
	lamp := d.ticket(t, crm.NewTicket{Title: "Red lamp, broken switch"})
	d.ticket(t, crm.NewTicket{Title: "帐篷拉链坏了"})
	d.ticket(t, crm.NewTicket{Title: "Lampshade 2000"})
	found := func(search string) (titles string) {
		t.Helper()
		p, err := d.Tickets(ctx, d.Tenant, crm.TicketFilter{Search: search})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range p.Items {
			titles += one.Title + "; "
		}
		return titles
	}
	for search, want := range map[string]string{
		"lamp": "Lampshade 2000; Red lamp, broken switch; ", "BROKEN lam": "Red lamp, broken switch; ", "lamp red": "Red lamp, broken switch; ", "拉链": "帐篷拉链坏了; ", "amp": "", "!?": "",
		"lampshade 2000": "Lampshade 2000; ", "100%": "",
	} {
		if got := found(search); got != want {
			t.Errorf("%q finds %q, want %q", search, got, want)
		}
	}
	if _, err := d.ChangeTicket(ctx, d.Tenant, lamp.ID, crm.TicketChange{Title: ptr("Green torch")}); err != nil {
		t.Fatal(err)
	}
	if found("red") != "" || found("torch") != "Green torch; " {
		t.Error("a changed title is found by what it was")
	}
	// As an earlier version has left them.
	err := d.DB.Tenant(ctx, d.Tenant, func(tx *storage.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM ticket_words`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE tickets SET indexed = false`)
		return err
	})
	if err == nil {
		err = d.Index(ctx)
	}
	if err != nil || found("torch") != "Green torch; " {
		t.Errorf("what was there before words were is not found, %v", err)
	}
}

// A contact's name is written as people write it.
func TestContactNameOfATicket(t *testing.T) {
	ctx, d := t.Context(), open(t)
	for want, name := range map[string][2]string{"Ada Byron": {"Ada", "Byron"}, "Ada": {"Ada", ""}, "李小明": {"小明", "李"}} {
		c, err := d.CreateContact(ctx, d.Tenant, crm.ContactChange{FirstName: &name[0], LastName: &name[1]})
		if err != nil {
			t.Fatal(err)
		}
		made := d.ticket(t, crm.NewTicket{Title: "t", Contact: &c.ID})
		if got, err := d.Ticket(ctx, d.Tenant, made.ID); err != nil || got.Name != want {
			t.Errorf("%q, want %q, %v", got.Name, want, err)
		}
	}
}

// Tickets that have to do with each other, from both sides, through a merge, and for those who may see them.
func TestRelatedTickets(t *testing.T) {
	ctx, d := t.Context(), open(t)
	a, b, c := d.ticket(t, crm.NewTicket{Title: "a"}), d.ticket(t, crm.NewTicket{Title: "b"}), d.ticket(t, crm.NewTicket{Title: "c"})
	related := func(of crm.Ticket) (titles string) {
		t.Helper()
		list, err := d.Links(ctx, d.Tenant, of.ID, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			if one.Kind != crm.LinkTicket || one.Status != crm.ToDo || one.Number == 0 || one.At == nil {
				t.Errorf("%+v", one)
			}
			titles += one.Title
		}
		return titles
	}
	link := func(from, to crm.Ticket) {
		t.Helper()
		if _, err := d.LinkTo(ctx, d.Tenant, from.ID, to.ID, crm.LinkTicket); err != nil {
			t.Fatal(err)
		}
	}
	link(a, b)
	link(b, a)
	link(c, a)
	if related(a) != "bc" || related(b) != "a" || related(c) != "a" {
		t.Errorf("%s, %s, %s", related(a), related(b), related(c))
	}
	if list, err := d.Links(ctx, d.Tenant, a.ID, []uuid.UUID{uuid.New()}); err != nil || len(list) != 0 {
		t.Errorf("tickets of others: %+v, %v", list, err)
	}
	if _, err := d.LinkTo(ctx, d.Tenant, a.ID, a.ID, crm.LinkTicket); !errors.Is(err, crm.ErrLinkSelf) {
		t.Errorf("itself: %v", err)
	}
	if _, err := d.LinkTo(ctx, d.Tenant, a.ID, uuid.New(), crm.LinkTicket); !errors.Is(err, crm.ErrNoTicket) {
		t.Errorf("none: %v", err)
	}
	if err := d.Unlink(ctx, d.Tenant, b.ID, a.ID); err != nil || related(a) != "c" || related(b) != "" {
		t.Errorf("unlinked: %v", err)
	}
	if err := d.Unlink(ctx, d.Tenant, b.ID, a.ID); !errors.Is(err, crm.ErrNoLink) {
		t.Errorf("unlinked twice: %v", err)
	}
	link(b, c)
	if _, err := d.MergeTicket(ctx, d.Tenant, c.ID, b.ID); err != nil || related(a) != "b" || related(b) != "a" {
		t.Errorf("after a merge: %s, %s, %v", related(a), related(b), err)
	}
}

// CR-3: views of one's own, and shared ones.
func TestListViews(t *testing.T) {
	ctx, d := t.Context(), open(t)
	ann, ben := uuid.New(), uuid.New()
	add := func(user uuid.UUID, of crm.ViewOf, v crm.View) crm.View {
		t.Helper()
		v, err := d.AddView(ctx, d.Tenant, user, of, v)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	mine := add(ann, crm.ViewOfTickets, crm.View{Name: " Urgent ", Filter: map[string]string{"priority": "urgent", "view": "board"}})
	add(ben, crm.ViewOfTickets, crm.View{Name: "urgent", Filter: map[string]string{"priority": "urgent"}})
	add(ben, crm.ViewOfTickets, crm.View{Name: "All of us", Shared: true})
	add(ann, crm.ViewOfContacts, crm.View{Name: "Urgent", Filter: map[string]string{"tag": "vip"}})
	names := func(user uuid.UUID, of crm.ViewOf) (all string) {
		t.Helper()
		list, err := d.Views(ctx, d.Tenant, user, of)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range list {
			all += v.Name + "; "
		}
		return all
	}
	if got := names(ann, crm.ViewOfTickets); got != "All of us; Urgent; " {
		t.Error(got)
	}
	for name, v := range map[string]crm.View{
		"no name": {}, "a long one": {Name: strings.Repeat("x", 61)}, "one of theirs": {Name: "URGENT"},
	} {
		if _, err := d.AddView(ctx, d.Tenant, ann, crm.ViewOfTickets, v); !errors.Is(err, crm.ErrViewName) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, filter := range map[string]map[string]string{"of another list": {"tag": "vip"}, "long": {"q": strings.Repeat("x", 201)}} {
		if _, err := d.AddView(ctx, d.Tenant, ann, crm.ViewOfTickets, crm.View{Name: "x", Filter: filter}); !errors.Is(err, crm.ErrViewFilter) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mine.Name, mine.Shared = "Board", true
	if _, err := d.ChangeView(ctx, d.Tenant, ben, crm.ViewOfTickets, mine); !errors.Is(err, crm.ErrNoView) {
		t.Errorf("another's view: %v", err)
	}
	if _, err := d.ChangeView(ctx, d.Tenant, ann, crm.ViewOfTickets, mine); err != nil {
		t.Fatal(err)
	}
	if got := names(ben, crm.ViewOfTickets); got != "All of us; Board; urgent; " {
		t.Error(got)
	}
	if err := d.RemoveView(ctx, d.Tenant, ben, crm.ViewOfTickets, mine.ID); !errors.Is(err, crm.ErrNoView) {
		t.Errorf("another's view: %v", err)
	}
	if err := d.RemoveView(ctx, d.Tenant, ann, crm.ViewOfTickets, mine.ID); err != nil || names(ann, crm.ViewOfTickets) != "All of us; " || names(ann, crm.ViewOfContacts) != "Urgent; " {
		t.Errorf("removed: %v", err)
	}
}
