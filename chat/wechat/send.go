package wechat

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tandem/chat"
)

const (
	sendPath     = "/cgi-bin/message/custom/send"
	typingPath   = "/cgi-bin/message/custom/typing"
	templatePath = "/cgi-bin/message/template/send"
	// typingWithin is how long after the customer's last message they may be shown that somebody types.
	typingWithin = 30 * time.Second
)

// Send sends a customer service message, or a template. The platform gives no id for the former and tells nothing of either but a
// template's result.
func (c *account) Send(ctx context.Context, m chat.Outgoing) (chat.Sent, error) {
	switch {
	case m.React != "" || m.Edit != "" || m.Unsend != "":
		return chat.Sent{}, unable("The platform has no reactions, and changes nothing that was sent.")
	case m.Media != nil:
		return c.sendMedia(ctx, m)
	case m.Body.Template != nil:
		return c.sendTemplate(ctx, m)
	case len(m.Body.Options) > 0:
		return c.sendCustom(ctx, m.To, "msgmenu", menu(m))
	case words(m) != "":
		return c.sendCustom(ctx, m.To, "text", map[string]string{"content": words(m)})
	}
	return chat.Sent{}, unable("The platform has nothing to show this kind of message with.")
}

// words are a message's text, with what the platform cannot show otherwise.
func words(m chat.Outgoing) string {
	switch at, link := m.Body.Location, m.Body.Link; {
	case m.Kind == chat.Location && at != nil:
		return at.String()
	case link != nil && !strings.Contains(m.Text, link.URL):
		return strings.TrimSpace(m.Text + "\n" + link.URL)
	}
	return m.Text
}

func unable(why string) error {
	return &chat.SendError{Verdict: chat.VerdictRejected, Code: "unsupported", Detail: why}
}

// menu is a text with options, each a line that the customer touches.
func menu(m chat.Outgoing) any {
	type item struct {
		ID      string `json:"id"`
		Content string `json:"content"`
	}
	list := make([]item, 0, len(m.Body.Options))
	for _, o := range m.Body.Options {
		list = append(list, item{o.ID, o.Title})
	}
	return map[string]any{"head_content": m.Text, "list": list, "tail_content": ""}
}

// sendCustom sends a customer service message of a type.
func (c *account) sendCustom(ctx context.Context, to chat.Person, kind string, content any) (chat.Sent, error) {
	message := map[string]any{"touser": to.ID, "msgtype": kind, kind: content}
	if c.kf != "" {
		message["customservice"] = map[string]string{"kf_account": c.kf}
	}
	body, err := encode(message)
	if err != nil {
		return chat.Sent{}, &chat.SendError{Verdict: chat.VerdictRejected, Err: err}
	}
	if err := c.call(ctx, request{method: http.MethodPost, path: sendPath, body: body, sends: true}, nil); err != nil {
		return chat.Sent{}, err
	}
	return chat.Sent{Status: chat.StatusSent}, nil
}

// sendTemplate sends a template, whose Name is its template_id; the values' components are not the platform's.
func (c *account) sendTemplate(ctx context.Context, m chat.Outgoing) (chat.Sent, error) {
	type value struct {
		Value string `json:"value"`
	}
	data := make(map[string]value, len(m.Body.Template.Values))
	for name, v := range m.Body.Template.Values {
		_, bare, ok := strings.Cut(name, ".")
		if !ok {
			bare = name
		}
		data[bare] = value{v}
	}
	body, err := encode(map[string]any{"touser": m.To.ID, "template_id": m.Body.Template.Name, "data": data, "client_msg_id": m.ID.String()})
	if err != nil {
		return chat.Sent{}, &chat.SendError{Verdict: chat.VerdictRejected, Err: err}
	}
	var said struct {
		ID int64 `json:"msgid"`
	}
	if err := c.call(ctx, request{method: http.MethodPost, path: templatePath, body: body, sends: true}, &said); err != nil {
		var e *chat.SendError
		if errors.As(err, &e) && e.Code == "48001" { // templates were not granted; the rest of the account may well be
			e.Verdict = chat.VerdictRejected
		}
		return chat.Sent{}, err
	}
	return chat.Sent{ID: strconv.FormatInt(said.ID, 10), Status: chat.StatusSent}, nil
}

// Signal shows "typing" for 15 seconds, which the platform allows within 30 seconds of the customer's last message. It has no read marks.
func (c *account) Signal(ctx context.Context, s chat.Signal) error {
	command := "Typing"
	switch s.Kind {
	case chat.SignalTyping:
	case chat.SignalQuiet:
		command = "CancelTyping"
	default:
		return nil
	}
	if s.LastAt.IsZero() || c.now().Sub(s.LastAt) > typingWithin {
		return nil
	}
	body, err := encode(map[string]string{"touser": s.To.ID, "command": command})
	if err != nil {
		return err
	}
	err = c.call(ctx, request{method: http.MethodPost, path: typingPath, body: body}, nil)
	if code := codeOf(err); code == "45080" || code == "45081" { // too late by the platform's clock; shown already
		return nil
	}
	return err
}
