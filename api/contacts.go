package api

import (
	"context"

	"github.com/google/uuid"

	"tandem/crm"
	"tandem/internal/auth"
	"tandem/internal/fault"
)

func (s *Server) contactRoutes() []route {
	return []route{
		on(s, "GET", "/contacts", "read:contacts", "list-contacts", "Contacts, the newest first", s.listContacts),
		on(s, "POST", "/contacts", "write:contacts", "add-contact", "Make a contact", s.addContact),
		on(s, "GET", "/contact-views", "read:contacts", "list-contact-views", "One's own views of the list of contacts, and those that are shared", s.listViews(crm.ViewOfContacts)),
		on(s, "POST", "/contact-views", "read:contacts", "add-contact-view", "Keep a view of the list of contacts", s.addView(crm.ViewOfContacts)),
		on(s, "PUT", "/contact-views/{id}", "read:contacts", "put-contact-view", "Change an own view of the list of contacts", s.putView(crm.ViewOfContacts)),
		on(s, "DELETE", "/contact-views/{id}", "read:contacts", "delete-contact-view", "Remove an own view of the list of contacts", s.deleteView(crm.ViewOfContacts)),
		on(s, "GET", "/contacts/{id}", "read:contacts", "get-contact", "One contact with their identities and lists; of one that was merged, the one that they became", s.getContact),
		on(s, "PATCH", "/contacts/{id}", "write:contacts", "change-contact", "Change a contact", s.changeContact),
		on(s, "GET", "/contacts/{id}/activity", "read:contacts", "list-contact-activity", "What happened with a contact in the last six months, the newest first", s.listActivity),
		on(s, "GET", "/contacts/{id}/files", "read:contacts", "list-contact-files", "Files of a contact's conversations and tickets, the newest first", s.listContactFiles),
		on(s, "GET", "/contacts/{id}/notes", "read:contacts", "list-contact-notes", "Notes on a contact, the newest first", s.listContactNotes),
		on(s, "POST", "/contacts/{id}/notes", "write:contacts", "add-contact-note", "Write a note on a contact", s.addContactNote),
		on(s, "DELETE", "/contacts/{id}/notes/{note}", "write:contacts", "delete-contact-note", "Remove an own note; with the permission to delete contacts, anybody's", s.deleteContactNote),
		on(s, "GET", "/contacts/{id}/alike", "read:contacts", "list-contacts-alike", "Contacts who may be the same person", s.listAlike),
		on(s, "GET", "/contacts/{id}/merge-preview/{other}", "write:contacts", "preview-contact-merge", "What a merge would do", s.previewMerge),
		on(s, "POST", "/contacts/{id}/merge", "write:contacts", "merge-contacts", "Give everything of another contact to this one; audited, and undone within 30 days", s.mergeContacts),
		on(s, "POST", "/contacts/{id}/merges/{merge}/undo", "write:contacts", "undo-contact-merge", "Bring two contacts apart as they were", s.undoMerge),
		on(s, "GET", "/contact-tags", "read:contacts", "list-contact-tags", "The tags that contacts have", s.listContactTags),
		on(s, "GET", "/contact-attributes", "read:contacts", "list-contact-attributes", "Attributes that contacts have besides the built-in ones", s.listAttributes),
		on(s, "POST", "/contact-attributes", "write:attributes", "add-contact-attribute", "Make an attribute of contacts", s.addAttribute),
		on(s, "PUT", "/contact-attributes/{id}", "write:attributes", "put-contact-attribute", "Change an attribute's name and options", s.putAttribute),
		on(s, "DELETE", "/contact-attributes/{id}", "write:attributes", "delete-contact-attribute", "Remove an attribute, and its values from all contacts", s.deleteAttribute),
		on(s, "GET", "/contact-lists", "read:contacts", "list-contact-lists", "Lists of contacts", s.listContactLists),
		on(s, "POST", "/contact-lists", "write:contacts", "add-contact-list", "Make a list: by hand, or by conditions", s.addContactList),
		on(s, "PUT", "/contact-lists/{id}", "write:contacts", "put-contact-list", "Change a list", s.putContactList),
		on(s, "DELETE", "/contact-lists/{id}", "delete:contacts", "delete-contact-list", "Remove a list; its contacts stay", s.deleteContactList),
		on(s, "PUT", "/contact-lists/{id}/contacts/{contact}", "write:contacts", "add-to-contact-list", "Put a contact on a list by hand", s.addToList),
		on(s, "DELETE", "/contact-lists/{id}/contacts/{contact}", "write:contacts", "remove-from-contact-list", "Take a contact from a list by hand", s.removeFromList),
	}
}

type contactFilter struct {
	Searched
	Group string    `query:"group" enum:"all,mine,team" default:"all" doc:"mine: whose owner one is; team: or a member of one's teams"`
	List  uuid.UUID `query:"list" format:"uuid"`
	Tag   string    `query:"tag" maxLength:"50"`
}

func (s *Server) listContacts(ctx context.Context, in *contactFilter) (*List[crm.Contact], error) {
	f := crm.ContactFilter{Search: in.Search, List: in.List, Tag: in.Tag, Cursor: in.Cursor, Limit: in.Limit}
	group := map[string]auth.Scope{"mine": auth.ScopeOwn, "team": auth.ScopeTeam}[in.Group]
	if group != "" {
		var err error
		if f.Owners, _, err = s.Auth.Within(ctx, group); err != nil {
			return nil, err
		}
	}
	p, err := s.CRM.Contacts(ctx, tenant(ctx), f)
	return cut(p.Items, p.Next, err)
}

// ContactPage is a contact with all the ways they are recognised by, and the lists by hand that they are on.
type ContactPage struct {
	crm.Contact
	Identities []crm.Identity    `json:"identities"`
	Lists      []crm.ContactList `json:"lists"`
}

func (s *Server) contactPage(ctx context.Context, c crm.Contact, err error) (*One[ContactPage], error) {
	if err != nil {
		return nil, err
	}
	p := ContactPage{Contact: c}
	if p.Identities, err = s.CRM.Identities(ctx, tenant(ctx), c.ID); err != nil {
		return nil, err
	}
	p.Lists, err = s.CRM.ListsOf(ctx, tenant(ctx), c.ID)
	return one(p, err)
}

func (s *Server) getContact(ctx context.Context, in *ByID) (*One[ContactPage], error) {
	c, err := s.CRM.Contact(ctx, tenant(ctx), in.ID)
	return s.contactPage(ctx, c, err)
}

func (s *Server) addContact(ctx context.Context, in *With[crm.ContactChange]) (*One[ContactPage], error) {
	if err := s.mayOwn(ctx, in.Body.Owner); err != nil {
		return nil, err
	}
	c, err := s.CRM.CreateContact(ctx, tenant(ctx), in.Body)
	return s.contactPage(ctx, c, err)
}

func (s *Server) changeContact(ctx context.Context, in *Change[crm.ContactChange]) (*One[ContactPage], error) {
	if err := s.mayOwn(ctx, in.Body.Owner); err != nil {
		return nil, err
	}
	c, err := s.CRM.ChangeContact(ctx, tenant(ctx), in.ID, in.Body)
	return s.contactPage(ctx, c, err)
}

// mayOwn refuses an owner who is nobody of the tenant.
func (s *Server) mayOwn(ctx context.Context, owner *uuid.UUID) error {
	if owner == nil || *owner == uuid.Nil {
		return nil
	}
	ok, err := s.Auth.Exists(ctx, *owner)
	if err == nil && !ok {
		err = fault.New(fault.Invalid, "owner_unknown", "There is no such person.").WithField("owner")
	}
	return err
}

func (s *Server) listAlike(ctx context.Context, in *ByID) (*List[crm.Contact], error) {
	c, err := s.CRM.Contact(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return whole(s.CRM.Alike(ctx, tenant(ctx), c.ID))
}

type otherContact struct {
	ByID
	Other uuid.UUID `path:"other" format:"uuid" doc:"the contact that this one takes over"`
}

func (s *Server) previewMerge(ctx context.Context, in *otherContact) (*One[crm.MergePreview], error) {
	return one(s.CRM.PreviewMerge(ctx, tenant(ctx), in.Other, in.ID))
}

// ContactMergeInput says which contact is taken over, and whose values are kept.
type ContactMergeInput struct {
	Other  uuid.UUID         `json:"other" format:"uuid" doc:"the contact that this one takes over"`
	Fields map[string]string `json:"fields,omitempty" doc:"by an attribute's name whose value is kept: into (this contact's) or from (the other's); left out: this contact's, or the other's where this one has none, and the tags of both"`
}

func (s *Server) mergeContacts(ctx context.Context, in *Change[ContactMergeInput]) (*One[ContactPage], error) {
	c, err := s.CRM.MergeContacts(ctx, tenant(ctx), in.Body.Other, in.ID, in.Body.Fields)
	return s.contactPage(ctx, c, err)
}

type mergeID struct {
	ByID
	Merge uuid.UUID `path:"merge" format:"uuid"`
}

func (s *Server) undoMerge(ctx context.Context, in *mergeID) (*One[ContactPage], error) {
	c, err := s.CRM.UndoMerge(ctx, tenant(ctx), in.ID, in.Merge)
	return s.contactPage(ctx, c, err)
}

func (s *Server) listContactTags(ctx context.Context, _ *struct{}) (*List[string], error) {
	return whole(s.CRM.Tags(ctx, tenant(ctx)))
}

func (s *Server) listAttributes(ctx context.Context, _ *struct{}) (*List[crm.Attribute], error) {
	return whole(s.CRM.Attributes(ctx, tenant(ctx)))
}

// AttributeInput is an attribute to be made. Its key and type stay.
type AttributeInput struct {
	Key     string            `json:"key" minLength:"1" maxLength:"40" example:"customer_since"`
	Label   string            `json:"label" minLength:"1" maxLength:"100"`
	Type    crm.AttributeType `json:"type" enum:"text,number,date,boolean,list"`
	Options []string          `json:"options,omitempty" maxItems:"100" doc:"of a list"`
}

func (s *Server) addAttribute(ctx context.Context, in *With[AttributeInput]) (*One[crm.Attribute], error) {
	b := in.Body
	return one(s.CRM.AddAttribute(ctx, tenant(ctx), crm.Attribute{Key: b.Key, Label: b.Label, Type: b.Type, Options: b.Options}))
}

// AttributeChange is what may be changed of an attribute.
type AttributeChange struct {
	Label   string   `json:"label" minLength:"1" maxLength:"100"`
	Options []string `json:"options,omitempty" maxItems:"100"`
}

func (s *Server) putAttribute(ctx context.Context, in *Change[AttributeChange]) (*One[crm.Attribute], error) {
	return one(s.CRM.ChangeAttribute(ctx, tenant(ctx), in.ID, in.Body.Label, in.Body.Options))
}

func (s *Server) deleteAttribute(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.CRM.RemoveAttribute(ctx, tenant(ctx), in.ID))
}

func (s *Server) listContactLists(ctx context.Context, _ *struct{}) (*List[crm.ContactList], error) {
	return whole(s.CRM.ContactLists(ctx, tenant(ctx)))
}

// ContactListInput is a list to be made, or what one becomes.
type ContactListInput struct {
	Name       string          `json:"name" minLength:"1" maxLength:"100"`
	Conditions *crm.Conditions `json:"conditions,omitempty" doc:"left out: the list is by hand"`
}

func (s *Server) addContactList(ctx context.Context, in *With[ContactListInput]) (*One[crm.ContactList], error) {
	return one(s.CRM.AddList(ctx, tenant(ctx), in.Body.Name, in.Body.Conditions))
}

func (s *Server) putContactList(ctx context.Context, in *Change[ContactListInput]) (*One[crm.ContactList], error) {
	return one(s.CRM.ChangeList(ctx, tenant(ctx), in.ID, in.Body.Name, in.Body.Conditions))
}

func (s *Server) deleteContactList(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.CRM.RemoveList(ctx, tenant(ctx), in.ID))
}

type listMember struct {
	ByID
	Contact uuid.UUID `path:"contact" format:"uuid"`
}

func (s *Server) addToList(ctx context.Context, in *listMember) (*Nothing, error) {
	return nothing(s.CRM.PutOnList(ctx, tenant(ctx), in.ID, in.Contact, true))
}

func (s *Server) removeFromList(ctx context.Context, in *listMember) (*Nothing, error) {
	return nothing(s.CRM.PutOnList(ctx, tenant(ctx), in.ID, in.Contact, false))
}
