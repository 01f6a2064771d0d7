package vibertest

import (
	"encoding/json"
	"fmt"
	"strconv"

	"tandem/chat"
	"tandem/chat/chattest"
)

// Act implements chattest.Platform.
func (p *Platform) Act(a chattest.Act) (id string, event []byte, err error) {
	m := map[string]any{}
	name := "message"
	switch a.Kind {
	case chattest.Say:
		if a.To != "" {
			return "", nil, chattest.ErrCannot // nobody quotes
		}
		m["type"], m["text"] = "text", a.Text
	case chattest.Press:
		m["type"], m["text"] = "text", a.Text
		m["tracking_data"] = p.pressed(a)
	case chattest.Give:
		if a.File.Kind == chat.Audio {
			return "", nil, chattest.ErrCannot // bots hear nothing
		}
		p.give(*a.File, a.Text, m)
	case chattest.Share:
		m["type"], m["location"] = "location", map[string]float64{"lat": a.Place[0], "lon": a.Place[1]}
	case chattest.Begin:
		name = "conversation_started"
	case chattest.Block:
		name = "unsubscribed"
	case chattest.Unblock:
		name = "subscribed"
	default:
		return "", nil, chattest.ErrCannot
	}
	id, token := p.token()
	e := map[string]any{"event": name, "timestamp": p.Now().UnixMilli(), "message_token": token, "chat_hostname": "SN-1"}
	who := p.user(a)
	p.mu.Lock()
	switch name {
	case "message":
		if _, ok := m["tracking_data"]; !ok && p.tracking[a.Customer] != "" {
			m["tracking_data"] = p.tracking[a.Customer]
		}
		delete(p.tracking, a.Customer)
		delete(p.since, a.Customer)
		e["sender"], e["message"], e["silent"] = who, m, false
		p.subscribed[a.Customer] = true
	case "conversation_started":
		e["type"], e["context"], e["user"], e["subscribed"] = "open", a.Text, who, p.subscribed[a.Customer]
	case "subscribed":
		e["user"] = who
		p.subscribed[a.Customer] = true
	case "unsubscribed":
		e["user_id"] = a.Customer
		p.subscribed[a.Customer] = false
	}
	p.mu.Unlock()
	event, err = json.Marshal(e)
	if err != nil {
		return "", nil, fmt.Errorf("write the event: %w", err)
	}
	return id, event, nil
}

func (p *Platform) user(a chattest.Act) map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a.Name != "" {
		p.names[a.Customer] = a.Name
	}
	return map[string]any{
		"id": a.Customer, "name": p.names[a.Customer], "avatar": "https://media-direct.cdn.viber.com/1", "country": "DE", "language": "de", "api_version": 10,
	}
}

// pressed is what the message brings back below which the button stands, as far as that is known.
func (p *Platform) pressed(a chattest.Act) string {
	titles := map[string]string{a.Text: a.Text}
	for _, r := range p.Received(a.Customer) {
		for _, o := range r.Options {
			if r.ID == a.To {
				titles[o.ID] = o.Title
			}
		}
	}
	b, err := json.Marshal(map[string]any{"options": titles})
	if err != nil {
		return ""
	}
	return string(b)
}

// give puts a file into a message.
func (p *Platform) give(file chattest.File, text string, m map[string]any) {
	id := p.AddFile("FILE", file)
	p.mu.Lock()
	m["media"] = trim(p.base) + "/media/" + id
	p.mu.Unlock()
	m["size"] = len(file.Data)
	switch file.Kind {
	case chat.Image:
		m["type"], m["thumbnail"], m["text"] = "picture", m["media"], text
	case chat.Video:
		m["type"], m["thumbnail"], m["duration"] = "video", m["media"], 2
	case chat.Sticker:
		m["type"], m["sticker_id"] = "sticker", json.Number(strconv.Itoa(46105))
	default:
		m["type"], m["file_name"] = "file", file.Name
	}
}
