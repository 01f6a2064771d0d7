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

// EnsureContact returns the id of the customer's contact: the one that their data name, the one that we have made for them, the oldest with
// their number, or a new one.
func (p *provider) EnsureContact(ctx context.Context, c crmsync.Customer) (string, error) {
	if id, err := p.named(ctx, c.External); err != nil || id != "" {
		return id, err
	}
	where := []string{p.fields[contactField] + " = " + quote(c.Key())}
	if c.Phone != "" {
		for _, field := range []string{"Phone", "MobilePhone", "HomePhone", "OtherPhone"} {
			where = append(where, field+" IN "+quoteAll(spellings(c.Phone)))
		}
	}
	id, err := p.first(ctx, "Contact", strings.Join(where, " OR "))
	if err != nil || id != "" {
		return id, err
	}
	last := []rune(cmp.Or(c.Name, c.Phone, "Withheld number"))
	body := map[string]any{"LastName": string(last[:min(len(last), 80)])}
	if c.Phone != "" {
		body["Phone"] = c.Phone
	}
	// A contact that looks like another is made all the same where the org's rules only warn.
	id, err = p.upsert(ctx, "Contact", p.fields[contactField], c.Key(), http.Header{"Sforce-Duplicate-Rule-Header": {"allowSave=true"}}, body)
	if err != nil {
		return "", fmt.Errorf("make a contact in Salesforce: %w", err)
	}
	return id, nil
}

// named is the contact with a record id, or with a customer number in the field for them; empty when there is none.
func (p *provider) named(ctx context.Context, external string) (string, error) {
	switch field := p.fields[customField]; {
	case external == "":
		return "", nil
	case field != "":
		return p.first(ctx, "Contact", field+" = "+quote(external))
	case recordID.MatchString(external):
		return p.first(ctx, "Contact", "Id = "+quote(external))
	}
	return "", nil
}

// first is the id of the oldest record of which the condition is true, empty when there is none.
func (p *provider) first(ctx context.Context, object, where string) (id string, err error) {
	err = query(ctx, p, "SELECT Id FROM "+object+" WHERE "+where+" ORDER BY CreatedDate, Id LIMIT 1", func(r struct{ ID string }) {
		if recordID.MatchString(r.ID) {
			id = r.ID
		}
	})
	if gone(err) {
		err = &recording.SendError{Class: recording.ClassRejected, Err: err}
	}
	if err != nil {
		return "", fmt.Errorf("look for a record in Salesforce: %w", err)
	}
	return id, nil
}
