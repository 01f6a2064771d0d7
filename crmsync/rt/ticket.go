package rt

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

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

// EnsureContact returns the name of the RT user that stands for the customer, made unprivileged when there is none. RT knows requestors by
// name, and searches users by no telephone field (it passes over such a condition and returns everybody), so the number is the name.
func (p *provider) EnsureContact(ctx context.Context, c crmsync.Customer) (string, error) {
	name, made := user(c), "Made by a call to the contact centre"
	if c.Channel != "" {
		made = "Made by a conversation with the contact centre"
	}
	known, err := p.hasUser(ctx, name)
	if err != nil || known {
		return name, err
	}
	err = p.post(ctx, "/user", map[string]any{"Name": name, "MobilePhone": c.Phone, "RealName": c.Name, "Privileged": 0, "Disabled": 0, "Comments": made}, nil)
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
		return false, fmt.Errorf("look for the customer in RT: %w", asRetry(err))
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
	err = p.post(ctx, "/ticket", map[string]any{
		"Queue": p.queue, "Subject": m.Title, "Requestor": requestor, "RefersTo": []string{link(m)}, "Content": m.Words, "ContentType": "text/plain",
	}, &made)
	if err != nil {
		return "", fmt.Errorf("make the ticket in RT: %w", err)
	}
	if made.ID == "" {
		return "", &recording.SendError{Class: recording.ClassDoubt, Err: errors.New("RT made a ticket, but does not say which")}
	}
	return string(made.ID), nil
}

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
	err = p.post(ctx, "/ticket/"+segment(ticket)+"/comment", map[string]any{"Subject": subject, "Content": n.Body, "ContentType": "text/plain"}, nil)
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
	if err := p.get(ctx, "/ticket/"+segment(ticket), nil, &t); err != nil {
		return fmt.Errorf("look for the ticket in RT: %w", err)
	}
	if t.Status == "deleted" {
		return &recording.SendError{Class: recording.ClassGone, Err: errors.New("the ticket was deleted in RT")}
	}
	return nil
}

// asRetry says of a search, which changes nothing, that it can simply be made again.
func asRetry(err error) error {
	var e *recording.SendError
	if errors.As(err, &e) && e.Class == recording.ClassDoubt {
		return &recording.SendError{Class: recording.ClassRetry, RetryAfter: e.RetryAfter, Err: e.Err}
	}
	return err
}
