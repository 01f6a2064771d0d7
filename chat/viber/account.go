// Package viber is the channel of Viber bots (channels.md 9).
package viber

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tandem/chat"
	"tandem/internal/fault"
)

const megabyte = 1 << 20

// Sizes in bytes that the platform takes.
const (
	pictureLimit = megabyte
	videoLimit   = 26 * megabyte
	fileLimit    = 50 * megabyte
	videoSeconds = 180
	jsonLimit    = 30 << 10
	urlLimit     = 2000
	optionLimit  = 12
)

// Maker makes channels of bots.
func Maker() chat.Maker {
	return chat.Maker{
		Channel: chat.Viber,
		Fields: []chat.Field{
			{Name: "auth_token", Secret: true, Required: true},
			{Name: "sender_name"},   // whose name messages carry that no agent writes; without it, the account's
			{Name: "sender_avatar"}, // https URL of the picture beside it
			{Name: "welcome"},       // what somebody reads who opens the conversation for the first time; nothing, if empty
			{Name: "base_url", Default: "https://chatapi.viber.com"},
			{Name: "media_hosts", Default: "viber.com"}, // that files may be fetched from, with the hosts below them
		},
		Traits: traits(),
		Open:   open,
	}
}

func traits() chat.Traits {
	return chat.Traits{
		TextLimit: 7000,
		Unit:      chat.Characters,
		Media: map[chat.MediaKind]chat.MediaRule{
			chat.Image: {Bytes: pictureLimit, Types: []string{"image/jpeg", "image/png"}},
			chat.Video: {Bytes: videoLimit, Types: []string{"video/mp4"}},
			chat.Audio: {Bytes: fileLimit, Types: []string{"*/*"}},
			chat.File:  {Bytes: fileLimit, Types: []string{"*/*"}},
		},
		ByURL:     true,
		Hook:      true,
		Sent:      true,
		Delivered: true,
		Read:      true,
		Options:   optionLimit,
		Pair:      chat.Rate{Per: 36 * time.Second, Burst: 100}, // 100 an hour to somebody who does not answer
	}
}

// account is a bot.
type account struct {
	token   string
	name    string // of the sender, where no agent is
	avatar  string
	welcome string
	base    *url.URL
	hosts   []string
	client  *http.Client
}

func open(a chat.Account, n chat.Needs) (chat.Channel, error) {
	c := &account{
		token: a.Secrets["auth_token"], name: a.Settings["sender_name"], avatar: a.Settings["sender_avatar"], welcome: a.Settings["welcome"],
		hosts:  strings.FieldsFunc(a.Settings["media_hosts"], func(r rune) bool { return r == ',' || r == ' ' }),
		client: n.Client,
	}
	if c.token == "" {
		return nil, fault.New(fault.Invalid, "viber_auth_token", "Enter the bot's token as Viber's admin panel shows it.").WithField("auth_token")
	}
	if c.name == "" {
		c.name = a.Name
	}
	base, err := url.Parse(strings.TrimRight(a.Settings["base_url"], "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fault.New(fault.Invalid, "viber_base_url", "Give the platform's address as https://host.").WithField("base_url")
	}
	c.base = base
	return c, nil
}

// Person asks about somebody whose name is not known. It may be asked twice in 12 hours only, and every event tells as much.
func (c *account) Person(ctx context.Context, p chat.Person) (chat.Person, error) {
	if p.Name != "" {
		return p, nil
	}
	var said struct {
		User user `json:"user"`
	}
	err := c.call(ctx, "get_user_details", map[string]string{"id": p.ID}, &said)
	var failed *chat.SendError
	if errors.As(err, &failed) && (failed.Verdict == chat.VerdictPair || failed.Verdict == chat.VerdictUnreachable) {
		return p, nil
	}
	if err != nil {
		return chat.Person{}, err
	}
	got := said.User.person()
	got.ID = p.ID
	return got, nil
}

// Check asks for the bot's account: its name, its hook and how many have subscribed.
func (c *account) Check(ctx context.Context) (chat.Health, error) {
	var said struct {
		ID          string `json:"id"`
		Name        string `json:"name"`
		URI         string `json:"uri"`
		Hook        string `json:"webhook"`
		Subscribers int64  `json:"subscribers_count"`
	}
	if err := c.call(ctx, "get_account_info", struct{}{}, &said); err != nil {
		return chat.Health{}, err
	}
	h := chat.Health{Name: said.Name, Detail: map[string]string{"id": said.URI, "hook": "none", "subscribers": strconv.FormatInt(said.Subscribers, 10)}}
	if said.Hook != "" {
		h.Detail["hook"] = said.Hook
	}
	return h, nil
}

// SetHook implements chat.Hooker. Viber calls the hook while this runs, and fails if it does not answer.
func (c *account) SetHook(ctx context.Context, address string) error {
	return c.call(ctx, "set_webhook", map[string]any{
		"url":         address,
		"event_types": []string{"delivered", "seen", "failed", "subscribed", "unsubscribed", "conversation_started"},
		"send_name":   true, "send_photo": true,
	}, nil)
}
