package viber

import (
	"context"
	"encoding/json"
	"strings"

	"tandem/chat"
)

// content is a message as Viber takes it.
type content struct {
	Receiver   string    `json:"receiver,omitempty"`
	MinVersion int       `json:"min_api_version,omitempty"`
	Sender     sender    `json:"sender"`
	Tracking   string    `json:"tracking_data,omitempty"`
	Type       string    `json:"type"`
	Text       string    `json:"text,omitempty"`
	Media      string    `json:"media,omitempty"`
	Thumbnail  string    `json:"thumbnail,omitempty"`
	Size       int64     `json:"size,omitempty"`
	Duration   int64     `json:"duration,omitempty"` // seconds
	FileName   string    `json:"file_name,omitempty"`
	Contact    *card     `json:"contact,omitempty"`
	Location   *place    `json:"location,omitempty"`
	Keyboard   *keyboard `json:"keyboard,omitempty"`
}

type sender struct {
	Name   string `json:"name"`
	Avatar string `json:"avatar,omitempty"`
}

type card struct {
	Name  string `json:"name"`
	Phone string `json:"phone_number"`
}

type place struct {
	Latitude  float64 `json:"lat"`
	Longitude float64 `json:"lon"`
}

type keyboard struct {
	Type    string   `json:"Type"`
	Buttons []button `json:"Buttons"`
}

type button struct {
	Columns    int    `json:"Columns"`
	Rows       int    `json:"Rows"`
	ActionType string `json:"ActionType"`
	ActionBody string `json:"ActionBody"`
	Text       string `json:"Text"`
}

// Send sends one message.
func (c *account) Send(ctx context.Context, m chat.Outgoing) (chat.Sent, error) {
	out, err := c.content(m)
	if err != nil {
		return chat.Sent{}, err
	}
	var got struct {
		Token token `json:"message_token"`
	}
	if err := c.call(ctx, "send_message", out, &got); err != nil {
		return chat.Sent{}, err
	}
	return chat.Sent{ID: string(got.Token), Status: chat.StatusSent}, nil
}

// sender is whose name a message carries: the agent's, or the account's.
func (c *account) sender(name string) sender {
	if name == "" {
		name = c.name
	}
	return sender{Name: cut(name, 28), Avatar: c.avatar}
}

// content words a message for Viber.
func (c *account) content(m chat.Outgoing) (content, error) {
	if m.React != "" || m.Edit != "" || m.Unsend != "" {
		return content{}, reject("unsupported", "Viber has no reactions, edits or unsends.")
	}
	out := content{Receiver: m.To.ID, MinVersion: 1, Sender: c.sender(m.Name), Type: "text", Text: m.Text}
	switch at, cards := m.Body.Location, m.Body.Contacts; {
	case m.Media != nil:
		if err := out.file(m.Media); err != nil {
			return content{}, err
		}
	case at != nil:
		out.Type, out.Location, out.Text = "location", &place{at.Latitude, at.Longitude}, ""
	case len(cards) == 1 && len(cards[0].Phones) > 0:
		out.Type, out.Contact, out.Text = "contact", &card{cut(cards[0].Name, 28), cut(cards[0].Phones[0], 18)}, ""
	default:
		out.Text = text(m)
	}
	if out.Type == "text" && out.Text == "" {
		return content{}, reject("empty", "There is nothing to send.")
	}
	return out, out.offer(m.Body.Options)
}

func text(m chat.Outgoing) string {
	var lines []string
	if m.Text != "" {
		lines = append(lines, m.Text)
	}
	for _, c := range m.Body.Contacts {
		lines = append(lines, strings.Join(append(append([]string{c.Name}, c.Phones...), c.Emails...), "\n"))
	}
	if l := m.Body.Link; l != nil && !strings.Contains(m.Text, l.URL) {
		lines = append(lines, l.URL)
	}
	return strings.Join(lines, "\n")
}

// offer puts buttons below a message, and what tells a pressed one from a typed text.
func (out *content) offer(options []chat.Option) error {
	if len(options) == 0 {
		return nil
	}
	if len(options) > optionLimit {
		return reject("options", "Viber shows at most 12 options.")
	}
	own := tracking{Options: map[string]string{}}
	out.Keyboard = &keyboard{Type: "keyboard"}
	for _, o := range options {
		own.Options[o.ID] = o.Title
		out.Keyboard.Buttons = append(out.Keyboard.Buttons, button{Columns: 6, Rows: 1, ActionType: "reply", ActionBody: o.ID, Text: o.Title})
	}
	b, err := json.Marshal(own)
	if err != nil || len(b) > 4000 {
		return reject("options", "The options' titles are too long for Viber.")
	}
	out.Tracking = string(b)
	return nil
}

// file words a file. What is no picture or video that Viber shows goes as a file, which carries no text.
func (out *content) file(f *chat.OutgoingMedia) error {
	kind, _, _ := strings.Cut(f.ContentType, ";")
	out.Media = f.URL
	switch {
	case len(f.URL) > urlLimit:
		return reject("url", "Viber takes addresses of up to 2,000 characters.")
	case f.Kind == chat.Image && (kind == "image/jpeg" || kind == "image/png") && f.Bytes <= pictureLimit:
		out.Type, out.Text, out.Thumbnail = "picture", cut(out.Text, 768), f.Preview
		return nil
	case out.Text != "":
		return reject("caption", "Viber shows text only below pictures.")
	case f.Bytes > fileLimit:
		return reject("too_large", "Viber takes files of up to 50 MB.")
	case f.Bytes <= 0:
		return reject("size", "Viber wants to know how large a file is.")
	case f.Kind == chat.Video && kind == "video/mp4" && f.Bytes <= videoLimit && f.Seconds <= videoSeconds:
		out.Type, out.Size, out.Duration, out.Thumbnail = "video", f.Bytes, int64(f.Seconds), f.Preview
	default:
		out.Type, out.Size, out.FileName = "file", f.Bytes, shorten(f.Name)
	}
	return nil
}

// shorten fits a file's name into 256 characters and keeps its ending, by which the customer's device opens it.
func shorten(name string) string {
	if name == "" {
		return "file"
	}
	r := []rune(name)
	if len(r) <= 256 {
		return name
	}
	end := strings.LastIndexByte(name, '.')
	if end < 0 || len(name)-end > 16 {
		return string(r[:256])
	}
	return string(r[:240]) + name[end:]
}

// cut shortens to n characters.
func cut(s string, n int) string {
	r := []rune(s)
	return string(r[:min(n, len(r))])
}

// Signal does nothing: Viber shows neither typing nor read marks of bots.
func (c *account) Signal(context.Context, chat.Signal) error { return nil }
