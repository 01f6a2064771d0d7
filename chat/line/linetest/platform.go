// Package linetest is a fake of LINE's Messaging API.
package linetest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
)

// The demo account's secrets (channels.md 1.3).
const (
	ChannelSecret = "line-channel-secret"
	AccessToken   = "line-access-token"
)

// tokenLife is how long a reply token holds.
const tokenLife = time.Minute

// Platform is the fake.
type Platform struct {
	*chattest.Fake
	mux *http.ServeMux

	mu      sync.Mutex
	quota   int // pushes a month
	used    int
	tokens  map[string]replyToken
	keys    map[string][]sentMessage // by retry key
	blocked map[string]bool
	names   map[string]string
	hook    string
	read    []string // messages marked as read
}

// replyToken is good for one answer.
type replyToken struct {
	customer string
	until    time.Time
}

// New makes a platform whose clock stands at start.
func New(start time.Time) *Platform {
	p := &Platform{
		mux: http.NewServeMux(), quota: 5000, tokens: map[string]replyToken{}, keys: map[string][]sentMessage{},
		blocked: map[string]bool{}, names: map[string]string{},
	}
	p.Fake = chattest.New(p, chat.LINE, start)
	for path, do := range map[string]http.HandlerFunc{
		"POST /v2/bot/message/reply":                   p.reply,
		"POST /v2/bot/message/push":                    p.push,
		"POST /v2/bot/chat/loading/start":              p.loading,
		"POST /v2/bot/chat/markAsRead":                 p.markAsRead,
		"GET /v2/bot/profile/{id}":                     p.profile,
		"GET /v2/bot/group/{id}/summary":               p.summary,
		"GET /v2/bot/info":                             p.info,
		"GET /v2/bot/message/quota":                    p.quotaLimit,
		"GET /v2/bot/message/quota/consumption":        p.consumption,
		"GET /v2/bot/channel/webhook/endpoint":         p.endpoint,
		"PUT /v2/bot/channel/webhook/endpoint":         p.setEndpoint,
		"GET /v2/bot/message/{id}/content":             p.content,
		"GET /v2/bot/message/{id}/content/transcoding": p.transcoding,
	} {
		p.mux.HandleFunc(path, p.authorised(do))
	}
	p.mux.HandleFunc("GET /stickershop/v1/sticker/{id}/android/sticker.png", p.content)
	return p
}

// ServeHTTP implements chattest.Platform.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// Account implements chattest.Platform.
func (p *Platform) Account(base string) chat.Account {
	return chat.Account{
		Name:     "demo",
		Channel:  chat.LINE,
		Settings: map[string]string{"base_url": base, "content_url": base, "sticker_url": base},
		Secrets:  map[string]string{"channel_secret": ChannelSecret, "access_token": AccessToken},
	}
}

// Customer implements chattest.Platform.
func (p *Platform) Customer(n int) string { return fmt.Sprintf("U%032x", 0xa0000+n) }

// SetQuota says how many pushes the plan has this month.
func (p *Platform) SetQuota(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quota = n
}

// Read are the messages that have been marked as read.
func (p *Platform) Read() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.read...)
}

// Requests implements chattest.Platform: LINE puts many events into one body.
func (p *Platform) Requests(events ...[]byte) []chat.Hook {
	body := []byte(`{"destination":"U00000000000000000000000000000001","events":[` + string(bytes.Join(events, []byte(","))) + `]}`)
	return []chat.Hook{{
		Method: http.MethodPost, URL: p.Hook(), Query: url.Values{}, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: body,
	}}
}

// Sign implements chattest.Platform.
func (p *Platform) Sign(h chat.Hook, wrong bool) chat.Hook {
	secret := ChannelSecret
	if wrong {
		secret = "the secret of another channel"
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(h.Body)
	h.Header = h.Header.Clone()
	h.Header.Set("X-Line-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return h
}

// Receipt implements chattest.Platform: LINE tells nothing of messages.
func (p *Platform) Receipt(string, chat.Status, string) ([]byte, error) {
	return nil, chattest.ErrCannot
}

// Codes implements chattest.Platform. Failures of LINE's own are not among them: what they mean depends on the call.
func (p *Platform) Codes() []chattest.Code {
	return []chattest.Code{
		{Code: "400", Verdict: chat.VerdictRejected},
		{Code: "400/to", Verdict: chat.VerdictUnreachable},
		{Code: "401", Verdict: chat.VerdictReauthorise},
		{Code: "403", Verdict: chat.VerdictPaused},
		{Code: "413", Verdict: chat.VerdictRejected},
		{Code: "429", Verdict: chat.VerdictThrottled},
		{Code: "429/monthly", Verdict: chat.VerdictQuota},
	}
}
