package servicenow

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"regexp"

	"github.com/google/uuid"

	"tandem/crmsync"
)

// longestUserName in characters, of sys_user's column.
const longestUserName = 100

// userName is how a customer's row is known: one for each identity.
func userName(c crmsync.Customer) string {
	name := "tandem:withheld:" + c.Item.String()
	switch {
	case c.Phone != "":
		name = "tandem:" + c.Phone
	case c.Identity != "":
		name = "tandem:" + c.Channel + ":" + c.Account + ":" + url.QueryEscape(c.Identity)
	}
	if len(name) > longestUserName {
		return "tandem:" + uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String()
	}
	return name
}

// external are ids that a caller's data may name: a sys_id or a user name. All else is not looked for.
var external = regexp.MustCompile(`^[A-Za-z0-9_.@+-]{1,100}$`)

// FindContact finds the customer by sys_id or user name, then by number.
func (p *provider) FindContact(ctx context.Context, c crmsync.Customer) (found crmsync.Contact, err error) {
	var ways []condition
	if external.MatchString(c.External) {
		ways = append(ways, condition{"sys_id", c.External}, condition{"user_name", c.External})
	}
	ways = append(ways, condition{"user_name", userName(c)})
	if c.Phone != "" {
		ways = append(ways, condition{"phone", c.Phone}, condition{"mobile_phone", c.Phone})
	}
	for _, way := range ways {
		if found, err = p.person(ctx, way); err != nil || found.ID != "" {
			return found, err
		}
	}
	return found, nil
}

// EnsureContact finds the customer, or makes a row. User names are unique in ServiceNow: of two that are made at once one is refused, and then found.
func (p *provider) EnsureContact(ctx context.Context, c crmsync.Customer) (string, error) {
	if id, err := crmsync.Known(ctx, p.FindContact, c); err != nil || id != "" {
		return id, err
	}
	id, err := p.insert(ctx, p.people, map[string]string{
		"user_name": userName(c), "last_name": cmp.Or(c.Name, c.Identity, "Caller with a withheld number"), "phone": c.Phone,
	})
	if err != nil {
		if known, lookErr := p.person(ctx, condition{"user_name", userName(c)}); lookErr == nil && known.ID != "" {
			return known.ID, nil // made after all, or by another request
		}
		return "", fmt.Errorf("make a row of the customer in ServiceNow: %w", crmsync.AsRetry(err))
	}
	return id, nil
}

func (p *provider) person(ctx context.Context, way condition) (crmsync.Contact, error) {
	found, err := p.list(ctx, p.people, []condition{way}, oldest, url.Values{"sysparm_fields": {"sys_id,name"}, "sysparm_limit": {"1"}})
	if err != nil {
		return crmsync.Contact{}, fmt.Errorf("look for the customer in ServiceNow: %w", err)
	}
	if len(found) == 0 {
		return crmsync.Contact{}, nil
	}
	return p.personOf(found[0]), nil
}

func (p *provider) personOf(r record) crmsync.Contact {
	return crmsync.Contact{ID: r.ID, Name: r.Name, URL: p.page(p.people, r.ID)}
}
