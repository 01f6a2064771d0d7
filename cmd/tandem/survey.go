package main

import (
	"context"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/crm"
)

// askCustomer sends the question after a ticket was resolved into its conversation, in the tenant's language.
func (a *app) askCustomer(ctx context.Context, tenant uuid.UUID, q crm.Ask) error {
	t, err := a.auth.Tenant(ctx, tenant)
	if err != nil {
		return err
	}
	text := "How did we do? Your answer takes one click: "
	if t.Locale == "zh" {
		text = "您对我们的服务满意吗？点击即可评价："
	}
	_, err = a.chat.Send(ctx, tenant, q.Conversation, chat.NewMessage{Text: text + a.publicURL() + "/survey/" + q.Token, Author: chat.BySystem})
	return err
}
