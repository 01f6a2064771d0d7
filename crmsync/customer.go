package crmsync

import (
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
