package salesforce

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"tandem/crmsync"
	"tandem/recording"
)

// longestKey is how many characters the fields have by which contacts and cases are found.
const longestKey = 60

// spellings are the ways in which people write a number into a CRM.
func spellings(number string) []string {
	list := []string{number}
	parsed, err := phonenumbers.Parse(number, "")
	if err != nil {
		return list
	}
	national := phonenumbers.Format(parsed, phonenumbers.NATIONAL)
	for _, s := range []string{
		phonenumbers.Format(parsed, phonenumbers.INTERNATIONAL), national, digits(national), digits(number), "00" + digits(number),
	} {
		if len(s) > 5 { // a short one would be somebody else's
			list = append(list, s)
		}
	}
	return list
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// FindContact finds the customer's contact: the one that their data name, the one that we have made for them, or the oldest with their number.
func (p *provider) FindContact(ctx context.Context, c crmsync.Customer) (crmsync.Contact, error) {
	if found, err := p.named(ctx, c.External); err != nil || found.ID != "" {
		return p.linked(found), err
	}
	where := []string{p.fields[contactField] + " = " + quote(c.Key())}
	if c.Phone != "" {
		for _, field := range []string{"Phone", "MobilePhone", "HomePhone", "OtherPhone"} {
			where = append(where, field+" IN "+quoteAll(spellings(c.Phone)))
		}
	}
	found, err := p.firstNamed(ctx, "Contact", strings.Join(where, " OR "))
	return p.linked(found), err
}

// linked adds a contact's address in a browser.
func (p *provider) linked(c crmsync.Contact) crmsync.Contact {
	if c.ID != "" {
		c.URL = p.session.page(c.ID)
	}
	return c
}

// EnsureContact returns the id of the customer's contact, made when there is none.
func (p *provider) EnsureContact(ctx context.Context, c crmsync.Customer) (string, error) {
	if id, err := crmsync.Known(ctx, p.FindContact, c); err != nil || id != "" {
		return id, err
	}
	last := []rune(cmp.Or(c.Name, c.Phone, "Withheld number"))
	body := map[string]any{"LastName": string(last[:min(len(last), 80)])}
	if c.Phone != "" {
		body["Phone"] = c.Phone
	}
	// A contact that looks like another is made all the same where the org's rules only warn.
	id, err := p.upsert(ctx, "Contact", p.fields[contactField], c.Key(), http.Header{"Sforce-Duplicate-Rule-Header": {"allowSave=true"}}, body)
	if err != nil {
		return "", fmt.Errorf("make a contact in Salesforce: %w", err)
	}
	return id, nil
}

// named is the contact with a record id, or with a customer number in the field for them; without an ID when there is none.
func (p *provider) named(ctx context.Context, external string) (none crmsync.Contact, err error) {
	switch field := p.fields[customField]; {
	case external == "":
		return none, nil
	case field != "":
		return p.firstNamed(ctx, "Contact", field+" = "+quote(external))
	case recordID.MatchString(external):
		return p.firstNamed(ctx, "Contact", "Id = "+quote(external))
	}
	return none, nil
}

// first is the id of the oldest record of which the condition is true, empty when there is none.
func (p *provider) first(ctx context.Context, object, where string) (string, error) {
	found, err := p.firstNamed(ctx, object, where)
	return found.ID, err
}

// firstNamed is first, with the record's name.
func (p *provider) firstNamed(ctx context.Context, object, where string) (found crmsync.Contact, err error) {
	err = query(ctx, p, "SELECT Id, Name FROM "+object+" WHERE "+where+" ORDER BY CreatedDate, Id LIMIT 1", func(r struct{ ID, Name string }) {
		if recordID.MatchString(r.ID) {
			found = crmsync.Contact{ID: r.ID, Name: r.Name}
		}
	})
	if gone(err) {
		err = &recording.SendError{Class: recording.ClassRejected, Err: err}
	}
	if err != nil {
		return found, fmt.Errorf("look for a record in Salesforce: %w", err)
	}
	return found, nil
}
