package telegram

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	"tandem/chat"
)

// message is a message as updates hold it.
type message struct {
	ID         int64   `json:"message_id"`
	From       person  `json:"from"`
	ByBot      *person `json:"sender_business_bot"`
	Connection string  `json:"business_connection_id"`
	Date       int64   `json:"date"`
	EditDate   int64   `json:"edit_date"`
	Chat       talk    `json:"chat"`
	Album      string  `json:"media_group_id"`
	ReplyTo    *struct {
		ID int64 `json:"message_id"`
	} `json:"reply_to_message"`
	Forward   json.RawMessage `json:"forward_origin"`
	MovedTo   int64           `json:"migrate_to_chat_id"`
	MovedFrom int64           `json:"migrate_from_chat_id"`

	Text            string   `json:"text"`
	Entities        []entity `json:"entities"`
	Caption         string   `json:"caption"`
	CaptionEntities []entity `json:"caption_entities"`

	Photo     []file `json:"photo"`
	Voice     *file  `json:"voice"`
	Audio     *file  `json:"audio"`
	Video     *file  `json:"video"`
	VideoNote *file  `json:"video_note"`
	Animation *file  `json:"animation"`
	Document  *file  `json:"document"`
	Sticker   *file  `json:"sticker"`

	Location *location `json:"location"`
	Venue    *struct {
		Location location `json:"location"`
		Title    string   `json:"title"`
		Address  string   `json:"address"`
	} `json:"venue"`
	Contact struct {
		Phone     string `json:"phone_number"`
		FirstName string `json:"first_name"`
		LastName  string `json:"last_name"`
		UserID    int64  `json:"user_id"`
	} `json:"contact"`
	Poll *struct {
		Question string `json:"question"`
	} `json:"poll"`
	Dice *struct {
		Emoji string `json:"emoji"`
		Value int    `json:"value"`
	} `json:"dice"`
	Markup struct {
		Keyboard [][]button `json:"inline_keyboard"`
	} `json:"reply_markup"`
}

type entity struct {
	Type   string `json:"type"`
	Offset int    `json:"offset"` // UTF-16 code units
	Length int    `json:"length"`
	URL    string `json:"url"`
}

type button struct {
	Text string `json:"text"`
	Data string `json:"callback_data"`
}

type location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// file is any file of a message.
type file struct {
	ID       string  `json:"file_id"`
	Name     string  `json:"file_name"`
	Type     string  `json:"mime_type"`
	Size     int64   `json:"file_size"`
	Duration float64 `json:"duration"`
	Width    int64   `json:"width"`
	Emoji    string  `json:"emoji"`
	Animated bool    `json:"is_animated"`
	Video    bool    `json:"is_video"`
}

func (m *message) where() address { return address{m.Connection, m.Chat.ID} }

// event is what is told of every message.
func (m *message) event() chat.Event {
	return chat.Event{At: at(m.Date), From: customer(m.where(), m.Chat, m.From)}
}

// moved tells of a group that has become a supergroup, with another id.
func (m *message) moved() *chat.Event {
	was, is := m.MovedFrom, m.Chat.ID
	if m.MovedTo != 0 {
		was, is = m.Chat.ID, m.MovedTo
	}
	if was == 0 {
		return nil
	}
	to := customer(address{m.Connection, is}, m.Chat, m.From)
	return &chat.Event{At: at(m.Date), From: to, Contact: &chat.ContactEvent{Was: chat.Person{ID: address{m.Connection, was}.String()}, Why: "migrate"}}
}

// label is the words on a button of the message.
func (m *message) label(data string) string {
	for _, row := range m.Markup.Keyboard {
		for _, b := range row {
			if b.Data == data {
				return b.Text
			}
		}
	}
	return data
}

// incoming is the message for us; nil: the platform speaks of the chat itself.
func (m *message) incoming(raw json.RawMessage) *chat.Incoming {
	in := &chat.Incoming{ID: m.where().message(m.ID), Kind: chat.Text, Text: m.Text, Album: m.Album, Window: chat.ByMessage}
	if m.ReplyTo != nil && m.ReplyTo.ID != 0 {
		in.Quote = m.where().message(m.ReplyTo.ID)
	}
	in.Body.Forwarded = len(m.Forward) > 0
	if m.Connection != "" && m.From.ID != m.Chat.ID {
		in.Echo, in.Via, in.Window = true, "telegram", chat.NoWindow // the business account's owner wrote, or we did for them
	}
	entities := append(slices.Clone(m.Entities), m.CaptionEntities...)
	switch {
	case m.media() != nil:
		in.Kind, in.Text, in.Media = chat.MediaOf, m.Caption, m.media()
		if m.Sticker != nil {
			in.Text = m.Sticker.Emoji
		}
	case m.Venue != nil:
		in.Kind = chat.Location
		in.Body.Location = &chat.Place{Latitude: m.Venue.Location.Latitude, Longitude: m.Venue.Location.Longitude, Name: m.Venue.Title, Address: m.Venue.Address}
	case m.Location != nil:
		in.Kind = chat.Location
		in.Body.Location = &chat.Place{Latitude: m.Location.Latitude, Longitude: m.Location.Longitude}
	case m.Contact.Phone != "":
		in.Kind = chat.Contacts
		in.Body.Contacts = []chat.Card{{Name: strings.TrimSpace(m.Contact.FirstName + " " + m.Contact.LastName), Phones: []string{m.Contact.Phone}}}
	case m.starts():
		in.Kind = chat.Begin
		if _, ref, _ := strings.Cut(m.Text, " "); ref != "" {
			in.Body.Referral = map[string]string{"ref": ref}
		}
		in.Text = ""
	case m.Text == "":
		return m.other(in, raw)
	}
	in.Body.Link = hidden(m.Text+m.Caption, entities)
	return in
}

// starts says whether the customer has opened the chat by its button or a link.
func (m *message) starts() bool {
	return m.Chat.private() && (m.Text == "/start" || strings.HasPrefix(m.Text, "/start "))
}

// frame are the fields that say nothing of what a message is.
var frame = []string{
	"message_id", "message_thread_id", "direct_messages_topic", "from", "sender_chat", "sender_boost_count", "sender_business_bot", "sender_tag",
	"date", "business_connection_id", "chat", "forward_origin", "is_topic_message", "is_automatic_forward", "reply_to_message", "external_reply",
	"quote", "reply_to_story", "via_bot", "edit_date", "has_protected_content", "is_from_offline", "is_paid_post", "media_group_id",
	"author_signature", "paid_star_count", "link_preview_options", "effect_id", "caption", "entities", "caption_entities", "reply_markup",
	"has_media_spoiler", "show_caption_above_media", "text",
}

// service are the fields of messages by which Telegram speaks of the chat itself.
var service = []string{
	"new_chat_members", "left_chat_member", "new_chat_title", "new_chat_photo", "delete_chat_photo", "group_chat_created", "supergroup_chat_created",
	"channel_chat_created", "message_auto_delete_timer_changed", "pinned_message", "write_access_allowed", "connected_website", "chat_background_set",
	"forum_topic_created", "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened", "video_chat_scheduled", "video_chat_started",
	"video_chat_ended", "video_chat_participants_invited", "boost_added", "proximity_alert_triggered",
}

// other is a message that is neither text nor file nor place.
func (m *message) other(in *chat.Incoming, raw json.RawMessage) *chat.Incoming {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(raw, &fields) // it is an object: it has been read before
	var names []string
	for name := range fields {
		if slices.Contains(service, name) {
			return nil
		}
		if !slices.Contains(frame, name) {
			names = append(names, name)
		}
	}
	in.Kind, in.Text = chat.Unsupported, m.Caption
	in.Body.Type = "empty"
	if len(names) > 0 {
		in.Body.Type = slices.Min(names)
	}
	if m.Poll != nil {
		in.Text = m.Poll.Question
	}
	if m.Dice != nil {
		in.Text = fmt.Sprintf("%s %d", m.Dice.Emoji, m.Dice.Value)
	}
	return in
}

// media is the file of a message, in its best quality; nil: it has none. An animation is a document, too, for programs that know none.
func (m *message) media() []chat.MediaRef {
	one := func(k chat.MediaKind, f *file, fallback string) []chat.MediaRef {
		r := chat.MediaRef{Kind: k, ID: f.ID, Name: f.Name, ContentType: f.Type, Bytes: f.Size, Seconds: f.Duration}
		if r.ContentType == "" {
			r.ContentType = fallback
		}
		return []chat.MediaRef{r}
	}
	switch {
	case len(m.Photo) > 0:
		largest := slices.MaxFunc(m.Photo, func(a, b file) int { return cmp.Compare(a.Width, b.Width) })
		return one(chat.Image, &largest, "image/jpeg")
	case m.Animation != nil:
		return one(chat.Video, m.Animation, "video/mp4")
	case m.Video != nil:
		return one(chat.Video, m.Video, "video/mp4")
	case m.VideoNote != nil:
		return one(chat.Video, m.VideoNote, "video/mp4")
	case m.Voice != nil:
		r := one(chat.Audio, m.Voice, "audio/ogg")
		r[0].Voice = true
		return r
	case m.Audio != nil:
		return one(chat.Audio, m.Audio, "audio/mpeg")
	case m.Document != nil:
		return one(chat.File, m.Document, "")
	case m.Sticker != nil && m.Sticker.Video:
		return one(chat.Sticker, m.Sticker, "video/webm")
	case m.Sticker != nil && m.Sticker.Animated:
		return one(chat.Sticker, m.Sticker, "application/x-tgsticker")
	case m.Sticker != nil:
		return one(chat.Sticker, m.Sticker, "image/webp")
	}
	return nil
}

// hidden finds the first link that stands behind words of a text.
func hidden(text string, entities []entity) *chat.Link {
	for _, e := range entities {
		if e.Type != "text_link" || e.URL == "" {
			continue
		}
		units := utf16.Encode([]rune(text))
		from := min(max(e.Offset, 0), len(units))
		to := min(max(from+max(e.Length, 0), from), len(units))
		return &chat.Link{Title: string(utf16.Decode(units[from:to])), URL: e.URL}
	}
	return nil
}

// international writes a number as E.164: Telegram leaves the plus out sometimes.
func international(phone string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, phone)
	if len(digits) < 7 || len(digits) > 15 {
		return ""
	}
	return "+" + digits
}
