// Package sms is the channel of text and multimedia messages, carried by Twilio (channels.md 10).
package sms

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tandem/chat"
	"tandem/internal/fault"
)

// Maker makes channels of telephone numbers.
func Maker() chat.Maker {
	return chat.Maker{
		Channel: chat.SMS,
		Fields: []chat.Field{
			{Name: "account_sid", Required: true},
			{Name: "auth_token", Secret: true, Required: true},
			{Name: "auth_token_secondary", Secret: true}, // while the tokens are being changed, hooks are signed with either
			{Name: "from"}, // E.164, a short code or a name; or
			{Name: "messaging_service_sid"},
			{Name: "public_url"}, // of this account's hook, where it is not the installation's
			{Name: "base_url", Default: "https://api.twilio.com"},
			{Name: "media_hosts", Default: "twilio.com,twiliocdn.com,amazonaws.com"},
		},
		Traits: traits(),
		Open:   open,
	}
}

// traits: the platform spreads messages over the time that carriers allow, so the rate only bounds how fast it is given them.
func traits() chat.Traits {
	const most = 5 << 20 // of all media of a message
	return chat.Traits{
		TextLimit: 1600,
		Unit:      chat.Characters,
		Caption:   1600,
		Media: map[chat.MediaKind]chat.MediaRule{
			chat.Image: {Bytes: most, Types: []string{"image/jpeg", "image/png", "image/gif"}},
			chat.Video: {Bytes: most, Types: []string{"video/mp4", "video/3gpp"}},
			chat.Audio: {Bytes: most, Types: []string{"audio/mpeg", "audio/amr", "audio/ogg", "audio/mp4"}},
			chat.File:  {Bytes: most, Types: []string{"application/pdf", "text/vcard", "text/calendar"}},
		},
		ByURL:     true,
		Sent:      true,
		Delivered: true,
		Rate:      chat.Rate{Per: 100 * time.Millisecond, Burst: 10},
		Pair:      chat.Rate{Per: time.Second, Burst: 5},
	}
}

// account is a sender at Twilio: a number or a messaging service.
type account struct {
	sid, token    string
	tokens        []string // that hooks are signed with
	from, service string
	hook          string // the public URL of the account's hook; "": nobody has said
	fixed         bool   // hook stands, whatever the request's URL
	base          *url.URL
	hosts         []string // that media may be fetched from, beside base
	client        *http.Client
	now           func() time.Time
}

func open(a chat.Account, n chat.Needs) (chat.Channel, error) {
	base, err := url.Parse(strings.TrimRight(a.Settings["base_url"], "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fault.New(fault.Invalid, "sms_base_url", "Give the platform's address as https://host.").WithField("base_url")
	}
	for _, field := range []string{"account_sid", "auth_token"} {
		if a.Settings[field] == "" && a.Secrets[field] == "" {
			return nil, fault.New(fault.Invalid, "sms_field", "Enter the account SID and the auth token as Twilio's console shows them.").WithField(field)
		}
	}
	c := &account{
		sid: a.Settings["account_sid"], token: a.Secrets["auth_token"],
		tokens: []string{a.Secrets["auth_token"]},
		from:   a.Settings["from"], service: a.Settings["messaging_service_sid"],
		base:   base,
		hosts:  strings.FieldsFunc(a.Settings["media_hosts"], func(r rune) bool { return r == ',' || r == ' ' }),
		client: n.Client,
		now:    n.Now,
	}
	if second := a.Secrets["auth_token_secondary"]; second != "" {
		c.tokens = append(c.tokens, second)
	}
	if c.from == "" && c.service == "" {
		return nil, fault.New(fault.Invalid, "sms_sender", "Enter the number that sends, or the SID of a messaging service.").WithField("from")
	}
	if own := a.Settings["public_url"]; own != "" {
		if u, err := url.Parse(own); err != nil || u.Host == "" {
			return nil, fault.New(fault.Invalid, "sms_public_url", "Give the hook's address as https://host/path.").WithField("public_url")
		}
		own, _, _ = strings.Cut(own, "#") // connection overrides are for the platform
		c.hook, _, _ = strings.Cut(own, "?")
		c.fixed = true
	} else if n.PublicURL != "" {
		c.hook = n.PublicURL + "/hooks/" + string(chat.SMS) + "/" + url.PathEscape(a.Name)
	}
	return c, nil
}

// Person is what is known: the platform tells nothing about numbers.
func (c *account) Person(_ context.Context, p chat.Person) (chat.Person, error) { return p, nil }

// Signal does nothing: there is neither typing nor reading by text message.
func (c *account) Signal(context.Context, chat.Signal) error { return nil }

// Check reads the account.
func (c *account) Check(ctx context.Context) (chat.Health, error) {
	var said struct {
		Name   string `json:"friendly_name"`
		Status string `json:"status"`
		Type   string `json:"type"`
	}
	if _, err := c.get(ctx, "/2010-04-01/Accounts/"+url.PathEscape(c.sid)+".json", nil, &said); err != nil {
		return chat.Health{}, err
	}
	if said.Status != "active" {
		return chat.Health{}, &chat.SendError{Verdict: chat.VerdictPaused, Code: said.Status, Detail: "Twilio says that the account is " + said.Status + "."}
	}
	return chat.Health{Name: said.Name, Detail: map[string]string{"status": said.Status, "type": said.Type}}, nil
}
