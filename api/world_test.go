package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/analytics"
	"tandem/api"
	"tandem/calls"
	"tandem/chat"
	"tandem/chat/attach"
	"tandem/chat/telegram"
	"tandem/chat/telegram/telegramtest"
	"tandem/chat/web"
	"tandem/chat/wechat"
	"tandem/crm"
	"tandem/crmsync"
	"tandem/crmsync/own"
	"tandem/crmsync/rt"
	"tandem/internal/audit"
	"tandem/internal/auth"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/media/sound"
	"tandem/mediastream"
	"tandem/notify"
	"tandem/queues"
	"tandem/recording"
	"tandem/sip"
	"tandem/smartactions"
	"tandem/webhooks"
)

// world is the API on everything it stands on, with two tenants. Nothing of it runs in the background.
type world struct {
	api.Services
	bus    *events.Bus
	events *events.Log
	url    string
	log    *logBook
	bots   string // where Telegram is
	one    *site  // the tenant that acts in most tests
	two    *site
}

// site is a tenant with a signed-in administrator.
type site struct {
	w      *world
	tenant uuid.UUID
	admin  auth.User
	team   uuid.UUID
	client *http.Client
}

const password = "correct horse"

// maxFile is how large a file of a message may be, in bytes.
const maxFile = 1 << 20

// logBook keeps what is logged.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{log: &logBook{}}
	log := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	w.DB = storagetest.New(t)
	w.bus, err = events.NewBus(events.BusConfig{}, log)
	must(err)
	t.Cleanup(w.bus.Close)
	w.events = events.NewLog(w.bus)
	keys, err := storage.OpenKeys(filepath.Join(dir, "keys"))
	must(err)
	blobs, err := storage.OpenBlobs(t.Context(), "file:"+filepath.Join(dir, "blobs"))
	must(err)
	metrics := prometheus.NewRegistry()
	w.Auth, err = auth.New(w.DB, auth.Config{Record: audit.Auth(w.events)})
	must(err)
	w.Queues = queues.New(w.DB, w.events, w.bus, log, metrics, "test")
	w.Numbers = calls.NewNumbers(w.DB, w.events, keys, true)
	w.Prompts = calls.NewPrompts(w.DB, blobs, sound.NewEspeak(sound.EspeakConfig{}), w.events)
	w.Voicemails = calls.NewVoicemails(w.DB, w.events)
	w.Calls = calls.NewSwitchboard(calls.Config{Node: "test", Bus: w.bus}, w.DB, w.events, log, metrics, w.Numbers, w.Prompts, nil, nil, nil, nil)
	w.Trunks = sip.NewDirectory(w.DB, w.bus, w.events, keys, log, "tandem", "test", w.Queues.DeviceIs)
	w.Recordings, err = recording.New(recording.Config{
		DB: w.DB, Events: w.events, Bus: w.bus, Keys: keys, Log: log, Metrics: metrics, Dir: filepath.Join(dir, "spool"), Node: "test",
	})
	must(err)
	w.CRM = crm.New(crm.Config{
		DB: w.DB, Events: w.events, Keys: keys, Blobs: blobs, Log: log, Holders: []crm.Holder{{Name: "conversations", Move: chat.MoveContact}},
		Hours: func(ctx context.Context, tx *storage.Tx, id uuid.UUID) (crm.Calendar, error) {
			_, err := w.Queues.HoursIn(ctx, tx, id)
			return nil, err
		},
	})
	w.CRMSync = crmsync.New(crmsync.Config{
		DB: w.DB, Events: w.events, Bus: w.bus, Keys: keys, Recordings: w.Recordings, Log: log, Metrics: metrics,
		Vendors: []crmsync.Vendor{own.New(w.CRM), rt.New(http.DefaultTransport)},
	})
	w.Analytics = analytics.New(analytics.Config{DB: w.DB, Bus: w.bus, Queues: w.Queues, Log: log, Metrics: metrics, Zone: func(context.Context, uuid.UUID) (string, error) { return "UTC", nil }, Later: func(context.Context, *storage.Tx, uuid.UUID) error { return nil }})
	w.Bots = mediastream.New(mediastream.Config{DB: w.DB, Events: w.events, Keys: keys, Log: log, Metrics: metrics}, w.Calls)
	w.Notify = notify.New(notify.Config{DB: w.DB, Events: w.events, Bus: w.bus, Keys: keys, Blobs: blobs, Queues: w.Queues, Log: log, Metrics: metrics})
	cleaner := attach.New(attach.Config{Temp: dir})
	platform := telegramtest.New(time.Now())
	bots := httptest.NewServer(platform)
	t.Cleanup(func() { platform.Close(); bots.Close() })
	w.bots = bots.URL
	w.Media = chat.NewMediaStore(chat.MediaConfig{
		DB: w.DB, Bus: w.bus, Keys: keys, Blobs: blobs, Cleaner: cleaner, Log: log, Metrics: metrics, PublicURL: "http://localhost", MaxBytes: maxFile,
	})
	w.Chat = chat.New(chat.Config{
		DB: w.DB, Events: w.events, Bus: w.bus, Keys: keys, Queues: w.Queues, CRM: w.CRM, Media: w.Media, Log: log, Metrics: metrics,
		Makers: []chat.Maker{telegram.Maker(), wechat.Maker(), web.Maker(w.bus)}, Client: bots.Client(), PublicURL: "https://tandem.example.com",
	})
	w.Widgets = web.New(web.Config{
		DB: w.DB, Keys: keys, Events: w.events, Bus: w.bus, Chat: w.Chat, Media: w.Media, Queues: w.Queues, Vouched: w.Auth.ReadClientToken, Log: log,
		Zone: func(context.Context, uuid.UUID) (string, error) { return "UTC", nil }, Files: fstest.MapFS{},
	})
	w.Webhooks = webhooks.New(webhooks.Config{DB: w.DB, Events: w.events, Bus: w.bus, Keys: keys, Log: log, Metrics: metrics})
	w.Actions = smartactions.New(smartactions.Config{
		DB: w.DB, Events: w.events, Keys: keys, Blobs: blobs, Cleaner: cleaner, Log: log, Metrics: metrics,
		Send: func(context.Context, smartactions.Delivery) error { return nil },
		Tenant: func(context.Context, uuid.UUID) (smartactions.Tenant, error) {
			return smartactions.Tenant{Name: "Acme"}, nil
		},
		URL: func() string { return "http://localhost" },
	})
	server, err := api.New(api.Config{
		Services: w.Services, Log: log, Metrics: metrics, Count: metrics, Version: "test",
		Web: fstest.MapFS{"index.html": {Data: []byte("<title>Tandem</title>")}, "action.html": {Data: []byte("<title>Action</title>")}, "assets/app-1234.js": {Data: []byte("1")}, "logo.svg": {Data: []byte("<svg/>")}},
	})
	must(err)
	hs := httptest.NewServer(server)
	t.Cleanup(hs.Close)
	w.url = hs.URL
	w.one, w.two = w.site(t, "one"), w.site(t, "two")
	return w
}

func (w *world) site(t *testing.T, name string) *site {
	t.Helper()
	s := &site{w: w}
	var err error
	if s.tenant, err = w.Auth.AddTenant(t.Context(), name, name, "en", "UTC"); err != nil {
		t.Fatal(err)
	}
	team, err := w.Auth.SaveTeam(s.system(), auth.Team{Name: "team"})
	if err != nil {
		t.Fatal(err)
	}
	s.team = team.ID
	s.admin = s.user(t, "admin@"+name+".test", auth.RoleAdministrator)
	s.client = s.signIn(t, s.admin.Email)
	return s
}

func (s *site) system() context.Context {
	return auth.With(context.Background(), auth.System(s.tenant))
}

func (s *site) user(t *testing.T, email, role string, teams ...uuid.UUID) auth.User {
	t.Helper()
	roles, err := s.w.Auth.Roles(s.system())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(roles, func(r auth.Role) bool { return r.Name == role })
	pw, name, ids := password, "Someone", []uuid.UUID{roles[i].ID}
	u, err := s.w.Auth.AddUser(s.system(), auth.UserChange{Email: &email, Name: &name, Password: &pw, Roles: &ids, Teams: &teams})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// cookies is a jar without policies: httptest has one host.
type cookies struct {
	mu  sync.Mutex
	all map[string]string
}

func (c *cookies) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	for name, value := range c.all {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	c.mu.Unlock()
	res, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		c.mu.Lock()
		for _, set := range res.Cookies() {
			if c.all[set.Name] = set.Value; set.MaxAge < 0 {
				delete(c.all, set.Name)
			}
		}
		c.mu.Unlock()
	}
	return res, err
}

func (s *site) signIn(t *testing.T, email string) *http.Client {
	t.Helper()
	client := &http.Client{Transport: &cookies{all: map[string]string{}}, Timeout: time.Minute}
	a := s.w.ask(t, client, "POST", "/api/v1/login", `{"email":"`+email+`","password":"`+password+`"}`)
	if a.status != 200 {
		t.Fatalf("sign in %s: %d %s", email, a.status, a.body)
	}
	return client
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) code() string {
	var p struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal([]byte(a.body), &p) // no JSON, no code
	return p.Code
}

// field returns a top-level string of a JSON answer.
func (a answer) field(t *testing.T, name string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("answer %d %s: %v", a.status, a.body, err)
	}
	v, _ := m[name].(string)
	return v
}

func (w *world) ask(t *testing.T, client *http.Client, method, path, body string, headers ...string) answer {
	t.Helper()
	return w.send(t, client, method, path, strings.NewReader(body), headers...)
}

func (w *world) send(t *testing.T, client *http.Client, method, path string, body io.Reader, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{status: res.StatusCode, header: res.Header, body: string(b)}
}

// follow runs the audit log's follower until every one of the actions is there, by the administrator where somebody did it.
func (w *world) follow(t *testing.T, actions ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	done := make(chan error, 1)
	go func() { done <- audit.Follow(w.DB, w.bus, slog.New(slog.DiscardHandler)).Run(ctx) }()
	defer func() { cancel(); <-done }()
	for _, action := range actions {
		for {
			rows, err := audit.List(t.Context(), w.DB, w.one.tenant, audit.Filter{Action: action, Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) == 1 {
				if a := rows[0].Actor; action != "user.created" && (a == nil || *a != w.one.admin.ID) {
					t.Errorf("%s is not the administrator's doing: %v", action, a)
				}
				break
			}
			if ctx.Err() != nil {
				t.Fatalf("%s is not audited", action)
			}
		}
	}
}

// row is one request and what must come back.
type row struct {
	name         string
	client       *http.Client
	method, path string
	body         string
	headers      []string
	status       int
	contains     []string
}

func (w *world) run(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			a := w.ask(t, r.client, r.method, r.path, r.body, r.headers...)
			if a.status != r.status {
				t.Fatalf("%s %s is %d, want %d: %s", r.method, r.path, a.status, r.status, a.body)
			}
			for _, part := range r.contains {
				if !strings.Contains(a.body, part) {
					t.Errorf("%s %s lacks %q: %s", r.method, r.path, part, a.body)
				}
			}
			if a.status >= 400 && strings.HasPrefix(r.path, "/api/") && (a.code() == "" || a.header.Get("Content-Type") != "application/problem+json") {
				t.Errorf("%s %s is no problem with a code: %s", r.method, r.path, a.body)
			}
		})
	}
}
