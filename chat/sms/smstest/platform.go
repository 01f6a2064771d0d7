// Package smstest is a fake of Twilio's platform for messages.
package smstest

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
)

// The demo account (channels.md 1.3).
const (
	AccountSID = "AC00000000000000000000000000000001"
	AuthToken  = "twilio-auth-token"
	Number     = "+14155550199"
	HookURL    = "https://cc.example.test/hooks/sms/demo"
)

// Platform is the fake.
type Platform struct {
	*chattest.Fake
	mux *http.ServeMux

	mu       sync.Mutex
	base     string
	stopped  map[string]bool
	messages []message // in their order
}

// message is a message of ours as the platform keeps it.
type message struct {
	sid, to, from, service, body, callback string
	segments, media                        int
	created                                time.Time
}

// New makes a platform whose clock stands at start.
func New(start time.Time) *Platform {
	p := &Platform{mux: http.NewServeMux(), stopped: map[string]bool{}}
	p.Fake = chattest.New(p, chat.SMS, start)
	const account = "/2010-04-01/Accounts/{account}"
	p.mux.HandleFunc("POST "+account+"/Messages.json", p.with(p.create))
	p.mux.HandleFunc("GET "+account+"/Messages.json", p.with(p.list))
	p.mux.HandleFunc("GET "+account, p.with(p.show))
	p.mux.HandleFunc("GET "+account+"/Messages/{message}/Media/{media}", p.with(p.media))
	p.mux.HandleFunc("GET /store/{media}", p.store)
	return p
}

// ServeHTTP is the platform's API.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// Account is the demo account.
func (p *Platform) Account(base string) chat.Account {
	p.mu.Lock()
	p.base = base
	p.mu.Unlock()
	return chat.Account{
		Channel: chat.SMS, Name: "demo",
		Settings: map[string]string{"account_sid": AccountSID, "from": Number, "base_url": base, "public_url": HookURL},
		Secrets:  map[string]string{"auth_token": AuthToken},
	}
}

// Customer is a number that nobody has.
func (p *Platform) Customer(n int) string { return "+1415555" + strconv.Itoa(1000+n%9000) }

// Codes are the error codes.
func (p *Platform) Codes() []chattest.Code {
	return []chattest.Code{
		{Code: "20003", Verdict: chat.VerdictReauthorise},
		{Code: "20429", Verdict: chat.VerdictThrottled},
		{Code: "20500", Verdict: chat.VerdictRetry},
		{Code: "21211", Verdict: chat.VerdictUnreachable},
		{Code: "21408", Verdict: chat.VerdictRejected},
		{Code: "21606", Verdict: chat.VerdictRejected},
		{Code: "21608", Verdict: chat.VerdictRejected},
		{Code: "21610", Verdict: chat.VerdictOptedOut, Later: true},
		{Code: "21612", Verdict: chat.VerdictRejected},
		{Code: "21614", Verdict: chat.VerdictUnreachable},
		{Code: "21617", Verdict: chat.VerdictRejected},
		{Code: "21620", Verdict: chat.VerdictRejected},
		{Code: "30001", Verdict: chat.VerdictThrottled, Later: true},
		{Code: "30002", Verdict: chat.VerdictPaused, Later: true},
		{Code: "30003", Verdict: chat.VerdictRetry, Later: true},
		{Code: "30004", Verdict: chat.VerdictUnreachable, Later: true},
		{Code: "30005", Verdict: chat.VerdictUnreachable, Later: true},
		{Code: "30006", Verdict: chat.VerdictUnreachable, Later: true},
		{Code: "30007", Verdict: chat.VerdictRejected, Later: true},
		{Code: "30008", Verdict: chat.VerdictRejected, Later: true},
		{Code: "30011", Verdict: chat.VerdictRejected, Later: true},
		{Code: "30034", Verdict: chat.VerdictRejected, Later: true},
	}
}

// refusal is the platform's wording of an error code.
func refusal(code string) chattest.Reply {
	status := http.StatusBadRequest
	switch code {
	case "20003":
		status = http.StatusUnauthorized
	case "20404":
		status = http.StatusNotFound
	case "20429":
		status = http.StatusTooManyRequests
	case "20500":
		status = http.StatusInternalServerError
	}
	n, err := strconv.Atoi(code)
	if err != nil {
		n, status = 20500, http.StatusInternalServerError
	}
	return chattest.JSON(status, map[string]any{"code": n, "message": "Refused as " + code, "more_info": "https://www.twilio.com/docs/errors/" + code, "status": status})
}
