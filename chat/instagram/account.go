// Package instagram is the channel of Instagram's professional accounts, business and creator alike (channels.md 5).
package instagram

import (
	"context"
	"time"

	"tandem/chat"
	"tandem/chat/meta"
	"tandem/internal/fault"
)

const megabyte = 1 << 20

// Maker makes channels of Instagram accounts. Those that are linked to a Page have https://graph.facebook.com as their base URL.
func Maker() chat.Maker {
	return chat.Maker{
		Channel: chat.Instagram,
		Fields:  append([]chat.Field{{Name: "ig_id", Required: true}}, meta.Fields("https://graph.instagram.com")...),
		Traits:  traits(),
		Open:    open,
	}
}

func traits() chat.Traits {
	return chat.Traits{
		TextLimit: 1000,
		Unit:      chat.Bytes,
		Media: map[chat.MediaKind]chat.MediaRule{
			chat.Image: {Bytes: 8 * megabyte, Types: []string{"image/png", "image/jpeg", "image/gif"}},
			chat.Audio: {Bytes: 25 * megabyte, Types: []string{"audio/aac", "audio/mp4", "audio/x-m4a", "audio/wav"}},
			chat.Video: {Bytes: 25 * megabyte, Types: []string{"video/mp4", "video/ogg", "video/x-msvideo", "video/quicktime", "video/webm"}},
			chat.File:  {Bytes: 25 * megabyte, Types: []string{"application/pdf"}},
		},
		ByURL: true,
		Sent:  true, Read: true,
		MarkRead: true, Typing: true,
		React:   true,
		Options: meta.MaxQuickReplies,
		Rate:    chat.Rate{Per: time.Second / 300, Burst: 300},
	}
}

// channel is one account.
type channel struct {
	account chat.Account
	page    *meta.Page
}

func open(a chat.Account, n chat.Needs) (chat.Channel, error) {
	graph, err := meta.NewClient(a, n)
	if err != nil {
		return nil, err
	}
	if a.Settings["ig_id"] == "" {
		return nil, fault.New(fault.Invalid, "ig_id_missing", "Enter the Instagram account's id, as Meta's console shows it.").WithField("ig_id")
	}
	return &channel{account: a, page: &meta.Page{Graph: graph, ID: a.Settings["ig_id"], Now: n.Now}}, nil
}

// Person asks for a customer's name and picture.
func (c *channel) Person(ctx context.Context, p chat.Person) (chat.Person, error) {
	return c.page.Person(ctx, p, "name,username,profile_pic")
}

// Check asks for the account's name.
func (c *channel) Check(ctx context.Context) (chat.Health, error) {
	return c.page.Check(ctx, "name,username")
}
