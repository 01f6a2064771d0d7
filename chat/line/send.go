package line

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf16"

	"github.com/google/uuid"

	"tandem/chat"
)

// part is a message as LINE takes it.
type part struct {
	Type       string      `json:"type"`
	Text       string      `json:"text,omitempty"`
	QuoteToken string      `json:"quoteToken,omitempty"`
	Original   string      `json:"originalContentUrl,omitempty"`
	Preview    string      `json:"previewImageUrl,omitempty"`
	Duration   int64       `json:"duration,omitempty"` // milliseconds
	Title      string      `json:"title,omitempty"`
	Address    string      `json:"address,omitempty"`
	Latitude   json.Number `json:"latitude,omitempty"`
	Longitude  json.Number `json:"longitude,omitempty"`
	PackageID  string      `json:"packageId,omitempty"`
	StickerID  string      `json:"stickerId,omitempty"`
	QuickReply *quickReply `json:"quickReply,omitempty"`
	Sender     *sender     `json:"sender,omitempty"`
}

type quickReply struct {
	Items []quickReplyItem `json:"items"`
}

type quickReplyItem struct {
	Type   string   `json:"type"`
	Action postback `json:"action"`
}

type postback struct {
	Type        string `json:"type"`
	Label       string `json:"label"`
	Data        string `json:"data"`
	DisplayText string `json:"displayText,omitempty"`
}

type sender struct {
	Name    string `json:"name,omitempty"`
	IconURL string `json:"iconUrl,omitempty"`
}

// answer is what LINE says of messages that it has taken.
type answer struct {
	SentMessages []sentMessage `json:"sentMessages"`
}

// Send answers for free with the reply token while it holds, and pushes otherwise, or when LINE no longer takes the token.
//
// A push in doubt may be repeated with the same Outgoing.ID: LINE does not send again what it has taken (409). A reply has no such key, but
// its token is good for one answer: a reply in doubt is only ever repeated as a reply, since a push might say it twice.
func (c *account) Send(ctx context.Context, m chat.Outgoing) (chat.Sent, error) {
	parts, err := c.parts(m)
	if err != nil {
		return chat.Sent{}, err
	}
	fresh := m.Reply != "" && c.now().Before(m.ReplyUntil)
	doubted := m.Doubt && m.Reply != "" || c.doubts.has(m.ID)
	if !fresh && !doubted {
		return c.push(ctx, m, parts)
	}
	s, failed := c.reply(ctx, m, parts)
	switch {
	case failed == nil:
		return s, nil
	case failed.Code == codeReplyToken && doubted && fresh:
		return chat.Sent{Status: chat.StatusSent}, nil // LINE has taken the token before, with this message
	case failed.Code == codeReplyToken && doubted:
		failed.Verdict = chat.VerdictDoubt // taken before, or expired
	case failed.Code == codeReplyToken:
		return c.push(ctx, m, parts)
	case failed.Verdict == chat.VerdictDoubt:
		c.doubts.add(m.ID, c.now())
	}
	return chat.Sent{}, failed
}

// doubts are the messages whose reply may or may not have been taken.
type doubts struct {
	mu  sync.Mutex
	all map[uuid.UUID]time.Time
}

// doubtFor is how long a message in doubt is remembered; by then it has been given up.
const doubtFor = time.Hour

func (d *doubts) has(id uuid.UUID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.all[id]
	return ok
}

func (d *doubts) add(id uuid.UUID, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all == nil {
		d.all = map[uuid.UUID]time.Time{}
	}
	maps.DeleteFunc(d.all, func(_ uuid.UUID, at time.Time) bool { return now.Sub(at) > doubtFor })
	d.all[id] = now
}

func (c *account) reply(ctx context.Context, m chat.Outgoing, parts []part) (chat.Sent, *chat.SendError) {
	var got answer
	err := c.call(ctx, http.MethodPost, "/v2/bot/message/reply", map[string]any{"replyToken": m.Reply, "messages": parts}, &got)
	var failed *chat.SendError
	if !errors.As(err, &failed) {
		return sent(got.SentMessages, false), nil
	}
	if status(failed) >= http.StatusInternalServerError {
		failed.Verdict = chat.VerdictDoubt
	}
	return chat.Sent{}, failed
}

// push sends a message that counts.
func (c *account) push(ctx context.Context, m chat.Outgoing, parts []part) (chat.Sent, error) {
	header := map[string]string{}
	if m.ID != uuid.Nil {
		header["X-Line-Retry-Key"] = m.ID.String()
	}
	var got answer
	err := c.callWith(ctx, http.MethodPost, "/v2/bot/message/push", header, map[string]any{"to": m.To.ID, "messages": parts}, &got)
	if status(err) == http.StatusConflict {
		var before *refusal
		errors.As(err, &before)
		return sent(before.SentMessages, true), nil
	}
	if err != nil {
		return chat.Sent{}, err
	}
	return sent(got.SentMessages, true), nil
}

func sent(all []sentMessage, pushed bool) chat.Sent {
	s := chat.Sent{Status: chat.StatusSent, Pushed: pushed}
	if len(all) > 0 {
		s.ID, s.QuoteToken = all[0].ID, all[0].QuoteToken
	}
	return s
}

func reject(code, why string) *chat.SendError {
	return &chat.SendError{Verdict: chat.VerdictRejected, Code: code, Detail: why}
}

// parts words a message for LINE: one message, or a file with a text after it.
func (c *account) parts(m chat.Outgoing) ([]part, error) {
	if m.React != "" || m.Edit != "" || m.Unsend != "" {
		return nil, reject("unsupported", "LINE has no reactions, edits or unsends of ours.")
	}
	p := part{Type: "text", Text: m.Text}
	switch {
	case m.Media != nil:
		p = media(m)
	case m.Body.Location != nil:
		p = location(*m.Body.Location)
	case len(m.Body.Contacts) > 0 && m.Text == "":
		p.Text = cards(m.Body.Contacts)
	case m.Body.Link != nil && !strings.Contains(m.Text, m.Body.Link.URL):
		p.Text = strings.TrimSpace(m.Text + "\n" + m.Body.Link.URL)
	}
	if p.Type == "text" && p.Text == "" {
		return nil, reject("empty", "There is nothing to send.")
	}
	all := []part{p}
	if p.Type != "text" && m.Text != "" {
		all = append(all, part{Type: "text", Text: m.Text})
	}
	last := &all[len(all)-1]
	if last.Type == "text" {
		last.QuoteToken = m.QuoteToken
	}
	if len(m.Body.Options) > 13 {
		return nil, reject("options", "LINE shows at most 13 options.")
	}
	last.QuickReply = offer(m.Body.Options)
	if m.Name != "" {
		for i := range all {
			all[i].Sender = &sender{Name: cut(m.Name, 20), IconURL: c.icon}
		}
	}
	return all, nil
}

func offer(options []chat.Option) *quickReply {
	if len(options) == 0 {
		return nil
	}
	q := &quickReply{}
	for _, o := range options {
		q.Items = append(q.Items, quickReplyItem{
			Type:   "action",
			Action: postback{Type: "postback", Label: cut(o.Title, 20), Data: optionData(o), DisplayText: cut(o.Title, 300)},
		})
	}
	return q
}

// media words a file. LINE shows pictures, videos and sound; anything else, and a video without a picture of it, goes as a link.
func media(m chat.Outgoing) part {
	f := m.Media
	switch f.Kind {
	case chat.Image:
		preview := f.Preview
		if preview == "" && f.Bytes <= megabyte {
			preview = f.URL
		}
		if preview != "" {
			return part{Type: "image", Original: f.URL, Preview: preview}
		}
	case chat.Video:
		if f.Preview != "" {
			return part{Type: "video", Original: f.URL, Preview: f.Preview}
		}
	case chat.Audio:
		// LINE wants a length: the player shows it.
		return part{Type: "audio", Original: f.URL, Duration: max(int64(f.Seconds*1000), 1)}
	}
	var lines []string
	for _, line := range []string{m.Text, f.Name, f.URL} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	return part{Type: "text", Text: strings.Join(lines, "\n")}
}

// location words a place. LINE wants a title and an address of at least a letter.
func location(at chat.Place) part {
	where := coordinate(at.Latitude) + ", " + coordinate(at.Longitude)
	p := part{Type: "location", Title: at.Name, Address: at.Address, Latitude: json.Number(coordinate(at.Latitude)), Longitude: json.Number(coordinate(at.Longitude))}
	if p.Address == "" {
		p.Address = where
	}
	if p.Title == "" {
		p.Title = p.Address
	}
	p.Title, p.Address = cut(p.Title, 100), cut(p.Address, 100)
	return p
}

func coordinate(v float64) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "0"
	}
	return string(b)
}

// cards are address cards as text: LINE has no messages of them.
func cards(all []chat.Card) string {
	var lines []string
	for _, c := range all {
		lines = append(lines, strings.Join(append(append([]string{c.Name}, c.Phones...), c.Emails...), "\n"))
	}
	return strings.Join(lines, "\n\n")
}

// cut shortens a label to n characters of LINE's, which are UTF-16 code units.
func cut(s string, n int) string {
	for i, r := range s {
		if n -= utf16.RuneLen(r); n < 0 {
			return s[:i]
		}
	}
	return s
}

// Signal shows that somebody types, for 20 s or until the next message, and marks messages as read.
func (c *account) Signal(ctx context.Context, s chat.Signal) error {
	switch {
	case s.Kind == chat.SignalTyping && isUser(s.To.ID):
		return c.call(ctx, http.MethodPost, "/v2/bot/chat/loading/start", map[string]any{"chatId": s.To.ID, "loadingSeconds": 20}, nil)
	case s.Kind == chat.SignalRead && s.ReadToken != "":
		return c.call(ctx, http.MethodPost, "/v2/bot/chat/markAsRead", map[string]string{"markAsReadToken": s.ReadToken}, nil)
	}
	return nil
}
