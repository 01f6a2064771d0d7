package metatest

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"

	"tandem/chat"
	"tandem/chat/chattest"
)

type outgoing struct {
	Recipient struct {
		ID      string `json:"id"`
		Comment string `json:"comment_id"`
	} `json:"recipient"`
	Type    string `json:"messaging_type"`
	Tag     string `json:"tag"`
	Message *struct {
		Text         string `json:"text"`
		Metadata     string `json:"metadata"`
		QuickReplies []struct {
			Type    string `json:"content_type"`
			Title   string `json:"title"`
			Payload string `json:"payload"`
		} `json:"quick_replies"`
		Attachment *struct {
			Type    string `json:"type"`
			Payload struct {
				URL string `json:"url"`
			} `json:"payload"`
		} `json:"attachment"`
	} `json:"message"`
	ReplyTo struct {
		Mid string `json:"mid"`
	} `json:"reply_to"`
	Action  string `json:"sender_action"`
	Payload struct {
		Message  string `json:"message_id"`
		Reaction string `json:"reaction"`
	} `json:"payload"`
}

// messages takes a message, a reaction or a sign of life.
func (p *Page) messages(w http.ResponseWriter, r *http.Request, body []byte) {
	var m outgoing
	err := json.Unmarshal(body, &m)
	to := m.Recipient.ID
	if to == "" && m.Recipient.Comment != "" {
		to, _, _ = strings.Cut(m.Recipient.Comment, "#")
	}
	name := "messages"
	if m.Action != "" {
		name = m.Action
	}
	p.Do(w, r, chattest.Operation{Name: name, To: to, Body: body, Refuse: Refusal, Accept: func() chattest.Reply {
		switch {
		case err != nil:
			return Refusal("100")
		case to == "":
			return Refusal("100/2018001")
		case m.Action == "react" || m.Action == "unreact":
			return p.react(to, m)
		case m.Action == "mark_seen" || m.Action == "typing_on" || m.Action == "typing_off":
			return chattest.JSON(http.StatusOK, object{"recipient_id": to})
		case m.Message == nil || m.Action != "":
			return Refusal("100")
		case m.Recipient.Comment == "":
			if code := p.terms(to, m); code != "" {
				return Refusal(code)
			}
		default:
			if code := p.reply(m.Recipient.Comment); code != "" {
				return Refusal(code)
			}
		}
		got, code := p.content(r, m)
		if code != "" {
			return Refusal(code)
		}
		got.ID = p.ID(p.product.Mid + "out_")
		got = p.Receive(to, got)
		p.mu.Lock()
		p.to[got.ID] = to
		p.mu.Unlock()
		return chattest.JSON(http.StatusOK, object{"recipient_id": to, "message_id": got.ID}).Of(got.ID)
	}})
}

func (p *Page) terms(to string, m outgoing) (code string) {
	tagged := m.Type == "MESSAGE_TAG"
	if tagged != (m.Tag != "") || p.product.Messenger && !tagged && m.Type != "RESPONSE" && m.Type != "UPDATE" || !p.product.Messenger && m.ReplyTo.Mid != "" {
		return "100"
	}
	return p.window(to, m.Tag)
}

// reply takes the one private reply to a comment.
func (p *Page) reply(comment string) (code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.replied[comment] {
		return "100/2534025"
	}
	p.replied[comment] = true
	return ""
}

func (p *Page) react(to string, m outgoing) chattest.Reply {
	if m.Payload.Message == "" || m.Action == "react" && m.Payload.Reaction == "" {
		return Refusal("100")
	}
	sign := map[string]string{"like": "👍", "love": "❤️", "smile": "😆", "wow": "😮", "sad": "😢", "angry": "😠", "dislike": "👎"}[m.Payload.Reaction]
	if sign == "" {
		sign = m.Payload.Reaction
	}
	if m.Action == "unreact" {
		sign = ""
	}
	p.Receive(to, chattest.Received{Reaction: sign, To: m.Payload.Message})
	return chattest.JSON(http.StatusOK, object{"recipient_id": to})
}

// content is what the customer gets to see, or why nothing.
func (p *Page) content(r *http.Request, m outgoing) (got chattest.Received, code string) {
	got = chattest.Received{Kind: chat.Text, Text: m.Message.Text, Quote: m.ReplyTo.Mid, Tag: m.Tag, Key: m.Message.Metadata}
	if a := m.Message.Attachment; a != nil {
		limit := map[string]int{"image": 8 << 20, "audio": 25 << 20, "video": 25 << 20, "file": 25 << 20}[a.Type]
		contentType, data, err := p.Download(r.Context(), a.Payload.URL)
		switch {
		case limit == 0 || m.Message.Text != "":
			return got, "100"
		case err != nil:
			return got, "100"
		case len(data) > limit:
			return got, "100/2018109"
		}
		got.Kind = chat.MediaOf
		got.Files = []chattest.File{{Kind: chat.MediaKind(a.Type), ContentType: contentType, Data: data}}
		return got, ""
	}
	if m.Message.Text == "" || p.tooLong(m.Message.Text) || len(m.Message.QuickReplies) > 13 {
		return got, "100"
	}
	for _, q := range m.Message.QuickReplies {
		n := utf8.RuneCountInString(q.Title)
		if q.Type != "text" || n == 0 || n > 20 || utf8.RuneCountInString(q.Payload) > 1000 {
			return got, "100"
		}
		got.Kind = chat.Offer
		got.Options = append(got.Options, chat.Option{ID: q.Payload, Title: q.Title})
	}
	return got, ""
}

// account tells of the account.
func (p *Page) account(w http.ResponseWriter, r *http.Request, _ []byte) {
	p.Do(w, r, chattest.Operation{Name: "account", Refuse: Refusal, Accept: func() chattest.Reply {
		return chattest.JSON(http.StatusOK, object{"id": p.product.ID, "name": p.product.Name, "username": "demo.shop"})
	}})
}

// node tells of a message's files, or of a customer.
func (p *Page) node(w http.ResponseWriter, r *http.Request, _ []byte) {
	id := r.PathValue("id")
	p.Do(w, r, chattest.Operation{Name: "node", Refuse: Refusal, Accept: func() chattest.Reply {
		p.mu.Lock()
		files, said := p.given[id]
		p.mu.Unlock()
		switch {
		case said:
			var data []any
			for _, f := range files {
				if file, ok := p.File(f); ok && file.State == chattest.Ready {
					data = append(data, object{"id": f, "mime_type": file.ContentType, "file_url": p.address(f)})
				}
			}
			return chattest.JSON(http.StatusOK, object{"id": id, "attachments": object{"data": data}})
		case strings.HasPrefix(id, p.product.Prefix):
			if p.product.Messenger {
				return chattest.JSON(http.StatusOK, object{"id": id, "first_name": "Ann", "last_name": "Example", "profile_pic": p.picture()})
			}
			return chattest.JSON(http.StatusOK, object{"id": id, "name": "Ann Example", "username": "ann.b", "profile_pic": p.picture()})
		}
		return Refusal("100/33")
	}})
}

func (p *Page) picture() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.base + "/files/picture.jpg"
}

// download gives a customer's file out, to anybody who has its address.
func (p *Page) download(w http.ResponseWriter, r *http.Request) {
	address := r.PathValue("address")
	p.Do(w, r, chattest.Operation{Name: "download", Accept: func() chattest.Reply {
		p.mu.Lock()
		ok := p.issued[address]
		p.mu.Unlock()
		id, _, _ := strings.Cut(address, ".")
		file, found := p.File(id)
		if !ok || !found || file.State == chattest.Gone {
			return chattest.Reply{Status: http.StatusNotFound}
		}
		return chattest.Reply{Status: http.StatusOK, Header: http.Header{"Content-Type": {file.ContentType}}, Body: file.Data}
	}})
}
