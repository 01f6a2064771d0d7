package webhooks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"tandem/internal/egress"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/webhooks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is the service with a receiver of its own.
type rig struct {
	*webhooks.Service
	cfg     webhooks.Config
	db      *storage.DB
	url     string // of the database
	log     *bytes.Buffer
	tenant  uuid.UUID
	skip    func(time.Duration) // the stored clock, forward
	got     chan taken
	answer  func(n int, w http.ResponseWriter, r *http.Request)
	server  *httptest.Server
	secrets []string
}

// taken is a request as the receiver got it.
type taken struct {
	header http.Header
	body   string
}

func open(t *testing.T) *rig {
	t.Helper()
	r := &rig{log: &bytes.Buffer{}, got: make(chan taken, 100), url: storagetest.NewURL(t)}
	var mu sync.Mutex
	var ahead time.Duration
	now := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(ahead)
	}
	r.skip = func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		ahead += d
	}
	var err error
	r.db, err = storage.Open(t.Context(), storage.Config{URL: r.url, Now: now})
	must(t, err)
	t.Cleanup(r.db.Close)
	r.tenant = storagetest.Tenant(t, r.db, "a")
	bus, err := events.NewBus(events.BusConfig{}, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(bus.Close)
	keys, err := storage.OpenKeys(filepath.Join(t.TempDir(), "keys"))
	must(t, err)
	r.cfg = webhooks.Config{
		DB: r.db, Events: events.NewLog(bus), Bus: bus, Keys: keys, Guard: egress.Guard{Private: true}, Metrics: prometheus.NewRegistry(),
		Log: slog.New(slog.NewTextHandler(r.log, nil)), Timeout: 5 * time.Second, Poll: 10 * time.Millisecond,
	}
	r.Service = webhooks.New(r.cfg)
	n := 0
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b, _ := io.ReadAll(req.Body)
		mu.Lock()
		n++
		count := n
		mu.Unlock()
		if r.answer != nil {
			r.answer(count, w, req)
		}
		r.got <- taken{req.Header, string(b)}
	}))
	t.Cleanup(r.server.Close)
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run runs a service until the test ends, or stop is called.
func (r *rig) run(t *testing.T, s *webhooks.Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func (r *rig) endpoint(t *testing.T, types ...string) webhooks.Endpoint {
	t.Helper()
	e, err := r.AddEndpoint(t.Context(), r.tenant, webhooks.EndpointChange{URL: new(r.server.URL + "/hook?key=1"), Events: &types})
	must(t, err)
	r.secrets = append(r.secrets, e.Secret)
	return e
}

func (r *rig) happens(t *testing.T, typ string, subject uuid.UUID, data any) {
	t.Helper()
	must(t, r.db.Tenant(t.Context(), r.tenant, func(tx *storage.Tx) error { return r.cfg.Events.Append(t.Context(), tx, typ, subject, data) }))
}

// next is the next request that the receiver got.
func (r *rig) next(t *testing.T) taken {
	t.Helper()
	select {
	case got := <-r.got:
		return got
	case <-time.After(30 * time.Second):
		t.Fatalf("nothing came; %s", r.log)
		return taken{}
	}
}

// only waits until the endpoint's only delivery is as it is to be.
func (r *rig) only(t *testing.T, endpoint uuid.UUID, ok func(webhooks.Delivery) bool) webhooks.Delivery {
	t.Helper()
	var last []webhooks.Delivery
	for end := time.After(30 * time.Second); ; {
		var err error
		last, err = r.Deliveries(t.Context(), r.tenant, endpoint, "", uuid.Nil, 10)
		must(t, err)
		if len(last) == 1 && ok(last[0]) {
			return last[0]
		}
		select {
		case <-end:
			t.Fatalf("the deliveries are %+v; %s", last, r.log)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func in(state webhooks.State) func(webhooks.Delivery) bool {
	return func(d webhooks.Delivery) bool { return d.State == state }
}

func tried(n int) func(webhooks.Delivery) bool {
	return func(d webhooks.Delivery) bool { return d.Attempts == n && d.TriedAt != nil }
}

func verified(t *testing.T, got taken, secret string) bool {
	t.Helper()
	w, err := standardwebhooks.NewWebhook(secret)
	must(t, err)
	return w.VerifyIgnoringTimestamp([]byte(got.body), got.header) == nil
}

var ticket = map[string]any{"ticket_id": uuid.New(), "number": 7, "status": "to_do"}

// An event goes to those who asked for it, signed, once.
func TestDelivery(t *testing.T) {
	r := open(t)
	asked, other := r.endpoint(t, "ticket.created"), r.endpoint(t, "call.ended")
	r.run(t, r.Service)
	r.happens(t, "ticket.created", uuid.New(), ticket)
	r.happens(t, "ticket.internal", uuid.New(), ticket) // no promised type
	got := r.next(t)
	if !verified(t, got, asked.Secret) || verified(t, got, other.Secret) || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", got.header)
	}
	var m struct {
		Type      string
		Timestamp time.Time
		Data      webhooks.Ticket
	}
	must(t, json.Unmarshal([]byte(got.body), &m))
	if m.Type != "ticket.created" || m.Timestamp.IsZero() || m.Data.Number != 7 || m.Data.Status != "to_do" {
		t.Errorf("body %s", got.body)
	}
	d := r.only(t, asked.ID, in(webhooks.Delivered))
	if d.Attempts != 1 || d.Status != 200 || d.Message.String() != got.header.Get("webhook-id") || d.NextTryAt != nil {
		t.Errorf("%+v", d)
	}
	details, err := r.Delivery(t.Context(), r.tenant, asked.ID, d.ID)
	if err != nil || details.Body != got.body || len(details.Log) != 1 || details.Log[0].Status != 200 {
		t.Errorf("%+v, %v", details, err)
	}
	if all, err := r.Deliveries(t.Context(), r.tenant, other.ID, "", uuid.Nil, 10); err != nil || len(all) != 0 {
		t.Errorf("the other has %+v, %v", all, err)
	}
	if strings.Contains(r.log.String(), "key=1") || strings.Contains(r.log.String(), "whsec_") {
		t.Errorf("the log tells secrets: %s", r.log)
	}
}

// What receivers answer, and what becomes of it.
func TestAnswers(t *testing.T) {
	status := func(code int, header ...string) func(int, http.ResponseWriter, *http.Request) {
		return func(_ int, w http.ResponseWriter, _ *http.Request) {
			if header != nil {
				w.Header().Set(header[0], header[1])
			}
			w.WriteHeader(code)
		}
	}
	for _, c := range []struct {
		name    string
		answer  func(int, http.ResponseWriter, *http.Request)
		state   webhooks.State
		failure webhooks.Failure
		least   time.Duration // until the next try
		enabled bool
	}{
		{"gone", status(410), webhooks.Failed, webhooks.FailureGone, 0, false},
		{"too many", status(429, "Retry-After", "600"), webhooks.Waiting, webhooks.FailureStatus, 10 * time.Minute, true},
		{"busy", status(503, "Retry-After", "600"), webhooks.Waiting, webhooks.FailureStatus, 10 * time.Minute, true},
		{"broken", status(500), webhooks.Waiting, webhooks.FailureStatus, 4 * time.Second, true},
		{"not found", status(404), webhooks.Waiting, webhooks.FailureStatus, 4 * time.Second, true},
		{"leads on", status(307, "Location", "/elsewhere"), webhooks.Waiting, webhooks.FailureStatus, 4 * time.Second, true},
		{"cut off", func(int, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, webhooks.Waiting, webhooks.FailureConnection, 4 * time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := open(t)
			r.answer = c.answer
			e := r.endpoint(t, "ticket.created")
			r.run(t, r.Service)
			r.happens(t, "ticket.created", uuid.New(), ticket)
			d := r.only(t, e.ID, tried(1))
			if d.State != c.state || d.Failure != c.failure {
				t.Errorf("%+v", d)
			}
			if c.state == webhooks.Waiting && d.NextTryAt.Sub(*d.TriedAt) < c.least {
				t.Errorf("tried again after %v", d.NextTryAt.Sub(*d.TriedAt))
			}
			e, err := r.Endpoint(t.Context(), r.tenant, e.ID)
			if err != nil || e.Enabled != c.enabled || e.FailingSince == nil {
				t.Errorf("%+v, %v", e, err)
			}
			if len(r.got) > 1 {
				t.Error("it was followed elsewhere")
			}
		})
	}
}

// An endpoint that hangs is given up on in time, and holds nobody else up: all tries of its tenant take half of the workers.
func TestHangs(t *testing.T) {
	r := open(t)
	r.cfg.Timeout, r.cfg.Workers, r.cfg.Metrics = time.Second, 2, nil
	s := webhooks.New(r.cfg)
	hangs := r.endpoint(t, "ticket.changed")
	quick := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) { r.got <- taken{body: "quick"} }))
	defer quick.Close()
	other := storagetest.Tenant(t, r.db, "b")
	_, err := r.AddEndpoint(t.Context(), other, webhooks.EndpointChange{URL: &quick.URL, Events: &[]string{"ticket.changed"}})
	must(t, err)
	begun := make(chan struct{}, 10)
	r.answer = func(_ int, _ http.ResponseWriter, req *http.Request) {
		begun <- struct{}{}
		<-req.Context().Done()
	}
	r.run(t, s)
	r.happens(t, "ticket.changed", uuid.New(), ticket)
	<-begun
	must(t, r.db.Tenant(t.Context(), other, func(tx *storage.Tx) error {
		return r.cfg.Events.Append(t.Context(), tx, "ticket.changed", uuid.New(), ticket)
	}))
	if got := r.next(t); got.body != "quick" {
		t.Errorf("first came %+v", got)
	}
	if d := r.only(t, hangs.ID, tried(1)); d.Failure != webhooks.FailureTimeout || d.State != webhooks.Waiting {
		t.Errorf("%+v", d)
	}
}

// A worker that dies between the answer and its note: the delivery is made again with the same webhook-id, and noted once.
func TestKilled(t *testing.T) {
	r := open(t)
	e := r.endpoint(t, "ticket.created")
	r.happens(t, "ticket.created", uuid.New(), ticket)
	dies, err := storage.Open(t.Context(), storage.Config{URL: r.url, Now: r.db.Now})
	must(t, err)
	cfg := r.cfg
	cfg.DB, cfg.Metrics = dies, nil
	// Its database is gone once the request is there: so it is as if it had died just then.
	r.answer = func(n int, _ http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			dies.Close()
		}
	}
	stop := r.run(t, webhooks.New(cfg))
	first := r.next(t)
	stop()
	if d := r.only(t, e.ID, in(webhooks.Waiting)); d.Attempts != 1 || d.TriedAt != nil {
		t.Fatalf("noted after all: %+v", d)
	}
	r.skip(2 * r.cfg.Timeout) // its lease has run out
	r.run(t, r.Service)
	second := r.next(t)
	if id := second.header.Get("webhook-id"); id == "" || id != first.header.Get("webhook-id") || second.body != first.body {
		t.Errorf("again as %s %s, first %s %s", id, second.body, first.header.Get("webhook-id"), first.body)
	}
	if d := r.only(t, e.ID, in(webhooks.Delivered)); d.Attempts != 2 {
		t.Errorf("%+v", d)
	}
}

// A worker that slept past its lease notes nothing: the delivery is somebody else's by then.
func TestLateNote(t *testing.T) {
	r := open(t)
	e := r.endpoint(t, "ticket.created")
	release := make(chan struct{})
	r.answer = func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			<-release
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
	cfg := r.cfg
	cfg.Timeout, cfg.Metrics = time.Minute, nil
	slow := r.run(t, webhooks.New(cfg))
	r.happens(t, "ticket.created", uuid.New(), ticket)
	r.only(t, e.ID, func(d webhooks.Delivery) bool { return d.Attempts == 1 })
	r.skip(3 * time.Minute)
	r.run(t, r.Service)
	r.next(t)
	before := r.only(t, e.ID, in(webhooks.Delivered))
	close(release)
	r.next(t)
	slow()
	if d := r.only(t, e.ID, in(webhooks.Delivered)); d.Attempts != 2 || d.Status != before.Status {
		t.Errorf("%+v", d)
	}
}

// Days of failing end in an endpoint that is switched off, and a person who switches it on replays what failed.
func TestFailingForDays(t *testing.T) {
	r := open(t)
	e := r.endpoint(t, "ticket.created")
	bad := true
	var mu sync.Mutex
	r.answer = func(_ int, w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if bad {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
	r.run(t, r.Service)
	r.happens(t, "ticket.created", uuid.New(), ticket)
	later := func(d webhooks.Delivery) bool { return d.State == webhooks.Failed || d.NextTryAt.After(r.db.Now()) }
	d := r.only(t, e.ID, later)
	for d.State == webhooks.Waiting {
		r.skip(d.NextTryAt.Sub(r.db.Now()))
		d = r.only(t, e.ID, later)
	}
	if d.Attempts < 9 || d.Attempts > 15 {
		t.Errorf("given up after %d tries", d.Attempts)
	}
	r.skip(48 * time.Hour)
	r.happens(t, "ticket.created", uuid.New(), ticket)
	for end := time.Now().Add(30 * time.Second); ; {
		got, err := r.Endpoint(t.Context(), r.tenant, e.ID)
		must(t, err)
		if !got.Enabled {
			if got.DisabledWhy != webhooks.DisabledFailing || got.Waiting != 0 || got.Failed != 2 {
				t.Errorf("%+v", got)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatalf("still on: %+v", got)
		}
	}
	if _, err := r.ReplayFailed(t.Context(), r.tenant, e.ID); !errors.Is(err, webhooks.ErrDisabled) {
		t.Errorf("replayed to an endpoint that is off: %v", err)
	}
	if !slices.Contains(r.types(t), "webhook.disabled") {
		t.Errorf("events %v", r.types(t))
	}
	mu.Lock()
	bad = false
	mu.Unlock()
	_, err := r.ChangeEndpoint(t.Context(), r.tenant, e.ID, webhooks.EndpointChange{Enabled: new(true)})
	must(t, err)
	if n, err := r.ReplayFailed(t.Context(), r.tenant, e.ID); err != nil || n != 2 {
		t.Errorf("replayed %d, %v", n, err)
	}
	for delivered := 0; delivered < 2; {
		all, err := r.Deliveries(t.Context(), r.tenant, e.ID, webhooks.Delivered, uuid.Nil, 10)
		must(t, err)
		delivered = len(all)
	}
}

// types are the events of the log, in order.
func (r *rig) types(t *testing.T) (all []string) {
	t.Helper()
	must(t, r.db.Tenant(t.Context(), r.tenant, func(tx *storage.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT array_agg(type ORDER BY seq) FROM events`).Scan(&all)
	}))
	return all
}

// For a day a receiver may know the old secret or the new one.
func TestRotation(t *testing.T) {
	r := open(t)
	e := r.endpoint(t, "ticket.created")
	r.run(t, r.Service)
	again, err := r.Rotate(t.Context(), r.tenant, e.ID)
	if err != nil || again.Secret == e.Secret || again.OldUntil == nil {
		t.Fatalf("%+v, %v", again, err)
	}
	must(t, r.Ping(t.Context(), r.tenant, e.ID))
	if got := r.next(t); !verified(t, got, e.Secret) || !verified(t, got, again.Secret) || !strings.Contains(got.body, webhooks.TypePing) {
		t.Errorf("during the overlap: %+v", got)
	}
	r.skip(25 * time.Hour)
	must(t, r.Ping(t.Context(), r.tenant, e.ID))
	if got := r.next(t); verified(t, got, e.Secret) || !verified(t, got, again.Secret) {
		t.Error("after the overlap the old secret signs")
	}
	if seen, err := r.Endpoint(t.Context(), r.tenant, e.ID); err != nil || seen.Secret != "" || seen.OldUntil != nil {
		t.Errorf("%+v, %v", seen, err)
	}
}

// A replay is sent with the id of the first; what is forgotten cannot be.
func TestReplay(t *testing.T) {
	r := open(t)
	e := r.endpoint(t, "ticket.created")
	r.run(t, r.Service)
	r.happens(t, "ticket.created", uuid.New(), ticket)
	first := r.next(t)
	d := r.only(t, e.ID, in(webhooks.Delivered))
	must(t, r.Replay(t.Context(), r.tenant, e.ID, d.ID))
	if second := r.next(t); second.header.Get("webhook-id") != first.header.Get("webhook-id") || second.body != first.body {
		t.Errorf("replayed as %+v", second)
	}
	r.only(t, e.ID, func(d webhooks.Delivery) bool { return d.State == webhooks.Delivered && d.Attempts == 2 })
	if err := r.Replay(t.Context(), r.tenant, e.ID, uuid.New()); !errors.Is(err, webhooks.ErrNoDelivery) {
		t.Errorf("a delivery that is none: %v", err)
	}
	r.skip(8 * 24 * time.Hour)
	must(t, r.Sweep(t.Context()))
	if err := r.Replay(t.Context(), r.tenant, e.ID, d.ID); !errors.Is(err, webhooks.ErrForgotten) {
		t.Errorf("a body that is not kept: %v", err)
	}
	r.skip(30 * 24 * time.Hour)
	must(t, r.Sweep(t.Context()))
	if all, err := r.Deliveries(t.Context(), r.tenant, e.ID, "", uuid.Nil, 10); err != nil || len(all) != 0 {
		t.Errorf("still kept: %+v, %v", all, err)
	}
}

// Callers are told of only where the endpoint may hear of persons.
func TestPersonalData(t *testing.T) {
	r := open(t)
	with := r.endpoint(t, "call.ended", "call.wrapped_up")
	_, err := r.ChangeEndpoint(t.Context(), r.tenant, with.ID, webhooks.EndpointChange{Personal: new(true)})
	must(t, err)
	without := r.endpoint(t, "call.ended", "call.wrapped_up")
	r.run(t, r.Service)
	record := map[string]any{
		"call_id": uuid.New(), "direction": "inbound", "state": "ended", "number": "1001", "caller": map[string]any{"number": "+4915112345678", "name": "Ada Canary"},
		"summary": "Ada asked", "data": map[string]string{"account": "Ada-1"}, "started_at": time.Now(), "talk_seconds": 12.5, "queue_path": []string{"Support"},
	}
	r.happens(t, "call.ended", uuid.New(), record)
	r.happens(t, "call.wrapped_up", uuid.New(), map[string]any{"call_id": uuid.New(), "disposition": "sold", "notes": "Ada bought it"})
	for range 4 {
		got := r.next(t)
		switch tells := strings.Contains(got.body, "Ada"); {
		case verified(t, got, without.Secret) && (tells || strings.Contains(got.body, "15112345678")):
			t.Errorf("told of a person: %s", got.body)
		case verified(t, got, with.Secret) && !tells:
			t.Errorf("not told of the person: %s", got.body)
		case strings.Contains(got.body, "Ada-1"):
			t.Errorf("the call's data are told: %s", got.body)
		}
	}
}

func TestEndpoints(t *testing.T) {
	r := open(t)
	public := r.cfg
	public.Guard, public.Metrics = egress.Guard{}, nil
	s := webhooks.New(public)
	types := []string{"call.ended"}
	for address, code := range map[string]string{
		"": "webhook_url_invalid", "example.com": "webhook_url_invalid", "ftp://example.com/": "webhook_url_invalid", "https://u:p@example.com/": "webhook_url_invalid",
		"http://example.com/": "webhook_url_private", "https://example.com:8443/": "webhook_url_private", "https://127.0.0.1/": "webhook_url_private",
		"https://localhost/": "webhook_url_private", "https://[::1]/": "webhook_url_private", "https://10.1.2.3/": "webhook_url_private", "https://2130706433/": "webhook_url_private",
	} {
		if _, err := s.AddEndpoint(t.Context(), r.tenant, webhooks.EndpointChange{URL: &address, Events: &types}); err == nil || !strings.Contains(codeOf(err), code) {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, bad := range [][]string{{}, {"call.secret"}, {"call.ended", "*"}} {
		if _, err := s.AddEndpoint(t.Context(), r.tenant, webhooks.EndpointChange{URL: new("https://example.com/"), Events: &bad}); codeOf(err) != "webhook_events_invalid" {
			t.Errorf("%v: %v", bad, err)
		}
	}
	e, err := s.AddEndpoint(t.Context(), r.tenant, webhooks.EndpointChange{URL: new(" https://example.com/hook#x"), Events: &[]string{"call.ended", "call.ended"}})
	if err != nil || e.URL != "https://example.com/hook" || len(e.Events) != 1 || !e.Enabled || e.Personal {
		t.Fatalf("%+v, %v", e, err)
	}
	if err := s.DeleteEndpoint(t.Context(), r.tenant, e.ID); err != nil {
		t.Error(err)
	}
	for _, act := range []func() error{
		func() error { _, err := s.Endpoint(t.Context(), r.tenant, e.ID); return err },
		func() error { _, err := s.Rotate(t.Context(), r.tenant, e.ID); return err },
		func() error { return s.Ping(t.Context(), r.tenant, e.ID) },
		func() error { return s.DeleteEndpoint(t.Context(), r.tenant, e.ID) },
	} {
		if err := act(); !errors.Is(err, webhooks.ErrNoEndpoint) {
			t.Errorf("an endpoint that is removed: %v", err)
		}
	}
}

func TestMetrics(t *testing.T) {
	r := open(t)
	r.answer = func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	e := r.endpoint(t, "ticket.created")
	r.run(t, r.Service)
	r.happens(t, "ticket.created", uuid.New(), ticket)
	r.only(t, e.ID, tried(1))
	r.skip(3 * time.Second)
	must(t, r.Sweep(t.Context()))
	families, err := r.cfg.Metrics.(*prometheus.Registry).Gather()
	must(t, err)
	values := map[string]float64{}
	for _, f := range families {
		m := f.GetMetric()[0]
		values[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	if values["tandem_webhook_deliveries_total"] != 1 || values["tandem_webhook_oldest_seconds"] < 3 {
		t.Errorf("metrics %v", values)
	}
}

func codeOf(err error) string {
	var e *fault.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
