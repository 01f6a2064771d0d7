package whatsapp

import (
	"encoding/json"

	"tandem/chat"
	"tandem/chat/meta"
)

// message is one message of a customer, or one that was sent from the business's own telephone.
type message struct {
	From       meta.Text      `json:"from"`
	FromUserID meta.Text      `json:"from_user_id"`
	To         meta.Text      `json:"to"`
	ToUserID   meta.Text      `json:"to_user_id"`
	GroupID    meta.Text      `json:"group_id"`
	ID         meta.Text      `json:"id"`
	Timestamp  meta.Text      `json:"timestamp"`
	Context    *quote         `json:"context"`
	Referral   meta.Flat      `json:"referral"`
	Errors     []meta.Failure `json:"errors"`
	Reaction   struct {
		MessageID meta.Text `json:"message_id"`
		Emoji     string    `json:"emoji"`
	} `json:"reaction"`
	Edit struct {
		Original meta.Text       `json:"original_message_id"`
		Message  json.RawMessage `json:"message"`
	} `json:"edit"`
	Revoke struct {
		Original meta.Text `json:"original_message_id"`
	} `json:"revoke"`
	System struct {
		Type     string    `json:"type"`
		Body     string    `json:"body"`
		WaID     meta.Text `json:"wa_id"`
		UserID   meta.Text `json:"user_id"`
		Previous meta.Text `json:"previous_user_id"`
	} `json:"system"`
	content
}

type quote struct {
	ID                  meta.Text `json:"id"`
	Forwarded           bool      `json:"forwarded"`
	FrequentlyForwarded bool      `json:"frequently_forwarded"`
	Product             meta.Flat `json:"referred_product"`
}

// message reads one message; a change of a customer's number gives two events, the change and the line that tells of it.
func (v *value) message(raw json.RawMessage, echo bool) []chat.Event {
	var m message
	if meta.Lenient(raw, &m) != nil || m.ID == "" {
		return nil // nobody could tell it from the next one
	}
	e := chat.Event{Key: string(m.ID), At: m.Timestamp.Seconds(), From: v.person(string(m.From), string(m.FromUserID))}
	if echo {
		e.From = v.person(string(m.To), string(m.ToUserID))
	}
	switch m.Type {
	case "reaction":
		e.Reaction = &chat.Reaction{To: string(m.Reaction.MessageID), Emoji: m.Reaction.Emoji}
	case "revoke":
		e.Unsend = &chat.Unsend{Of: string(m.Revoke.Original)}
	case "edit":
		var now content
		if meta.Lenient(m.Edit.Message, &now) != nil {
			e.Message = meta.Unknown(string(m.ID), string(m.Type), raw)
			break
		}
		in := now.incoming()
		e.Edit = &chat.Edit{Of: string(m.Edit.Original), Text: in.Text, Media: in.Media}
	case "system":
		return v.system(&m, e)
	default:
		e.Message = m.incoming(raw)
		if echo {
			e.Message.Echo, e.Message.Via, e.Message.Window = true, "whatsapp_business_app", chat.NoWindow
		}
	}
	return []chat.Event{e}
}

func (m *message) incoming(raw json.RawMessage) *chat.Incoming {
	in := m.content.incoming()
	in.ID = string(m.ID)
	in.Window = chat.ByMessage
	switch in.Kind {
	case chat.Unsupported:
		in.Raw = raw
		for _, f := range m.Errors {
			set(&in.Body.Data, "code", string(f.Code))
		}
	case chat.Begin:
		in.Window = chat.NoWindow // the chat is open, but nothing has been written
	}
	if m.Context != nil {
		in.Quote = string(m.Context.ID)
		in.Body.Forwarded = m.Context.Forwarded || m.Context.FrequentlyForwarded
		for name, s := range m.Context.Product {
			set(&in.Body.Referral, name, s)
		}
	}
	for name, s := range m.Referral {
		set(&in.Body.Referral, name, s)
	}
	if len(m.Referral) > 0 {
		in.Window = chat.ByEntryPoint
	}
	if m.GroupID != "" {
		set(&in.Body.Data, "group_id", string(m.GroupID))
	}
	return in
}

// system reads what WhatsApp says itself: of another number, of another user id, of a new telephone.
func (v *value) system(m *message, e chat.Event) []chat.Event {
	said := e
	said.Message = &chat.Incoming{
		ID: string(m.ID), Kind: chat.System, Text: m.System.Body,
		Body: chat.Body{Type: m.System.Type},
	}
	was := e.From
	now := was
	switch m.System.Type {
	case "user_changed_number":
		now.ID, now.Phone = digits(string(m.System.WaID)), ""
		if now.ID == "" {
			return []chat.Event{said}
		}
		now.Phone = "+" + now.ID
		if m.System.UserID != "" { // another number brings another user id
			now.Alias = string(m.System.UserID)
		}
	case "user_changed_user_id":
		if m.System.Previous != "" {
			was.Alias = string(m.System.Previous)
		}
		if m.System.UserID == "" {
			return []chat.Event{said}
		}
		now.Alias = string(m.System.UserID)
		if id := digits(string(m.System.WaID)); id != "" {
			now.ID, now.Phone = id, "+"+id
		}
	default: // customer_identity_changed: the same customer on another telephone
		return []chat.Event{said}
	}
	now.Country = country(now.Alias)
	moved := e
	moved.Key += ":contact"
	moved.From = now
	moved.Contact = &chat.ContactEvent{Was: was, Why: m.System.Type}
	said.From = now
	return []chat.Event{moved, said}
}

func set(m *map[string]string, name, value string) {
	if value == "" {
		return
	}
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[name] = value
}
