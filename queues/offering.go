package queues

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// OptionOf is what a page or an app can offer outside hours (Q4.4).
type OptionOf string

// Options of pages and apps.
const (
	OfferScheduledCall OptionOf = "scheduled_call"
	OfferEmail         OptionOf = "email"
	OfferNumber        OptionOf = "number"    // "Call now"; apps only
	OfferVoicemail     OptionOf = "voicemail" // apps only
	OfferQueue         OptionOf = "queue"     // a call to another queue; apps only, and never with others
)

// ClientOption is one option on offer.
type ClientOption struct {
	Kind    OptionOf   `json:"kind"`
	Address string     `json:"address,omitempty"` // of email
	Draft   *MailDraft `json:"draft,omitempty"`   // of email in an app
	Number  string     `json:"number,omitempty"`  // of number
	Queue   uuid.UUID  `json:"queue,omitzero"`    // of queue
}

// MailDraft is what an app fills a new mail with.
type MailDraft struct {
	To   string `json:"to"`
	Body string `json:"body"` // names the version of the app and the type of device
}

// Offering is what a page or an app shows of a queue now: the buttons for a call and a chat, or what is chosen in their place.
type Offering struct {
	Queue   uuid.UUID      `json:"queue,omitzero"`
	Name    string         `json:"name,omitempty"`
	Open    bool           `json:"open"`
	Call    bool           `json:"call"` // show the button for a call
	Chat    bool           `json:"chat"` // show the button for a chat
	Message string         `json:"message,omitempty"`
	Options []ClientOption `json:"options"`
	Opens   *time.Time     `json:"opens_at,omitempty"` // when it is closed: the next time it opens
}

// Client is who asks what is on offer.
type Client struct {
	Channel    Channel // Web or Mobile
	Language   string
	AppVersion string
	DeviceType string
}

// Offering tells a page or an app what to show of a queue at a time.
func (s *Service) Offering(ctx context.Context, tenant, queue uuid.UUID, at time.Time, c Client) (o Offering, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		p := newPlanner(ctx, tx, Arrival{At: at, Channel: c.Channel, Language: c.Language})
		pl, v, err := p.hoursStep(queue)
		if err != nil {
			return err
		}
		off, err := offOnPath(ctx, tx, queue, p.a.Channel)
		if err != nil {
			return err
		}
		o = Offering{Queue: queue, Name: v.Name, Open: v.Open, Call: !off && !pl.queue.Paused, Chat: !off && !pl.queue.Paused}
		if v.Open || off {
			return nil
		}
		if o.Opens, err = p.opens(v.Hours); err != nil {
			return err
		}
		o.afterHours(pl.set, c)
		return nil
	})
	return o, wrap("tell what is on offer", err)
}

// afterHours hides what is deflected and shows what is chosen instead. A virtual agent that works around the clock takes calls as ever.
func (o *Offering) afterHours(set Settings, c Client) {
	if set.DeflectCalls.Value && !set.Bot.Value.Works(false) {
		o.Call = false
	}
	if set.DeflectChats.Value {
		o.Chat = false
	}
	if o.Call && o.Chat {
		return
	}
	d := set.DeflectionWeb.Value
	if c.Channel == Mobile {
		d = set.DeflectionMobile.Value
	}
	o.Message, o.Options = d.Message, d.options(c)
}

func (d ClientDeflection) options(c Client) []ClientOption {
	if d.Queue != uuid.Nil {
		return []ClientOption{{Kind: OfferQueue, Queue: d.Queue}}
	}
	var all []ClientOption
	if d.ScheduledCall {
		all = append(all, ClientOption{Kind: OfferScheduledCall})
	}
	if d.Email != "" {
		o := ClientOption{Kind: OfferEmail, Address: d.Email}
		if c.Channel == Mobile {
			o.Draft = &MailDraft{To: d.Email, Body: "\n\nApp: " + c.AppVersion + "\nDevice: " + c.DeviceType + "\n"}
		}
		all = append(all, o)
	}
	if d.Number != "" {
		all = append(all, ClientOption{Kind: OfferNumber, Number: d.Number})
	}
	if d.Voicemail {
		all = append(all, ClientOption{Kind: OfferVoicemail})
	}
	return all
}

// offOnPath says whether a channel is switched off for a queue, by itself or above.
func offOnPath(ctx context.Context, tx *storage.Tx, queue uuid.UUID, channel Channel) (bool, error) {
	tree, err := readTree(ctx, tx)
	if err != nil {
		return false, err
	}
	for at := queue; at != uuid.Nil; {
		i := slices.IndexFunc(tree, func(q Queue) bool { return q.ID == at })
		if i < 0 {
			return false, ErrNoQueue
		}
		if slices.Contains(tree[i].Off, channel) {
			return true, nil
		}
		at = tree[i].Parent
	}
	return false, nil
}
