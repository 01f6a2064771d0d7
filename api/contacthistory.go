package api

import (
	"bytes"
	"context"
	"slices"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crm"
	"tandem/internal/auth"
)

type contactPaging struct {
	ByID
	Cursor string `query:"cursor" maxLength:"100" doc:"next_cursor of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

// window is the page that is asked for, and one more thing than it has.
func (p contactPaging) window() (crm.Window, error) {
	before, err := Paging{Cursor: p.Cursor}.after()
	if before == uuid.Nil {
		before = uuid.Max
	}
	return crm.Window{Before: before, Limit: p.Limit + 1}, err
}

// asFarAs is ctx for another permission than the route's: how far it reaches, and whether the acting user has it at all.
func asFarAs(ctx context.Context, verb, resource string) (context.Context, bool) {
	reach, err := auth.From(ctx).Allow(verb, resource)
	return context.WithValue(ctx, scopeKey{}, reach), err == nil
}

// mingle puts what several packages know into one list, the newest first. Ids sort by time.
func mingle[T any](p contactPaging, id func(T) uuid.UUID, lists ...[]T) (*List[T], error) {
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b T) int {
		x, y := id(a), id(b)
		return bytes.Compare(y[:], x[:])
	})
	return page(all, p.Limit, id, nil)
}

// listActivity shows of calls, conversations and tickets what the acting user may see of them anywhere else.
func (s *Server) listActivity(ctx context.Context, in *contactPaging) (*List[crm.Activity], error) {
	w, err := in.window()
	if err != nil {
		return nil, err
	}
	c, err := s.CRM.Contact(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	w.Since = s.DB.Now().AddDate(0, -crm.ActivityMonths, 0)
	rest, err := s.ticketActivity(ctx, c.ID, w)
	if err != nil {
		return nil, err
	}
	talks, err := s.callActivity(ctx, c.ID, w)
	if err != nil {
		return nil, err
	}
	chats, err := s.conversationActivity(ctx, c.ID, w)
	if err != nil {
		return nil, err
	}
	return mingle(*in, func(a crm.Activity) uuid.UUID { return a.ID }, rest, talks, chats)
}

// ticketOwners are the people whose tickets may be seen, nil for everybody's.
func (s *Server) ticketOwners(ctx context.Context) (owners []uuid.UUID, may bool, err error) {
	ctx, may = asFarAs(ctx, "read", "tickets")
	if !may {
		return nil, false, nil
	}
	owners, _, err = s.Auth.Within(ctx, scope(ctx))
	return owners, true, err
}

func (s *Server) ticketActivity(ctx context.Context, contact uuid.UUID, w crm.Window) ([]crm.Activity, error) {
	owners, may, err := s.ticketOwners(ctx)
	if err != nil {
		return nil, err
	}
	return s.CRM.Activities(ctx, tenant(ctx), contact, w, may, owners)
}

func (s *Server) callActivity(ctx context.Context, contact uuid.UUID, w crm.Window) (list []crm.Activity, err error) {
	ctx, may := asFarAs(ctx, "read", "calls")
	if !may {
		return nil, nil
	}
	h := calls.History{Before: w.Before, Since: w.Since, Limit: w.Limit}
	ids, err := s.CRM.Identities(ctx, tenant(ctx), contact)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if id.Kind == crm.IdentityPhone || id.Kind == crm.IdentitySIP {
			h.Numbers = append(h.Numbers, id.Value)
		}
	}
	if h.Also, err = s.CRM.CallsOf(ctx, tenant(ctx), contact, w); err != nil {
		return nil, err
	}
	if h.Agents, h.Queues, err = s.callReach(ctx); err != nil {
		return nil, err
	}
	rows, err := s.Calls.History(ctx, tenant(ctx), h)
	for _, r := range rows {
		list = append(list, crm.Activity{
			ID: r.ID, Kind: crm.ActivityCall, At: r.StartedAt, By: r.Agent, Text: r.Disposition, State: string(r.State), Direction: string(r.Direction), Seconds: r.TalkSeconds,
		})
	}
	return list, err
}

func (s *Server) conversationActivity(ctx context.Context, contact uuid.UUID, w crm.Window) (list []crm.Activity, err error) {
	ctx, may := asFarAs(ctx, "read", "conversations")
	if !may {
		return nil, nil
	}
	r, err := s.reader(ctx)
	if err != nil {
		return nil, err
	}
	past, err := s.Chat.Of(ctx, tenant(ctx), r, contact, w.Before, w.Since, w.Limit)
	for _, c := range past {
		list = append(list, crm.Activity{ID: c.ID, Kind: crm.ActivityConversation, At: c.CreatedAt, By: c.Owner, Text: c.LastText, State: string(c.State), Channel: string(c.Channel)})
	}
	return list, err
}

func (s *Server) listContactFiles(ctx context.Context, in *contactPaging) (*List[crm.ContactFile], error) {
	w, err := in.window()
	if err != nil {
		return nil, err
	}
	c, err := s.CRM.Contact(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	var onTickets, sent []crm.ContactFile
	owners, may, err := s.ticketOwners(ctx)
	if err == nil && may {
		onTickets, err = s.CRM.FilesOf(ctx, tenant(ctx), c.ID, w, owners)
	}
	if err == nil {
		sent, err = s.sentFiles(ctx, c.ID, w)
	}
	if err != nil {
		return nil, err
	}
	return mingle(*in, func(f crm.ContactFile) uuid.UUID { return f.ID }, onTickets, sent)
}

func (s *Server) sentFiles(ctx context.Context, contact uuid.UUID, w crm.Window) (list []crm.ContactFile, err error) {
	ctx, may := asFarAs(ctx, "read", "conversations")
	if !may {
		return nil, nil
	}
	r, err := s.reader(ctx)
	if err != nil {
		return nil, err
	}
	files, err := s.Chat.FilesOf(ctx, tenant(ctx), r, contact, w.Before, w.Limit)
	for _, f := range files {
		list = append(list, crm.ContactFile{ID: f.ID, At: f.At, Name: f.Name, ContentType: f.ContentType, Size: f.Bytes, Conversation: &f.Conversation, Preview: f.Preview})
	}
	return list, err
}

func (s *Server) listContactNotes(ctx context.Context, in *contactPaging) (*List[crm.ContactNote], error) {
	c, err := s.CRM.Contact(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	p, err := s.CRM.ContactNotes(ctx, tenant(ctx), c.ID, in.Cursor, in.Limit)
	return cut(p.Items, p.Next, err)
}

func (s *Server) addContactNote(ctx context.Context, in *Change[NoteInput]) (*One[crm.ContactNote], error) {
	return one(s.CRM.AddContactNote(ctx, tenant(ctx), in.ID, in.Body.Body))
}

type contactNoteID struct {
	ByID
	Note uuid.UUID `path:"note" format:"uuid"`
}

func (s *Server) deleteContactNote(ctx context.Context, in *contactNoteID) (*Nothing, error) {
	by := auth.From(ctx).User
	if _, any := asFarAs(ctx, "delete", "contacts"); any {
		by = uuid.Nil
	} else if by == uuid.Nil {
		return nil, auth.ErrForbidden
	}
	return nothing(s.CRM.RemoveContactNote(ctx, tenant(ctx), in.ID, in.Note, by))
}
