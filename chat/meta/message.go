package meta

import (
	"encoding/json"

	"tandem/chat"
)

// message is one message of Messenger or Instagram, of the customer's or an echo of the account's own.
type message struct {
	Mid         Text   `json:"mid"`
	Text        string `json:"text"`
	Echo        bool   `json:"is_echo"`
	Deleted     bool   `json:"is_deleted"`
	Unsupported bool   `json:"is_unsupported"`
	App         Text   `json:"app_id"`
	Metadata    Text   `json:"metadata"`
	QuickReply  *struct {
		Payload Text `json:"payload"`
	} `json:"quick_reply"`
	ReplyTo *struct {
		Mid   Text `json:"mid"`
		Story Flat `json:"story"`
	} `json:"reply_to"`
	Referral    Flat         `json:"referral"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	URL     string `json:"url"`
	Payload struct {
		URL         string `json:"url"`
		Title       string `json:"title"`
		Sticker     Text   `json:"sticker_id"`
		Coordinates *struct {
			Latitude  Text `json:"lat"`
			Longitude Text `json:"long"`
		} `json:"coordinates"`
	} `json:"payload"`
}

// into makes the event's message of m; ours says that the account is its sender.
func (m *message) into(e *chat.Event, raw json.RawMessage, ours bool) {
	if m.Mid == "" { // nothing can answer or change it, but it is there
		m.Mid = Text(key("message", e.From.ID, e.At.String()))
	}
	e.Key = string(m.Mid)
	if m.Deleted {
		e.Key = key("unsend", string(m.Mid))
		e.Unsend = &chat.Unsend{Of: string(m.Mid)}
		return
	}
	in := &chat.Incoming{ID: string(m.Mid), Window: chat.ByMessage}
	e.Message = in
	if m.Echo || ours {
		in.Echo, in.EchoOf, in.Window, in.Via = true, local(m.Metadata), chat.NoWindow, string(m.App)
		if in.Via == "" {
			in.Via = "inbox"
		}
	}
	in.Text = m.Text
	m.attached(in)
	switch {
	case m.Unsupported:
	case m.QuickReply != nil:
		in.Kind = chat.Choice
		in.Body.Choice = &chat.Chosen{ID: string(m.QuickReply.Payload), Title: m.Text}
	case len(in.Media) > 0:
		in.Kind = chat.MediaOf
	case in.Body.Location != nil:
		in.Kind = chat.Location
	case in.Body.Link != nil && in.Text == "":
		in.Kind, in.Text = chat.Text, in.Body.Link.URL
	case in.Text != "":
		in.Kind = chat.Text
	}
	if in.Kind == "" {
		in.Kind, in.Raw = chat.Unsupported, raw
		in.Body.Type = "message"
		if len(m.Attachments) > 0 && m.Attachments[0].Type != "" {
			in.Body.Type = m.Attachments[0].Type
		}
	}
	m.context(in)
}

// context is what the message answers, and where it comes from.
func (m *message) context(in *chat.Incoming) {
	if m.ReplyTo != nil {
		in.Quote = string(m.ReplyTo.Mid)
		if m.ReplyTo.Story != nil {
			in.Body.Referral = map[string]string{"type": "story_reply", "story_id": m.ReplyTo.Story["id"], "story_url": m.ReplyTo.Story["url"]}
		}
	}
	for name, value := range m.Referral {
		if in.Body.Referral == nil {
			in.Body.Referral = map[string]string{}
		}
		in.Body.Referral[name] = value
	}
	if m.Referral != nil && in.Window != chat.NoWindow {
		in.Window = entry(m.Referral)
	}
}

func (m *message) attached(in *chat.Incoming) {
	for n, a := range m.Attachments {
		kind := chat.MediaKind("")
		switch a.Type {
		case "image":
			kind = chat.Image
			if a.Payload.Sticker != "" {
				kind = chat.Sticker
			}
		case "sticker":
			kind = chat.Sticker
		case "video", "ig_reel", "reel":
			kind = chat.Video
		case "audio":
			kind = chat.Audio
		case "file":
			kind = chat.File
		case "share", "ig_post", "post":
			kind = chat.Image
		case "story_mention", "ig_story":
			kind = chat.Image
			in.Body.Referral = map[string]string{"type": "story_mention"}
		case "fallback":
			a.link(in)
		case "location":
			a.location(in)
		}
		if kind == "" || a.Payload.URL == "" {
			continue
		}
		in.Media = append(in.Media, chat.MediaRef{Kind: kind, URL: a.Payload.URL, Extra: indexed(string(m.Mid), n)})
		if a.Payload.Title != "" {
			in.Body.Link = &chat.Link{Title: a.Payload.Title, URL: a.Payload.URL}
		}
	}
}

func (a *attachment) link(in *chat.Incoming) {
	l := chat.Link{Title: a.Title, URL: a.URL}
	if l.URL == "" {
		l.URL = a.Payload.URL
	}
	if l.Title == "" {
		l.Title = a.Payload.Title
	}
	if l.URL != "" {
		in.Body.Link = &l
	}
}

func (a *attachment) location(in *chat.Incoming) {
	if at := a.Payload.Coordinates; at != nil {
		in.Body.Location = &chat.Place{Latitude: at.Latitude.Float(), Longitude: at.Longitude.Float(), Name: a.Title}
	}
}
