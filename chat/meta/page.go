package meta

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tandem/chat"
)

// Limits of quick replies, in characters.
const (
	MaxQuickReplies = 13
	maxQuickTitle   = 20
	maxQuickPayload = 1000
)

// Page sends in the name of a Page or an Instagram account, and asks about its customers.
type Page struct {
	Graph *Client
	ID    string
	// Messenger is true for a Page: its messages say what they are sent for, may quote, and bring our id back in their echo.
	Messenger bool
	Now       func() time.Time
}

func (p *Page) path(rest string) string { return url.PathEscape(p.ID) + "/" + rest }

// Send sends one message.
func (p *Page) Send(ctx context.Context, m chat.Outgoing) (chat.Sent, error) {
	to := p.recipient(m)
	if to == nil {
		return chat.Sent{}, Rejected("recipient", "The customer has no id to write to.")
	}
	request := map[string]any{"recipient": to}
	if m.React != "" {
		p.react(request, m)
	} else {
		message, err := content(m)
		if err != nil {
			return chat.Sent{}, err
		}
		request["message"] = message
		p.terms(request, message, m)
	}
	var answer struct {
		ID Text `json:"message_id"`
	}
	if err := p.Graph.Call(ctx, http.MethodPost, p.path("messages"), nil, request, &answer); err != nil {
		return chat.Sent{}, err
	}
	if answer.ID == "" && m.React == "" {
		return chat.Sent{}, &chat.SendError{Verdict: chat.VerdictDoubt, Err: errors.New("the platform's answer names no message")}
	}
	return chat.Sent{ID: string(answer.ID), Status: chat.StatusSent}, nil
}

// recipient is the customer, or the comment that is answered in private; nil: nobody.
func (p *Page) recipient(m chat.Outgoing) map[string]string {
	switch {
	case m.Reply != "" && m.React == "" && (m.ReplyUntil.IsZero() || p.Now().Before(m.ReplyUntil)):
		return map[string]string{"comment_id": m.Reply}
	case m.To.ID != "":
		return map[string]string{"id": m.To.ID}
	}
	return nil
}

// terms say under which rule the message goes out, and what goes with it.
func (p *Page) terms(request, message map[string]any, m chat.Outgoing) {
	switch {
	case m.Tag != "":
		request["messaging_type"], request["tag"] = "MESSAGE_TAG", m.Tag
	case p.Messenger:
		request["messaging_type"] = "RESPONSE"
	}
	if !p.Messenger {
		return
	}
	message["metadata"] = m.ID.String()
	if m.Quote != "" {
		request["reply_to"] = map[string]string{"mid": m.Quote}
	}
}

func (p *Page) react(request map[string]any, m chat.Outgoing) {
	payload := map[string]string{"message_id": m.React}
	request["sender_action"], request["payload"] = "unreact", payload
	if m.Text == "" {
		return
	}
	request["sender_action"] = "react"
	payload["reaction"] = m.Text
	for _, r := range reactions() {
		if strings.TrimSuffix(r.emoji, "\ufe0f") == strings.TrimSuffix(m.Text, "\ufe0f") {
			payload["reaction"] = r.name
		}
	}
}

func content(m chat.Outgoing) (map[string]any, error) {
	switch {
	case m.Edit != "" || m.Unsend != "":
		return nil, Rejected("unsupported", "The platform lets nobody change what has been sent.")
	case m.Media != nil:
		if m.Media.URL == "" {
			return nil, Rejected("media", "The platform fetches files itself; set this installation's public URL.")
		}
		kind := string(m.Media.Kind)
		switch m.Media.Kind {
		case chat.Image, chat.Video, chat.Audio:
		case chat.Sticker:
			kind = "image"
		default:
			kind = "file"
		}
		attachment := map[string]any{"type": kind, "payload": map[string]any{"url": m.Media.URL}}
		return map[string]any{"attachment": attachment}, nil
	case Words(m) == "" || len(m.Body.Options) > 0 && m.Text == "":
		return nil, Rejected("unsupported", fmt.Sprintf("The platform has nothing to send of a message of kind %q.", m.Kind))
	case len(m.Body.Options) > 0:
		replies, err := quickReplies(m.Body.Options)
		return map[string]any{"text": m.Text, "quick_replies": replies}, err
	}
	return map[string]any{"text": Words(m)}, nil
}

// Words are a message's text, with what the platform cannot show otherwise.
func Words(m chat.Outgoing) string {
	switch at, link := m.Body.Location, m.Body.Link; {
	case m.Kind == chat.Location && at != nil:
		return at.String()
	case link != nil && !strings.Contains(m.Text, link.URL):
		return strings.TrimSpace(m.Text + "\n" + link.URL)
	}
	return m.Text
}

func quickReplies(options []chat.Option) ([]any, error) {
	if len(options) > MaxQuickReplies {
		return nil, Rejected("options", fmt.Sprintf("The platform shows at most %d options.", MaxQuickReplies))
	}
	var all []any
	for _, o := range options {
		n := utf8.RuneCountInString(o.Title)
		if n == 0 || n > maxQuickTitle || o.ID == "" || utf8.RuneCountInString(o.ID) > maxQuickPayload {
			return nil, Rejected("options", fmt.Sprintf("An option has 1 to %d characters here.", maxQuickTitle))
		}
		all = append(all, map[string]string{"content_type": "text", "title": o.Title, "payload": o.ID})
	}
	return all, nil
}

// Signal tells the customer that somebody types, has stopped, or has read.
func (p *Page) Signal(ctx context.Context, s chat.Signal) error {
	action := map[chat.SignalKind]string{
		chat.SignalTyping: "typing_on", chat.SignalQuiet: "typing_off", chat.SignalRead: "mark_seen",
	}[s.Kind]
	if action == "" || s.To.ID == "" {
		return nil
	}
	request := map[string]any{"recipient": map[string]string{"id": s.To.ID}, "sender_action": action}
	return Mute(p.Graph.Call(ctx, http.MethodPost, p.path("messages"), nil, request, nil))
}

// Person asks for a customer's profile; the platform tells nothing of many.
func (p *Page) Person(ctx context.Context, who chat.Person, fields string) (chat.Person, error) {
	var said struct {
		First    string `json:"first_name"`
		Last     string `json:"last_name"`
		Name     string `json:"name"`
		Username string `json:"username"`
		Picture  string `json:"profile_pic"`
		Locale   string `json:"locale"`
	}
	if err := p.Graph.Call(ctx, http.MethodGet, url.PathEscape(who.ID), url.Values{"fields": {fields}}, nil, &said); err != nil {
		return who, Mute(err)
	}
	if name := strings.TrimSpace(said.First + " " + said.Last); name != "" {
		who.Name = name
	}
	if said.Name != "" {
		who.Name = said.Name
	}
	if said.Username != "" {
		who.Username = said.Username
	}
	if said.Picture != "" {
		who.Avatar = said.Picture
	}
	if language, _, _ := strings.Cut(said.Locale, "_"); language != "" {
		who.Language = language
	}
	return who, nil
}

// Check asks for the account's name.
func (p *Page) Check(ctx context.Context, fields string) (chat.Health, error) {
	var said Flat
	if err := p.Graph.Call(ctx, http.MethodGet, url.PathEscape(p.ID), url.Values{"fields": {fields}}, nil, &said); err != nil {
		return chat.Health{}, err
	}
	health := chat.Health{Name: said["name"], Detail: map[string]string{}}
	if health.Name == "" {
		health.Name = said["username"]
	}
	for name, value := range said {
		if name != "name" {
			health.Detail[name] = value
		}
	}
	return health, nil
}

// Fetch opens a file that a customer has sent, where the hook said it is; when that address has expired, the message is asked for another.
func (p *Page) Fetch(ctx context.Context, ref chat.MediaRef) (chat.Media, error) {
	m, err := p.Graph.File(ctx, ref.URL, false)
	if errors.Is(err, ErrExpired) {
		var address string
		if address, err = p.again(ctx, ref); err == nil {
			m, err = p.Graph.File(ctx, address, false)
		}
	}
	if errors.Is(err, ErrExpired) {
		return chat.Media{}, chat.ErrMediaGone.Because(err)
	}
	if err == nil && ref.Name != "" {
		m.Name = ref.Name
	}
	return m, err
}

// again asks for the present address of a message's file; ErrExpired if there is none.
func (p *Page) again(ctx context.Context, ref chat.MediaRef) (string, error) {
	mid := ref.Extra["mid"]
	n, err := strconv.Atoi(ref.Extra["index"])
	if mid == "" || err != nil {
		return "", ErrExpired
	}
	type where struct {
		URL string `json:"url"`
	}
	var said struct {
		Attachments struct {
			Data []struct {
				Image *where `json:"image_data"`
				Video *where `json:"video_data"`
				File  string `json:"file_url"`
			} `json:"data"`
		} `json:"attachments"`
	}
	if err := p.Graph.Call(ctx, http.MethodGet, url.PathEscape(mid), url.Values{"fields": {"attachments"}}, nil, &said); err != nil {
		if trouble := Mute(err); trouble != nil {
			return "", trouble
		}
		return "", ErrExpired
	}
	if n < 0 || n >= len(said.Attachments.Data) {
		return "", ErrExpired
	}
	a := said.Attachments.Data[n]
	switch {
	case a.Image != nil && a.Image.URL != "":
		return a.Image.URL, nil
	case a.Video != nil && a.Video.URL != "":
		return a.Video.URL, nil
	case a.File != "":
		return a.File, nil
	}
	return "", ErrExpired
}
