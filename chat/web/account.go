package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/internal/events"
	"tandem/internal/fault"
)

const (
	maxMessage = 4000 // characters; a frame of 16 kB holds them in any language
	maxMedia   = 50 << 20
)

// Maker makes channels of kind web. bus carries signs of life to the sockets of visitors, whichever node has them.
func Maker(bus *events.Bus) chat.Maker {
	any := chat.MediaRule{Bytes: maxMedia}
	return chat.Maker{
		Channel: chat.Web,
		Fields:  []chat.Field{},
		Traits: chat.Traits{
			TextLimit: maxMessage, Unit: chat.Characters, Caption: maxMessage,
			Media: map[chat.MediaKind]chat.MediaRule{chat.Image: any, chat.Video: any, chat.Audio: any, chat.File: any},
			Sent:  true, Delivered: true, Read: true,
			MarkRead: true, Typing: true, TypingIn: true, React: true, Quote: true, Edit: true, Unsend: true, Options: 10,
		},
		Open: func(a chat.Account, _ chat.Needs) (chat.Channel, error) { return &channel{bus: bus, account: a}, nil },
	}
}

// channel is an account. What is stored is sent: pages read it from there.
type channel struct {
	bus     *events.Bus
	account chat.Account
}

var errNoHook = fault.New(fault.NotFound, "no_hook", "The widget has no hook; its pages use the socket.")

// Accept implements chat.Channel: nobody posts for the widget.
func (c *channel) Accept(chat.Hook) (chat.Answer, error) { return chat.Answer{}, errNoHook }

// Decode implements chat.Channel.
func (c *channel) Decode(chat.Hook) ([]chat.Event, error) { return nil, errNoHook }

// Send implements chat.Channel. The message has its id from us, by which a page can quote it.
func (c *channel) Send(_ context.Context, m chat.Outgoing) (chat.Sent, error) {
	if m.React != "" || m.Edit != "" || m.Unsend != "" {
		return chat.Sent{Status: chat.StatusSent}, nil
	}
	return chat.Sent{ID: m.ID.String(), Status: chat.StatusSent}, nil
}

// Signal implements chat.Channel: pages that are open show it.
func (c *channel) Signal(_ context.Context, s chat.Signal) error {
	b, err := json.Marshal(Sign{Account: c.account.ID, Key: s.To.ID, Kind: s.Kind})
	if err != nil {
		return fmt.Errorf("encode a sign of life: %w", err)
	}
	c.bus.Publish(signs, b)
	return nil
}

var errNoMedia = errors.New("files of the widget are stored when they are uploaded")

// Fetch implements chat.Channel: what visitors upload is with us already.
func (c *channel) Fetch(context.Context, chat.MediaRef) (chat.Media, error) {
	return chat.Media{}, errors.Join(chat.ErrMediaGone, errNoMedia)
}

// Person implements chat.Channel.
func (c *channel) Person(_ context.Context, p chat.Person) (chat.Person, error) { return p, nil }

// Check implements chat.Channel: there is nothing outside to try.
func (c *channel) Check(context.Context) (chat.Health, error) {
	return chat.Health{Name: c.account.Name}, nil
}

// Sign is a sign of life for the open pages of a person.
type Sign struct {
	Account uuid.UUID       `json:"account"`
	Key     string          `json:"key"`
	Kind    chat.SignalKind `json:"kind"`
}

const signs = "widget.signs"

// Signs calls f for each sign of life, from whichever node. Some may be lost.
func (s *Service) Signs(f func(Sign)) (stop func()) {
	return s.cfg.Bus.Subscribe(signs, func(_ string, data []byte) {
		var sign Sign
		if json.Unmarshal(data, &sign) == nil {
			f(sign)
		}
	})
}
