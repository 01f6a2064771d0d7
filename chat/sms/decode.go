package sms

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"tandem/chat"
)

// mostMedia bounds what one message may bring; the platform's own bound is 10.
const mostMedia = 20

// localField is the query parameter of the status callback that brings our id back.
const localField = "local"

// Decode reads a message or the callback on a message of ours.
func (c *account) Decode(r chat.Hook) ([]chat.Event, error) {
	form, err := fields(r)
	if err != nil {
		return nil, err
	}
	id := first(form, "MessageSid", "SmsMessageSid", "SmsSid")
	if id == "" {
		return nil, errors.New("the body names no message")
	}
	if status := form.Get("MessageStatus"); status != "" && status != "received" && status != "receiving" {
		return receipt(r, form, id, status), nil
	}
	if form.Get("From") == "" {
		return nil, errors.New("the message has no sender")
	}
	return inbound(form, id), nil
}

// fields reads a form, or a flat JSON object.
func fields(r chat.Hook) (url.Values, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		form, err := url.ParseQuery(string(r.Body))
		if err != nil {
			return nil, fmt.Errorf("read the form: %w", err)
		}
		return form, nil
	}
	var object map[string]any
	if err := json.Unmarshal(r.Body, &object); err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	form := url.Values{}
	for name, value := range object {
		if s, ok := value.(string); ok {
			form.Set(name, s)
		}
	}
	return form, nil
}

func first(form url.Values, names ...string) string {
	for _, name := range names {
		if s := form.Get(name); s != "" {
			return s
		}
	}
	return ""
}

// inbound is a message and, where it is a word by which the platform stops or starts, the consent that follows.
func inbound(form url.Values, id string) []chat.Event {
	from := person(form.Get("From"))
	from.Country = form.Get("FromCountry")
	m := &chat.Incoming{ID: id, Kind: chat.Text, Text: form.Get("Body"), Window: chat.ByMessage}
	count, err := strconv.Atoi(form.Get("NumMedia"))
	for i := 0; err == nil && i < min(count, mostMedia); i++ {
		n := strconv.Itoa(i)
		if address := form.Get("MediaUrl" + n); address != "" {
			kind := form.Get("MediaContentType" + n)
			m.Kind, m.Media = chat.MediaOf, append(m.Media, chat.MediaRef{Kind: mediaKind(kind), URL: address, ContentType: kind})
		}
	}
	events := []chat.Event{{Key: id, From: from, Message: m}}
	if consent, told := consent(form); told {
		events = append(events, chat.Event{Key: id + ":consent", From: from, Contact: &chat.ContactEvent{
			Why: strings.ToUpper(strings.TrimSpace(form.Get("Body"))), Consent: map[string]bool{"messages": consent},
		}})
	}
	return events
}

func person(number string) chat.Person {
	p := chat.Person{ID: number}
	if digits, ok := strings.CutPrefix(number, "+"); ok && digits != "" && strings.Trim(digits, "0123456789") == "" {
		p.Phone = number
	}
	return p
}

func mediaKind(contentType string) chat.MediaKind {
	major, _, _ := strings.Cut(contentType, "/")
	switch major {
	case "image":
		return chat.Image
	case "video":
		return chat.Video
	case "audio":
		return chat.Audio
	}
	return chat.File
}

// Words that the platform obeys by itself where an account has set none of its own.
var (
	stopWords  = []string{"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
	startWords = []string{"START", "YES", "UNSTOP"}
)

// consent is what a message says of our being allowed to write. OptOutType, the platform's own reading, goes before the words.
func consent(form url.Values) (allowed, told bool) {
	switch form.Get("OptOutType") {
	case "STOP":
		return false, true
	case "START":
		return true, true
	case "":
	default:
		return false, false
	}
	word := strings.ToUpper(strings.TrimSpace(form.Get("Body")))
	if slices.Contains(stopWords, word) {
		return false, true
	}
	return true, slices.Contains(startWords, word)
}

// receipt is a callback on a message of ours; they come in any order. A status that says nothing of the message's way is none.
func receipt(r chat.Hook, form url.Values, id, said string) []chat.Event {
	status, ok := statusOf(said)
	if !ok {
		return nil
	}
	out := &chat.Receipt{ID: id, Status: status}
	if local, err := uuid.Parse(r.Query.Get(localField)); err == nil {
		out.Local = local
	}
	if status == chat.StatusFailed {
		code, err := strconv.Atoi(form.Get("ErrorCode"))
		out.Err = &chat.SendError{Verdict: verdict(code), Detail: said}
		if err == nil {
			out.Err.Code = strconv.Itoa(code)
		}
	}
	return []chat.Event{{Key: id + ":" + said, From: person(form.Get("To")), Receipt: out}}
}

// statusOf is our word for the platform's.
func statusOf(said string) (chat.Status, bool) {
	switch said {
	case "queued", "accepted", "scheduled", "sending":
		return chat.StatusQueued, true
	case "sent":
		return chat.StatusSent, true
	case "delivered", "partially_delivered":
		return chat.StatusDelivered, true
	case "read":
		return chat.StatusRead, true
	case "undelivered", "failed", "canceled":
		return chat.StatusFailed, true
	}
	return "", false
}
