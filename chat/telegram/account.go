// Package telegram is the channel of Telegram bots (channels.md 8).
package telegram

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tandem/chat"
	"tandem/internal/fault"
)

const megabyte = 1 << 20

// Sizes in bytes that the platform takes by upload and gives out.
const (
	photoLimit    = 10 * megabyte
	uploadLimit   = 50 * megabyte
	downloadLimit = 20 * megabyte
	stickerLimit  = 512 << 10
)

// Maker makes channels of bots.
func Maker() chat.Maker {
	return chat.Maker{
		Channel: chat.Telegram,
		Fields: []chat.Field{
			{Name: "bot_token", Secret: true, Required: true},
			{Name: "secret_token", Secret: true, Required: true}, // our own word, which Telegram repeats with every event
			{Name: "base_url", Default: "https://api.telegram.org"},
		},
		Traits: traits(),
		Open:   open,
	}
}

func traits() chat.Traits {
	return chat.Traits{
		TextLimit: 4096,
		Unit:      chat.UTF16,
		Caption:   1024,
		Media: map[chat.MediaKind]chat.MediaRule{
			chat.Image:   {Bytes: photoLimit, Types: []string{"image/jpeg", "image/png", "image/webp", "image/gif"}},
			chat.Video:   {Bytes: uploadLimit, Types: []string{"video/mp4"}},
			chat.Audio:   {Bytes: uploadLimit, Types: []string{"audio/mpeg", "audio/mp4", "audio/x-m4a", "audio/ogg"}},
			chat.File:    {Bytes: uploadLimit, Types: []string{"*/*"}},
			chat.Sticker: {Bytes: stickerLimit, Types: []string{"image/webp"}},
		},
		Typing:  true,
		Hook:    true,
		React:   true,
		Quote:   true,
		Edit:    true,
		Unsend:  true,
		Options: 100,
		Rate:    chat.Rate{Per: time.Second / 30, Burst: 30},
		Pair:    chat.Rate{Per: time.Second, Burst: 1},
	}
}

// account is a bot.
type account struct {
	token, secret string
	base          *url.URL
	client        *http.Client
}

var (
	tokenForm  = regexp.MustCompile(`^[0-9]+:[A-Za-z0-9_-]+$`)
	secretForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)
)

func open(a chat.Account, n chat.Needs) (chat.Channel, error) {
	c := &account{token: a.Secrets["bot_token"], secret: a.Secrets["secret_token"], client: n.Client}
	if !tokenForm.MatchString(c.token) {
		return nil, fault.New(fault.Invalid, "telegram_bot_token", "Enter the token that BotFather has given for the bot.").WithField("bot_token")
	}
	if !secretForm.MatchString(c.secret) {
		return nil, fault.New(fault.Invalid, "telegram_secret_token", "The secret token has 1 to 256 letters, digits, _ and -.").WithField("secret_token")
	}
	base, err := url.Parse(strings.TrimRight(a.Settings["base_url"], "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fault.New(fault.Invalid, "telegram_base_url", "Give the platform's address as https://host.").WithField("base_url")
	}
	c.base = base
	return c, nil
}

// Person asks for a chat. The picture has no address that could be shown: it would hold the token.
func (c *account) Person(ctx context.Context, p chat.Person) (chat.Person, error) {
	to, err := parseChat(p.ID)
	if err != nil {
		return chat.Person{}, err
	}
	var said talk
	err = c.call(ctx, "getChat", map[string]any{"chat_id": to.chat}, &said)
	var failed *chat.SendError
	if errors.As(err, &failed) && failed.Verdict == chat.VerdictUnreachable {
		return chat.Person{ID: p.ID}, nil
	}
	if err != nil {
		return chat.Person{}, err
	}
	return chat.Person{ID: p.ID, Name: said.name(), Username: said.Username}, nil
}

// Check asks who the bot is, and how its hook fares.
func (c *account) Check(ctx context.Context) (chat.Health, error) {
	var me person
	if err := c.call(ctx, "getMe", nil, &me); err != nil {
		return chat.Health{}, err
	}
	var hook struct {
		URL           string `json:"url"`
		Pending       int64  `json:"pending_update_count"`
		LastErrorDate int64  `json:"last_error_date"`
		LastError     string `json:"last_error_message"`
	}
	if err := c.call(ctx, "getWebhookInfo", nil, &hook); err != nil {
		return chat.Health{}, err
	}
	h := chat.Health{Name: me.name(), Detail: map[string]string{
		"id": "@" + me.Username, "hook": "none", "pending": strconv.FormatInt(hook.Pending, 10),
	}}
	if hook.URL != "" {
		h.Detail["hook"] = hook.URL
	}
	if hook.LastError != "" {
		h.Detail["last_error"] = hook.LastError
		if t := at(hook.LastErrorDate); !t.IsZero() {
			h.Detail["last_error_at"] = t.Format(time.RFC3339)
		}
	}
	return h, nil
}

// SetHook implements chat.Hooker. Reactions are not told unless asked for.
func (c *account) SetHook(ctx context.Context, address string) error {
	return c.call(ctx, "setWebhook", map[string]any{
		"url": address, "secret_token": c.secret, "max_connections": 40,
		"allowed_updates": []string{
			"message", "edited_message", "callback_query", "my_chat_member", "message_reaction",
			"business_connection", "business_message", "edited_business_message", "deleted_business_messages",
		},
	}, nil)
}
