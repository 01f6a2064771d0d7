package sms

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tandem/chat"
)

const (
	// lookUp bounds the question whether a message went out whose answer was lost; it is asked even when the caller's time is up.
	lookUp = 5 * time.Second
	// slack is how much older than our request a message may look: the platform's times are whole seconds.
	slack = 2 * time.Second
)

// resource is a message as Twilio shows it.
type resource struct {
	SID       string `json:"sid"`
	Status    string `json:"status"`
	Segments  string `json:"num_segments"`
	From      string `json:"from"`
	To        string `json:"to"`
	Body      string `json:"body"`
	Direction string `json:"direction"`
	Created   string `json:"date_created"`
}

// Send sends a text, with or without media. The platform has no retry keys: when the answer is lost, it is asked what it has taken.
func (c *account) Send(ctx context.Context, m chat.Outgoing) (chat.Sent, error) {
	m.Text = words(m)
	if m.React != "" || m.Edit != "" || m.Unsend != "" || m.Text == "" && m.Media == nil {
		return chat.Sent{}, &chat.SendError{Verdict: chat.VerdictRejected, Code: "unsupported", Detail: "Text messages carry text and media only."}
	}
	form := c.form(m)
	begun := c.now()
	var taken resource
	err := c.post(ctx, form, &taken)
	if err == nil {
		return sent(taken), nil
	}
	var failed *chat.SendError
	if !errors.As(err, &failed) || failed.Verdict != chat.VerdictDoubt || errors.Is(ctx.Err(), context.Canceled) {
		return chat.Sent{}, err // of a caller who has gone, too: the doubt stays
	}
	found, sure := c.find(ctx, m, begun)
	switch {
	case found != nil:
		return sent(*found), nil
	case sure:
		failed.Verdict = chat.VerdictRetry
	}
	return chat.Sent{}, failed
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

func (c *account) form(m chat.Outgoing) url.Values {
	form := url.Values{"To": {m.To.ID}}
	if c.service != "" {
		form.Set("MessagingServiceSid", c.service)
	} else {
		form.Set("From", c.from)
	}
	if m.Text != "" {
		form.Set("Body", m.Text)
	}
	if m.Media != nil {
		form.Set("MediaUrl", m.Media.URL)
	}
	if c.hook != "" {
		form.Set("StatusCallback", c.hook+"?"+localField+"="+m.ID.String())
	}
	return form
}

func sent(r resource) chat.Sent {
	s := chat.Sent{ID: r.SID, Status: chat.StatusSent}
	if status, ok := statusOf(r.Status); ok && status == chat.StatusQueued {
		s.Status = chat.StatusQueued
	}
	if n, err := strconv.Atoi(r.Segments); err == nil {
		s.Segments = n
	}
	return s
}

// find looks for a message among the last ones to its recipient: the same words, taken since begun. sure says that the platform has
// answered, so that what is not found was not taken.
func (c *account) find(ctx context.Context, m chat.Outgoing, begun time.Time) (found *resource, sure bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookUp)
	defer cancel()
	var list struct {
		Messages []resource `json:"messages"`
	}
	date, err := c.get(ctx, c.messages(), url.Values{"To": {m.To.ID}, "PageSize": {"20"}}, &list)
	if err != nil {
		return nil, false
	}
	// By the platform's own clock, an earlier message with the same words is not taken for this one.
	since := date.Add(begun.Sub(c.now()) - slack)
	for _, r := range list.Messages {
		created, err := mail.ParseDate(r.Created)
		ours := strings.HasPrefix(r.Direction, "outbound") && (c.service != "" || r.From == c.from)
		if err == nil && ours && !created.Before(since) && r.To == m.To.ID && r.Body == m.Text {
			return &r, true
		}
	}
	return nil, true
}

func (c *account) messages() string {
	return "/2010-04-01/Accounts/" + url.PathEscape(c.sid) + "/Messages.json"
}

// post makes a message.
func (c *account) post(ctx context.Context, form url.Values, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.String()+c.messages(), strings.NewReader(form.Encode()))
	if err != nil {
		return &chat.SendError{Verdict: chat.VerdictRejected, Err: withoutURL(err)}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, err = c.do(req, out)
	return err
}

// get reads something; date is the platform's clock.
func (c *account) get(ctx context.Context, path string, query url.Values, out any) (date time.Time, err error) {
	address := c.base.String() + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return time.Time{}, &chat.SendError{Verdict: chat.VerdictRejected, Err: withoutURL(err)}
	}
	return c.do(req, out)
}

// do makes a request and reads its JSON. An error is a *chat.SendError.
func (c *account) do(req *http.Request, out any) (date time.Time, err error) {
	req.SetBasicAuth(c.sid, c.token)
	req.Header.Set("Accept", "application/json")
	res, err := c.client.Do(req)
	if err != nil {
		return time.Time{}, lost(req, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return time.Time{}, lost(req, err)
	}
	if res.StatusCode/100 != 2 {
		return time.Time{}, refused(req, res, body)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return time.Time{}, lost(req, errors.New("the answer is not the JSON that was asked for"))
	}
	if date, err = http.ParseTime(res.Header.Get("Date")); err != nil {
		date = c.now()
	}
	return date, nil
}

// lost explains an answer that has not come: a request that never left, or one that may have been carried out.
func lost(req *http.Request, err error) error {
	e := &chat.SendError{Verdict: chat.VerdictRetry, Err: withoutURL(err)}
	var op *net.OpError
	if req.Method == http.MethodPost && (!errors.As(err, &op) || op.Op != "dial") {
		e.Verdict = chat.VerdictDoubt
	}
	return e
}

// withoutURL takes the URL off an error of net/http: it names the account, and may name the customer.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
