package telegram

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"tandem/chat"
)

var errShape = errors.New("the body is not an update")

// Decode reads an update. One that is not of the shape it should have is kept as an unsupported message of its chat.
func (c *account) Decode(r chat.Hook) ([]chat.Event, error) {
	var update map[string]json.RawMessage
	if err := json.Unmarshal(r.Body, &update); err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	var id int64
	if err := json.Unmarshal(update["update_id"], &id); err != nil {
		return nil, fmt.Errorf("read the update's number: %w", errShape)
	}
	key := strconv.FormatInt(id, 10)
	delete(update, "update_id")
	kinds := make([]string, 0, len(update))
	for kind := range update {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	var out []chat.Event
	for _, kind := range kinds { // one, as Telegram has it today
		out = append(out, decode(key, kind, update[kind])...)
	}
	for i := range out {
		if i > 0 {
			out[i].Key += ":" + strconv.Itoa(i)
		}
	}
	return out, nil
}

// decode reads what an update holds.
func decode(key, kind string, raw json.RawMessage) []chat.Event {
	var out []chat.Event
	var err error
	switch kind {
	case "message", "business_message":
		out, err = onMessage(raw)
	case "edited_message", "edited_business_message":
		out, err = onEdit(raw)
	case "callback_query":
		out, err = onCallback(raw)
	case "my_chat_member":
		out, err = onMember(raw)
	case "message_reaction":
		out, err = onReaction(raw)
	case "deleted_business_messages":
		out, err = onDeleted(raw)
	case "business_connection":
		out, err = onConnection(raw)
	case "channel_post", "edited_channel_post", "message_reaction_count", "inline_query", "chosen_inline_result", "shipping_query",
		"pre_checkout_query", "poll", "poll_answer", "chat_member", "chat_boost", "removed_chat_boost", "managed_bot":
		return nil // nobody speaks to us
	default:
		out = unknown(kind, raw)
	}
	if err != nil {
		out = unknown(kind, raw)
	}
	for i := range out {
		out[i].Key = key
		if out[i].Message != nil {
			out[i].Message.Raw = raw
			if out[i].Message.ID == "" {
				out[i].Message.ID = "update/" + key
			}
		}
	}
	return out
}

// unknown keeps what nobody can read, where it tells at least whose it is.
func unknown(kind string, raw json.RawMessage) []chat.Event {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	for _, who := range []string{"chat", "from", "user"} {
		var t struct {
			ID int64 `json:"id"`
		}
		if json.Unmarshal(fields[who], &t) == nil && t.ID != 0 {
			return []chat.Event{{
				From:    chat.Person{ID: address{chat: t.ID}.String()},
				Message: &chat.Incoming{Kind: chat.Unsupported, Window: chat.NoWindow, Body: chat.Body{Type: kind}},
			}}
		}
	}
	return nil
}

// at reads seconds since 1970; a time that nobody can mean is none.
func at(seconds int64) time.Time {
	if seconds <= 0 || seconds > math.MaxUint32 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

func onMessage(raw json.RawMessage) ([]chat.Event, error) {
	var m message
	if err := json.Unmarshal(raw, &m); err != nil || m.Chat.ID == 0 {
		return nil, errShape
	}
	e := m.event()
	if was := m.moved(); was != nil {
		return []chat.Event{*was}, nil
	}
	in := m.incoming(raw)
	if in == nil {
		e.Contact = &chat.ContactEvent{Why: "service"}
		return []chat.Event{e}, nil
	}
	e.Message = in
	if m.Contact.UserID == m.From.ID && m.From.ID != 0 {
		e.From.Phone = international(m.Contact.Phone) // their own number, which Telegram knows to be theirs
	}
	return []chat.Event{e}, nil
}

// onEdit reads an edit. A live location that moves is one, too, and changes nothing.
func onEdit(raw json.RawMessage) ([]chat.Event, error) {
	var m message
	if err := json.Unmarshal(raw, &m); err != nil || m.Chat.ID == 0 {
		return nil, errShape
	}
	e := m.event()
	if t := at(m.EditDate); !t.IsZero() {
		e.At = t
	}
	if m.Location != nil {
		e.Contact = &chat.ContactEvent{Why: "live_location"}
		return []chat.Event{e}, nil
	}
	e.Edit = &chat.Edit{Of: m.where().message(m.ID), Text: m.Text + m.Caption, Media: m.media()}
	return []chat.Event{e}, nil
}

func onCallback(raw json.RawMessage) ([]chat.Event, error) {
	var q struct {
		ID      string   `json:"id"`
		From    person   `json:"from"`
		Message *message `json:"message"`
		Data    string   `json:"data"`
	}
	if err := json.Unmarshal(raw, &q); err != nil || q.From.ID == 0 || q.ID == "" {
		return nil, errShape
	}
	in := &chat.Incoming{ID: "callback/" + q.ID, Kind: chat.Choice, Text: q.Data, Window: chat.ByMessage}
	e := chat.Event{Message: in}
	if q.Message != nil && q.Message.Chat.ID != 0 {
		where := q.Message.where()
		e.From = customer(where, q.Message.Chat, q.From)
		in.Quote = where.message(q.Message.ID)
		in.Text = q.Message.label(q.Data)
	} else { // of a message that went out by way of another chat
		e.From = customer(address{chat: q.From.ID}, talk{ID: q.From.ID}, q.From)
	}
	if q.Data == "" {
		in.Kind, in.Body.Type = chat.Unsupported, "game"
		return []chat.Event{e}, nil
	}
	in.Body.Choice = &chat.Chosen{ID: q.Data, Title: in.Text}
	return []chat.Event{e}, nil
}

func onMember(raw json.RawMessage) ([]chat.Event, error) {
	var m struct {
		Chat talk   `json:"chat"`
		From person `json:"from"`
		Date int64  `json:"date"`
		New  struct {
			Status string `json:"status"`
		} `json:"new_chat_member"`
	}
	if err := json.Unmarshal(raw, &m); err != nil || m.Chat.ID == 0 || m.New.Status == "" {
		return nil, errShape
	}
	there := m.New.Status != "kicked" && m.New.Status != "left"
	return []chat.Event{{
		At: at(m.Date), From: customer(address{chat: m.Chat.ID}, m.Chat, m.From),
		Contact: &chat.ContactEvent{Reachable: &there, Why: m.New.Status},
	}}, nil
}

func onReaction(raw json.RawMessage) ([]chat.Event, error) {
	var m struct {
		Chat  talk   `json:"chat"`
		User  person `json:"user"`
		ID    int64  `json:"message_id"`
		Date  int64  `json:"date"`
		Shown []struct {
			Type  string `json:"type"`
			Emoji string `json:"emoji"`
		} `json:"new_reaction"`
	}
	if err := json.Unmarshal(raw, &m); err != nil || m.Chat.ID == 0 || m.ID == 0 {
		return nil, errShape
	}
	where := address{chat: m.Chat.ID}
	e := chat.Event{At: at(m.Date), From: customer(where, m.Chat, m.User), Reaction: &chat.Reaction{To: where.message(m.ID)}}
	for _, r := range m.Shown { // the newest stands last
		e.Reaction.Emoji = r.Emoji
		if r.Type != "emoji" {
			e.Reaction.Emoji = "⭐" // of the customer's own making, or paid
		}
	}
	return []chat.Event{e}, nil
}

func onDeleted(raw json.RawMessage) ([]chat.Event, error) {
	var m struct {
		Connection string  `json:"business_connection_id"`
		Chat       talk    `json:"chat"`
		IDs        []int64 `json:"message_ids"`
	}
	if err := json.Unmarshal(raw, &m); err != nil || m.Chat.ID == 0 {
		return nil, errShape
	}
	where := address{m.Connection, m.Chat.ID}
	out := make([]chat.Event, 0, len(m.IDs))
	for _, id := range m.IDs {
		out = append(out, chat.Event{From: customer(where, m.Chat, person{}), Unsend: &chat.Unsend{Of: where.message(id)}})
	}
	return out, nil
}

// onConnection tells that a business account lets the bot answer for it, or no longer.
func onConnection(raw json.RawMessage) ([]chat.Event, error) {
	var m struct {
		ID      string `json:"id"`
		User    person `json:"user"`
		Date    int64  `json:"date"`
		Enabled bool   `json:"is_enabled"`
	}
	if err := json.Unmarshal(raw, &m); err != nil || m.ID == "" {
		return nil, errShape
	}
	return []chat.Event{{At: at(m.Date), Account: &chat.AccountEvent{Detail: map[string]string{"business": strconv.FormatBool(m.Enabled)}}}}, nil
}
