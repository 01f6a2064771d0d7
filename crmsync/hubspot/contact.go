package hubspot

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"tandem/crmsync"
	"tandem/recording"
)

// FindContact finds the customer's contact: the one that their data name, the one that we have made for them, or the oldest with their number.
func (p *provider) FindContact(ctx context.Context, c crmsync.Customer) (found crmsync.Contact, err error) {
	id, err := p.named(ctx, c.External)
	if err == nil && id == "" {
		id, err = p.by(ctx, "contacts", contactProperty, c.Key())
	}
	if err == nil && id == "" {
		id, err = p.numbered(ctx, c.Phone)
	}
	if err != nil {
		return found, fmt.Errorf("look for the customer in HubSpot: %w", err)
	}
	return crmsync.Contact{ID: id}, nil
}

// EnsureContact returns the id of the customer's contact, made when there is none.
func (p *provider) EnsureContact(ctx context.Context, c crmsync.Customer) (string, error) {
	id, err := crmsync.Known(ctx, p.FindContact, c)
	if err != nil || id != "" {
		return id, err
	}
	with := map[string]string{contactProperty: c.Key(), "lastname": c.Name}
	if c.Phone != "" {
		with["phone"] = c.Phone
	}
	if id, err = p.create(ctx, "contacts", with, 0, ""); err != nil {
		return "", fmt.Errorf("make a contact in HubSpot: %w", err)
	}
	return id, nil
}

// named is the contact with a record id, or with a customer number in the property for them; empty when there is none.
func (p *provider) named(ctx context.Context, external string) (string, error) {
	property := p.conn.Settings[externalProperty]
	switch {
	case external == "":
		return "", nil
	case property != "":
		found, err := p.search(ctx, "contacts", [][2]string{{property, external}})
		if err != nil || len(found) == 0 {
			return "", err
		}
		return string(found[0].ID), nil
	}
	err := p.exists(ctx, "contacts", external)
	if isClass(err, recording.ClassGone) {
		return "", nil
	}
	return external, err
}

// numbered is the oldest contact with a telephone number, however it is written; empty when there is none. HubSpot has the national number
// as digits; whose it is in another country, is another one's.
func (p *provider) numbered(ctx context.Context, e164 string) (string, error) {
	number, parseErr := phonenumbers.Parse(e164, "")
	if parseErr != nil {
		return "", nil //nolint:nilerr // no number to look for
	}
	found, err := p.search(ctx, "contacts", [][2]string{
		{"phone", e164}, {"mobilephone", e164}, {"hs_searchable_calculated_phone_number", phonenumbers.GetNationalSignificantNumber(number)},
	}, "phone", "mobilephone")
	if err != nil {
		return "", err
	}
	region := phonenumbers.GetRegionCodeForNumber(number)
	for _, o := range found {
		for _, written := range []string{o.Properties["phone"], o.Properties["mobilephone"]} {
			if same, err := phonenumbers.Parse(written, region); err == nil && phonenumbers.Format(same, phonenumbers.E164) == e164 {
				return string(o.ID), nil
			}
		}
	}
	return "", nil
}

// search finds records that have one of the values in its property, the oldest first.
func (p *provider) search(ctx context.Context, kind string, values [][2]string, properties ...string) ([]object, error) {
	var groups []map[string]any
	for _, v := range values {
		groups = append(groups, map[string]any{"filters": []map[string]string{{"propertyName": v[0], "operator": "EQ", "value": v[1]}}})
	}
	var list struct{ Results []object }
	err := p.JSON(ctx, http.MethodPost, objects(kind)+"/search", map[string]any{
		"filterGroups": groups, "properties": properties, "limit": batch, "sorts": []map[string]string{{"propertyName": "createdate", "direction": "ASCENDING"}},
	}, &list)
	return list.Results, crmsync.AsRetry(err)
}

// Search finds contacts and tickets by words, as HubSpot's own search does; what is new shows there after a while.
func (p *provider) Search(ctx context.Context, text string) (found crmsync.Found, err error) {
	words := func(kind string, properties ...string) ([]object, error) {
		var list struct{ Results []object }
		err := p.JSON(ctx, http.MethodPost, objects(kind)+"/search", map[string]any{"query": text, "properties": properties, "limit": crmsync.MostFound}, &list)
		if err != nil {
			return nil, fmt.Errorf("search for %s in HubSpot: %w", kind, crmsync.AsRetry(err))
		}
		return list.Results, nil
	}
	people, err := words("contacts", "firstname", "lastname")
	if err != nil {
		return found, err
	}
	for _, o := range people {
		found.Contacts = append(found.Contacts, crmsync.Contact{ID: string(o.ID), Name: strings.TrimSpace(o.Properties["firstname"] + " " + o.Properties["lastname"])})
	}
	tickets, err := words("tickets", ticketProperties...)
	if err != nil {
		return found, err
	}
	found.Tickets, err = p.shown(ctx, tickets)
	return found, err
}

// page is a ticket's address in a browser, as far as the ticket's id.
func (p *provider) page(ctx context.Context) (string, error) {
	var account struct {
		PortalID int64  `json:"portalId"`
		Domain   string `json:"uiDomain"`
	}
	if err := p.JSON(ctx, http.MethodGet, "/account-info/"+version+"/details", nil, &account); err != nil {
		return "", err
	}
	if account.Domain == "" {
		account.Domain = "app.hubspot.com"
	}
	return "https://" + account.Domain + "/contacts/" + strconv.FormatInt(account.PortalID, 10) + "/record/0-5/", nil
}
