// Package whatsapptest is a fake of WhatsApp's Cloud API.
package whatsapptest

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/meta/metatest"
)

// The demo account's ids.
const (
	PhoneNumberID = "PN1"
	WABA          = "WABA1"
)

// Limits that Meter counts by.
const (
	window    = 24 * time.Hour
	pairBurst = 45
	pairEvery = 6 * time.Second
)

// Platform is the fake.
type Platform struct {
	*chattest.Fake
	mux *http.ServeMux

	mu      sync.Mutex
	metered bool
	last    map[string]time.Time // when each customer last wrote
	pairs   map[string]pair
	stopped map[string]bool      // wants no marketing
	to      map[string]recipient // of our messages, by id
	issued  map[string]time.Time // when an address of a file was given out
	expire  int                  // so many of the next addresses hold no more
}

// pair is the token bucket of messages to one customer.
type pair struct {
	left float64
	at   time.Time
}

type recipient struct{ customer, ours string }

// New makes a platform whose clock stands at start.
func New(start time.Time) *Platform {
	p := &Platform{
		mux: http.NewServeMux(), last: map[string]time.Time{}, pairs: map[string]pair{}, stopped: map[string]bool{},
		to: map[string]recipient{}, issued: map[string]time.Time{},
	}
	p.Fake = chattest.New(p, chat.WhatsApp, start)
	p.mux.HandleFunc("POST /{version}/"+PhoneNumberID+"/messages", metatest.With(p.Fake, p.messages))
	p.mux.HandleFunc("POST /{version}/"+PhoneNumberID+"/media", metatest.With(p.Fake, p.upload))
	p.mux.HandleFunc("GET /{version}/"+PhoneNumberID, metatest.With(p.Fake, p.number))
	p.mux.HandleFunc("GET /{version}/"+WABA+"/message_templates", metatest.With(p.Fake, p.templates))
	p.mux.HandleFunc("GET /{version}/{id}", metatest.With(p.Fake, p.media))
	p.mux.HandleFunc("GET /files/download/{address}", metatest.With(p.Fake, p.download))
	return p
}

// ServeHTTP is the platform's API.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// Account is the demo account.
func (p *Platform) Account(base string) chat.Account {
	a := metatest.Account(base, map[string]string{"phone_number_id": PhoneNumberID, "waba_id": WABA})
	a.Channel = chat.WhatsApp
	return a
}

// Customer is a customer's wa_id.
func (p *Platform) Customer(n int) string { return fmt.Sprintf("1555123%04d", n) }

// UserID is the business-scoped id of a customer.
func UserID(customer string) string { return "US.1349" + customer }

// Meter has the platform refuse what is outside the window (131047) or faster than a pair's rate (131056).
func (p *Platform) Meter(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.metered = on
}

// ExpireNext has the next address of a file hold no more by the time that it is used.
func (p *Platform) ExpireNext() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire++
}

// Codes are the errors of channels.md 2 and 3.4.
func (p *Platform) Codes() []chattest.Code {
	return []chattest.Code{
		{Code: "131047", Verdict: chat.VerdictWindow, Later: true},
		{Code: "131056", Verdict: chat.VerdictPair, Later: true},
		{Code: "130429", Verdict: chat.VerdictThrottled},
		{Code: "131048", Verdict: chat.VerdictPaused, Later: true},
		{Code: "131026", Verdict: chat.VerdictUnreachable, Later: true},
		{Code: "131049", Verdict: chat.VerdictRejected, Later: true},
		{Code: "131050", Verdict: chat.VerdictOptedOut, Later: true},
		{Code: "130472", Verdict: chat.VerdictRejected, Later: true},
		{Code: "131031", Verdict: chat.VerdictPaused, Later: true},
		{Code: "131042", Verdict: chat.VerdictPaused, Later: true},
		{Code: "368", Verdict: chat.VerdictPaused},
		{Code: "131009", Verdict: chat.VerdictRejected},
		{Code: "100", Verdict: chat.VerdictRejected},
		{Code: "131053", Verdict: chat.VerdictRetry, Later: true},
		{Code: "131000", Verdict: chat.VerdictRetry, Later: true},
		{Code: "131016", Verdict: chat.VerdictRetry},
		{Code: "2", Verdict: chat.VerdictRetry},
		{Code: "132001", Verdict: chat.VerdictRejected},
		{Code: "132015", Verdict: chat.VerdictRejected},
		{Code: "131062", Verdict: chat.VerdictRejected},
		{Code: "80007", Verdict: chat.VerdictThrottled},
		{Code: "190", Verdict: chat.VerdictReauthorise},
		{Code: "0", Verdict: chat.VerdictReauthorise},
		{Code: "10", Verdict: chat.VerdictPaused},
	}
}

// may counts a message, or says why it is not allowed.
func (p *Platform) may(to string, templated bool) (code string) {
	now := p.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.metered {
		return ""
	}
	last, ok := p.last[to]
	if !templated && (!ok || now.Sub(last) > window) {
		return "131047"
	}
	b, ok := p.pairs[to]
	if !ok {
		b = pair{left: pairBurst, at: now}
	}
	b.left = min(pairBurst, b.left+now.Sub(b.at).Seconds()/pairEvery.Seconds())
	b.at = now
	if b.left < 1 {
		p.pairs[to] = b
		return "131056"
	}
	b.left--
	p.pairs[to] = b
	return ""
}
