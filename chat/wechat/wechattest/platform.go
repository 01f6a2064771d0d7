// Package wechattest is a fake of WeChat's platform for service accounts.
package wechattest

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
)

// The demo account's secrets (channels.md 1.3).
const (
	AppID  = "wx0000000000000001"
	Secret = "wechat-app-secret"
	Token  = "wechat-token"
	AESKey = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
)

// Mode is how the platform sends to the hook.
type Mode string

// Modes.
const (
	Clear      Mode = "clear"
	Compatible Mode = "compatible" // in the clear and encrypted, in one body
	Safe       Mode = "safe"
)

const (
	tokenLife   = 7200 * time.Second
	renewBefore = 5 * time.Minute
	template    = "TM-order"
)

// Platform is the fake.
type Platform struct {
	*chattest.Fake
	mux *http.ServeMux

	mu        sync.Mutex
	base      string
	mode      Mode
	token     string
	until     time.Time
	stuck     bool // only a forced refresh gives another token
	gone      map[string]bool
	metered   bool
	allowed   map[string]allowance
	templates map[string]string // customer by message id
}

// allowance is what a customer's last action lets us send.
type allowance struct {
	until time.Time
	left  int
}

// New makes a platform whose clock stands at start. It encrypts what it sends.
func New(start time.Time) *Platform {
	p := &Platform{mux: http.NewServeMux(), mode: Safe, gone: map[string]bool{}, allowed: map[string]allowance{}, templates: map[string]string{}}
	p.Fake = chattest.New(p, chat.WeChat, start)
	p.mux.HandleFunc("POST /cgi-bin/stable_token", p.stableToken)
	p.mux.HandleFunc("POST /cgi-bin/message/custom/send", p.with(p.send))
	p.mux.HandleFunc("POST /cgi-bin/message/custom/typing", p.with(p.typing))
	p.mux.HandleFunc("POST /cgi-bin/message/template/send", p.with(p.sendTemplate))
	p.mux.HandleFunc("GET /cgi-bin/template/get_all_private_template", p.with(p.listTemplates))
	p.mux.HandleFunc("POST /cgi-bin/media/upload", p.with(p.upload))
	p.mux.HandleFunc("GET /cgi-bin/media/get", p.with(p.media))
	p.mux.HandleFunc("GET /cgi-bin/user/info", p.with(p.user))
	p.mux.HandleFunc("POST /cgi-bin/openapi/quota/get", p.with(p.quota))
	p.mux.HandleFunc("GET /video/{id}", p.video)
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
		Channel: chat.WeChat, Name: "demo",
		Settings: map[string]string{"appid": AppID, "base_url": base, "encryption": "optional"},
		Secrets:  map[string]string{"secret": Secret, "token": Token, "aes_key": AESKey},
	}
}

// SetMode says how events are sent from now on.
func (p *Platform) SetMode(m Mode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = m
}

// Meter has the platform count what each customer's last action lets us send: 5 in 48 hours after a message, 3 in a minute after the rest.
func (p *Platform) Meter(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.metered = on
}

// Expire ends the token before its time; stuck: the platform gives out the same one until a new one is forced.
func (p *Platform) Expire(stuck bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stuck = stuck
	if stuck {
		p.gone[p.token] = true
		return
	}
	p.token = ""
}

// Customer is a follower's openid.
func (p *Platform) Customer(n int) string { return "oUSER" + strconv.Itoa(n+1) }

// Codes are the return codes.
func (p *Platform) Codes() []chattest.Code {
	return []chattest.Code{
		{Code: "-1", Verdict: chat.VerdictRetry},
		{Code: "45011", Verdict: chat.VerdictThrottled},
		{Code: "45015", Verdict: chat.VerdictWindow},
		{Code: "45047", Verdict: chat.VerdictWindow},
		{Code: "40003", Verdict: chat.VerdictUnreachable},
		{Code: "43004", Verdict: chat.VerdictUnreachable},
		{Code: "43019", Verdict: chat.VerdictUnreachable},
		{Code: "48002", Verdict: chat.VerdictOptedOut},
		{Code: "45009", Verdict: chat.VerdictQuota},
		{Code: "45028", Verdict: chat.VerdictQuota},
		{Code: "40007", Verdict: chat.VerdictRejected},
		{Code: "45002", Verdict: chat.VerdictRejected},
		{Code: "48001", Verdict: chat.VerdictPaused},
		{Code: "48004", Verdict: chat.VerdictPaused},
		{Code: "50002", Verdict: chat.VerdictPaused},
		{Code: "40164", Verdict: chat.VerdictReauthorise},
		{Code: "40001", Verdict: chat.VerdictReauthorise},
	}
}

// refusal is the platform's wording of a return code; the status is always 200.
func refusal(code string) chattest.Reply {
	n, err := strconv.Atoi(code)
	if err != nil {
		n = -1
	}
	return chattest.JSON(http.StatusOK, map[string]any{"errcode": n, "errmsg": fmt.Sprintf("refused as %s rid: 1", code)})
}

func ok() chattest.Reply {
	return chattest.JSON(http.StatusOK, map[string]any{"errcode": 0, "errmsg": "ok"})
}
