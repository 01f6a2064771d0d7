package main

import (
	"context"

	"tandem/chat"
	widget "tandem/chat/web"
	"tandem/web"
)

// buildWidget makes what customers' pages with the widget talk to.
func (a *app) buildWidget(context.Context) error {
	a.widget = widget.New(widget.Config{
		DB: a.db, Keys: a.keys, Events: a.events, Bus: a.bus, Chat: a.chat, Media: a.media, Queues: a.queues, Zone: a.zone, Vouched: a.auth.ReadClientToken,
		Mail: a.mail(), Files: web.Dist(), Log: a.log,
	})
	return nil
}

// fillWidget gives the demo's widget everything that it can do.
func (d *demo) fillWidget(ctx context.Context) error {
	all, err := d.chat.Accounts(ctx, d.tenant)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Channel != chat.Web || a.Name != demoSlug {
			continue
		}
		v, err := d.widget.Settings(ctx, d.tenant, a.ID)
		if err != nil || v.Settings.Number != "" {
			return err
		}
		set := v.Settings
		set.Color, set.Number, set.Features.Call = "#3c5a2e", "1001", true
		set.Texts = map[string]widget.Text{
			"en": {Title: "Larkspur Outdoor", Greeting: "Hello! Ask us anything about tents, trails and repairs.", Launcher: "Questions?"},
			"zh": {Title: "Larkspur Outdoor", Greeting: "您好！关于帐篷、路线和维修的问题都可以问我们。", Launcher: "有问题？"},
		}
		_, err = d.widget.SetSettings(ctx, d.tenant, a.ID, set)
		return err
	}
	return nil
}
