package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"tandem/chat"
	"tandem/chat/meta"
)

// Limits of what the customer may choose from, in characters.
const (
	maxButtons     = 3
	maxButtonTitle = 20
	maxButtonID    = 256
	maxRows        = 10
	maxRowTitle    = 24
	maxRowID       = 200
	maxInteractive = 1024 // the text above them
)

// readable is how long a message may be marked as read.
const readable = 30 * 24 * time.Hour

// Send sends a message. Our own id goes with it and comes back with its statuses.
func (c *channel) Send(ctx context.Context, m chat.Outgoing) (chat.Sent, error) {
	kind, what, err := c.content(ctx, m)
	if err != nil {
		return chat.Sent{}, err
	}
	request := map[string]any{
		"messaging_product":        "whatsapp",
		"recipient_type":           "individual",
		"type":                     kind,
		kind:                       what,
		"biz_opaque_callback_data": m.ID.String(),
	}
	switch {
	case m.To.ID != "":
		request["to"] = m.To.ID
	case m.To.Alias != "":
		request["recipient"] = m.To.Alias
	default:
		return chat.Sent{}, meta.Rejected("recipient", "The customer has neither a number nor a user id.")
	}
	if m.Quote != "" && m.React == "" {
		request["context"] = map[string]string{"message_id": m.Quote}
	}
	var answer struct {
		Messages []struct {
			ID     string `json:"id"`
			Status string `json:"message_status"`
		} `json:"messages"`
	}
	if err := c.graph.Call(ctx, http.MethodPost, c.path("messages"), nil, request, &answer); err != nil {
		return chat.Sent{}, err
	}
	if len(answer.Messages) == 0 || answer.Messages[0].ID == "" {
		return chat.Sent{}, &chat.SendError{Verdict: chat.VerdictDoubt, Err: errors.New("the platform's answer names no message")}
	}
	sent := chat.Sent{ID: answer.Messages[0].ID, Status: chat.StatusSent}
	if s := answer.Messages[0].Status; s != "" && s != "accepted" {
		sent.Status = chat.StatusQueued // held for an assessment of quality, or paused
	}
	return sent, nil
}

// content is the message's type and what the request has under that name.
func (c *channel) content(ctx context.Context, m chat.Outgoing) (kind string, what any, err error) {
	switch {
	case m.React != "":
		return "reaction", map[string]string{"message_id": m.React, "emoji": m.Text}, nil
	case m.Edit != "" || m.Unsend != "":
		return "", nil, meta.Rejected("unsupported", "WhatsApp lets nobody change what has been sent.")
	case m.Kind == chat.Templated && m.Body.Template != nil:
		what, err = c.template(ctx, m)
		return "template", what, err
	case m.Media != nil:
		return c.media(ctx, m)
	case m.Kind == chat.Location && m.Body.Location != nil:
		return "location", place(m.Body.Location), nil
	case m.Kind == chat.Contacts && len(m.Body.Contacts) > 0:
		return "contacts", contacts(m.Body.Contacts), nil
	case len(m.Body.Options) > 0:
		what, err = interactive(m)
		return "interactive", what, err
	case meta.Words(m) != "":
		text := meta.Words(m)
		link := strings.Contains(text, "https://") || strings.Contains(text, "http://")
		return "text", map[string]any{"body": text, "preview_url": link}, nil
	}
	return "", nil, meta.Rejected("unsupported", fmt.Sprintf("WhatsApp has nothing to send of a message of kind %q.", m.Kind))
}

func (c *channel) media(ctx context.Context, m chat.Outgoing) (kind string, what any, err error) {
	kind = mediaType(m.Media.Kind)
	if m.Text != "" && (kind == "audio" || kind == "sticker") {
		kind = "document" // only as such may it have words below it
	}
	id, err := c.upload(ctx, m.Media)
	if err != nil {
		return "", nil, err
	}
	file := map[string]any{"id": id}
	if m.Text != "" {
		file["caption"] = m.Text
	}
	if kind == "document" && m.Media.Name != "" {
		file["filename"] = m.Media.Name
	}
	if kind == "audio" && m.Media.Voice {
		file["voice"] = true
	}
	return kind, file, nil
}

func mediaType(k chat.MediaKind) string {
	switch k {
	case chat.Image, chat.Video, chat.Audio, chat.Sticker:
		return string(k)
	}
	return "document"
}

// upload gives the platform a file, which it keeps for 30 days.
func (c *channel) upload(ctx context.Context, m *chat.OutgoingMedia) (id string, err error) {
	var answer struct {
		ID meta.Text `json:"id"`
	}
	fields := map[string]string{"messaging_product": "whatsapp", "type": m.ContentType}
	if err := c.graph.Upload(ctx, c.path("media"), fields, m, &answer); err != nil {
		return "", err
	}
	if answer.ID == "" {
		return "", &chat.SendError{Verdict: chat.VerdictRetry, Err: errors.New("the platform's answer names no file")}
	}
	return string(answer.ID), nil
}

func place(p *chat.Place) map[string]any {
	at := map[string]any{"latitude": p.Latitude, "longitude": p.Longitude}
	if p.Name != "" {
		at["name"] = p.Name
	}
	if p.Address != "" {
		at["address"] = p.Address
	}
	return at
}

func contacts(cards []chat.Card) []any {
	var all []any
	for _, k := range cards {
		var phones, emails []any
		for _, p := range k.Phones {
			phones = append(phones, map[string]string{"phone": p})
		}
		for _, e := range k.Emails {
			emails = append(emails, map[string]string{"email": e})
		}
		contact := map[string]any{"name": map[string]string{"formatted_name": k.Name, "first_name": k.Name}}
		if phones != nil {
			contact["phones"] = phones
		}
		if emails != nil {
			contact["emails"] = emails
		}
		all = append(all, contact)
	}
	return all
}

// interactive are up to three short options as buttons, otherwise up to ten as a list.
func interactive(m chat.Outgoing) (any, error) {
	options := m.Body.Options
	if n := utf8.RuneCountInString(m.Text); n == 0 || n > maxInteractive {
		return nil, meta.Rejected("text", fmt.Sprintf("The text above options has 1 to %d characters on WhatsApp.", maxInteractive))
	}
	if len(options) > maxRows {
		return nil, meta.Rejected("options", fmt.Sprintf("WhatsApp shows at most %d options.", maxRows))
	}
	if fit(options, maxButtons, maxButtonTitle, maxButtonID) {
		var buttons []any
		for _, o := range options {
			buttons = append(buttons, map[string]any{"type": "reply", "reply": map[string]string{"id": o.ID, "title": o.Title}})
		}
		return map[string]any{
			"type": "button", "body": map[string]string{"text": m.Text}, "action": map[string]any{"buttons": buttons},
		}, nil
	}
	if !fit(options, maxRows, maxRowTitle, maxRowID) {
		return nil, meta.Rejected("options", fmt.Sprintf("An option has 1 to %d characters on WhatsApp, and an id of at most %d.", maxRowTitle, maxRowID))
	}
	var rows []any
	for _, o := range options {
		rows = append(rows, map[string]string{"id": o.ID, "title": o.Title})
	}
	open := "Options"
	if strings.HasPrefix(m.To.Language, "zh") {
		open = "选项"
	}
	return map[string]any{
		"type": "list", "body": map[string]string{"text": m.Text},
		"action": map[string]any{"button": open, "sections": []any{map[string]any{"rows": rows}}},
	}, nil
}

func fit(options []chat.Option, count, title, id int) bool {
	if len(options) > count {
		return false
	}
	for _, o := range options {
		if n := utf8.RuneCountInString(o.Title); n == 0 || n > title || o.ID == "" || utf8.RuneCountInString(o.ID) > id {
			return false
		}
	}
	return true
}

// Signal marks the customer's last message as read, and all before it, with somebody typing where that is meant. Typing ends by itself.
func (c *channel) Signal(ctx context.Context, s chat.Signal) error {
	if s.Message == "" || s.Kind == chat.SignalQuiet || !s.LastAt.IsZero() && c.now().Sub(s.LastAt) > readable {
		return nil
	}
	request := map[string]any{"messaging_product": "whatsapp", "status": "read", "message_id": s.Message}
	if s.Kind == chat.SignalTyping {
		request["typing_indicator"] = map[string]string{"type": "text"}
	}
	return meta.Mute(c.graph.Call(ctx, http.MethodPost, c.path("messages"), nil, request, nil))
}
