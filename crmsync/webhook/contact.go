package webhook

import (
	"context"

	"github.com/google/uuid"

	"tandem/crmsync"
)

// contact is a customer as the receiver is told of them.
type contact struct {
	Key      string    `json:"key"` // one for each contact: the receiver knows by it whom it has
	External string    `json:"external_id,omitempty"`
	Phone    string    `json:"phone,omitempty"`
	Channel  string    `json:"channel,omitempty"`
	Account  string    `json:"account,omitempty"`
	Identity string    `json:"identity,omitempty"`
	Name     string    `json:"name,omitempty"`
	Contact  uuid.UUID `json:"contact_id,omitzero"`
}

func contactOf(c crmsync.Customer) contact {
	key := "item:" + c.Item.String() // a withheld number
	switch {
	case c.External != "":
		key = "external:" + c.External
	case c.Phone != "":
		key = "phone:" + c.Phone
	case c.Identity != "":
		key = c.Channel + ":" + c.Account + ":" + c.Identity
	}
	return contact{Key: key, External: c.External, Phone: c.Phone, Channel: c.Channel, Account: c.Account, Identity: c.Identity, Name: c.Name, Contact: c.Contact}
}

// EnsureContact sends contact.ensure.
func (p *provider) EnsureContact(ctx context.Context, c crmsync.Customer) (string, error) {
	to := contactOf(c)
	return p.ensure(ctx, "contact.ensure", to.Key, to)
}
