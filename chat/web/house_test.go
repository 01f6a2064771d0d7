package web_test

import (
	"context"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tandem/chat"
	"tandem/chat/attach"
	"tandem/chat/web"
	"tandem/crm"
	"tandem/internal/auth"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/queues"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const own = "https://cc.example.test"

// house is a tenant with a widget "shop" of queue Support.
type house struct {
	*testing.T
	db      *storage.DB
	chat    *chat.Service
	crm     *crm.Service
	queues  *queues.Service
	widget  *web.Service
	tenant  uuid.UUID
	account uuid.UUID
	secret  string
	claims  map[string]auth.ClientClaims // by token
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, db: storagetest.New(t), claims: map[string]auth.ClientClaims{}}
	h.tenant = storagetest.Tenant(t, h.db, "a")
	log := slog.New(slog.DiscardHandler)
	bus, err := events.NewBus(events.BusConfig{}, log)
	h.ok(err)
	t.Cleanup(bus.Close)
	elog := events.NewLog(bus)
	keys, err := storage.OpenKeys(filepath.Join(t.TempDir(), "keys"))
	h.ok(err)
	blobs, err := storage.OpenBlobs(t.Context(), "file:"+t.TempDir())
	h.ok(err)
	h.queues = queues.New(h.db, elog, bus, log, prometheus.NewRegistry(), "node")
	h.crm = crm.New(crm.Config{Holders: []crm.Holder{{Name: "conversations", Move: chat.MoveContact}}, DB: h.db, Events: elog, Keys: keys, Blobs: blobs, Log: log})
	media := chat.NewMediaStore(chat.MediaConfig{DB: h.db, Bus: bus, Keys: keys, Blobs: blobs, Cleaner: attach.New(attach.Config{}), Log: log})
	h.chat = chat.New(chat.Config{
		DB: h.db, Events: elog, Bus: bus, Keys: keys, Queues: h.queues, CRM: h.crm, Media: media, Makers: []chat.Maker{web.Maker(bus)}, Log: log, Metrics: prometheus.NewRegistry(),
	})
	h.widget = web.New(web.Config{
		DB: h.db, Keys: keys, Events: elog, Bus: bus, Chat: h.chat, Media: media, Queues: h.queues, Log: log,
		Zone: func(context.Context, uuid.UUID) (string, error) { return "Asia/Shanghai", nil },
		Vouched: func(_ context.Context, tenant uuid.UUID, token string) (auth.ClientClaims, error) {
			c, ok := h.claims[token]
			if !ok || tenant != h.tenant {
				return c, auth.ErrClientToken
			}
			return c, nil
		},
		Files: fstest.MapFS{
			"widget/loader.js":        {Data: []byte("(()=>{let c=`__TANDEM_CONFIG__`})()")},
			"widget/index.html":       {Data: []byte(`<script id="config" type="application/json">"__TANDEM_CONFIG__"</script>`)},
			"widget/assets/app-X1.js": {Data: []byte("app")},
		},
	})
	q, err := h.queues.CreateQueue(t.Context(), h.tenant, queues.NewQueue{Name: "Support"})
	h.ok(err)
	name := "shop"
	a, err := h.chat.AddAccount(t.Context(), h.tenant, chat.AccountChange{Channel: chat.Web, Name: &name, Queue: &q.ID})
	h.ok(err)
	h.account = a.ID
	made, err := h.widget.MakeSecret(t.Context(), h.tenant, h.account)
	h.ok(err)
	h.secret = made.Secret
	return h
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// refused expects an error with a code.
func (h *house) refused(code string, err error) {
	h.Helper()
	f, ok := err.(*fault.Error) //nolint:errorlint // the outermost is what people see
	if !ok || f.Code != code {
		h.Fatalf("want %s, got %v", code, err)
	}
}

func (h *house) enter(hello web.Hello) (web.Visitor, error) {
	hello.Account, hello.Own = "shop", own
	if hello.Origin == "" {
		hello.Origin = own
	}
	return h.widget.Enter(h.Context(), hello)
}

func (h *house) visitor(hello web.Hello) web.Visitor {
	h.Helper()
	v, err := h.enter(hello)
	h.ok(err)
	return v
}

// again is the same browser.
func again(v web.Visitor, id *web.Identity) web.Hello {
	return web.Hello{Visitor: v.ID, Secret: v.Secret, Identity: id}
}

func (h *house) signed(id, name string) *web.Identity {
	return &web.Identity{ID: id, Signature: web.Signature(h.secret, id), Name: name}
}

func (h *house) page(v web.Visitor) *web.Page {
	return &web.Page{Account: "shop", Visitor: v, Source: netip.MustParseAddr("203.0.113.7")}
}

func (h *house) do(p *web.Page, typ string, data any) (any, error) {
	h.Helper()
	b, err := json.Marshal(data)
	h.ok(err)
	_, out, err := h.widget.Do(h.Context(), p, typ, b)
	return out, err
}

func (h *house) say(v web.Visitor, text string) uuid.UUID {
	h.Helper()
	client := uuid.New()
	_, err := h.do(h.page(v), "message", map[string]any{"client_id": client, "text": text})
	h.ok(err)
	return client
}

func (h *house) thread(v web.Visitor) web.Thread {
	h.Helper()
	t, err := h.widget.Thread(h.Context(), v, nil)
	h.ok(err)
	return t
}

func (h *house) texts(v web.Visitor) (texts []string) {
	h.Helper()
	for _, m := range h.thread(v).Messages {
		texts = append(texts, m.Text)
	}
	return texts
}

// count runs a query that counts.
func (h *house) count(sql string, args ...any) (n int) {
	h.Helper()
	h.ok(h.db.Tenant(h.Context(), h.tenant, func(tx *storage.Tx) error { return tx.QueryRow(h.Context(), sql, args...).Scan(&n) }))
	return n
}

func pngFile() io.Reader {
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(png.Encode(w, image.NewGray(image.Rect(0, 0, 8, 8)))) }()
	return r
}
