package main

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/chat"
	"tandem/chat/attach"
	"tandem/crm"
	"tandem/internal/auth"
	"tandem/internal/fault"
	"tandem/notify"
	"tandem/smartactions"
)

// This file joins what customers are asked for with the calls in which they are, and with the ways to reach them.

func (a *app) buildActions() {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		ffmpeg = ""
	}
	a.cleaner = attach.New(attach.Config{FFmpeg: ffmpeg})
	a.actions = smartactions.New(smartactions.Config{
		DB: a.db, Events: a.events, Keys: a.keys, Blobs: a.blobs, Cleaner: a.cleaner, Log: a.log, Metrics: a.metrics,
		Send: a.sendLink, Contact: a.contactOf, Embedders: a.embeddersOf, URL: a.publicURL,
		Tenant: func(ctx context.Context, tenant uuid.UUID) (smartactions.Tenant, error) {
			t, err := a.auth.Tenant(ctx, tenant)
			return smartactions.Tenant{Name: t.Name, Language: t.Locale}, err
		},
	})
}

// publicURL is how customers reach this installation.
func (a *app) publicURL() string {
	if a.cfg.HTTP.PublicURL != "" {
		return a.cfg.HTTP.PublicURL
	}
	_, port, err := net.SplitHostPort(a.listener.Addr().String())
	if err != nil {
		return "http://localhost"
	}
	return "http://localhost:" + port
}

var (
	errNoMobile  = fault.New(fault.Conflict, "no_mobile_number", "There is no telephone number to send the link to; read it out, or copy it.")
	errNoAccount = fault.New(fault.Conflict, "customer_texts_not_set_up", "Text messages are not set up: an administrator enters the account under Notifications. Until then read the link out, or copy it.")
)

// sendLink brings a link to a customer: a message in the conversation, a text message to a caller.
func (a *app) sendLink(ctx context.Context, d smartactions.Delivery) error {
	if d.ItemKind == smartactions.OnConversation {
		_, err := a.chat.Send(ctx, d.Tenant, d.Item, chat.NewMessage{Text: d.Text, Action: &d.Action})
		return err
	}
	if !strings.HasPrefix(d.Number, "+") {
		return errNoMobile
	}
	number, err := crm.Phone(d.Number, "")
	if err != nil {
		return errNoMobile
	}
	err = a.notify.SendText(ctx, d.Tenant, number, d.Text)
	if errors.Is(err, notify.ErrNoSMS) {
		return errNoAccount
	}
	return err
}

// conversation reads one for ourselves; access has been looked at where it matters.
func (a *app) conversation(ctx context.Context, tenant, id uuid.UUID) (chat.Conversation, error) {
	return a.chat.Conversation(ctx, tenant, chat.Reader{Scope: auth.ScopeAll}, id)
}

// embeddersOf are the pages that have the widget in which a conversation takes place.
func (a *app) embeddersOf(ctx context.Context, tenant, conversation uuid.UUID) ([]string, error) {
	c, err := a.conversation(ctx, tenant, conversation)
	if err != nil || c.Channel != chat.Web {
		return nil, err
	}
	v, err := a.widget.Settings(ctx, tenant, c.Account.ID)
	return v.Settings.Origins, err
}

// contactOf is the contact at the other end, made when there is none yet.
func (a *app) contactOf(ctx context.Context, tenant uuid.UUID, kind smartactions.ItemKind, item uuid.UUID) (uuid.UUID, error) {
	if kind == smartactions.OnConversation {
		c, err := a.conversation(ctx, tenant, item)
		return c.Contact, err
	}
	c, err := a.board.Get(ctx, tenant, item)
	if err != nil {
		return uuid.Nil, err
	}
	who := crm.Caller{Number: c.Caller.Number, Name: c.Caller.Name}
	if c.Direction == calls.Outbound {
		who = crm.Caller{Number: c.Number}
	}
	if who.Number == "" || c.Caller.Withheld && c.Direction == calls.Inbound {
		return uuid.Nil, smartactions.ErrNoContact
	}
	contact, err := a.crm.EnsureCaller(ctx, tenant, who)
	return contact.ID, err
}
