package api

import (
	"context"
	"mime"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"tandem/crm"
	"tandem/internal/auth"
	"tandem/internal/fault"
)

func (s *Server) crmRoutes() []route {
	return []route{
		on(s, "GET", "/contacts", "read:contacts", "list-contacts", "Contacts, the newest first", s.listContacts),
		on(s, "POST", "/contacts", "write:contacts", "add-contact", "Make a contact", s.addContact),
		on(s, "GET", "/contacts/{id}", "read:contacts", "get-contact", "One contact with their identities", s.getContact),
		on(s, "PATCH", "/contacts/{id}", "write:contacts", "change-contact", "Change a contact", s.changeContact),
		on(s, "GET", "/tickets", "read:tickets", "list-tickets", "Tickets, the newest first", s.listTickets),
		on(s, "POST", "/tickets", "write:tickets", "add-ticket", "Make a ticket", s.addTicket),
		on(s, "GET", "/tickets/{id}", "read:tickets", "get-ticket", "One ticket with notes, files and calls", s.getTicket),
		on(s, "PATCH", "/tickets/{id}", "write:tickets", "change-ticket", "Change a ticket, its status too", s.changeTicket),
		on(s, "POST", "/tickets/{id}/notes", "write:tickets", "add-note", "Add an internal note", s.addNote),
		on(s, "GET", "/tickets/{id}/attachments/{attachment}", "read:tickets", "get-attachment", "A file's content; honours Range", s.getAttachment),
		on(s, "GET", "/tickets/{id}/attachments/{attachment}/peaks", "read:tickets", "get-peaks", "The waveform of a recording", s.getPeaks),
	}
}

func (s *Server) listContacts(ctx context.Context, in *Searched) (*List[crm.Contact], error) {
	p, err := s.CRM.Contacts(ctx, tenant(ctx), in.Search, in.Cursor, in.Limit)
	return cut(p.Items, p.Next, err)
}

// ContactPage is a contact with all the ways they are recognised by.
type ContactPage struct {
	crm.Contact
	Identities []crm.Identity `json:"identities"`
}

func (s *Server) contactPage(ctx context.Context, c crm.Contact, err error) (*One[ContactPage], error) {
	if err != nil {
		return nil, err
	}
	ids, err := s.CRM.Identities(ctx, tenant(ctx), c.ID)
	return one(ContactPage{Contact: c, Identities: ids}, err)
}

func (s *Server) getContact(ctx context.Context, in *ByID) (*One[ContactPage], error) {
	c, err := s.CRM.Contact(ctx, tenant(ctx), in.ID)
	return s.contactPage(ctx, c, err)
}

func (s *Server) addContact(ctx context.Context, in *With[crm.ContactChange]) (*One[ContactPage], error) {
	c, err := s.CRM.CreateContact(ctx, tenant(ctx), in.Body)
	return s.contactPage(ctx, c, err)
}

func (s *Server) changeContact(ctx context.Context, in *Change[crm.ContactChange]) (*One[ContactPage], error) {
	c, err := s.CRM.ChangeContact(ctx, tenant(ctx), in.ID, in.Body)
	return s.contactPage(ctx, c, err)
}

type ticketFilter struct {
	Searched
	Status   crm.Status `query:"status" enum:"to_do,in_progress,on_hold,resolved,reopened"`
	Contact  uuid.UUID  `query:"contact" format:"uuid"`
	Assignee uuid.UUID  `query:"assignee" format:"uuid"`
	Call     uuid.UUID  `query:"call" format:"uuid"`
	SLA      crm.SLA    `query:"sla" enum:"running,paused,at_risk,breached,met"`
}

func (s *Server) listTickets(ctx context.Context, in *ticketFilter) (*List[crm.Ticket], error) {
	f := crm.TicketFilter{
		Status: in.Status, Contact: in.Contact, Assignee: in.Assignee, Call: in.Call, SLA: in.SLA, Search: in.Search, Cursor: in.Cursor, Limit: in.Limit,
	}
	mine, all, err := s.Auth.Within(ctx, scope(ctx))
	if err != nil {
		return nil, err
	}
	if !all && len(mine) == 1 && f.Assignee == uuid.Nil {
		f.Assignee = mine[0]
	}
	p, err := s.CRM.Tickets(ctx, tenant(ctx), f)
	if !all {
		p.Items = slices.DeleteFunc(p.Items, func(t crm.Ticket) bool { return !reachesTicket(t, mine) })
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
	return t, err
}

// TicketPage is a ticket with all that belongs to it.
type TicketPage struct {
	crm.Ticket
	Notes       []crm.Note       `json:"notes"`
	Attachments []crm.Attachment `json:"attachments"`
	Calls       []uuid.UUID      `json:"calls"`
	Promises    []crm.Clock      `json:"promises"`
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
	if p.Calls, err = s.CRM.Calls(ctx, tenant(ctx), t.ID); err != nil {
		return nil, err
	}
	p.Promises, err = s.CRM.Clocks(ctx, tenant(ctx), t.ID)
	return one(p, err)
}

func (s *Server) getTicket(ctx context.Context, in *ByID) (*One[TicketPage], error) {
	t, err := s.ticket(ctx, in.ID)
	return s.ticketPage(ctx, t, err)
}

// TicketInput is a ticket to be made.
type TicketInput struct {
	Title    string       `json:"title" minLength:"1" maxLength:"200"`
	Type     crm.Type     `json:"type,omitempty" enum:"bug,feature_request,billing,refund,general,custom"`
	Priority crm.Priority `json:"priority,omitempty" enum:"urgent,high,medium,low"`
	Contact  *uuid.UUID   `json:"contact_id,omitempty"`
	Assignee *uuid.UUID   `json:"assignee,omitempty"`
	Call     *uuid.UUID   `json:"call_id,omitempty"`
}

func (s *Server) addTicket(ctx context.Context, in *With[TicketInput]) (*One[TicketPage], error) {
	b := in.Body
	n := crm.NewTicket{Title: b.Title, Type: b.Type, Priority: b.Priority, Contact: b.Contact, Assignee: b.Assignee}
	if b.Call != nil {
		c, err := s.Calls.Get(ctx, tenant(ctx), *b.Call)
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
	Type     *crm.Type     `json:"type,omitempty" enum:"bug,feature_request,billing,refund,general,custom"`
	Priority *crm.Priority `json:"priority,omitempty" enum:"urgent,high,medium,low"`
	Status   *crm.Status   `json:"status,omitempty" enum:"to_do,in_progress,on_hold,resolved,reopened"`
	Assignee *uuid.UUID    `json:"assignee,omitempty" doc:"the nil UUID takes it from everybody"`
	Contact  *uuid.UUID    `json:"contact_id,omitempty"`
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

type attachmentID struct {
	ByID
	Attachment uuid.UUID `path:"attachment" format:"uuid"`
}

func (s *Server) getAttachment(ctx context.Context, in *attachmentID) (*huma.StreamResponse, error) {
	if _, err := s.ticket(ctx, in.ID); err != nil {
		return nil, err
	}
	file, err := s.CRM.OpenAttachment(ctx, tenant(ctx), in.ID, in.Attachment)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer file.Close()
		r, w := humago.Unwrap(hc)
		a := file.Attachment
		// What a customer or a CRM once sent is never shown by the browser as a page of ours.
		kind, disposition := a.ContentType, "attachment"
		if slices.Contains([]string{"audio/wav", "audio/x-wav", "audio/ogg", "audio/mpeg"}, kind) {
			disposition = "inline"
		} else {
			kind = "application/octet-stream"
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": a.Name}))
		w.Header().Set("Cache-Control", "private, no-store")
		http.ServeContent(w, r, "", a.CreatedAt, file)
	}}, nil
}

// Peaks draw a waveform without the file.
type Peaks struct {
	Seconds  float64 `json:"seconds"`
	Channels [][]int `json:"channels" doc:"customer, agents; for each stretch the loudest sample, 0 to 255"`
}

func (s *Server) getPeaks(ctx context.Context, in *attachmentID) (*One[Peaks], error) {
	if _, err := s.ticket(ctx, in.ID); err != nil {
		return nil, err
	}
	p, err := s.CRM.Peaks(ctx, tenant(ctx), in.ID, in.Attachment)
	if err != nil {
		return nil, err
	}
	return one(peaksView(p), nil)
}

func peaksView(p crm.Peaks) Peaks {
	out := Peaks{Seconds: p.Seconds, Channels: make([][]int, len(p.Peaks))}
	for i, channel := range p.Peaks {
		out.Channels[i] = make([]int, len(channel)) // numbers: a list of bytes would be sent as base64
		for j, v := range channel {
			out.Channels[i][j] = int(v)
		}
	}
	return out
}
