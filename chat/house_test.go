package chat_test

import (
	"bytes"
	"context"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tandem/chat"
	"tandem/chat/attach"
	"tandem/chat/chattest"
	"tandem/chat/line"
	"tandem/chat/line/linetest"
	"tandem/chat/messenger"
	"tandem/chat/messenger/messengertest"
	"tandem/chat/telegram"
	"tandem/chat/telegram/telegramtest"
	"tandem/chat/whatsapp"
	"tandem/chat/whatsapp/whatsapptest"
	"tandem/crm"
	"tandem/internal/auth"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/queues"
)

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

// house is a tenant with an account on a fake platform and a service whose steps the test takes. Its clock stands still unless it is moved,
// and the platform's with it.
type house struct {
	testing.TB
	ctx     context.Context
	db      *storage.DB
	bus     *events.Bus
	log     *events.Log
	keys    *storage.Keys
	blobs   storage.Blobs
	queues  *queues.Service
	crm     *crm.Service
	s       *chat.Service
	reached atomic.Pointer[func(string)]
	tenant  uuid.UUID
	queue   uuid.UUID
	account uuid.UUID
	p       chattest.Platform
	f       *chattest.Fake
	now     atomic.Int64
}

var began = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func newPlatform(channel queues.Channel) chattest.Platform {
	switch channel {
	case chat.WhatsApp:
		return whatsapptest.New(began)
	case chat.LINE:
		return linetest.New(began)
	case chat.Messenger:
		return messengertest.New(began)
	}
	return telegramtest.New(began)
}

func newHouse(t testing.TB, channel queues.Channel) *house {
	t.Helper()
	h := &house{TB: t, ctx: t.Context()}
	h.now.Store(began.UnixNano())
	h.db = storagetest.NewAt(t, func() time.Time { return time.Unix(0, h.now.Load()) })
	h.tenant = storagetest.Tenant(t, h.db, "a")
	quiet := slog.New(slog.DiscardHandler)
	var err error
	h.bus, err = events.NewBus(events.BusConfig{}, quiet)
	h.ok(err)
	t.Cleanup(h.bus.Close)
	h.log = events.NewLog(h.bus)
	h.keys, err = storage.OpenKeys(filepath.Join(t.TempDir(), "keys"))
	h.ok(err)
	h.blobs, err = storage.OpenBlobs(t.Context(), "file:"+t.TempDir())
	h.ok(err)
	h.queues = queues.New(h.db, h.log, h.bus, quiet, prometheus.NewRegistry(), "node")
	h.crm = crm.New(crm.Config{Holders: []crm.Holder{{Name: "conversations", Move: chat.MoveContact}}, DB: h.db, Events: h.log, Keys: h.keys, Blobs: h.blobs, Log: quiet})
	h.s = h.service()
	q, err := h.queues.CreateQueue(h.ctx, h.tenant, queues.NewQueue{Name: "Support", Settings: queues.OwnSettings{WrapUp: &queues.WrapUpRule{Mode: queues.WrapUpNone}}})
	h.ok(err)
	h.queue = q.ID
	h.p = newPlatform(channel)
	h.f = h.p.Base()
	api := httptest.NewServer(h.p)
	mux := http.NewServeMux()
	mux.HandleFunc("/hooks/{channel}/{account}", h.s.ServeHook)
	hooks := httptest.NewServer(mux)
	t.Cleanup(func() {
		h.f.Close()
		api.Close()
		hooks.Close()
	})
	a := h.p.Account(api.URL)
	v, err := h.s.AddAccount(h.ctx, h.tenant, chat.AccountChange{Channel: channel, Name: &a.Name, Queue: &h.queue, Settings: given(a.Settings), Secrets: given(a.Secrets)})
	h.ok(err)
	h.account = v.ID
	path := "/hooks/" + string(channel) + "/" + a.Name
	h.f.Point("https://cc.example.test"+path, hooks.URL+path)
	return h
}

func given(values map[string]string) map[string]*string {
	all := map[string]*string{}
	for name, value := range values {
		all[name] = &value
	}
	return all
}

// service is one more node on the same database.
func (h *house) service() *chat.Service {
	h.Helper()
	quiet := slog.New(slog.DiscardHandler)
	client := &http.Client{Transport: &http.Transport{}}
	h.Cleanup(client.CloseIdleConnections)
	media := chat.NewMediaStore(chat.MediaConfig{
		DB: h.db, Bus: h.bus, Keys: h.keys, Blobs: h.blobs, Cleaner: attach.New(attach.Config{}), Log: quiet, Metrics: prometheus.NewRegistry(), PublicURL: "https://cc.example.test",
	})
	return chat.New(chat.Config{
		DB: h.db, Events: h.log, Bus: h.bus, Keys: h.keys, Queues: h.queues, CRM: h.crm, Media: media, Client: client, Log: quiet, Metrics: prometheus.NewRegistry(),
		PublicURL: "https://cc.example.test", Makers: []chat.Maker{telegram.Maker(), whatsapp.Maker(), line.Maker(), messenger.Maker()},
		Reached: func(point string) {
			if f := h.reached.Load(); f != nil {
				(*f)(point)
			}
		},
	})
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// pass moves all clocks.
func (h *house) pass(d time.Duration) {
	h.now.Add(int64(d))
	h.f.Advance(d)
}

func (h *house) exec(sql string, args ...any) {
	h.Helper()
	h.ok(h.db.Worker(h.ctx, func(tx *storage.Tx) error { _, err := tx.Exec(h.ctx, sql, args...); return err }))
}

func (h *house) count(sql string, args ...any) (n int) {
	h.Helper()
	h.ok(h.db.Worker(h.ctx, func(tx *storage.Tx) error { return tx.QueryRow(h.ctx, sql, args...).Scan(&n) }))
	return n
}

// deliver has the platform deliver what is queued, and reads it.
func (h *house) deliver() {
	h.Helper()
	for _, e := range h.f.Flush(h.ctx) {
		if e.Status != http.StatusOK {
			h.Errorf("the hook answers %d", e.Status)
		}
	}
	h.ok(h.s.ReadDue(h.ctx))
}

// play has a customer do something and takes it in.
func (h *house) play(a chattest.Act) string {
	h.Helper()
	id, err := h.f.Play(a)
	h.ok(err)
	h.deliver()
	return id
}

// says has the n-th customer say something.
func (h *house) says(n int, text string) string {
	h.Helper()
	return h.play(chattest.Act{Customer: h.p.Customer(n), Name: "Ann", Kind: chattest.Say, Text: text})
}

// everything is who may see all.
var everything = chat.Reader{User: uuid.New(), Scope: auth.ScopeAll}

// all are all conversations, the newest first.
func (h *house) all() []chat.Conversation {
	h.Helper()
	page, err := h.s.Conversations(h.ctx, h.tenant, everything, chat.Filter{States: []chat.State{chat.Open, chat.Snoozed, chat.Closed}})
	h.ok(err)
	return page.Items
}

// only is the one conversation that there is.
func (h *house) only() chat.Conversation {
	h.Helper()
	all := h.all()
	if len(all) != 1 {
		h.Fatalf("%d conversations", len(all))
	}
	v, err := h.s.Conversation(h.ctx, h.tenant, everything, all[0].ID)
	h.ok(err)
	return v
}

func (h *house) messages(id uuid.UUID) []chat.Message {
	h.Helper()
	ms, err := h.s.Messages(h.ctx, h.tenant, id, 0, 0, 500)
	h.ok(err)
	return ms
}

func (h *house) message(conversation, id uuid.UUID) chat.Message {
	h.Helper()
	for _, m := range h.messages(conversation) {
		if m.ID == id {
			return m
		}
	}
	h.Fatal("no such message")
	return chat.Message{}
}

// texts are what was said in a conversation, without what the system says.
func (h *house) texts(id uuid.UUID) (all []string) {
	h.Helper()
	for _, m := range h.messages(id) {
		if m.Kind != chat.System {
			all = append(all, m.Text)
		}
	}
	return all
}

// write has an agent write.
func (h *house) write(id uuid.UUID, text string) chat.Message {
	h.Helper()
	m, err := h.s.Send(h.ctx, h.tenant, id, chat.NewMessage{Text: text})
	h.ok(err)
	return m
}

// sendDue sends what is due and says how much that was.
func (h *house) sendDue() int {
	h.Helper()
	n, err := h.s.SendDue(h.ctx)
	h.ok(err)
	return n
}

// sendAll sends until nothing is due.
func (h *house) sendAll() (n int) {
	h.Helper()
	for {
		m := h.sendDue()
		if n += m; m == 0 {
			return n
		}
	}
}

func (h *house) timesDue() {
	h.Helper()
	h.ok(h.s.TimesDue(h.ctx))
}

// got is what the n-th customer has got.
func (h *house) got(n int) (all []string) {
	for _, r := range h.f.Received(h.p.Customer(n)) {
		all = append(all, r.Text)
	}
	return all
}

// events counts the tenant's events of a type.
func (h *house) events(typ string) int {
	h.Helper()
	return h.count(`SELECT count(*) FROM events WHERE type = $1`, typ)
}

// post posts a signed request to the hook.
func (h *house) post(s *chat.Service, r chat.Hook) int {
	req := httptest.NewRequest(r.Method, r.URL, bytes.NewReader(r.Body))
	req.Header = r.Header
	req.SetPathValue("channel", string(h.f.Channel))
	req.SetPathValue("account", "demo")
	w := httptest.NewRecorder()
	s.ServeHook(w, req)
	return w.Code
}

// agent makes an agent who serves the queue and is available.
func (h *house) agent(name string) uuid.UUID {
	h.Helper()
	id := storage.NewID()
	h.ok(h.queues.PutAgent(h.ctx, h.tenant, queues.Agent{ID: id, Name: name, Device: "browser"}))
	h.ok(h.queues.SetMembers(h.ctx, h.tenant, h.queue, append(h.members(), id)))
	h.ok(h.queues.SetPresence(h.ctx, h.tenant, id, queues.Available, ""))
	return id
}

func (h *house) members() (ids []uuid.UUID) {
	h.Helper()
	as, err := h.queues.Agents(h.ctx, h.tenant, queues.AgentFilter{})
	h.ok(err)
	for _, a := range as.Items {
		ids = append(ids, a.ID)
	}
	return ids
}

func (h *house) used(agent uuid.UUID) int {
	h.Helper()
	as, err := h.queues.Agents(h.ctx, h.tenant, queues.AgentFilter{})
	h.ok(err)
	for _, a := range as.Items {
		if a.ID == agent {
			return a.Used
		}
	}
	h.Fatal("no such agent")
	return 0
}

// externals are by what the platform knows the parts of a message.
func (h *house) externals(message uuid.UUID) (ids []string) {
	h.Helper()
	h.ok(h.db.Worker(h.ctx, func(tx *storage.Tx) error {
		return tx.QueryRow(h.ctx, `SELECT array_agg(external_id ORDER BY part) FROM chat_outbox WHERE message_id = $1`, message).Scan(&ids)
	}))
	return ids
}
