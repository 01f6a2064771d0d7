package rt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/crmsync"
	"tandem/recording"
)

// number is RT's id, which comes as a string here and as a number there.
type number string

// UnmarshalJSON takes both.
func (n *number) UnmarshalJSON(b []byte) error {
	*n = number(strings.Trim(string(b), `"`))
	if _, err := strconv.ParseUint(string(*n), 10, 63); err != nil {
		return fmt.Errorf("RT's id %s is no number", b)
	}
	return nil
}

type found struct {
	Items []struct {
		ID number `json:"id"`
	} `json:"items"`
}

// link is how a ticket of RT remembers its call or conversation: a link to a URN (RFC 9562 section 4), which RT can search by.
func link(m crmsync.Matter) string { return "urn:uuid:" + m.Item.String() }

// queueLink is how it remembers the leaf queue.
func queueLink(queue uuid.UUID) string { return "urn:" + crmsync.QueueTag(&queue) }

// customFields takes the names that people know from TicketSQL, CF.{Name}, too.
func customFields(fields map[string]string) map[string]string {
	out := make(map[string]string, len(fields))
	for name, value := range fields {
		out[strings.TrimSuffix(strings.TrimPrefix(name, "CF.{"), "}")] = value
	}
	return out
}

// user is the name of the RT user that stands for a customer. Whose number is known is one user, on whatever channel they come; others are
// known by their platform's id.
func user(c crmsync.Customer) string {
	switch {
	case c.Phone != "":
		return c.Phone
	case c.Identity == "":
		return "withheld-" + c.Item.String()
	case c.Channel == "":
		return c.Identity
	}
	return c.Channel + "-" + c.Account + "-" + url.QueryEscape(c.Identity) // without what RT takes for an e-mail address or a list
}

// FindContact finds the RT user that stands for the customer. RT knows requestors by name, and searches users by no telephone field (it passes over
// such a condition and returns everybody), so the number is the name.
func (p *provider) FindContact(ctx context.Context, c crmsync.Customer) (crmsync.Contact, error) {
	name := user(c)
	known, err := p.hasUser(ctx, name)
	if err != nil || !known {
		return crmsync.Contact{}, err
	}
	return crmsync.Contact{ID: name, Name: name}, nil
}

// EnsureContact returns the name of the RT user that stands for the customer, made unprivileged when there is none.
func (p *provider) EnsureContact(ctx context.Context, c crmsync.Customer) (string, error) {
	if id, err := crmsync.Known(ctx, p.FindContact, c); err != nil || id != "" {
		return id, err
	}
	name, made := user(c), "Made by a call to the contact centre"
	if c.Channel != "" {
		made = "Made by a conversation with the contact centre"
	}
	err := p.post(ctx, "/user", map[string]any{"Name": name, "MobilePhone": c.Phone, "RealName": c.Name, "Privileged": 0, "Disabled": 0, "Comments": made}, nil)
	if err != nil {
		if known, lookErr := p.hasUser(ctx, name); lookErr == nil && known {
			return name, nil // made after all, or by another request
		}
		return "", fmt.Errorf("make an RT user of the customer: %w", err)
	}
	return name, nil
}

func (p *provider) hasUser(ctx context.Context, name string) (bool, error) {
	var list struct {
		Items []struct{ Name string } `json:"items"`
	}
	query := []map[string]string{{"field": "Name", "operator": "=", "value": name}}
	if err := p.post(ctx, "/users?fields=Name&per_page=1", query, &list); err != nil {
		return false, fmt.Errorf("look for the customer in RT: %w", crmsync.AsRetry(err))
	}
	return len(list.Items) > 0 && strings.EqualFold(list.Items[0].Name, name), nil
}

// EnsureTicket finds the ticket that links to the call or conversation, or makes it.
func (p *provider) EnsureTicket(ctx context.Context, m crmsync.Matter) (string, error) {
	var list found
	query := "RefersTo = " + quote(link(m)) + " AND Status != 'deleted'"
	if err := p.get(ctx, "/tickets", url.Values{"query": {query}, "orderby": {"id"}, "per_page": {"1"}}, &list); err != nil {
		return "", fmt.Errorf("look for the ticket in RT: %w", err)
	}
	if len(list.Items) > 0 && list.Items[0].ID != "" {
		return string(list.Items[0].ID), nil
	}
	requestor, err := p.EnsureContact(ctx, m.Customer)
	if err != nil {
		return "", err
	}
	var made struct {
		ID number `json:"id"`
	}
	links := []string{link(m)}
	if m.Queue != nil {
		links = append(links, queueLink(*m.Queue))
	}
	err = p.post(ctx, "/ticket", map[string]any{
		"Queue": p.queue, "Subject": m.Title, "Requestor": requestor, "RefersTo": links, "Content": m.Words, "ContentType": "text/plain", "CustomFields": customFields(m.Fields),
	}, &made)
	if err != nil {
		return "", fmt.Errorf("make the ticket in RT: %w", err)
	}
	if made.ID == "" {
		return "", &recording.SendError{Class: recording.ClassDoubt, Err: errors.New("RT made a ticket, but does not say which")}
	}
	return string(made.ID), nil
}

// Link lets the ticket refer to the call or conversation, too.
func (p *provider) Link(ctx context.Context, ticket string, m crmsync.Matter) error {
	if err := p.JSON(ctx, http.MethodPut, "/ticket/"+url.PathEscape(ticket), map[string]any{"AddRefersTo": []string{link(m)}}, nil); err != nil {
		return fmt.Errorf("link the ticket in RT: %w", err)
	}
	return nil
}

// mostTickets of a contact are looked at: each is a request, because RT's lists do not show links.
const mostTickets = 10

// Tickets lists a contact's tickets. All take comments, resolved ones too.
func (p *provider) Tickets(ctx context.Context, contact string) ([]crmsync.Ticket, error) {
	var list found
	query := "Requestor.Name = " + quote(contact) + " AND Status != 'deleted'"
	if err := p.get(ctx, "/tickets", url.Values{"query": {query}, "orderby": {"LastUpdated"}, "order": {"DESC"}, "per_page": {strconv.Itoa(mostTickets)}}, &list); err != nil {
		return nil, fmt.Errorf("list the contact's tickets in RT: %w", err)
	}
	tickets := make([]crmsync.Ticket, 0, len(list.Items))
	for _, item := range list.Items {
		var t struct {
			Subject     string
			Status      string
			LastUpdated time.Time
			Resolved    string // 1970-01-01T00:00:00Z while it is not
			Links       []struct {
				Ref string `json:"ref"`
				URL string `json:"_url"`
			} `json:"_hyperlinks"`
		}
		if err := p.get(ctx, "/ticket/"+url.PathEscape(string(item.ID)), nil, &t); err != nil {
			return nil, fmt.Errorf("look at a ticket in RT: %w", err)
		}
		one := crmsync.Ticket{ID: string(item.ID), Title: t.Subject, UpdatedAt: t.LastUpdated, URL: p.page(string(item.ID))}
		for _, l := range t.Links {
			if tag, ok := strings.CutPrefix(l.URL, "urn:"); ok && l.Ref == "refers-to" {
				one.Queue = cmp.Or(one.Queue, crmsync.TaggedQueue(tag))
			}
		}
		at, err := time.Parse(time.RFC3339, t.Resolved)
		one.Open = err != nil || at.Unix() <= 0
		if !one.Open {
			one.ClosedAt = at
		}
		tickets = append(tickets, one)
	}
	return tickets, nil
}

// Search finds users whose names hold the text, and tickets whose subjects do. Leaf queues are not read for that: each ticket would be a request.
func (p *provider) Search(ctx context.Context, text string) (found crmsync.Found, err error) {
	var people struct {
		Items []struct{ Name, RealName string } `json:"items"`
	}
	query := []map[string]string{{"field": "RealName", "operator": "LIKE", "value": text}}
	if err := p.post(ctx, "/users?fields=Name,RealName&per_page="+strconv.Itoa(crmsync.MostFound), query, &people); err != nil {
		return found, fmt.Errorf("search for users in RT: %w", crmsync.AsRetry(err))
	}
	var tickets struct {
		Items []struct {
			ID          number `json:"id"`
			Subject     string
			Status      string
			LastUpdated time.Time
		} `json:"items"`
	}
	sql := "Subject LIKE " + quote(text) + " AND Status != 'deleted'"
	err = p.get(ctx, "/tickets", url.Values{
		"query": {sql}, "fields": {"Subject,Status,LastUpdated"}, "orderby": {"LastUpdated"}, "order": {"DESC"}, "per_page": {strconv.Itoa(crmsync.MostFound)},
	}, &tickets)
	if err != nil {
		return found, fmt.Errorf("search for tickets in RT: %w", err)
	}
	for _, u := range people.Items {
		found.Contacts = append(found.Contacts, crmsync.Contact{ID: u.Name, Name: cmp.Or(u.RealName, u.Name)})
	}
	for _, t := range tickets.Items {
		one := crmsync.Ticket{ID: string(t.ID), Title: t.Subject, UpdatedAt: t.LastUpdated, Open: t.Status != "resolved" && t.Status != "rejected", URL: p.page(string(t.ID))}
		if !one.Open {
			one.ClosedAt = t.LastUpdated
		}
		found.Tickets = append(found.Tickets, one)
	}
	return found, nil
}

// page is a ticket's address in a browser.
func (p *provider) page(ticket string) string { return p.base + "/Ticket/Display.html?id=" + ticket }

// AddNote comments on a ticket. The comment's subject ends in the note's key, by which it is found if it was written before.
func (p *provider) AddNote(ctx context.Context, ticket string, n crmsync.Note) error {
	subject := n.Title + " (" + n.Key + ")"
	files, err := p.files(ctx, ticket)
	if err != nil {
		return err
	}
	for _, f := range files {
		if unfolded(f.Subject) == unfolded(subject) {
			return nil
		}
	}
	err = p.post(ctx, "/ticket/"+url.PathEscape(ticket)+"/comment", map[string]any{"Subject": subject, "Content": n.Body, "ContentType": "text/plain"}, nil)
	if err != nil {
		return fmt.Errorf("comment on the ticket in RT: %w", err)
	}
	return nil
}

// unfolded is a subject on one line: RT breaks long ones as RFC 5322, section 2.2.3, breaks header fields.
func unfolded(subject string) string { return strings.Join(strings.Fields(subject), " ") }

// exists says by ClassGone that there is no such ticket, or none any more. RT itself takes files for a deleted ticket without a word, and
// lists none for one that never was.
func (p *provider) exists(ctx context.Context, ticket string) error {
	var t struct{ Status string }
	if err := p.get(ctx, "/ticket/"+url.PathEscape(ticket), nil, &t); err != nil {
		return fmt.Errorf("look for the ticket in RT: %w", err)
	}
	if t.Status == "deleted" {
		return &recording.SendError{Class: recording.ClassGone, Err: errors.New("the ticket was deleted in RT")}
	}
	return nil
}
