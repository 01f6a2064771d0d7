// Package vibertest is a fake of Viber's platform for bots.
package vibertest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
)

// AuthToken is the demo account's secret (channels.md 1.3).
const AuthToken = "viber-auth-token"

// Welcome is what the fake's account greets with.
const Welcome = "Welcome! 欢迎！"

// firstToken is above 2^53, as Viber's are.
const firstToken = 5741311803571721088

// Platform is the fake.
type Platform struct {
	*chattest.Fake
	mux *http.ServeMux

	mu         sync.Mutex
	base       string // where its files lie
	hook       string
	subscribed map[string]bool
	names      map[string]string
	owners     map[string]string   // of our messages, by token
	tracking   map[string]string   // that the next message of a user brings back
	since      map[string]counting // messages to a user since their last
	asked      map[string]counting // questions about a user
}

// counting counts within a stretch of time.
type counting struct {
	from time.Time
	n    int
}

// New makes a platform whose clock stands at start.
func New(start time.Time) *Platform {
	p := &Platform{
		mux: http.NewServeMux(), subscribed: map[string]bool{}, names: map[string]string{}, owners: map[string]string{}, tracking: map[string]string{},
		since: map[string]counting{}, asked: map[string]counting{},
	}
	p.Fake = chattest.New(p, chat.Viber, start)
	p.Answered(p.welcomed)
	p.mux.HandleFunc("POST /pa/{method}", p.method)
	p.mux.HandleFunc("GET /media/{id}", p.download)
	return p
}

// ServeHTTP implements chattest.Platform.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	if p.base == "" {
		p.base = "http://" + r.Host
	}
	p.mu.Unlock()
	p.mux.ServeHTTP(w, r)
}

// Account implements chattest.Platform.
func (p *Platform) Account(base string) chat.Account {
	p.mu.Lock()
	p.base = base
	p.mu.Unlock()
	return chat.Account{
		Name:     "demo",
		Channel:  chat.Viber,
		Settings: map[string]string{"base_url": base, "welcome": Welcome, "sender_name": "Demo"},
		Secrets:  map[string]string{"auth_token": AuthToken},
	}
}

// Customer implements chattest.Platform.
func (p *Platform) Customer(n int) string { return fmt.Sprintf("01AB%06d==", n) }

// Requests implements chattest.Platform: Viber sends one event at a time.
func (p *Platform) Requests(events ...[]byte) []chat.Hook {
	var all []chat.Hook
	for _, e := range events {
		all = append(all, chat.Hook{
			Method: http.MethodPost, URL: p.Hook(), Query: url.Values{}, Header: http.Header{"Content-Type": {"application/json"}}, Body: e,
		})
	}
	return all
}

// Sign implements chattest.Platform.
func (p *Platform) Sign(h chat.Hook, wrong bool) chat.Hook {
	token := AuthToken
	if wrong {
		token = "another bot's token"
	}
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write(h.Body)
	h.Header = h.Header.Clone()
	h.Header.Set("X-Viber-Content-Signature", hex.EncodeToString(mac.Sum(nil)))
	return h
}

// token is the next id of a message: as number or as string, since Viber does both.
func (p *Platform) token() (id string, inJSON any) {
	n := p.Count()
	id = strconv.FormatUint(firstToken+uint64(n), 10)
	if n%2 == 0 {
		return id, id
	}
	return id, json.Number(id)
}

// Receipt implements chattest.Platform.
func (p *Platform) Receipt(id string, s chat.Status, code string) ([]byte, error) {
	p.mu.Lock()
	owner := p.owners[id]
	p.mu.Unlock()
	e := map[string]any{"timestamp": p.Now().UnixMilli(), "message_token": json.Number(id), "user_id": owner}
	switch s {
	case chat.StatusDelivered:
		e["event"] = "delivered"
	case chat.StatusRead:
		e["event"] = "seen"
		delete(e, "user_id") // it may be absent
	case chat.StatusFailed:
		e["event"], e["desc"] = "failed", statuses[code].words
	default:
		return nil, chattest.ErrCannot // the answer to the call says so
	}
	if _, err := strconv.ParseUint(id, 10, 64); err != nil {
		return nil, chattest.ErrCannot
	}
	return json.Marshal(e)
}

// statuses are Viber's errors.
var statuses = map[string]struct {
	words   string
	verdict chat.Verdict
}{
	"1":  {"invalidUrl", chat.VerdictRejected},
	"2":  {"invalidAuthToken", chat.VerdictReauthorise},
	"3":  {"badData", chat.VerdictRejected},
	"4":  {"missingData", chat.VerdictRejected},
	"5":  {"receiverNotRegistered", chat.VerdictUnreachable},
	"6":  {"receiverNotSubscribed", chat.VerdictUnreachable},
	"7":  {"publicAccountBlocked", chat.VerdictPaused},
	"8":  {"publicAccountNotFound", chat.VerdictPaused},
	"9":  {"publicAccountSuspended", chat.VerdictPaused},
	"10": {"webhookNotSet", chat.VerdictPaused},
	"11": {"receiverNoSuitableDevice", chat.VerdictUnreachable},
	"12": {"tooManyRequests", chat.VerdictPair},
	"13": {"apiVersionNotSupported", chat.VerdictRejected},
	"14": {"incompatibleWithVersion", chat.VerdictRejected},
	"15": {"publicAccountNotAuthorized", chat.VerdictReauthorise},
	"16": {"inchatReplyMessageNotAllowed", chat.VerdictRejected},
	"17": {"publicAccountIsNotInline", chat.VerdictRejected},
	"18": {"noPublicChat", chat.VerdictRejected},
	"19": {"cannotSendBroadcast", chat.VerdictRejected},
	"20": {"broadcastNotAllowed", chat.VerdictRejected},
	"99": {"generalError", chat.VerdictRetry},
}

// throttled is what stands before the platform, which answers by HTTP.
const throttled = "http/429"

// Codes implements chattest.Platform.
func (p *Platform) Codes() []chattest.Code {
	all := []chattest.Code{{Code: throttled, Verdict: chat.VerdictThrottled}, {Code: "99", Verdict: statuses["99"].verdict}}
	for n := 1; n <= 20; n++ {
		code := strconv.Itoa(n)
		all = append(all, chattest.Code{Code: code, Verdict: statuses[code].verdict, Later: code == "3"})
	}
	return all
}

// refusal words a code as Viber does: with HTTP's 200.
func refusal(code string) chattest.Reply {
	if code == throttled {
		return chattest.Reply{Status: http.StatusTooManyRequests}
	}
	n, err := strconv.Atoi(code)
	if err != nil {
		n = 3
	}
	return chattest.JSON(http.StatusOK, map[string]any{"status": n, "status_message": statuses[strconv.Itoa(n)].words, "chat_hostname": "SN-1"})
}

// welcomed gives a customer the message that the hook has answered with.
func (p *Platform) welcomed(h chat.Hook, _ int, body []byte) {
	var e struct {
		Event string `json:"event"`
		User  struct {
			ID string `json:"id"`
		} `json:"user"`
	}
	var m outgoing
	if json.Unmarshal(h.Body, &e) != nil || e.Event != "conversation_started" || json.Unmarshal(body, &m) != nil || m.Receiver != "" {
		return
	}
	if got, code := p.show(context.Background(), m); code == "" {
		p.receive(e.User.ID, m, got)
	}
}

// receive gives a customer a message.
func (p *Platform) receive(to string, m outgoing, got chattest.Received) (id string, inJSON any) {
	id, inJSON = p.token()
	got.ID = id
	p.mu.Lock()
	p.owners[id] = to
	if m.Tracking != "" {
		p.tracking[to] = m.Tracking
	}
	p.mu.Unlock()
	p.Receive(to, got)
	return id, inJSON
}

// count counts within d; false: there have been more than most.
func (p *Platform) count(in map[string]counting, of string, d time.Duration, most int) bool {
	now := p.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	c := in[of]
	if now.Sub(c.from) >= d {
		c = counting{from: now}
	}
	c.n++
	in[of] = c
	return c.n <= most
}

func trim(base string) string { return strings.TrimRight(base, "/") }
