package main

import (
	"context"
	"net/http"
	"time"

	"tandem/chat"
	"tandem/chat/instagram"
	"tandem/chat/line"
	"tandem/chat/messenger"
	"tandem/chat/sms"
	"tandem/chat/telegram"
	"tandem/chat/viber"
	"tandem/chat/web"
	"tandem/chat/wechat"
	"tandem/chat/whatsapp"
	"tandem/internal/egress"
)

// channelTimeout bounds a whole request to a platform, files included.
const channelTimeout = time.Minute

// fakesAt is where the demo's accounts look for their platforms: the default of `tandem fake-channels`.
const fakesAt = "http://127.0.0.1:8099"

// buildChat makes conversations and what they stand on.
func (a *app) buildChat() {
	private := a.cfg.Egress.Private || a.demo
	a.media = chat.NewMediaStore(chat.MediaConfig{
		DB: a.db, Bus: a.bus, Keys: a.keys, Blobs: a.blobs, Cleaner: a.cleaner, Log: a.log, Metrics: a.metrics, PublicURL: a.publicURL(), MaxBytes: a.cfg.Chat.MaxFileBytes, Private: private,
	})
	a.chat = chat.New(chat.Config{
		DB: a.db, Events: a.events, Bus: a.bus, Keys: a.keys, Queues: a.queues, CRM: a.crm, Media: a.media, Log: a.log, Metrics: a.metrics, PublicURL: a.cfg.HTTP.PublicURL,
		Makers: []chat.Maker{
			whatsapp.Maker(), messenger.Maker(), instagram.Maker(), wechat.Maker(), line.Maker(), telegram.Maker(), viber.Maker(), sms.Maker(), web.Maker(a.bus),
		},
		Client: egress.Client(channelTimeout, private),
	})
}

// chatRoutes are the patterns of the listener that belong to conversations and are no part of the API.
func (a *app) chatRoutes() map[string]http.Handler {
	return map[string]http.Handler{
		"/hooks/{channel}/{account}": http.HandlerFunc(a.chat.ServeHook),
		"GET /media/{token}":         http.HandlerFunc(a.media.ServePublic),
	}
}

// fillChannels makes an account on each platform, which the fake platforms know.
func (d *demo) fillChannels(ctx context.Context) error {
	there, err := d.chat.Accounts(ctx, d.tenant)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, a := range there {
		known[string(a.Channel)] = true
	}
	support := d.tree["Support"]
	for _, p := range fakePlatforms(time.Now()) {
		p.Base().Close()
		channel := p.Base().Channel
		if known[string(channel)] {
			continue
		}
		account := p.Account(fakesAt + "/" + string(channel))
		if _, err := d.chat.AddAccount(ctx, d.tenant, chat.AccountChange{
			Channel: channel, Name: &account.Name, Queue: &support, Settings: given(account.Settings), Secrets: given(account.Secrets),
		}); err != nil {
			return err
		}
	}
	if known[string(chat.Web)] {
		return nil
	}
	_, err = d.chat.AddAccount(ctx, d.tenant, chat.AccountChange{Channel: chat.Web, Name: new("demo"), Queue: &support})
	return err
}

func given(values map[string]string) map[string]*string {
	all := map[string]*string{}
	for name, value := range values {
		all[name] = &value
	}
	return all
}
