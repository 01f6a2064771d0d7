package servicenow

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"tandem/crmsync"
)

// longestTitle in characters, of short_description.
const longestTitle = 160

// resolved is the state of a ticket that is still active, but done, in both tables.
const resolved = "6"

// ticketFields are what is read of tickets.
const ticketFields = "sys_id,short_description,correlation_id,correlation_display,active,state,sys_updated_on,closed_at"

// EnsureTicket finds the ticket by its correlation id, or makes it.
func (p *provider) EnsureTicket(ctx context.Context, m crmsync.Matter) (string, error) {
	where := []condition{{"correlation_id", crmsync.ItemTag(m.Item)}}
	found, err := p.list(ctx, p.table, where, oldest, url.Values{"sysparm_fields": {"sys_id"}, "sysparm_limit": {"1"}})
	if err != nil {
		return "", fmt.Errorf("look for the ticket in ServiceNow: %w", err)
	}
	if len(found) > 0 {
		return found[0].ID, nil
	}
	contact, err := p.EnsureContact(ctx, m.Customer)
	if err != nil {
		return "", err
	}
	title := []rune(m.Title)
	fields := map[string]string{
		"short_description": string(title[:min(len(title), longestTitle)]), "description": m.Words, p.contact: contact,
		"correlation_id": crmsync.ItemTag(m.Item), "correlation_display": crmsync.QueueTag(m.Queue), "contact_type": "phone",
	}
	if m.Channel != "" {
		fields["contact_type"] = "chat"
	}
	if p.group != "" {
		fields["assignment_group"] = p.group
	}
	for name, value := range m.Fields {
		if _, ours := fields[name]; !ours {
			fields[name] = value
		}
	}
	id, err := p.insert(ctx, p.table, fields)
	if err != nil {
		return "", fmt.Errorf("make the ticket in ServiceNow: %w", err)
	}
	return id, nil
}

const maxTickets = 50

// Tickets lists those of the customer, closed ones too: they take notes and files.
func (p *provider) Tickets(ctx context.Context, contact string) ([]crmsync.Ticket, error) {
	params := url.Values{"sysparm_fields": {ticketFields}, "sysparm_limit": {strconv.Itoa(maxTickets)}}
	found, err := p.list(ctx, p.table, []condition{{p.contact, contact}}, "ORDERBYDESCsys_updated_on", params)
	if err != nil {
		return nil, fmt.Errorf("list the customer's tickets in ServiceNow: %w", err)
	}
	list := make([]crmsync.Ticket, 0, len(found))
	for _, r := range found {
		list = append(list, p.shown(r))
	}
	return list, nil
}

func (p *provider) shown(r record) crmsync.Ticket {
	one := crmsync.Ticket{
		ID: r.ID, Title: r.Title, Queue: crmsync.TaggedQueue(r.Queue), Open: r.Active == "true" && r.State != resolved, UpdatedAt: r.Updated.Time,
		URL: p.page(p.table, r.ID),
	}
	if !one.Open {
		one.ClosedAt = r.Closed.Time
		if one.ClosedAt.IsZero() {
			one.ClosedAt = one.UpdatedAt
		}
	}
	return one
}

// Search finds customers whose names hold the text, and tickets whose titles do.
func (p *provider) Search(ctx context.Context, text string) (found crmsync.Found, err error) {
	text, err = safe(text)
	if err != nil {
		return found, err
	}
	holding := func(table, column, fields string) ([]record, error) {
		return p.list(ctx, table, nil, "", url.Values{
			"sysparm_query": {column + "LIKE" + text + "^ORDERBYDESCsys_updated_on"}, "sysparm_fields": {fields}, "sysparm_limit": {strconv.Itoa(crmsync.MostFound)},
		})
	}
	people, err := holding(p.people, "name", "sys_id,name")
	if err != nil {
		return found, fmt.Errorf("search for customers in ServiceNow: %w", err)
	}
	tickets, err := holding(p.table, "short_description", ticketFields)
	if err != nil {
		return found, fmt.Errorf("search for tickets in ServiceNow: %w", err)
	}
	for _, r := range people {
		found.Contacts = append(found.Contacts, p.personOf(r))
	}
	for _, r := range tickets {
		found.Tickets = append(found.Tickets, p.shown(r))
	}
	return found, nil
}

// page is a row's address in a browser.
func (p *provider) page(table, id string) string {
	return p.base + "/nav_to.do?uri=" + url.QueryEscape(table+".do?sys_id="+id)
}

func (p *provider) path(ticket string) string {
	return "/table/" + p.table + "/" + url.PathEscape(ticket)
}

// read reads fields of a ticket, as people see them; ClassGone when there is none.
func (p *provider) read(ctx context.Context, ticket, fields string) (record, error) {
	var a struct {
		Result record `json:"result"`
	}
	query := url.Values{"sysparm_fields": {fields}, "sysparm_display_value": {"true"}, "sysparm_exclude_reference_link": {"true"}}
	if err := p.JSON(ctx, http.MethodGet, p.path(ticket)+"?"+query.Encode(), nil, &a); err != nil {
		return a.Result, fmt.Errorf("look for the ticket in ServiceNow: %w", err)
	}
	return a.Result, nil
}

// AddNote adds to the ticket's work notes, which only agents see. A note ends in its key: by that it is found among them if it was written before.
func (p *provider) AddNote(ctx context.Context, ticket string, n crmsync.Note) error {
	mark := "[" + n.Key + "]"
	t, err := p.read(ctx, ticket, "sys_id,work_notes")
	if err != nil {
		return err
	}
	for line := range strings.Lines(t.Notes) {
		if strings.TrimSpace(line) == mark {
			return nil
		}
	}
	notes := map[string]string{"work_notes": n.Title + "\n\n" + n.Body + "\n\n" + mark}
	if err := p.JSON(ctx, http.MethodPatch, p.path(ticket)+"?sysparm_fields=sys_id", notes, nil); err != nil {
		return fmt.Errorf("write work notes in ServiceNow: %w", err)
	}
	return nil
}
