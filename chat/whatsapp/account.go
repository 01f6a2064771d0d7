// Package whatsapp is the channel of WhatsApp's Cloud API (channels.md 3).
package whatsapp

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"tandem/chat"
	"tandem/chat/meta"
	"tandem/internal/fault"
)

const (
	kilobyte = 1 << 10
	megabyte = 1 << 20
)

// Maker makes channels of WhatsApp numbers.
func Maker() chat.Maker {
	return chat.Maker{
		Channel: chat.WhatsApp,
		Fields: append([]chat.Field{
			{Name: "phone_number_id", Required: true},
			{Name: "waba_id", Required: true},
		}, meta.Fields("https://graph.facebook.com")...),
		Traits:   traits(),
		Variants: Variants,
		Open:     open,
	}
}

func traits() chat.Traits {
	return chat.Traits{
		TextLimit: 4096,
		Unit:      chat.Characters,
		Caption:   1024,
		Media: map[chat.MediaKind]chat.MediaRule{
			chat.Image: {Bytes: 5 * megabyte, Types: []string{"image/jpeg", "image/png"}},
			chat.Video: {Bytes: 16 * megabyte, Types: []string{"video/mp4", "video/3gpp"}},
			chat.Audio: {Bytes: 16 * megabyte, Types: []string{"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"}},
			chat.File: {Bytes: 100 * megabyte, Types: []string{
				"application/pdf", "text/plain", "text/csv",
				"application/msword", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
				"application/vnd.ms-excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
				"application/vnd.ms-powerpoint", "application/vnd.openxmlformats-officedocument.presentationml.presentation",
			}},
			// An animated sticker may have 500 KB; which one is animated, only its content tells.
			chat.Sticker: {Bytes: 100 * kilobyte, Types: []string{"image/webp"}},
		},
		Sent: true, Delivered: true, Read: true,
		MarkRead: true, Typing: true,
		React: true, Quote: true,
		Options:   maxRows,
		Templates: true,
		Rate:      chat.Rate{Per: time.Second / 80, Burst: 80},
		Pair:      chat.Rate{Per: 6 * time.Second, Burst: 45},
	}
}

// channel is one number.
type channel struct {
	account chat.Account
	graph   *meta.Client
	now     func() time.Time
}

func open(a chat.Account, n chat.Needs) (chat.Channel, error) {
	graph, err := meta.NewClient(a, n)
	if err != nil {
		return nil, err
	}
	if a.Settings["phone_number_id"] == "" {
		return nil, fault.New(fault.Invalid, "phone_number_id_missing", "Enter the id of the telephone number, as Meta's console shows it.").
			WithField("phone_number_id")
	}
	return &channel{account: a, graph: graph, now: n.Now}, nil
}

// path is an address below the number's.
func (c *channel) path(rest string) string {
	p := url.PathEscape(c.account.Settings["phone_number_id"])
	if rest != "" {
		p += "/" + rest
	}
	return p
}

// Person returns p: the platform tells of customers only in what they write.
func (c *channel) Person(_ context.Context, p chat.Person) (chat.Person, error) { return p, nil }

// Check asks for the number's name, quality and limits.
func (c *channel) Check(ctx context.Context) (chat.Health, error) {
	var answer meta.Flat
	fields := "verified_name,display_phone_number,quality_rating,throughput,platform_type,code_verification_status," + limitField
	if err := c.graph.Call(ctx, http.MethodGet, c.path(""), url.Values{"fields": {fields}}, nil, &answer); err != nil {
		return chat.Health{}, err
	}
	health := chat.Health{Name: answer["verified_name"], Detail: map[string]string{}}
	for name, value := range answer {
		if name != "id" && name != "verified_name" {
			health.Detail[name] = value
		}
	}
	return health, nil
}

// limitField is how many people may be written to first in a day, of the whole business portfolio.
const limitField = "whatsapp_business_manager_messaging_limit"
