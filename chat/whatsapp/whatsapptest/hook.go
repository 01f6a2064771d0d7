package whatsapptest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/meta/metatest"
)

type object = map[string]any

// Act does what a customer does.
func (p *Platform) Act(a chattest.Act) (id string, event []byte, err error) {
	id = p.ID("wamid.")
	m := object{"id": id}
	said := true // by the customer, who thereby opens the window
	switch a.Kind {
	case chattest.Say:
		m["type"], m["text"] = "text", object{"body": a.Text}
	case chattest.Give:
		if a.File == nil {
			return "", nil, chattest.ErrCannot
		}
		p.give(m, a)
	case chattest.Share:
		m["type"], m["location"] = "location", object{"latitude": a.Place[0], "longitude": a.Place[1]}
	case chattest.React:
		id, m["type"] = a.To, "reaction"
		m["reaction"] = object{"message_id": a.To, "emoji": a.Text}
		if a.Text == "" {
			m["reaction"] = object{"message_id": a.To}
		}
	case chattest.Press:
		p.press(m, a)
	case chattest.Edit:
		id, m["type"] = a.To, "edit"
		m["edit"] = object{"original_message_id": a.To, "message": object{"type": "text", "text": object{"body": a.Text}}}
	case chattest.Unsend:
		id, m["type"] = a.To, "revoke"
		m["revoke"] = object{"original_message_id": a.To}
	case chattest.Begin:
		said = a.Text != ""
		m["type"] = "request_welcome"
		if said {
			m["type"], m["text"] = "text", object{"body": "Hello! I have seen your advertisement."}
			m["referral"] = object{"source_type": "ad", "source_id": a.Text, "headline": "Chat with us"}
		}
	case chattest.Block, chattest.Unblock:
		return a.Customer, p.preference(a), nil
	default:
		return "", nil, chattest.ErrCannot
	}
	if a.To != "" && (a.Kind == chattest.Say || a.Kind == chattest.Give || a.Kind == chattest.Press) {
		m["context"] = object{"from": "15550001111", "id": a.To}
	}
	if said {
		p.mu.Lock()
		p.last[a.Customer] = p.Now()
		p.mu.Unlock()
	}
	m["from"], m["from_user_id"], m["timestamp"] = a.Customer, UserID(a.Customer), p.seconds()
	return id, p.change("messages", a, object{"messages": []any{m}}), nil
}

func (p *Platform) seconds() string { return strconv.FormatInt(p.Now().Unix(), 10) }

// change is a raw event: one change of the account.
func (p *Platform) change(field string, a chattest.Act, value object) []byte {
	value["messaging_product"] = "whatsapp"
	value["metadata"] = object{"display_phone_number": "15550001111", "phone_number_id": PhoneNumberID}
	if a.Customer != "" {
		profile := object{}
		if a.Name != "" {
			profile["name"] = a.Name
		}
		value["contacts"] = []any{object{"profile": profile, "wa_id": a.Customer, "user_id": UserID(a.Customer)}}
	}
	return metatest.JSON(object{"field": field, "value": value})
}

func (p *Platform) give(m object, a chattest.Act) {
	kind := string(a.File.Kind)
	if a.File.Kind == chat.File {
		kind = "document"
	}
	sum := sha256.Sum256(a.File.Data)
	file := object{
		"id": p.AddFile("MEDIA", *a.File), "mime_type": a.File.ContentType, "sha256": base64.StdEncoding.EncodeToString(sum[:]),
	}
	if a.Text != "" && kind != "audio" && kind != "sticker" {
		file["caption"] = a.Text
	}
	if kind == "document" {
		file["filename"] = a.File.Name
	}
	if kind == "audio" {
		file["voice"] = true
	}
	m["type"], m[kind] = kind, file
}

// press chooses an option of the message that has it.
func (p *Platform) press(m object, a chattest.Act) {
	title, list := a.Text, false
	for _, r := range p.Received(a.Customer) {
		for _, o := range r.Options {
			if r.ID == a.To && o.ID == a.Text {
				title, list = o.Title, len(r.Options) > 3
			}
		}
		if r.ID == a.To && r.Kind == chat.Templated {
			m["type"], m["button"] = "button", object{"payload": a.Text, "text": title}
			return
		}
	}
	kind := "button_reply"
	if list {
		kind = "list_reply"
	}
	m["type"], m["interactive"] = "interactive", object{"type": kind, kind: object{"id": a.Text, "title": title}}
}

// preference is a customer who stops marketing, or wants it again. Whoever blocks a business on WhatsApp does so unheard.
func (p *Platform) preference(a chattest.Act) []byte {
	value := "resume"
	if a.Kind == chattest.Block {
		value = "stop"
	}
	p.mu.Lock()
	p.stopped[a.Customer] = a.Kind == chattest.Block
	p.mu.Unlock()
	return p.change("user_preferences", a, object{"user_preferences": []any{object{
		"wa_id": a.Customer, "category": "marketing_messages", "value": value, "timestamp": p.Now().Unix(), "detail": "User requested to " + value + " marketing messages",
	}}})
}

// Receipt is a status of a message.
func (p *Platform) Receipt(id string, s chat.Status, code string) ([]byte, error) {
	p.mu.Lock()
	to, ok := p.to[id]
	p.mu.Unlock()
	if !ok || s == chat.StatusQueued {
		return nil, chattest.ErrCannot
	}
	status := object{
		"id": id, "status": string(s), "timestamp": p.seconds(), "recipient_id": to.customer,
		"pricing": object{"billable": false, "pricing_model": "PMP", "type": "free_customer_service", "category": "service"},
	}
	if to.ours != "" {
		status["biz_opaque_callback_data"] = to.ours
	}
	if s == chat.StatusFailed {
		delete(status, "pricing")
		n, err := strconv.Atoi(code)
		if err != nil {
			n = 131000
		}
		status["errors"] = []any{object{"code": n, "title": "Failed", "error_data": object{"details": "failed as " + code}}}
	}
	return p.change("messages", chattest.Act{}, object{"statuses": []any{status}}), nil
}

// Echo is a message that was sent from the business's own telephone.
func (p *Platform) Echo(customer, text string) (id string, event []byte) {
	id = p.ID("wamid.echo.")
	return id, p.change("smb_message_echoes", chattest.Act{Customer: customer}, object{"message_echoes": []any{object{
		"from": "15550001111", "to": customer, "to_user_id": UserID(customer), "id": id, "timestamp": p.seconds(),
		"type": "text", "text": object{"body": text},
	}}})
}

// Requests puts all events into one request, two changes to an entry. An event without a field is the value of one of messages.
func (p *Platform) Requests(events ...[]byte) []chat.Hook {
	var entries []any
	var changes []any
	for i, e := range events {
		var fields map[string]json.RawMessage
		change := any(json.RawMessage(e))
		if json.Unmarshal(e, &fields) == nil && fields["field"] == nil {
			change = object{"field": "messages", "value": json.RawMessage(e)}
		}
		changes = append(changes, change)
		if len(changes) == 2 || i == len(events)-1 {
			entries = append(entries, object{"id": WABA, "time": p.Now().Unix(), "changes": changes})
			changes = nil
		}
	}
	return []chat.Hook{metatest.Request(p.Hook(), "whatsapp_business_account", entries)}
}

// Sign signs a request.
func (p *Platform) Sign(h chat.Hook, wrong bool) chat.Hook { return metatest.Sign(h, wrong) }
