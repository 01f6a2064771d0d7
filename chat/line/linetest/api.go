package linetest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/chat/chattest"
)

type sentMessage struct {
	ID         string `json:"id"`
	QuoteToken string `json:"quoteToken,omitempty"`
}

type part struct {
	Type       string `json:"type"`
	Text       string `json:"text"`
	QuoteToken string `json:"quoteToken"`
	Original   string `json:"originalContentUrl"`
	Preview    string `json:"previewImageUrl"`
	Duration   int64  `json:"duration"`
	Title      string `json:"title"`
	Address    string `json:"address"`
	QuickReply struct {
		Items []struct {
			Action struct {
				Type  string `json:"type"`
				Label string `json:"label"`
				Data  string `json:"data"`
			} `json:"action"`
		} `json:"items"`
	} `json:"quickReply"`
	Sender struct {
		Name string `json:"name"`
	} `json:"sender"`
}

// authorised lets in who has the token.
func (p *Platform) authorised(do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if p.Revoked() || r.Header.Get("Authorization") != "Bearer "+AccessToken {
			p.Answer(w, r, chattest.Operation{Name: r.URL.Path}, refusal("401"))
			return
		}
		do(w, r)
	}
}

// refusal words a code as LINE does.
func refusal(code string) chattest.Reply {
	status, kind, _ := strings.Cut(code, "/")
	n, err := strconv.Atoi(status)
	if err != nil {
		n = http.StatusBadRequest
	}
	body := map[string]any{"message": map[string]string{
		"400":             "The request body has 1 error(s)",
		"400/to":          "The property, 'to', in the request body is invalid (line: -, column: -)",
		"400/reply_token": "Invalid reply token",
		"401":             "Authentication failed. Confirm that the access token in the authorization header is valid.",
		"403":             "Access to this API is not available for your account",
		"404":             "Not found",
		"409":             "The retry key is already accepted",
		"413":             "Request exceeds the max size of 2MB. Make the request smaller than 2MB and try again.",
		"429":             "The API rate limit has been exceeded. Try again later.",
		"429/monthly":     "You have reached your monthly limit.",
	}[code]}
	if code == "400" {
		body["details"] = []map[string]string{{"message": "May not be empty", "property": "messages[0].text"}}
	}
	if kind == "retry_key" {
		body["message"] = "Invalid retry key"
	}
	return chattest.JSON(n, body)
}

// invalid says what is wrong with a message.
func invalid(property, why string) chattest.Reply {
	return chattest.JSON(http.StatusBadRequest, map[string]any{
		"message": "The request body has 1 error(s)", "details": []map[string]string{{"message": why, "property": property}},
	})
}

// read reads a call; false: it has been answered.
func (p *Platform) readBody(w http.ResponseWriter, r *http.Request, name string, into any) ([]byte, bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 2<<20))
	if err == nil && json.Unmarshal(body, into) == nil {
		return body, true
	}
	p.Answer(w, r, chattest.Operation{Name: name, Body: body}, refusal("400"))
	return nil, false
}

func (p *Platform) reply(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Token    string `json:"replyToken"`
		Messages []part `json:"messages"`
	}
	body, ok := p.readBody(w, r, "reply", &m)
	if !ok {
		return
	}
	op := chattest.Operation{Name: "reply", Body: body, Refuse: refusal}
	if r.Header.Get("X-Line-Retry-Key") != "" {
		p.Answer(w, r, op, refusal("400/retry_key"))
		return
	}
	p.mu.Lock()
	t, ok := p.tokens[m.Token]
	p.mu.Unlock()
	if !ok || p.Now().After(t.until) {
		p.Answer(w, r, op, refusal("400/reply_token"))
		return
	}
	op.To = t.customer
	op.Accept = func() chattest.Reply {
		all, bad := p.take(r.Context(), t.customer, m.Messages, chattest.Received{Free: true})
		if bad != nil {
			return *bad
		}
		p.mu.Lock()
		delete(p.tokens, m.Token)
		p.mu.Unlock()
		return chattest.JSON(http.StatusOK, map[string]any{"sentMessages": all}).Of(all[0].ID)
	}
	p.Do(w, r, op)
}

var userID = regexp.MustCompile(`^[UCR][0-9a-f]{32}$`)

func (p *Platform) push(w http.ResponseWriter, r *http.Request) {
	var m struct {
		To       string `json:"to"`
		Messages []part `json:"messages"`
	}
	body, ok := p.readBody(w, r, "push", &m)
	if !ok {
		return
	}
	key := r.Header.Get("X-Line-Retry-Key")
	p.Do(w, r, chattest.Operation{Name: "push", To: m.To, Body: body, Refuse: refusal, Accept: func() chattest.Reply {
		if _, err := uuid.Parse(key); key != "" && err != nil {
			return refusal("400/retry_key")
		}
		if !userID.MatchString(m.To) {
			return refusal("400/to")
		}
		p.mu.Lock()
		before, taken := p.keys[key]
		full := p.used >= p.quota
		p.mu.Unlock()
		if taken {
			return chattest.JSON(http.StatusConflict, map[string]any{"message": "The retry key is already accepted", "sentMessages": before})
		}
		if full {
			return refusal("429/monthly")
		}
		all, bad := p.take(r.Context(), m.To, m.Messages, chattest.Received{Key: key})
		if bad != nil {
			return *bad
		}
		p.mu.Lock()
		p.used++
		if key != "" {
			p.keys[key] = all
		}
		p.mu.Unlock()
		return chattest.JSON(http.StatusOK, map[string]any{"sentMessages": all}).Of(all[0].ID)
	}})
}

// take gives a customer messages, or says what is wrong with one. Who has blocked the account gets none, and the sender is not told.
func (p *Platform) take(ctx context.Context, to string, parts []part, frame chattest.Received) ([]sentMessage, *chattest.Reply) {
	if len(parts) == 0 || len(parts) > 5 {
		bad := invalid("messages", "Size must be between 1 and 5")
		return nil, &bad
	}
	var all []chattest.Received
	for i, m := range parts {
		got, bad := p.show(ctx, "messages["+strconv.Itoa(i)+"]", m)
		if bad != nil {
			return nil, bad
		}
		got.Key, got.Free = frame.Key, frame.Free
		all = append(all, got)
	}
	p.mu.Lock()
	blocked := p.blocked[to]
	p.mu.Unlock()
	var sent []sentMessage
	for _, got := range all {
		got.ID = p.ID("46")
		if !blocked {
			p.Receive(to, got)
		}
		sent = append(sent, sentMessage{ID: got.ID, QuoteToken: quoteToken(got.ID)})
	}
	return sent, nil
}

// show is what a message looks like at the customer's.
func (p *Platform) show(ctx context.Context, at string, m part) (got chattest.Received, bad *chattest.Reply) {
	wrong := func(property, why string) (chattest.Received, *chattest.Reply) {
		r := invalid(at+"."+property, why)
		return chattest.Received{}, &r
	}
	got = chattest.Received{Kind: chat.Text, Text: m.Text, Name: m.Sender.Name, Quote: strings.TrimPrefix(m.QuoteToken, "quote-")}
	switch m.Type {
	case "text":
		if n := length(m.Text); n == 0 || n > 5000 {
			return wrong("text", "Length must be between 1 and 5000")
		}
	case "image", "video", "audio":
		if m.Type == "audio" && m.Duration <= 0 || m.Type != "audio" && !public(m.Preview) || !public(m.Original) {
			return wrong("originalContentUrl", "Must be a valid HTTPS URL, with a preview or a duration")
		}
		contentType, data, err := p.Download(ctx, m.Original)
		if err != nil {
			data = nil // LINE finds out later, and shows a broken picture
		}
		got.Kind, got.Files = chat.MediaOf, []chattest.File{{Kind: chat.MediaKind(m.Type), ContentType: contentType, Data: data}}
	case "location":
		if m.Title == "" || m.Address == "" || length(m.Title) > 100 || length(m.Address) > 100 {
			return wrong("title", "Length must be between 1 and 100")
		}
		got.Kind, got.Text = chat.Location, m.Title
	default:
		return wrong("type", "Must be one of the following values: [text, image, video, audio, location]")
	}
	if length(m.Sender.Name) > 20 {
		return wrong("sender.name", "Length must be between 1 and 20")
	}
	if len(m.QuickReply.Items) > 13 {
		return wrong("quickReply.items", "Size must be between 1 and 13")
	}
	for _, o := range m.QuickReply.Items {
		if n := length(o.Action.Label); n == 0 || n > 20 || o.Action.Type != "postback" || length(o.Action.Data) > 300 {
			return wrong("quickReply.items", "Must be a valid action")
		}
		got.Kind = chat.Offer
		got.Options = append(got.Options, option(o.Action.Label, o.Action.Data))
	}
	return got, nil
}

// option is a button as acts name it: its data holds the id that it was sent for.
func option(label, data string) chat.Option {
	if own, ok := strings.CutPrefix(data, "option?"); ok {
		if v, err := url.ParseQuery(own); err == nil {
			return chat.Option{ID: v.Get("id"), Title: v.Get("title")}
		}
	}
	return chat.Option{ID: data, Title: label}
}

func length(s string) int { return len(utf16.Encode([]rune(s))) }

// public says whether LINE would fetch from an address: over TLS, or here on the same machine.
func public(address string) bool {
	u, err := url.Parse(address)
	if err != nil || len(address) > 2000 {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}
