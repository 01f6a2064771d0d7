package linetest

import (
	"encoding/json"
	"fmt"
	"net/url"

	"tandem/chat"
	"tandem/chat/chattest"
)

// Act implements chattest.Platform.
func (p *Platform) Act(a chattest.Act) (id string, event []byte, err error) {
	var e map[string]any
	id = a.To
	switch a.Kind {
	case chattest.Say:
		id, e = p.message(map[string]any{"type": "text", "text": a.Text, "quotedMessageId": a.To})
	case chattest.Share:
		id, e = p.message(map[string]any{"type": "location", "latitude": a.Place[0], "longitude": a.Place[1]})
	case chattest.Give:
		id, e = p.give(*a.File)
	case chattest.Press:
		e = map[string]any{"type": "postback", "postback": map[string]any{"data": p.data(a)}}
	case chattest.Unsend:
		e = map[string]any{"type": "unsend", "unsend": map[string]any{"messageId": a.To}}
	case chattest.Begin, chattest.Unblock:
		e = map[string]any{"type": "follow", "follow": map[string]any{"isUnblocked": a.Kind == chattest.Unblock}}
	case chattest.Block:
		e = map[string]any{"type": "unfollow"}
	default:
		return "", nil, chattest.ErrCannot // no reactions, and edits in groups only
	}
	eventID := p.ID("01HFAKE0000000000000")
	if id == "" {
		id = eventID
	}
	now := p.Now()
	e["mode"], e["timestamp"], e["webhookEventId"] = "active", now.UnixMilli(), eventID
	e["deliveryContext"] = map[string]any{"isRedelivery": false}
	e["source"] = map[string]any{"type": "user", "userId": a.Customer}
	p.mu.Lock()
	if a.Name != "" {
		p.names[a.Customer] = a.Name
	}
	if a.Kind == chattest.Block || a.Kind == chattest.Unblock {
		p.blocked[a.Customer] = a.Kind == chattest.Block
	}
	if a.Kind != chattest.Block && a.Kind != chattest.Unsend {
		token := "reply-" + eventID
		p.tokens[token] = replyToken{customer: a.Customer, until: now.Add(tokenLife)}
		e["replyToken"] = token
	}
	p.mu.Unlock()
	event, err = json.Marshal(e)
	if err != nil {
		return "", nil, fmt.Errorf("write the event: %w", err)
	}
	return id, event, nil
}

// message makes an event of a message.
func (p *Platform) message(m map[string]any) (id string, event map[string]any) {
	if m["id"] == nil {
		m["id"] = p.ID("44")
	}
	id = fmt.Sprint(m["id"])
	if m["quotedMessageId"] == "" {
		delete(m, "quotedMessageId")
	}
	if m["type"] == "text" {
		m["quoteToken"], m["markAsReadToken"] = quoteToken(id), "read-"+id
	}
	return id, map[string]any{"type": "message", "message": m}
}

func quoteToken(id string) string { return "quote-" + id }

// give makes an event of a file.
func (p *Platform) give(file chattest.File) (id string, event map[string]any) {
	id = p.AddFile("55", file)
	m := map[string]any{"id": id, "type": string(file.Kind)}
	switch file.Kind {
	case chat.Image, chat.Video, chat.Audio:
		m["contentProvider"] = map[string]any{"type": "line"}
		if file.Kind != chat.Image {
			m["duration"] = 2000
		}
	case chat.Sticker:
		m["packageId"], m["stickerId"], m["stickerResourceType"] = "446", id, "STATIC"
	default:
		m["type"], m["fileName"], m["fileSize"] = "file", file.Name, len(file.Data)
	}
	return p.message(m)
}

// data is what the pressed button of a message gives back: what it was sent with, as far as that is known.
func (p *Platform) data(a chattest.Act) string {
	for _, r := range p.Received(a.Customer) {
		for _, o := range r.Options {
			if r.ID == a.To && o.ID == a.Text {
				return "option?" + url.Values{"id": {o.ID}, "title": {o.Title}}.Encode()
			}
		}
	}
	return a.Text
}
