package viber

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"tandem/chat"
)

type event struct {
	Event      string  `json:"event"`
	Timestamp  int64   `json:"timestamp"`
	Token      token   `json:"message_token"`
	Sender     user    `json:"sender"`
	User       user    `json:"user"`
	UserID     string  `json:"user_id"`
	Message    message `json:"message"`
	Context    string  `json:"context"`
	Type       string  `json:"type"`
	Subscribed bool    `json:"subscribed"`
	Desc       string  `json:"desc"`
}

type user struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Avatar   string `json:"avatar"`
	Country  string `json:"country"`
	Language string `json:"language"`
}

func (u user) person() chat.Person {
	return chat.Person{ID: u.ID, Name: u.Name, Avatar: u.Avatar, Country: u.Country, Language: u.Language}
}

type message struct {
	Type      string  `json:"type"`
	Text      string  `json:"text"`
	Media     string  `json:"media"`
	FileName  string  `json:"file_name"`
	Size      int64   `json:"size"`
	Duration  float64 `json:"duration"`
	StickerID token   `json:"sticker_id"`
	Contact   struct {
		Name  string `json:"name"`
		Phone string `json:"phone_number"`
	} `json:"contact"`
	Location struct {
		Latitude  float64 `json:"lat"`
		Longitude float64 `json:"lon"`
	} `json:"location"`
	Tracking string `json:"tracking_data"`
}

var errNobody = errors.New("the body is not an event")

// Decode reads an event. One that is not of the shape it should have is kept as an unsupported message of whom it comes from.
func (c *account) Decode(r chat.Hook) ([]chat.Event, error) {
	var e event
	if err := json.Unmarshal(r.Body, &e); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) || errors.Is(err, errNobody) {
			return nil, fmt.Errorf("read the body: %w", err)
		}
		if e = outline(r.Body); e.Event == "" {
			return nil, fmt.Errorf("read the body: %w", err)
		}
	}
	if e.Event == "" {
		return nil, fmt.Errorf("read the body: %w", errNobody)
	}
	if told, ok := e.decode(r.Body); ok {
		return []chat.Event{told}, nil
	}
	return nil, nil
}

// outline reads of an event only whose it is.
func outline(raw []byte) event {
	var fields map[string]json.RawMessage
	var e event
	if json.Unmarshal(raw, &fields) != nil {
		return e
	}
	// A field of another shape leaves its zero value.
	_ = json.Unmarshal(fields["event"], &e.Event)
	_ = json.Unmarshal(fields["timestamp"], &e.Timestamp)
	_ = json.Unmarshal(fields["message_token"], &e.Token)
	_ = json.Unmarshal(fields["sender"], &e.Sender)
	_ = json.Unmarshal(fields["user"], &e.User)
	_ = json.Unmarshal(fields["user_id"], &e.UserID)
	if e.Event == "message" {
		e.Message.Type = "malformed"
	}
	return e
}

// decode says what an event tells; false: it is not about a customer.
func (e event) decode(raw []byte) (chat.Event, bool) {
	out := chat.Event{At: at(e.Timestamp), From: e.customer()}
	if e.Token != "" {
		out.Key = e.Event + ":" + string(e.Token)
	}
	if e.Event == "seen" || e.Event == "delivered" || e.Event == "failed" {
		out.Receipt = e.receipt()
		return out, out.Receipt != nil
	}
	if e.Event == "webhook" || out.From.ID == "" {
		return chat.Event{}, false
	}
	switch e.Event {
	case "message":
		out.Message = e.incoming()
	case "conversation_started":
		out.Message = &chat.Incoming{Kind: chat.Begin}
		if e.Context != "" {
			out.Message.Body.Referral = map[string]string{"ref": e.Context, "type": e.Type}
		}
	case "subscribed", "unsubscribed":
		there := e.Event == "subscribed"
		out.Contact = &chat.ContactEvent{Reachable: &there, Why: e.Event}
	default:
		out.Message = &chat.Incoming{Kind: chat.Unsupported, Body: chat.Body{Type: e.Event}}
	}
	if out.Message != nil {
		out.Message.ID, out.Message.Raw = string(e.Token), raw
	}
	return out, true
}

func (e event) customer() chat.Person {
	switch {
	case e.Sender.ID != "":
		return e.Sender.person()
	case e.User.ID != "":
		return e.User.person()
	}
	return chat.Person{ID: e.UserID}
}

// at reads milliseconds since 1970; a time that nobody can mean is none.
func at(ms int64) time.Time {
	if ms <= 0 || ms > math.MaxUint32*1000 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func (e event) receipt() *chat.Receipt {
	if e.Token == "" {
		return nil
	}
	r := &chat.Receipt{ID: string(e.Token), Status: chat.StatusDelivered}
	switch e.Event {
	case "seen":
		r.Status = chat.StatusRead
	case "failed":
		r.Status = chat.StatusFailed
		r.Err = &chat.SendError{Verdict: chat.VerdictRejected, Code: "failed", Detail: e.Desc}
	}
	return r
}

func (e event) incoming() *chat.Incoming {
	in := e.Message
	m := &chat.Incoming{Kind: chat.Text, Text: in.Text, Window: chat.ByMessage}
	file := func(k chat.MediaKind) {
		m.Kind = chat.MediaOf
		m.Media = []chat.MediaRef{{Kind: k, URL: in.Media, Name: in.FileName, Bytes: max(in.Size, 0), Seconds: max(in.Duration, 0)}}
	}
	switch {
	case in.Type == "text":
		choose(m, in)
	case in.Type == "picture" && in.Media != "":
		file(chat.Image)
	case in.Type == "video" && in.Media != "":
		file(chat.Video)
	case in.Type == "file" && in.Media != "":
		file(chat.File)
	case in.Type == "sticker" && in.Media != "":
		file(chat.Sticker)
		m.Media[0].ID = string(in.StickerID)
	case in.Type == "url":
		m.Body.Link = &chat.Link{URL: in.Media}
		if m.Text == "" {
			m.Text = in.Media
		}
	case in.Type == "contact":
		m.Kind = chat.Contacts
		m.Body.Contacts = []chat.Card{{Name: in.Contact.Name, Phones: []string{in.Contact.Phone}}}
	case in.Type == "location":
		m.Kind = chat.Location
		m.Body.Location = &chat.Place{Latitude: in.Location.Latitude, Longitude: in.Location.Longitude}
	default:
		m.Kind, m.Body.Type = chat.Unsupported, in.Type
	}
	return m
}

// tracking is what we give a message with options to bring back: a pressed button comes as a text, and only this tells which it was.
type tracking struct {
	Options map[string]string `json:"options"` // titles by id
}

// choose makes m a pressed button, if its text is what one says.
func choose(m *chat.Incoming, in message) {
	var own tracking
	if in.Tracking == "" || json.Unmarshal([]byte(in.Tracking), &own) != nil {
		return
	}
	if title, ok := own.Options[in.Text]; ok {
		m.Kind, m.Text = chat.Choice, title
		m.Body.Choice = &chat.Chosen{ID: in.Text, Title: title}
	}
}
