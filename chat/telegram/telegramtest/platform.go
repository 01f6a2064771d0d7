// Package telegramtest is a fake of Telegram's Bot API.
package telegramtest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
)

// The demo account's secrets (CONTRACT.md).
const (
	BotToken    = "123456:telegram-bot-token"
	SecretToken = "telegram-secret"
)

// botID is the bot's own id as a user.
const botID = 123456

// Platform is the fake.
type Platform struct {
	*chattest.Fake
	mux *http.ServeMux

	mu       sync.Mutex
	numbers  map[string]int64 // of the last message in each chat
	blocked  map[string]bool
	names    map[string]string
	moved    map[string]int64 // groups that have become supergroups
	hook     string
	secret   string
	updates  []string // kinds that the hook is told of
	answered []string // callback queries
}

// New makes a platform whose clock stands at start.
func New(start time.Time) *Platform {
	p := &Platform{
		mux: http.NewServeMux(), numbers: map[string]int64{}, blocked: map[string]bool{}, names: map[string]string{}, moved: map[string]int64{},
	}
	p.Fake = chattest.New(p, chat.Telegram, start)
	p.Answered(p.inAnswer)
	p.mux.HandleFunc("POST /{bot}/{method}", p.method)
	p.mux.HandleFunc("GET /file/{bot}/files/{id}", p.download)
	return p
}

// ServeHTTP implements chattest.Platform.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// Account implements chattest.Platform.
func (p *Platform) Account(base string) chat.Account {
	return chat.Account{
		Name:     "demo",
		Channel:  chat.Telegram,
		Settings: map[string]string{"base_url": base},
		Secrets:  map[string]string{"bot_token": BotToken, "secret_token": SecretToken},
	}
}

// Customer implements chattest.Platform.
func (p *Platform) Customer(n int) string { return strconv.Itoa(987654321 + n) }

// Requests implements chattest.Platform: Telegram sends one update at a time.
func (p *Platform) Requests(events ...[]byte) []chat.Hook {
	var all []chat.Hook
	for _, e := range events {
		all = append(all, chat.Hook{
			Method: http.MethodPost, URL: p.Hook(), Query: url.Values{}, Header: http.Header{"Content-Type": {"application/json"}}, Body: e,
		})
	}
	return all
}

// Sign implements chattest.Platform. Telegram signs nothing; it shows the secret that the hook was set with.
func (p *Platform) Sign(h chat.Hook, wrong bool) chat.Hook {
	secret := SecretToken
	if wrong {
		secret = "somebody-elses"
	}
	h.Header = h.Header.Clone()
	h.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
	return h
}

// inAnswer does what the hook's answer asks for: a method may be called in it.
func (p *Platform) inAnswer(_ chat.Hook, _ int, body []byte) {
	var m struct {
		Method string `json:"method"`
		Query  string `json:"callback_query_id"`
	}
	if json.Unmarshal(body, &m) == nil && m.Method == "answerCallbackQuery" {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.answered = append(p.answered, m.Query)
	}
}

// CallbacksAnswered are the presses of buttons that have been answered.
func (p *Platform) CallbacksAnswered() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.answered...)
}

// Updates are the kinds of updates that the hook was set for.
func (p *Platform) Updates() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.updates...)
}

// Migrate makes a supergroup of a group.
func (p *Platform) Migrate(from string, to int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved[from] = to
}

// Receipt implements chattest.Platform: Telegram tells nothing of messages.
func (p *Platform) Receipt(string, chat.Status, string) ([]byte, error) {
	return nil, chattest.ErrCannot
}

// refusals are Telegram's errors by code, the first number of which is its error_code.
var refusals = map[string]struct {
	words   string
	verdict chat.Verdict
}{
	"400":                {"Bad Request: message text is empty", chat.VerdictRejected},
	"400/chat_not_found": {"Bad Request: chat not found", chat.VerdictUnreachable},
	"401":                {"Unauthorized", chat.VerdictReauthorise},
	"403/blocked":        {"Forbidden: bot was blocked by the user", chat.VerdictUnreachable},
	"403/not_started":    {"Forbidden: bot can't initiate conversation with a user", chat.VerdictUnreachable},
	"403/deactivated":    {"Forbidden: user is deactivated", chat.VerdictUnreachable},
	"409":                {"Conflict: terminated by other getUpdates request", chat.VerdictRetry},
	"413":                {"Request Entity Too Large", chat.VerdictRejected},
	"429":                {"Too Many Requests: retry after 5", chat.VerdictThrottled},
	"500":                {"Internal Server Error", chat.VerdictRetry},
}

// Codes implements chattest.Platform.
func (p *Platform) Codes() []chattest.Code {
	var all []chattest.Code
	for _, code := range []string{"400", "400/chat_not_found", "401", "403/blocked", "403/not_started", "403/deactivated", "409", "413", "429", "500"} {
		all = append(all, chattest.Code{Code: code, Verdict: refusals[code].verdict})
	}
	return all
}

// refusal words a code as Telegram does.
func refusal(code string) chattest.Reply {
	number, _, _ := strings.Cut(code, "/")
	n, err := strconv.Atoi(number)
	if err != nil {
		n = http.StatusBadRequest
	}
	words := refusals[code].words
	if words == "" {
		words = "Bad Request: " + code
	}
	body := map[string]any{"ok": false, "error_code": n, "description": words}
	if n == http.StatusTooManyRequests {
		body["parameters"] = map[string]int{"retry_after": 5}
	}
	return chattest.JSON(n, body)
}

// bad is a 400 with Telegram's words.
func bad(words string) chattest.Reply {
	return chattest.JSON(http.StatusBadRequest, map[string]any{"ok": false, "error_code": http.StatusBadRequest, "description": "Bad Request: " + words})
}

func result(v any) chattest.Reply {
	return chattest.JSON(http.StatusOK, map[string]any{"ok": true, "result": v})
}
