// Package messenger is the channel of Facebook Pages (channels.md 4).
package messenger

import (
	"context"
	"time"

	"tandem/chat"
	"tandem/chat/meta"
	"tandem/internal/fault"
)

const megabyte = 1 << 20

// Maker makes channels of Pages.
func Maker() chat.Maker {
	return chat.Maker{
		Channel: chat.Messenger,
		Fields:  append([]chat.Field{{Name: "page_id", Required: true}}, meta.Fields("https://graph.facebook.com")...),
		Traits:  traits(),
		Open:    open,
	}
}

func traits() chat.Traits {
	return chat.Traits{
		TextLimit: 2000,
		Unit:      chat.Characters,
		Media: map[chat.MediaKind]chat.MediaRule{
			chat.Image: {Bytes: 8 * megabyte, Types: []string{"image/jpeg", "image/png", "image/gif"}},
			chat.Video: {Bytes: 25 * megabyte, Types: []string{"video/mp4", "video/quicktime", "video/webm"}},
			chat.Audio: {Bytes: 25 * megabyte, Types: []string{"audio/mpeg", "audio/mp4", "audio/aac", "audio/wav", "audio/ogg"}},
			chat.File: {Bytes: 25 * megabyte, Types: []string{
				"application/pdf", "text/plain", "text/csv", "application/zip",
				"application/msword", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
				"application/vnd.ms-excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
				"application/vnd.ms-powerpoint", "application/vnd.openxmlformats-officedocument.presentationml.presentation",
			}},
		},
		ByURL: true,
		Sent:  true, Delivered: true, Read: true,
		MarkRead: true, Typing: true,
		React: true, Quote: true,
		Options: meta.MaxQuickReplies,
		Rate:    chat.Rate{Per: time.Second / 300, Burst: 300},
	}
}

// channel is one Page.
type channel struct {
	account chat.Account
	page    *meta.Page
}

func open(a chat.Account, n chat.Needs) (chat.Channel, error) {
	graph, err := meta.NewClient(a, n)
	if err != nil {
		return nil, err
	}
	if a.Settings["page_id"] == "" {
		return nil, fault.New(fault.Invalid, "page_id_missing", "Enter the Page's id, as its settings show it.").WithField("page_id")
	}
	return &channel{account: a, page: &meta.Page{Graph: graph, ID: a.Settings["page_id"], Messenger: true, Now: n.Now}}, nil
}

// Person asks for a customer's name and picture.
func (c *channel) Person(ctx context.Context, p chat.Person) (chat.Person, error) {
	return c.page.Person(ctx, p, "first_name,last_name,profile_pic")
}

// Check asks for the Page's name.
func (c *channel) Check(ctx context.Context) (chat.Health, error) { return c.page.Check(ctx, "name") }
