package freshdesk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"tandem/crmsync"
	"tandem/recording"
)

type person struct {
	thing
	Name string `json:"name"`
}

func (p *provider) shownPerson(c person) crmsync.Contact {
	return crmsync.Contact{ID: string(c.ID), Name: c.Name, URL: p.base + "/a/contacts/" + string(c.ID)}
}

// Search finds contacts by how their names begin, and with them the tickets of the first: Freshdesk finds no tickets by words.
func (p *provider) Search(ctx context.Context, text string) (found crmsync.Found, err error) {
	var people []person
	if err := p.JSON(ctx, http.MethodGet, "/contacts/autocomplete?"+url.Values{"term": {text}}.Encode(), nil, &people); err != nil {
		return found, fmt.Errorf("search for customers in Freshdesk: %w", err)
	}
	for _, c := range people[:min(len(people), crmsync.MostFound)] {
		if c.ID != "" {
			found.Contacts = append(found.Contacts, p.shownPerson(c))
		}
	}
	if len(found.Contacts) > 0 {
		found.Tickets, err = p.Tickets(ctx, found.Contacts[0].ID)
	}
	return found, err
}

// FindContact finds the contact by external id or number.
func (p *provider) FindContact(ctx context.Context, c crmsync.Customer) (crmsync.Contact, error) {
	queries := []url.Values{{"unique_external_id": {c.ExternalID()}}}
	if c.Phone != "" {
		queries = append(queries, url.Values{"phone": {c.Phone}}, url.Values{"mobile": {c.Phone}})
	}
	for _, q := range queries {
		var found []person
		if err := p.JSON(ctx, http.MethodGet, "/contacts?"+q.Encode(), nil, &found); err != nil {
			return crmsync.Contact{}, fmt.Errorf("look for the customer in Freshdesk: %w", err)
		}
		if len(found) > 0 && found[0].ID != "" {
			return p.shownPerson(found[0]), nil
		}
	}
	return crmsync.Contact{}, nil
}

// EnsureContact finds the contact, or makes one. Of two that are made at once Freshdesk makes one, since external ids are unique, and says which.
func (p *provider) EnsureContact(ctx context.Context, c crmsync.Customer) (string, error) {
	if id, err := crmsync.Known(ctx, p.FindContact, c); err != nil || id != "" {
		return id, err
	}
	contact := map[string]any{"name": cmp.Or(c.Name, c.Identity, "Caller with a withheld number"), "unique_external_id": c.ExternalID()}
	if c.Phone != "" {
		contact["phone"] = c.Phone
	}
	var made thing
	err := p.JSON(ctx, http.MethodPost, "/contacts", contact, &made)
	var twin *duplicateError
	if errors.As(err, &twin) {
		return string(twin.id), nil
	}
	if err != nil {
		return "", fmt.Errorf("make a Freshdesk contact of the customer: %w", crmsync.AsRetry(err))
	}
	if made.ID == "" {
		return "", &recording.SendError{Class: recording.ClassRetry, Err: errors.New("Freshdesk made a contact, but does not say which")}
	}
	return string(made.ID), nil
}

// duplicateError is Freshdesk's 409: there is one already.
type duplicateError struct {
	id  crmsync.Number
	err error
}

func (d *duplicateError) Error() string { return d.err.Error() }
func (d *duplicateError) Unwrap() error { return d.err }

// duplicate reads which contact it is that there is already.
func duplicate(body []byte) crmsync.Number {
	var a struct {
		Errors []struct {
			Info struct {
				User crmsync.Number `json:"user_id"`
			} `json:"additional_info"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &a) != nil || len(a.Errors) == 0 {
		return ""
	}
	return a.Errors[0].Info.User
}
