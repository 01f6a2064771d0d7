package webhook

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"tandem/crmsync"
	"tandem/recording"
)

// contact is a customer as the receiver is told of them.
type contact struct {
	ID       string    `json:"id,omitempty"` // the receiver's own, where a person has chosen the contact
	Key      string    `json:"key"`          // one for each contact: the receiver knows by it whom it has
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
	return contact{ID: c.Record, Key: key, External: c.External, Phone: c.Phone, Channel: c.Channel, Account: c.Account, Identity: c.Identity, Name: c.Name, Contact: c.Contact}
}

// FindContact asks for the contact; a receiver that answers no questions has none to show.
func (p *provider) FindContact(ctx context.Context, c crmsync.Customer) (found crmsync.Contact, err error) {
	if !p.reads {
		return found, nil
	}
	err = p.ask(ctx, http.MethodGet, "/contact", url.Values{"key": {contactOf(c).Key}}, &found)
	if e := new(recording.SendError); errors.As(err, &e) && e.Class == recording.ClassGone {
		return crmsync.Contact{}, nil
	}
	if err != nil || len(found.ID) > longestID || found.URL != "" && !strings.HasPrefix(found.URL, "https://") {
		return crmsync.Contact{}, err
	}
	return found, nil
}

// EnsureContact sends contact.ensure.
func (p *provider) EnsureContact(ctx context.Context, c crmsync.Customer) (string, error) {
	if c.Record != "" {
		return c.Record, nil
	}
	to := contactOf(c)
	return p.ensure(ctx, "contact.ensure", to.Key, to)
}
