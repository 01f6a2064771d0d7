package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/queues"
)

const (
	mostHookBytes = 4 << 20 // Meta sends up to 3 MB
	hookWithin    = 10 * time.Second
	mostGathered  = 100 // requests with one commit
)

var (
	errHookBody    = fault.New(fault.TooLarge, "body_too_large", "The request is too large.")
	errHookChanged = fault.New(fault.Unavailable, "channel_changing", "The account was changed at this moment; send the request again.")
)

// ServeHook answers requests of platforms to /hooks/{channel}/{account}: it checks the signature, stores what came, and answers.
func (s *Service) ServeHook(w http.ResponseWriter, r *http.Request) {
	channel := queues.Channel(r.PathValue("channel"))
	if _, known := s.makers[channel]; !known {
		http.NotFound(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), hookWithin)
	defer cancel()
	answer, err := s.hook(ctx, channel, r.PathValue("account"), w, r)
	if err != nil {
		s.refuseHook(w, channel, err)
		return
	}
	s.metrics.hooks.WithLabelValues(string(channel), "accepted").Inc()
	if answer.Type == "" {
		answer.Type = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", answer.Type)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(answer.Body) // a platform that has gone asks again
}

func (s *Service) refuseHook(w http.ResponseWriter, channel queues.Channel, err error) {
	status, result := http.StatusServiceUnavailable, "failed" // the platform tries again later
	switch fault.KindOf(err) {
	case fault.Unauthorized:
		status, result = http.StatusUnauthorized, "refused"
	case fault.Forbidden:
		status, result = http.StatusForbidden, "refused"
	case fault.NotFound:
		status, result = http.StatusNotFound, "refused"
	case fault.TooLarge:
		status, result = http.StatusRequestEntityTooLarge, "refused"
	case fault.Invalid:
		status, result = http.StatusBadRequest, "refused"
	default:
		s.log.Error("a platform's request could not be stored; the platform will repeat it", "channel", channel, "err", err)
	}
	s.metrics.hooks.WithLabelValues(string(channel), result).Inc()
	http.Error(w, http.StatusText(status), status)
}

// hook checks a request and stores it. An account that is known is not read first: it counts if it is still the same where the request is stored.
// Whatever else comes of a request (a refusal, an answer without events) is said by the account as it is now.
func (s *Service) hook(ctx context.Context, channel queues.Channel, name string, w http.ResponseWriter, r *http.Request) (answer Answer, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostHookBytes))
	if err != nil {
		return answer, errHookBody.Because(err)
	}
	h := Hook{Method: r.Method, URL: s.cfg.PublicURL + r.URL.RequestURI(), Query: r.URL.Query(), Header: r.Header, Body: body}
	if o, ok := s.known.named(hookName{channel, name}); ok {
		answer, err = o.channel.Accept(h)
		if err == nil && answer.Events {
			if stored, err := s.keep(ctx, o.account, h); stored || err != nil {
				return answer, err
			}
		}
	}
	a, err := s.hookAccount(ctx, channel, name)
	if err != nil {
		return Answer{}, err
	}
	c, err := s.channel(a)
	if err != nil {
		return Answer{}, err
	}
	if answer, err = c.Accept(h); err != nil || !answer.Events {
		return answer, err
	}
	stored, err := s.keep(ctx, a, h)
	if err == nil && !stored {
		err = errHookChanged
	}
	return answer, err
}

// hookAccount finds the account of a hook.
func (s *Service) hookAccount(ctx context.Context, channel queues.Channel, name string) (a *account, err error) {
	err = s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		a, err = s.accountByName(ctx, tx, channel, name)
		return err
	})
	return a, err
}

// keep stores a request as it came, before it is answered. false: the account is not the one any more that has checked it.
func (s *Service) keep(ctx context.Context, a *account, h Hook) (stored bool, err error) {
	h.Header = keptHeaders(h.Header)
	request, err := json.Marshal(h)
	if err != nil {
		return false, fmt.Errorf("encode a request: %w", err)
	}
	stored, err = s.intake.keep(ctx, a.Tenant, &kept{id: storage.NewID(), account: a.ID, version: a.version, request: string(request), body: h.Body})
	s.reached("kept")
	return stored, wrap("store a platform's request", err)
}

// keptHeaders are those that say how a body is to be read; signatures and cookies are of no use any more.
func keptHeaders(h http.Header) http.Header {
	kept := http.Header{}
	if v := h.Get("Content-Type"); v != "" {
		kept.Set("Content-Type", v)
	}
	return kept
}

// intake stores requests of platforms. Those of a tenant that come while others are being stored are stored together, with one commit.
type intake struct {
	db  *storage.DB
	bus *events.Bus

	mu    sync.Mutex
	doors map[uuid.UUID]*door // by tenant
}

// door is where a tenant's requests come in.
type door struct {
	commits sync.Mutex // held by the group that is being stored
	next    *group     // that gathers meanwhile; guarded by intake.mu
}

// group are requests that are stored together.
type group struct {
	requests []*kept
	done     chan struct{} // closed when all are stored, or have failed
}

// kept is a request to be stored.
type kept struct {
	id, account uuid.UUID
	version     int // of the account that has checked it
	request     string
	body        []byte
	stored      bool
	err         error
}

// keep returns once a request is stored.
func (in *intake) keep(ctx context.Context, tenant uuid.UUID, k *kept) (stored bool, err error) {
	in.mu.Lock()
	d := in.doors[tenant]
	if d == nil {
		d = &door{}
		in.doors[tenant] = d
	}
	first := d.next == nil || len(d.next.requests) == mostGathered
	if first {
		d.next = &group{done: make(chan struct{})}
	}
	g := d.next
	g.requests = append(g.requests, k)
	in.mu.Unlock()
	if first { // the first of a group stores all of it
		in.storeGroup(context.WithoutCancel(ctx), tenant, d, g)
	}
	select {
	case <-g.done:
		return k.stored, k.err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (in *intake) storeGroup(ctx context.Context, tenant uuid.UUID, d *door, g *group) {
	d.commits.Lock()
	defer d.commits.Unlock()
	in.mu.Lock()
	if d.next == g {
		d.next = nil
	}
	in.mu.Unlock()
	defer close(g.done)
	ctx, cancel := context.WithTimeout(ctx, hookWithin)
	defer cancel()
	err := in.store(ctx, tenant, g.requests)
	if err == nil || len(g.requests) == 1 {
		g.requests[0].err = err
		return
	}
	for _, k := range g.requests { // one that cannot be stored does not keep the others out
		k.err = in.store(ctx, tenant, []*kept{k})
	}
}

// store writes requests whose accounts are as they were when they checked them.
func (in *intake) store(ctx context.Context, tenant uuid.UUID, list []*kept) error {
	ids, accounts, bodies := make([][16]byte, len(list)), make([][16]byte, len(list)), make([][]byte, len(list))
	versions, requests := make([]int, len(list)), make([]string, len(list))
	places := make(map[uuid.UUID]*kept, len(list))
	for i, k := range list {
		ids[i], accounts[i], versions[i], requests[i], bodies[i] = k.id, k.account, k.version, k.request, k.body
		places[k.id] = k
	}
	var stored []uuid.UUID
	err := in.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			INSERT INTO chat_inbox (inbox_id, tenant_id, account_id, request, body, received_at, next_at)
			SELECT r.id, $1, account_id, r.request::jsonb, r.body, $2, $2
			FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::bytea[]) r (id, account, version, request, body)
			JOIN chat_accounts a ON a.account_id = r.account AND a.version = r.version AND a.archived_at IS NULL
			RETURNING inbox_id`, tenant, tx.Now, ids, accounts, versions, requests, bodies)
		if err != nil {
			return err
		}
		if stored, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID]); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE chat_accounts SET hook_at = $2 WHERE account_id = ANY ($1) AND (hook_at IS NULL OR hook_at < $2::timestamptz - interval '10 seconds')`, accounts, tx.Now)
		tx.AfterCommit(func() { in.bus.Publish(wakeInbox, nil) })
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range stored {
		places[id].stored = true
	}
	return nil
}
