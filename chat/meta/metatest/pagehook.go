package metatest

import (
	"encoding/json"

	"tandem/chat"
	"tandem/chat/chattest"
)

// Act does what a customer does.
func (p *Page) Act(a chattest.Act) (id string, event []byte, err error) {
	id = p.ID(p.product.Mid)
	item := object{}
	message := object{"mid": id}
	switch a.Kind {
	case chattest.Say:
		message["text"] = a.Text
	case chattest.Give:
		if a.File == nil || a.File.Kind == chat.Sticker {
			return "", nil, chattest.ErrCannot
		}
		file := p.AddFile("FILE", *a.File)
		p.mu.Lock()
		p.given[id] = []string{file}
		p.mu.Unlock()
		message["attachments"] = []any{object{"type": string(a.File.Kind), "payload": object{"url": p.address(file)}}}
		if a.Text != "" {
			message["text"] = a.Text
		}
	case chattest.Share:
		if !p.product.Messenger {
			return "", nil, chattest.ErrCannot
		}
		message["attachments"] = []any{object{"type": "location", "payload": object{"coordinates": object{"lat": a.Place[0], "long": a.Place[1]}}}}
	case chattest.Press:
		message["text"], message["quick_reply"] = p.title(a), object{"payload": a.Text}
	case chattest.React:
		id, message = a.To, nil
		item["reaction"] = object{"mid": a.To, "action": "unreact"}
		if a.Text != "" {
			item["reaction"] = object{"mid": a.To, "action": "react", "reaction": "other", "emoji": a.Text}
		}
	case chattest.Edit:
		if !p.product.Messenger {
			return "", nil, chattest.ErrCannot
		}
		id, message = a.To, nil
		item["message_edit"] = object{"mid": a.To, "text": a.Text, "num_edit": 1}
	case chattest.Unsend:
		if p.product.Messenger {
			return "", nil, chattest.ErrCannot
		}
		id, message = a.To, object{"mid": a.To, "is_deleted": true}
	case chattest.Begin:
		message = nil
		item["postback"] = object{"mid": id, "title": "Get started", "payload": "GET_STARTED"}
		if a.Text != "" {
			item["postback"] = object{"mid": id, "title": "Get started", "payload": "GET_STARTED", "referral": object{"ref": a.Text, "source": "ADS", "type": "OPEN_THREAD", "ad_id": "7"}}
		}
	default: // whoever blocks an account does so unheard
		return "", nil, chattest.ErrCannot
	}
	if message != nil {
		item["message"] = message
		if a.To != "" && a.Kind != chattest.Unsend {
			message["reply_to"] = object{"mid": a.To}
		}
	}
	p.mu.Lock()
	p.last[a.Customer] = p.Now()
	p.mu.Unlock()
	return id, p.item(a.Customer, item), nil
}

// item is a raw event: one item of messaging, from a customer.
func (p *Page) item(customer string, item object) []byte {
	item["sender"], item["recipient"] = object{"id": customer}, object{"id": p.product.ID}
	item["timestamp"] = p.Now().UnixMilli()
	return JSON(item)
}

// title is the words on the option that a customer presses.
func (p *Page) title(a chattest.Act) string {
	for _, r := range p.Received(a.Customer) {
		for _, o := range r.Options {
			if r.ID == a.To && o.ID == a.Text {
				return o.Title
			}
		}
	}
	return a.Text
}

// Echo is a message that was sent by another program, or by this one, as Meta tells of it.
func (p *Page) Echo(customer string, message map[string]any) []byte {
	message["is_echo"] = true
	event := object{
		"sender": object{"id": p.product.ID}, "recipient": object{"id": customer}, "timestamp": p.Now().UnixMilli(), "message": message,
	}
	return JSON(event)
}

// Standby is an event while another program owns the thread.
func Standby(event []byte) []byte { return JSON(object{"standby": json.RawMessage(event)}) }

// Receipt is told of what has been delivered, by Messenger only, and of what has been read.
func (p *Page) Receipt(id string, s chat.Status, _ string) ([]byte, error) {
	p.mu.Lock()
	customer, ok := p.to[id]
	p.mu.Unlock()
	now := p.Now().UnixMilli()
	switch {
	case !ok:
	case s == chat.StatusDelivered && p.product.Messenger:
		return p.item(customer, object{"delivery": object{"mids": []string{id}, "watermark": now}}), nil
	case s == chat.StatusRead && p.product.Messenger:
		return p.item(customer, object{"read": object{"watermark": now}}), nil
	case s == chat.StatusRead:
		return p.item(customer, object{"read": object{"mid": id}}), nil
	}
	return nil, chattest.ErrCannot
}

// Requests puts all events into one request, five to an entry: items of messaging, {"standby": item}, and changes with a field.
func (p *Page) Requests(events ...[]byte) []chat.Hook {
	var entries []any
	for len(events) > 0 {
		n := min(5, len(events))
		entry := object{"id": p.product.ID, "time": p.Now().UnixMilli()}
		var messaging, standby, changes []any
		for _, e := range events[:n] {
			var fields map[string]json.RawMessage
			_ = json.Unmarshal(e, &fields) // what is no object goes as it is
			switch {
			case fields["field"] != nil:
				changes = append(changes, json.RawMessage(e))
			case fields["standby"] != nil:
				standby = append(standby, fields["standby"])
			default:
				messaging = append(messaging, json.RawMessage(e))
			}
		}
		for name, items := range map[string][]any{"messaging": messaging, "standby": standby, "changes": changes} {
			if items != nil {
				entry[name] = items
			}
		}
		entries = append(entries, entry)
		events = events[n:]
	}
	return []chat.Hook{Request(p.Hook(), p.product.Object, entries)}
}

// Sign signs a request.
func (p *Page) Sign(h chat.Hook, wrong bool) chat.Hook { return Sign(h, wrong) }
