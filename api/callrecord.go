package api

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crmsync"
	"tandem/internal/auth"
	"tandem/internal/fault"
)

func (s *Server) callRecordRoutes() []route {
	return []route{
		on(s, "GET", "/calls/{id}/crm", "read:calls", "get-call-crm", "What the CRM knows of a call's customer, and which record was chosen for it", s.callCRM),
		on(s, "GET", "/calls/{id}/crm/search", "read:calls", "search-call-crm", "Look for contacts and tickets in the CRM", s.searchCallCRM),
		on(s, "PUT", "/calls/{id}/crm", "write:calls", "choose-call-record", "Choose the contact or ticket that a call goes to", s.chooseRecord),
	}
}

// CallCRM is a call's customer as the CRM knows them.
type CallCRM struct {
	crmsync.Lookup
	Wanted bool           `json:"wanted" doc:"the call goes to a ticket"`
	Choice crmsync.Choice `json:"choice"`
}

// lookupPatience is how long an answer waits for the CRM; whoever asks again gets what has come meanwhile.
const lookupPatience = time.Second

func (s *Server) callCRM(ctx context.Context, in *ByID) (*One[CallCRM], error) {
	c, err := s.call(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := CallCRM{Wanted: goesToTicket(&c)}
	if out.Choice, err = s.CRMSync.ChoiceOf(ctx, tenant(ctx), in.ID); err != nil {
		return nil, err
	}
	if out.Lookup, err = s.CRMSync.Lookup(ctx, tenant(ctx), &c.Record, lookupPatience); err != nil {
		return nil, err
	}
	found := s.withinReach(ctx, out.Provider, crmsync.Found{Tickets: out.Tickets})
	if out.Tickets = found.Tickets; !may(ctx, "read", "contacts") {
		out.Contact = nil
	}
	return one(out, nil)
}

func goesToTicket(c *calls.CallRow) bool { return c.Ticket || c.Recording != nil }

func may(ctx context.Context, verb, resource string) bool {
	_, any := asFarAs(ctx, verb, resource)
	return any
}

// withinReach leaves out what the actor may not see: of Tandem's own tickets, those beyond their scope.
func (s *Server) withinReach(ctx context.Context, provider string, f crmsync.Found) crmsync.Found {
	if !may(ctx, "read", "contacts") {
		f.Contacts = []crmsync.Contact{}
	}
	f.Tickets = slices.DeleteFunc(slices.Clone(f.Tickets), func(t crmsync.Ticket) bool { return s.reachesRecord(ctx, "read", provider, t.ID) != nil })
	return f
}

// reachesRecord refuses a ticket that is not the actor's to see or change.
func (s *Server) reachesRecord(ctx context.Context, verb, provider, ticket string) error {
	within, any := asFarAs(ctx, verb, "tickets")
	switch {
	case !any:
		return auth.ErrForbidden
	case provider != crmsync.Own || scope(within) == auth.ScopeAll:
		return nil
	}
	id, err := uuid.Parse(ticket)
	if err != nil {
		return crmsync.ErrNoRecord
	}
	_, err = s.ticket(within, id)
	return err
}

type recordSearch struct {
	ByID
	Text string `query:"text" maxLength:"100" doc:"nothing is found by less than two characters"`
}

func (s *Server) searchCallCRM(ctx context.Context, in *recordSearch) (*One[crmsync.Found], error) {
	if _, err := s.call(ctx, in.ID); err != nil {
		return nil, err
	}
	if len(in.Text) < 2 {
		return one(crmsync.Found{Contacts: []crmsync.Contact{}, Tickets: []crmsync.Ticket{}}, nil)
	}
	conn, err := s.CRMSync.Connection(ctx, tenant(ctx))
	if err != nil {
		return nil, err
	}
	found, err := s.CRMSync.Search(ctx, tenant(ctx), in.Text)
	return one(s.withinReach(ctx, conn.Provider, found), err)
}

// RecordChoice is where a call is to go in the CRM.
type RecordChoice struct {
	Kind   crmsync.ChoiceKind `json:"kind" enum:"automatic,contact,ticket,new"`
	Record string             `json:"record,omitempty" maxLength:"200" doc:"the contact's or ticket's id, as the CRM has it"`
	Label  string             `json:"label,omitempty" maxLength:"200" doc:"the record as it was shown"`
}

func (s *Server) chooseRecord(ctx context.Context, in *Change[RecordChoice]) (*One[crmsync.Choice], error) {
	c, err := s.call(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	b := in.Body
	if !goesToTicket(&c) {
		return nil, crmsync.ErrNoTicket
	}
	if b.Record == "" && (b.Kind == crmsync.ChooseTicket || b.Kind == crmsync.ChooseContact) {
		return nil, errNoRecordNamed
	}
	conn, err := s.CRMSync.Connection(ctx, tenant(ctx))
	if err != nil {
		return nil, err
	}
	provider := conn.Provider
	if b.Kind != crmsync.ChooseTicket {
		provider = "" // nothing of a ticket's owner to look at
	}
	if err := s.reachesRecord(ctx, "write", provider, b.Record); err != nil {
		return nil, err
	}
	if err := s.CRMSync.Choose(ctx, tenant(ctx), in.ID, crmsync.Choice{Kind: b.Kind, Record: b.Record, Label: b.Label}); err != nil {
		return nil, err
	}
	return one(s.CRMSync.ChoiceOf(ctx, tenant(ctx), in.ID))
}

var errNoRecordNamed = fault.New(fault.Invalid, "crm_record_missing", "Say which contact or ticket.").WithField("record")
