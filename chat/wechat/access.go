package wechat

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"tandem/chat"
)

const (
	// renewBefore a token ends the platform gives out the next one and lets both work (channels.md 6.2); asking a little later than it
	// begins to is sure to bring the new one.
	renewBefore = 4 * time.Minute
	// forcedApart is how often a new token may be forced: 20 times a day, so it is kept for a token that was revoked.
	forcedApart = 30 * time.Second
)

// access holds the account's token for calls. Whoever needs one while it is fetched waits for that one request.
type access struct {
	account *account
	secret  string
	turn    chan struct{} // held by who looks at or changes what follows
	tries   atomic.Uint64 // requests begun
	token   string
	until   time.Time
	forced  time.Time
	err     error // of the last request
}

func newAccess(c *account, secret string) *access {
	return &access{account: c, secret: secret, turn: make(chan struct{}, 1)}
}

// get returns a token other than bad, which the platform has refused.
func (a *access) get(ctx context.Context, bad string) (string, error) {
	seen := a.tries.Load()
	select {
	case a.turn <- struct{}{}:
	case <-ctx.Done():
		return "", &chat.SendError{Verdict: chat.VerdictRetry, Err: ctx.Err()}
	}
	defer func() { <-a.turn }()
	if a.token != "" && a.token != bad && a.account.now().Before(a.until) {
		return a.token, nil
	}
	if a.err != nil && a.tries.Load() != seen {
		return "", a.err // of a request that began while we waited: ours would fail too
	}
	a.tries.Add(1)
	err := a.fetch(ctx, false)
	if err == nil && a.token == bad && a.account.now().Sub(a.forced) >= forcedApart {
		a.forced = a.account.now()
		err = a.fetch(ctx, true)
	}
	a.err = err
	if err != nil && ctx.Err() != nil {
		a.err = nil // that is the caller's, not the platform's
	}
	return a.token, err
}

// fetch asks for a token. stable_token gives the same one to everybody who asks, so that programs beside us keep theirs.
func (a *access) fetch(ctx context.Context, force bool) error {
	a.token = ""
	body, err := encode(map[string]any{"grant_type": "client_credential", "appid": a.account.appid, "secret": a.secret, "force_refresh": force})
	if err != nil {
		return err
	}
	var said struct {
		Token   string `json:"access_token"`
		Expires int64  `json:"expires_in"`
	}
	begun := a.account.now()
	if err := a.account.ask(ctx, request{method: http.MethodPost, path: "/cgi-bin/stable_token", body: body}, "", &said); err != nil {
		return err
	}
	if said.Token == "" {
		return &chat.SendError{Verdict: chat.VerdictRetry, Detail: "the platform gave no token"}
	}
	life := time.Duration(min(max(said.Expires, 0), 7200)) * time.Second
	a.token, a.until = said.Token, begun.Add(max(life-renewBefore, life/2))
	return nil
}
