package smstest

import (
	"crypto/hmac"
	"crypto/sha1" // the platform's signatures
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/sms"
)

// Act does what a customer does: they can write, send files, and say STOP and START.
func (p *Platform) Act(a chattest.Act) (id string, event []byte, err error) {
	text, optOut := a.Text, ""
	switch a.Kind {
	case chattest.Say:
		if a.To != "" {
			return "", nil, chattest.ErrCannot
		}
	case chattest.Give:
		if a.File == nil {
			return "", nil, chattest.ErrCannot
		}
	case chattest.Block:
		text, optOut = "STOP", "STOP"
	case chattest.Unblock:
		text, optOut = "START", "START"
	default:
		return "", nil, chattest.ErrCannot
	}
	prefix := "SM"
	if a.Kind == chattest.Give {
		prefix = "MM"
	}
	id = p.ID(prefix + strings.Repeat("0", 26))
	segments, _, _ := sms.Segments(text)
	form := url.Values{
		"MessageSid": {id}, "SmsSid": {id}, "SmsMessageSid": {id}, "AccountSid": {AccountSID}, "From": {a.Customer}, "To": {Number}, "Body": {text},
		"NumMedia": {"0"}, "NumSegments": {strconv.Itoa(max(segments, 1))}, "SmsStatus": {"received"}, "ApiVersion": {"2010-04-01"},
		"FromCountry": {"US"}, "FromCity": {""}, "FromState": {"CA"}, "FromZip": {""}, "ToCountry": {"US"},
	}
	if optOut != "" {
		form.Set("OptOutType", optOut)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if a.Kind == chattest.Block || a.Kind == chattest.Unblock {
		p.stopped[a.Customer] = a.Kind == chattest.Block
	}
	if a.Kind == chattest.Give {
		media := p.AddFile("ME"+strings.Repeat("0", 26), *a.File)
		form.Set("NumMedia", "1")
		form.Set("MediaContentType0", a.File.ContentType)
		form.Set("MediaUrl0", p.base+"/2010-04-01/Accounts/"+AccountSID+"/Messages/"+id+"/Media/"+media)
	}
	return id, []byte(form.Encode()), nil
}

// Receipt is a status callback.
func (p *Platform) Receipt(id string, s chat.Status, code string) ([]byte, error) {
	m, ok := p.find(id)
	if !ok {
		return nil, chattest.ErrCannot
	}
	form := url.Values{"MessageSid": {id}, "SmsSid": {id}, "AccountSid": {AccountSID}, "From": {m.from}, "To": {m.to}, "ApiVersion": {"2010-04-01"}}
	switch s {
	case chat.StatusQueued, chat.StatusSent, chat.StatusDelivered:
		form.Set("MessageStatus", string(s))
	case chat.StatusFailed:
		form.Set("MessageStatus", "undelivered")
		form.Set("ErrorCode", code)
	default:
		return nil, chattest.ErrCannot
	}
	form.Set("SmsStatus", form.Get("MessageStatus"))
	return []byte(form.Encode()), nil
}

func (p *Platform) find(id string) (message, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.messages, func(m message) bool { return m.sid == id })
	if i < 0 {
		return message{}, false
	}
	return p.messages[i], true
}

// Requests puts one event into each request; callbacks go where the message said.
func (p *Platform) Requests(events ...[]byte) []chat.Hook {
	all := make([]chat.Hook, len(events))
	for i, e := range events {
		h := chat.Hook{
			Method: http.MethodPost, URL: p.Hook(), Query: url.Values{}, Body: e,
			Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {"TwilioProxy/1.1"}},
		}
		form, err := url.ParseQuery(string(e))
		if err == nil && form.Has("MessageStatus") {
			if m, ok := p.find(form.Get("MessageSid")); ok {
				if _, query, ok := strings.Cut(m.callback, "?"); ok {
					h.URL += "?" + query
					h.Query, _ = url.ParseQuery(query) // ours
				}
			}
		}
		all[i] = h
	}
	return all
}

// Sign signs a request.
func (p *Platform) Sign(h chat.Hook, wrong bool) chat.Hook {
	token := AuthToken
	if wrong {
		token = "another-token"
	}
	h.Header = h.Header.Clone()
	h.Header.Set("X-Twilio-Signature", Signature(token, h.URL, h.Body))
	return h
}

// Signature is that of a form.
func Signature(token, address string, body []byte) string {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		form = url.Values{} // what cannot be read is not sent either
	}
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	m := hmac.New(sha1.New, []byte(token))
	m.Write([]byte(address))
	for _, name := range names {
		for _, value := range form[name] {
			m.Write([]byte(name + value))
		}
	}
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}
