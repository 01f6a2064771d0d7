package zendesk

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"

	"tandem/crmsync"
)

type user struct {
	ID   crmsync.Number `json:"id"`
	Name string         `json:"name"`
}

type users struct {
	Users []user `json:"users"`
}

func (p *provider) person(u user) crmsync.Contact {
	return crmsync.Contact{ID: string(u.ID), Name: u.Name, URL: p.base + "/agent/users/" + string(u.ID)}
}

// FindContact finds the user by external id or number.
func (p *provider) FindContact(ctx context.Context, c crmsync.Customer) (crmsync.Contact, error) {
	queries := []url.Values{{"external_id": {c.ExternalID()}}}
	if c.Phone != "" {
		queries = append(queries, url.Values{"query": {"type:user phone:" + c.Phone}})
	}
	for _, q := range queries {
		var found users
		if err := p.JSON(ctx, http.MethodGet, "/api/v2/users/search?"+q.Encode(), nil, &found); err != nil {
			return crmsync.Contact{}, fmt.Errorf("look for the customer in Zendesk: %w", err)
		}
		for _, u := range found.Users {
			if u.ID != "" {
				return p.person(u), nil
			}
		}
	}
	return crmsync.Contact{}, nil
}

// EnsureContact finds the user, or makes an end user. Of two that are made at once, or while searches lag, Zendesk makes one: external ids are unique.
func (p *provider) EnsureContact(ctx context.Context, c crmsync.Customer) (string, error) {
	if id, err := crmsync.Known(ctx, p.FindContact, c); err != nil || id != "" {
		return id, err
	}
	body := map[string]any{"name": cmp.Or(c.Name, c.Identity, "Caller with a withheld number"), "external_id": c.ExternalID(), "role": "end-user"}
	if c.Phone != "" {
		body["phone"] = c.Phone
	}
	var made struct {
		User struct {
			ID crmsync.Number `json:"id"`
		} `json:"user"`
	}
	if err := p.JSON(ctx, http.MethodPost, "/api/v2/users/create_or_update", map[string]any{"user": body}, &made); err != nil {
		return "", fmt.Errorf("make a Zendesk user of the customer: %w", crmsync.AsRetry(err))
	}
	return string(made.User.ID), nil
}
