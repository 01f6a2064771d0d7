package line

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tandem/chat"
)

// replyFor is how long a reply token is used. LINE takes one for about a minute; the rest is for the way there.
const replyFor = 50 * time.Second

// envelope is a hook's body.
type envelope struct {
	Events []json.RawMessage `json:"events"`
}

type event struct {
	Type      string `json:"type"`
	Mode      string `json:"mode"`
	Timestamp int64  `json:"timestamp"`
	ID        string `json:"webhookEventId"`
	Source    struct {
		UserID  string `json:"userId"`
		GroupID string `json:"groupId"`
		RoomID  string `json:"roomId"`
	} `json:"source"`
	ReplyToken string  `json:"replyToken"`
	Message    message `json:"message"`
	Unsend     struct {
		MessageID string `json:"messageId"`
	} `json:"unsend"`
	Follow struct {
		IsUnblocked bool `json:"isUnblocked"`
	} `json:"follow"`
	Postback struct {
		Data   string            `json:"data"`
		Params map[string]string `json:"params"`
	} `json:"postback"`
}

type message struct {
	ID              string   `json:"id"`
	Type            string   `json:"type"`
	Text            string   `json:"text"`
	QuoteToken      string   `json:"quoteToken"`
	QuotedMessageID string   `json:"quotedMessageId"`
	MarkAsReadToken string   `json:"markAsReadToken"`
	Duration        float64  `json:"duration"` // milliseconds
	FileName        string   `json:"fileName"`
	FileSize        int64    `json:"fileSize"`
	Title           string   `json:"title"`
	Address         string   `json:"address"`
	Latitude        float64  `json:"latitude"`
	Longitude       float64  `json:"longitude"`
	PackageID       string   `json:"packageId"`
	StickerID       string   `json:"stickerId"`
	StickerResource string   `json:"stickerResourceType"`
	Keywords        []string `json:"keywords"`
	ContentProvider struct {
		Type        string `json:"type"`
		OriginalURL string `json:"originalContentUrl"`
	} `json:"contentProvider"`
	ImageSet struct {
		ID string `json:"id"`
	} `json:"imageSet"`
}

// Decode reads all events of a body. One that is not of the shape it should have is kept as an unsupported message, the others are read.
func (c *account) Decode(r chat.Hook) ([]chat.Event, error) {
	var body envelope
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	var out []chat.Event
	for _, raw := range body.Events {
		var e event
		if err := json.Unmarshal(raw, &e); err != nil {
			e = outline(raw)
		}
		told, ok := e.decode(raw)
		if !ok {
			continue
		}
		if e.Type == "follow" && e.Follow.IsUnblocked {
			out = append(out, back(told))
		}
		out = append(out, told)
	}
	return out, nil
}

// outline reads of an event only what tells who sent it and which it is.
func outline(raw json.RawMessage) event {
	var fields map[string]json.RawMessage
	var e event
	if json.Unmarshal(raw, &fields) != nil {
		return e
	}
	// A field of another shape leaves its zero value.
	_ = json.Unmarshal(fields["source"], &e.Source)
	_ = json.Unmarshal(fields["webhookEventId"], &e.ID)
	_ = json.Unmarshal(fields["timestamp"], &e.Timestamp)
	_ = json.Unmarshal(fields["mode"], &e.Mode)
	if json.Unmarshal(fields["type"], &e.Type) == nil && e.Type == "message" {
		e.Message.Type = "malformed"
		return e
	}
	e.Type = "malformed"
	return e
}

// decode says what an event tells; false: it is not about a customer.
func (e event) decode(raw json.RawMessage) (chat.Event, bool) {
	out := chat.Event{Key: e.ID, At: at(e.Timestamp), From: chat.Person{ID: e.customer()}}
	switch e.Type {
	case "botSuspended":
		out.Account = &chat.AccountEvent{State: chat.AccountPaused, Reason: "LINE has suspended the account."}
		return out, true
	case "botResumed":
		out.Account = &chat.AccountEvent{State: chat.AccountOK, Reason: "LINE has resumed the account."}
		return out, true
	}
	if out.From.ID == "" {
		return chat.Event{}, false // module, activated, delivery …: about the account or a telephone number
	}
	switch e.Type {
	case "message":
		out.Message = e.incoming(raw)
		if out.Key == "" && out.Message.ID != "" {
			out.Key = "message:" + out.Message.ID
		}
	case "messageEdited":
		out.Edit = &chat.Edit{Of: e.Message.ID, Text: e.Message.Text}
	case "unsend":
		out.Unsend = &chat.Unsend{Of: e.Unsend.MessageID}
	case "postback":
		out.Message = e.message(chat.Choice, raw)
		out.Message.Window = chat.ByMessage
		choose(out.Message, e.Postback.Data, e.Postback.Params)
	case "follow":
		out.Message = e.message(chat.Begin, raw)
		out.Message.Body.Referral = map[string]string{"source": "follow", "unblocked": strconv.FormatBool(e.Follow.IsUnblocked)}
	case "join":
		out.Message = e.message(chat.Begin, raw)
		out.Message.Body.Referral = map[string]string{"source": "join"}
	case "unfollow", "leave":
		gone := false
		out.Contact = &chat.ContactEvent{Reachable: &gone, Why: e.Type}
	case "memberJoined", "memberLeft", "videoPlayComplete", "beacon", "accountLink", "membership", "activated", "deactivated", "module", "delivery":
		out.Contact = &chat.ContactEvent{Why: e.Type}
	default:
		out.Message = e.message(chat.Unsupported, raw)
		out.Message.Body.Type = e.Type
	}
	return out, true
}

// back tells that a customer who has blocked us no longer does.
func back(e chat.Event) chat.Event {
	yes := true
	return chat.Event{Key: e.Key + ":contact", At: e.At, From: e.From, Contact: &chat.ContactEvent{Reachable: &yes, Why: "follow"}}
}

// customer is where answers go: a group, a room or a user.
func (e event) customer() string {
	if id := e.Source.GroupID + e.Source.RoomID; id != "" {
		return id
	}
	return e.Source.UserID
}

// at reads milliseconds since 1970; a time that nobody can mean is none.
func at(ms int64) time.Time {
	if ms <= 0 || ms > math.MaxUint32*1000 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// message is what all that a customer does have in common.
func (e event) message(k chat.Kind, raw json.RawMessage) *chat.Incoming {
	m := &chat.Incoming{ID: e.Message.ID, Kind: k, Window: chat.ByAction, Standby: e.Mode == "standby", Raw: raw}
	if m.ID == "" {
		m.ID = e.ID
	}
	if e.ReplyToken != "" && !m.Standby {
		m.Reply = e.ReplyToken
		if t := at(e.Timestamp); !t.IsZero() {
			m.ReplyUntil = t.Add(replyFor)
		}
	}
	return m
}

func (e event) incoming(raw json.RawMessage) *chat.Incoming {
	in := e.Message
	m := e.message(chat.Text, raw)
	m.Window = chat.ByMessage
	m.Text, m.Quote, m.QuoteToken, m.ReadToken, m.Album = in.Text, in.QuotedMessageID, in.QuoteToken, in.MarkAsReadToken, in.ImageSet.ID
	switch in.Type {
	case "text":
	case "image":
		in.media(m, chat.Image)
	case "video":
		in.media(m, chat.Video)
	case "audio":
		in.media(m, chat.Audio)
	case "file":
		in.media(m, chat.File)
	case "sticker":
		m.Kind, m.Text = chat.MediaOf, strings.Join(in.Keywords, ", ")
		if in.Text != "" {
			m.Text = in.Text // drawn on the sticker
		}
		m.Media = []chat.MediaRef{in.sticker()}
	case "location":
		m.Kind = chat.Location
		m.Body.Location = &chat.Place{Latitude: in.Latitude, Longitude: in.Longitude, Name: in.Title, Address: in.Address}
	default:
		m.Kind, m.Body.Type = chat.Unsupported, in.Type
	}
	return m
}

// media makes m the file that LINE keeps for us. What an app shows from elsewhere (LIFF) is shown as a link: its host is anybody's.
func (in message) media(m *chat.Incoming, k chat.MediaKind) {
	if in.ContentProvider.Type == "external" {
		m.Text = in.ContentProvider.OriginalURL
		m.Body.Link = &chat.Link{URL: in.ContentProvider.OriginalURL}
		return
	}
	m.Kind = chat.MediaOf
	m.Media = []chat.MediaRef{{Kind: k, ID: in.ID, Name: in.FileName, Bytes: in.FileSize, Seconds: in.Duration / 1000, Voice: k == chat.Audio}}
}

// sticker names a sticker; its picture is in LINE's shop, not among the messages' files.
func (in message) sticker() chat.MediaRef {
	return chat.MediaRef{
		Kind: chat.Sticker, ID: in.StickerID, ContentType: "image/png",
		Extra: map[string]string{"package": in.PackageID, "resource": in.StickerResource},
	}
}

// optionPrefix begins the data of our own quick replies, which hold id and title: LINE gives back only data.
const optionPrefix = "option?"

// optionData is what LINE gives back when an option is pressed; at most 300 characters.
func optionData(o chat.Option) string {
	data := optionPrefix + url.Values{"id": {o.ID}, "title": {o.Title}}.Encode()
	if len(data) > 300 {
		return o.ID
	}
	return data
}

func choose(m *chat.Incoming, data string, params map[string]string) {
	chosen := chat.Chosen{ID: data, Title: data}
	if own, ok := strings.CutPrefix(data, optionPrefix); ok {
		if v, err := url.ParseQuery(own); err == nil && v.Has("id") {
			chosen = chat.Chosen{ID: v.Get("id"), Title: v.Get("title")}
		}
	}
	for _, picked := range []string{"datetime", "date", "time"} { // of a date picker
		if v := params[picked]; v != "" {
			chosen.Title = v
		}
	}
	m.Body.Choice, m.Text = &chosen, chosen.Title
}
