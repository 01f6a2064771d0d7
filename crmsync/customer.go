package crmsync

import (
	"context"
	"strings"

	"github.com/google/uuid"
)

// Key is what a contact remembers its customer by, in a field of 60 characters: letters, digits and hyphens. Who has a number is one contact, on
// whatever channel they come; who hides it is a new one for each call.
func (c Customer) Key() string {
	number := strings.TrimPrefix(c.Phone, "+")
	switch {
	case number != "" && len(number) < 40 && strings.Trim(number, "0123456789") == "":
		return "phone-" + number
	case c.Identity == "":
		return "withheld-" + c.Item.String()
	}
	// Platforms' ids have any length and any characters.
	return "customer-" + uuid.NewSHA1(uuid.NameSpaceURL, []byte(c.Channel+":"+c.Account+":"+c.Identity)).String()
}

// ExternalID is the id by which a contact of ours is known where vendors keep any text for it: the one that the caller's data name, or else one for
// each identity.
func (c Customer) ExternalID() string {
	switch {
	case c.External != "":
		return c.External
	case c.Phone != "":
		return "tandem:" + c.Phone
	case c.Identity == "":
		return "tandem:withheld:" + c.Item.String()
	}
	return "tandem:" + c.Channel + ":" + c.Account + ":" + c.Identity
}

// Known is the contact that a Provider's EnsureContact need not make: the one that somebody has chosen, or the one that is found; empty when there is none.
func Known(ctx context.Context, find func(context.Context, Customer) (Contact, error), c Customer) (id string, err error) {
	if c.Record != "" {
		return c.Record, nil
	}
	found, err := find(ctx, c)
	return found.ID, err
}
