package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crm"
	"tandem/internal/auth"
	"tandem/internal/fault"
)

func (s *Server) ticketRoutes() []route {
	return []route{
		on(s, "GET", "/tickets", "read:tickets", "list-tickets", "Tickets, in the order asked for", s.listTickets),
		on(s, "POST", "/tickets", "create:tickets", "add-ticket", "Make a ticket", s.addTicket),
		on(s, "GET", "/ticket-views", "read:tickets", "list-ticket-views", "One's own views of the list of tickets, and those that are shared", s.listViews(crm.ViewOfTickets)),
		on(s, "POST", "/ticket-views", "read:tickets", "add-ticket-view", "Keep a view of the list of tickets", s.addView(crm.ViewOfTickets)),
		on(s, "PUT", "/ticket-views/{id}", "read:tickets", "put-ticket-view", "Change an own view of the list of tickets", s.putView(crm.ViewOfTickets)),
		on(s, "DELETE", "/ticket-views/{id}", "read:tickets", "delete-ticket-view", "Remove an own view of the list of tickets", s.deleteView(crm.ViewOfTickets)),
		on(s, "GET", "/tickets/{id}", "read:tickets", "get-ticket", "One ticket with notes, files and links; one that was merged leads to the other", s.getTicket),
		on(s, "PATCH", "/tickets/{id}", "write:tickets", "change-ticket", "Change a ticket, its status too", s.changeTicket),
		on(s, "POST", "/tickets/{id}/merge", "write:tickets", "merge-ticket", "Give everything of a ticket to another", s.mergeTicket),
		on(s, "POST", "/tickets/{id}/links", "write:tickets", "link-ticket", "Link a ticket to a call, a conversation or another ticket", s.linkTicket),
		on(s, "DELETE", "/tickets/{id}/links/{item}", "write:tickets", "unlink-ticket", "Take a call, a conversation or another ticket off a ticket", s.unlinkTicket),
		on(s, "POST", "/tickets/{id}/notes", "write:tickets", "add-note", "Add an internal note", s.addNote),
		on(s, "GET", "/tickets/{id}/attachments/{attachment}", "read:tickets", "get-attachment", "A file's content; honours Range", s.getAttachment),
		on(s, "GET", "/tickets/{id}/attachments/{attachment}/peaks", "read:tickets", "get-peaks", "The waveform of a recording", s.getPeaks),
		on(s, "GET", "/ticket-types", "read:tickets", "list-ticket-types", "The types of tickets with their fields", s.listTicketTypes),
		on(s, "PUT", "/ticket-types", "write:ticket-settings", "put-ticket-type", "Change the fields of a type of tickets, and the name of one's own", s.putTicketType),
		on(s, "POST", "/ticket-types", "write:ticket-settings", "add-ticket-type", "Make a type of tickets of one's own", s.addTicketType),
		on(s, "DELETE", "/ticket-types/{id}", "write:ticket-settings", "delete-ticket-type", "Remove a type of one's own that no ticket has", s.deleteTicketType),
		on(s, "GET", "/ticket-settings", "read:ticket-settings", "get-ticket-settings", "What customers are asked once a ticket is resolved", s.getTicketSettings),
		on(s, "PUT", "/ticket-settings", "write:ticket-settings", "put-ticket-settings", "Change what customers are asked once a ticket is resolved", s.putTicketSettings),
		on(s, "POST", "/customer/surveys/{token}/open", public, "open-survey", "What a customer is asked", s.openSurvey).pages(),
		on(s, "POST", "/customer/surveys/{token}", public, "answer-survey", "A customer's answer, once", s.answerSurvey).pages(),
		report[TicketReport](on(s, "GET", "/reports/tickets", "read:reports", "get-ticket-report", "Figures of tickets: volume by day, times, first contact resolution and satisfaction, by type and agent", s.ticketReport)),
	}
}

type ticketFilter struct {
	Searched
	Open       bool           `query:"open" doc:"only those that are not resolved"`
	Status     crm.Status     `query:"status" enum:"to_do,in_progress,on_hold,resolved,reopened"`
	Type       crm.Type       `query:"type" maxLength:"40"`
	Priority   crm.Priority   `query:"priority" enum:"urgent,high,medium,low"`
	Contact    uuid.UUID      `query:"contact" format:"uuid"`
	Assignee   uuid.UUID      `query:"assignee" format:"uuid"`
	Unassigned bool           `query:"unassigned" doc:"only those that nobody has"`
	Call       uuid.UUID      `query:"call" format:"uuid" doc:"that it is linked to"`
	Talk       uuid.UUID      `query:"conversation" format:"uuid" doc:"that it is linked to"`
	SLA        crm.SLA        `query:"sla" enum:"running,paused,at_risk,breached,met"`
	Sort       crm.TicketSort `query:"sort" enum:"newest,updated,priority,due" default:"newest"`
}

func (s *Server) listTickets(ctx context.Context, in *ticketFilter) (*List[crm.Ticket], error) {
	f := crm.TicketFilter{
		Open: in.Open, Status: in.Status, Type: in.Type, Priority: in.Priority, Contact: in.Contact, Assignee: in.Assignee, Unassigned: in.Unassigned, Call: in.Call,
		SLA: in.SLA, Search: in.Search, Sort: in.Sort, Cursor: in.Cursor, Limit: in.Limit,
	}
	if f.Call == uuid.Nil {
		f.Call = in.Talk
	}
	mine, all, err := s.Auth.Within(ctx, scope(ctx))
	if err != nil {
		return nil, err
	}
	if !all {
		f.Within = mine
	}
	p, err := s.CRM.Tickets(ctx, tenant(ctx), f)
	if _, nameless := auth.From(ctx).Allow("read", "contacts"); nameless != nil {
		for i := range p.Items {
			p.Items[i].Name = ""
		}
	}
	return cut(p.Items, p.Next, err)
}

func reachesTicket(t crm.Ticket, users []uuid.UUID) bool {
	return t.Assignee != nil && slices.Contains(users, *t.Assignee) || t.CreatedBy != nil && slices.Contains(users, *t.CreatedBy)
}

// ticket returns a ticket within reach, else ErrNoTicket.
func (s *Server) ticket(ctx context.Context, id uuid.UUID) (crm.Ticket, error) {
	t, err := s.CRM.Ticket(ctx, tenant(ctx), id)
	if err != nil {
		return t, err
	}
	mine, all, err := s.Auth.Within(ctx, scope(ctx))
	if err == nil && !all && !reachesTicket(t, mine) {
		err = crm.ErrNoTicket
	}
	if _, nameless := auth.From(ctx).Allow("read", "contacts"); nameless != nil {
		t.Name = ""
	}
	return t, err
}

// TicketPage is a ticket with all that belongs to it.
type TicketPage struct {
	crm.Ticket
	Notes       []crm.Note         `json:"notes"`
	Attachments []crm.Attachment   `json:"attachments"`
	Links       []crm.Link         `json:"links"`
	Calls       []uuid.UUID        `json:"calls" doc:"the calls among the links"`
	Promises    []crm.Clock        `json:"promises"`
	Merged      []crm.MergedTicket `json:"merged" doc:"the tickets that it has taken over"`
	Surveys     []crm.Survey       `json:"surveys" doc:"what its customer was asked, and said"`
}

func (s *Server) ticketPage(ctx context.Context, t crm.Ticket, err error) (*One[TicketPage], error) {
	if err != nil {
		return nil, err
	}
	p := TicketPage{Ticket: t}
	if p.Notes, err = s.CRM.Notes(ctx, tenant(ctx), t.ID); err != nil {
		return nil, err
	}
	if p.Attachments, err = s.CRM.Attachments(ctx, tenant(ctx), t.ID); err != nil {
		return nil, err
	}
	within, _, err := s.Auth.Within(ctx, scope(ctx))
	if err != nil {
		return nil, err
	}
	if p.Links, err = s.CRM.Links(ctx, tenant(ctx), t.ID, within); err != nil {
		return nil, err
	}
	p.Calls = []uuid.UUID{}
	for _, l := range p.Links {
		if l.Kind == crm.LinkCall {
			p.Calls = append(p.Calls, l.ID)
		}
	}
	if p.Merged, err = s.CRM.Merged(ctx, tenant(ctx), t.ID); err != nil {
		return nil, err
	}
	if p.Surveys, err = s.CRM.Surveys(ctx, tenant(ctx), t.ID); err != nil {
		return nil, err
	}
	p.Promises, err = s.CRM.Clocks(ctx, tenant(ctx), t.ID)
	return one(p, err)
}

// ticketAnswer is a ticket, or where one leads that was merged; whoever does not follow has what is there.
type ticketAnswer struct {
	Status   int
	Location string `header:"Location"`
	Body     TicketPage
}

func (s *Server) getTicket(ctx context.Context, in *ByID) (*ticketAnswer, error) {
	t, err := s.ticket(ctx, in.ID)
	page, err := s.ticketPage(ctx, t, err)
	if err != nil {
		return nil, err
	}
	a := &ticketAnswer{Status: http.StatusOK, Body: page.Body}
	if t.ID != in.ID {
		a.Status, a.Location = http.StatusPermanentRedirect, prefix+"/tickets/"+t.ID.String()
	}
	return a, nil
}

// TicketInput is a ticket to be made.
type TicketInput struct {
	Title    string       `json:"title" minLength:"1" maxLength:"200"`
	Type     crm.Type     `json:"type,omitempty" maxLength:"40"`
	Priority crm.Priority `json:"priority,omitempty" enum:"urgent,high,medium,low"`
	Contact  *uuid.UUID   `json:"contact_id,omitempty"`
	Assignee *uuid.UUID   `json:"assignee,omitempty"`
	Call     *uuid.UUID   `json:"call_id,omitempty"`
}

func (s *Server) addTicket(ctx context.Context, in *With[TicketInput]) (*One[TicketPage], error) {
	b := in.Body
	n := crm.NewTicket{Title: b.Title, Type: b.Type, Priority: b.Priority, Contact: b.Contact, Assignee: b.Assignee}
	if b.Call != nil {
		c, err := s.readableCall(ctx, *b.Call)
		if err != nil {
			return nil, err
		}
		n.Call, n.Queue, n.Answered = c.ID, c.Queue, c.ConnectedAt != nil
	}
	if err := s.mayAssign(ctx, b.Assignee); err != nil {
		return nil, err
	}
	t, err := s.CRM.CreateTicket(ctx, tenant(ctx), n)
	return s.ticketPage(ctx, t, err)
}

// mayAssign lets people take tickets themselves; giving them to others needs the permission, and somebody who is there.
func (s *Server) mayAssign(ctx context.Context, to *uuid.UUID) error {
	a := auth.From(ctx)
	if to == nil || *to == a.User {
		return nil
	}
	if _, err := a.Allow("assign", "tickets"); err != nil {
		return err
	}
	if *to == uuid.Nil {
		return nil
	}
	ok, err := s.Auth.Exists(ctx, *to)
	if err == nil && !ok {
		err = fault.New(fault.Invalid, "assignee_unknown", "There is no such person.").WithField("assignee")
	}
	return err
}

// TicketChange is what is to become of a ticket; what is left out stays.
type TicketChange struct {
	Title    *string       `json:"title,omitempty" minLength:"1" maxLength:"200"`
	Type     *crm.Type     `json:"type,omitempty" maxLength:"40"`
	Priority *crm.Priority `json:"priority,omitempty" enum:"urgent,high,medium,low"`
	Status   *crm.Status   `json:"status,omitempty" enum:"to_do,in_progress,on_hold,resolved,reopened"`
	Assignee *uuid.UUID    `json:"assignee,omitempty" doc:"the nil UUID takes it from everybody"`
	Contact  *uuid.UUID    `json:"contact_id,omitempty"`
	Fields   crm.Values    `json:"fields,omitempty" doc:"values by the field's id; null removes one"`
}

func (s *Server) changeTicket(ctx context.Context, in *Change[TicketChange]) (*One[TicketPage], error) {
	if _, err := s.ticket(ctx, in.ID); err != nil {
		return nil, err
	}
	if err := s.mayAssign(ctx, in.Body.Assignee); err != nil {
		return nil, err
	}
	t, err := s.CRM.ChangeTicket(ctx, tenant(ctx), in.ID, crm.TicketChange(in.Body))
	return s.ticketPage(ctx, t, err)
}

// MergeInput is the ticket that takes another over.
type MergeInput struct {
	Into uuid.UUID `json:"into" format:"uuid"`
}

func (s *Server) mergeTicket(ctx context.Context, in *Change[MergeInput]) (*One[TicketPage], error) {
	for _, id := range []uuid.UUID{in.ID, in.Body.Into} {
		if _, err := s.ticket(ctx, id); err != nil {
			return nil, err
		}
	}
	t, err := s.CRM.MergeTicket(ctx, tenant(ctx), in.ID, in.Body.Into)
	return s.ticketPage(ctx, t, err)
}

// LinkInput is what a ticket is about, or another that has to do with it: one of the three.
type LinkInput struct {
	Call         *uuid.UUID `json:"call_id,omitempty" format:"uuid"`
	Conversation *uuid.UUID `json:"conversation_id,omitempty" format:"uuid"`
	Ticket       *uuid.UUID `json:"ticket_id,omitempty" format:"uuid"`
}

var errLink = fault.New(fault.Invalid, "call_or_conversation", "Give a call, a conversation or a ticket.").WithField("call_id")

func (s *Server) linkTicket(ctx context.Context, in *Change[LinkInput]) (*One[TicketPage], error) {
	if _, err := s.ticket(ctx, in.ID); err != nil {
		return nil, err
	}
	item, kind, err := s.linkable(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	t, err := s.CRM.LinkTo(ctx, tenant(ctx), in.ID, item, kind)
	return s.ticketPage(ctx, t, err)
}

// linkable is what is to be linked, which whoever asks may read.
func (s *Server) linkable(ctx context.Context, in LinkInput) (uuid.UUID, crm.LinkKind, error) {
	switch {
	case in.Call != nil:
		_, err := s.readableCall(ctx, *in.Call)
		return *in.Call, crm.LinkCall, err
	case in.Conversation != nil:
		talks, err := allow(ctx, "read:conversations")
		if err == nil {
			err = s.reachConversation(talks, *in.Conversation)
		}
		return *in.Conversation, crm.LinkConversation, err
	case in.Ticket != nil:
		_, err := s.ticket(ctx, *in.Ticket)
		return *in.Ticket, crm.LinkTicket, err
	}
	return uuid.Nil, "", errLink
}

// readableCall is a call that whoever writes a ticket may read.
func (s *Server) readableCall(ctx context.Context, id uuid.UUID) (calls.CallRow, error) {
	ctx, err := allow(ctx, "read:calls")
	if err != nil {
		return calls.CallRow{}, err
	}
	return s.call(ctx, id)
}

type linkID struct {
	ByID
	Item uuid.UUID `path:"item" format:"uuid"`
}

func (s *Server) unlinkTicket(ctx context.Context, in *linkID) (*Nothing, error) {
	if _, err := s.ticket(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.CRM.Unlink(ctx, tenant(ctx), in.ID, in.Item))
}

// NoteInput is a note to be added.
type NoteInput struct {
	Body string `json:"body" minLength:"1" maxLength:"50000"`
}

func (s *Server) addNote(ctx context.Context, in *Change[NoteInput]) (*One[crm.Note], error) {
	if _, err := s.ticket(ctx, in.ID); err != nil {
		return nil, err
	}
	return one(s.CRM.AddNote(ctx, tenant(ctx), in.ID, in.Body.Body, ""))
}
