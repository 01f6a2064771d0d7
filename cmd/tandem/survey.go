package main

import (
	"context"

	"github.com/google/uuid"

	"tandem/chat"
	widget "tandem/chat/web"
	"tandem/crm"
)

// askCustomer sends the question after a ticket was resolved into its conversation or to the customer's e-mail address, in the tenant's language.
func (a *app) askCustomer(ctx context.Context, tenant uuid.UUID, q crm.Ask) error {
	t, err := a.auth.Tenant(ctx, tenant)
	if err != nil {
		return err
	}
	subject, text := "How did we do?", "How did we do? Your answer takes one click: "
	if t.Locale == "zh" {
		subject, text = "您对我们的服务满意吗？", "您对我们的服务满意吗？点击即可评价："
	}
	text += a.publicURL() + "/survey/" + q.Token
	if q.Mail != "" {
		return a.mail().Send(ctx, q.Mail, t.Name+": "+subject, text+"\n\n"+t.Name+"\n")
	}
	_, err = a.chat.Send(ctx, tenant, q.Conversation, chat.NewMessage{Text: text, Author: chat.BySystem})
	return err
}

// mail is how e-mail leaves.
func (a *app) mail() widget.Mail {
	m := a.cfg.Mail
	return widget.Mail{Host: m.Host, Port: m.Port, User: m.User, Password: m.Password, From: m.From, TLS: m.TLS}
}
