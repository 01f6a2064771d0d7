package smartactions_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tandem/chat/attach"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/smartactions"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const address = "http://localhost:8080"

// desk is a Service with one tenant, one contact and a clock that the test moves.
type desk struct {
	t       *testing.T
	db      *storage.DB
	actions *smartactions.Service
	metrics *prometheus.Registry
	tenant  uuid.UUID
	contact uuid.UUID
	call    uuid.UUID

	mu   sync.Mutex
	now  time.Time
	sent []smartactions.Delivery
	fail error // of sending

	unknown bool // nobody knows the contact
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, now: time.Now().UTC().Truncate(time.Microsecond), tenant: storage.NewID(), contact: storage.NewID(), call: storage.NewID(), metrics: prometheus.NewRegistry()}
	d.db = storagetest.NewAt(t, func() time.Time { d.mu.Lock(); defer d.mu.Unlock(); return d.now })
	log := slog.New(slog.DiscardHandler)
	bus, err := events.NewBus(events.BusConfig{}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	keys, err := storage.OpenKeys(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := storage.OpenBlobs(t.Context(), "file:"+filepath.Join(t.TempDir(), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	d.actions = smartactions.New(smartactions.Config{
		DB: d.db, Events: events.NewLog(bus), Keys: keys, Blobs: blobs, Cleaner: attach.New(attach.Config{Temp: t.TempDir()}), Log: log, Metrics: d.metrics,
		Send: func(_ context.Context, s smartactions.Delivery) error { d.sent = append(d.sent, s); return d.fail },
		Contact: func(context.Context, uuid.UUID, smartactions.ItemKind, uuid.UUID) (uuid.UUID, error) {
			if d.unknown {
				return uuid.Nil, smartactions.ErrNoContact
			}
			return d.contact, nil
		},
		Tenant: func(context.Context, uuid.UUID) (smartactions.Tenant, error) {
			return smartactions.Tenant{Name: "Acme", Language: "en"}, nil
		},
		URL: func() string { return address },
	})
	err = d.db.Worker(t.Context(), func(tx *storage.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO tenants (tenant_id, slug, name, created_at) VALUES ($1, 'a', 'Acme', $2)`, d.tenant, tx.Now)
		if err == nil {
			_, err = tx.Exec(t.Context(), `INSERT INTO contacts (tenant_id, contact_id, created_at, updated_at) VALUES ($1, $2, $3, $3)`, d.tenant, d.contact, tx.Now)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ask asks for something and returns the action and the token of its link.
func (d *desk) ask(kind smartactions.Kind) (smartactions.Asked, smartactions.Link) {
	d.t.Helper()
	a, err := d.actions.Ask(d.t.Context(), d.tenant, smartactions.NewAction{ItemKind: smartactions.OnCall, Item: d.call, Agent: storage.NewID(), Kind: kind, Prompt: "Please", Number: "+49301"})
	if err != nil {
		d.t.Fatal(err)
	}
	return a, smartactions.Link{Token: strings.TrimPrefix(a.URL, address+"/a/")}
}

// opened asks and opens the link.
func (d *desk) opened(kind smartactions.Kind) (smartactions.Asked, smartactions.Link) {
	d.t.Helper()
	a, l := d.ask(kind)
	p, err := d.actions.Open(d.t.Context(), l)
	if err != nil {
		d.t.Fatal(err)
	}
	l.Key = p.Key
	return a, l
}

func (d *desk) get(id uuid.UUID) smartactions.Action {
	d.t.Helper()
	a, err := d.actions.Get(d.t.Context(), d.tenant, id)
	if err != nil {
		d.t.Fatal(err)
	}
	return a
}

// events are the types of the events about an action.
func (d *desk) events(id uuid.UUID) string {
	d.t.Helper()
	var all string
	err := d.db.Worker(d.t.Context(), func(tx *storage.Tx) error {
		return tx.QueryRow(d.t.Context(), `SELECT coalesce(string_agg(substr(type, 8), ' ' ORDER BY seq), '') FROM events WHERE subject = $1 AND data->>'item' = $2`, id, d.call.String()).Scan(&all)
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

func (d *desk) pass(by time.Duration) { d.mu.Lock(); defer d.mu.Unlock(); d.now = d.now.Add(by) }

func (d *desk) want(err, want error) {
	d.t.Helper()
	if !errors.Is(err, want) {
		d.t.Errorf("the error is %v, want %v", err, want)
	}
}

// photo is a JPEG with a comment, which must not come through.
func photo(t *testing.T) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 64, 48))
	for i := range 64 * 48 {
		img.Set(i%64, i/64, color.RGBA{uint8(i), uint8(i / 64), 90, 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	raw := b.Bytes()
	return append(append(append([]byte{}, raw[:2]...), append([]byte{0xff, 0xfe, 0, 17}, []byte("taken at home!!")...)...), raw[2:]...)
}

func TestPhotos(t *testing.T) {
	d := newDesk(t)
	a, l := d.ask(smartactions.Photos)
	if len(d.sent) != 1 || d.sent[0].Text != "Acme: please send photos: "+a.URL || d.sent[0].Number != "+49301" || a.Delivery != smartactions.Sent || a.Max != 4 {
		t.Errorf("sent: %+v, delivery %s, max %d", d.sent, a.Delivery, a.Max)
	}
	p, err := d.actions.Open(t.Context(), l)
	if err != nil || p.From != "Acme" || p.Kind != smartactions.Photos || p.Prompt != "Please" || p.State != smartactions.StateOpened {
		t.Fatalf("the page: %+v, %v", p, err)
	}
	_, err = d.actions.Open(t.Context(), l)
	d.want(err, smartactions.ErrLink) // another browser
	l.Key = p.Key
	if p, err = d.actions.Open(t.Context(), l); err != nil || p.Key != "" {
		t.Errorf("the same browser comes back: %+v, %v", p, err)
	}
	ctx := t.Context()
	d.want(d.actions.Finish(ctx, l, ""), smartactions.ErrNoAnswer)
	for n := 1; n <= 4; n++ {
		if err := d.actions.PutFile(ctx, l, n, bytes.NewReader(photo(t))); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.actions.PutFile(ctx, l, 4, bytes.NewReader(photo(t))); err != nil { // sent again
		t.Fatal(err)
	}
	d.want(d.actions.PutFile(ctx, l, 5, bytes.NewReader(photo(t))), smartactions.ErrFiles)
	d.want(d.actions.PutFile(ctx, l, 1, strings.NewReader("<html><script>")), attach.ErrRefused)
	d.want(d.actions.PutFile(ctx, l, 1, io.LimitReader(zeros{}, smartactions.MaxPhotoBytes+1)), attach.ErrTooLarge)
	d.want(d.actions.PutFile(ctx, l, 1, io.MultiReader(bytes.NewReader(photo(t)[:100]), broken{})), smartactions.ErrCutOff)
	if err := d.actions.Finish(ctx, l, ""); err != nil {
		t.Fatal(err)
	}
	done := d.get(a.ID)
	if done.State != smartactions.StateDone || len(done.Files) != 4 || done.EndedAt == nil || d.events(a.ID) != "requested opened done" {
		t.Errorf("it is %+v with events %q", done, d.events(a.ID))
	}
	f, data, err := d.actions.File(ctx, d.tenant, a.ID, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	b, err := io.ReadAll(data)
	if err != nil || f.ContentType != "image/jpeg" || int64(len(b)) != f.Size || bytes.Contains(b, []byte("home")) {
		t.Errorf("the file: %+v, %v", f, err)
	}
	if pic, err := jpeg.Decode(bytes.NewReader(b)); err != nil || pic.Bounds().Dx() != 64 {
		t.Errorf("the picture: %v", err)
	}
	// The link is used up; its own browser may look how it ended.
	d.want(d.actions.PutFile(ctx, l, 1, bytes.NewReader(photo(t))), smartactions.ErrLink)
	d.want(d.actions.Finish(ctx, l, ""), smartactions.ErrLink)
	if p, err := d.actions.Open(ctx, l); err != nil || p.State != smartactions.StateDone {
		t.Errorf("afterwards: %+v, %v", p, err)
	}
	d.want(second(d.actions.Open(ctx, smartactions.Link{Token: l.Token})), smartactions.ErrLink)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func second[T any](_ T, err error) error { return err }

func TestText(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	a, l := d.opened(smartactions.Text)
	d.want(d.actions.PutFile(ctx, l, 1, bytes.NewReader(photo(t))), smartactions.ErrFiles)
	for _, bad := range []string{"", " \n ", "\x00\x1b", strings.Repeat("ä", smartactions.MaxText+1)} {
		d.want(d.actions.Finish(ctx, l, bad), smartactions.ErrText)
	}
	if err := d.actions.Finish(ctx, l, " My IBAN is\r\nDE02\x07 <b>1</b>\t"+strings.Repeat("ä", 1900)); err != nil {
		t.Fatal(err)
	}
	if got := d.get(a.ID).Answer; got != "My IBAN is\nDE02 <b>1</b>\t"+strings.Repeat("ä", 1900) {
		t.Errorf("the answer is %q", got)
	}
}

// A link that is unknown, cancelled, expired, declined or another's says the same.
func TestLinksThatAreNotValid(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	cancelled, link := d.opened(smartactions.Photos)
	if a, err := d.actions.Cancel(ctx, d.tenant, cancelled.ID); err != nil || a.State != smartactions.StateCancelled {
		t.Fatal(a, err)
	}
	d.want(second(d.actions.Cancel(ctx, d.tenant, cancelled.ID)), smartactions.ErrOver)
	declined, l := d.opened(smartactions.Photos)
	if err := d.actions.PutFile(ctx, l, 1, bytes.NewReader(photo(t))); err != nil {
		t.Fatal(err)
	}
	if err := d.actions.Decline(ctx, l); err != nil {
		t.Fatal(err)
	}
	if a := d.get(declined.ID); a.State != smartactions.StateDeclined || len(a.Files) != 0 {
		t.Errorf("declined: %+v", a)
	}
	_, other := d.opened(smartactions.Photos)
	expired, late := d.opened(smartactions.Photos)
	_, unopened := d.ask(smartactions.Photos)
	d.pass(15 * time.Minute)
	if a := d.get(expired.ID); a.State != smartactions.StateExpired {
		t.Errorf("after 15 minutes it is %s", a.State)
	}
	d.want(second(d.actions.Cancel(ctx, d.tenant, expired.ID)), smartactions.ErrOver)
	for name, bad := range map[string]smartactions.Link{
		"unknown": {Token: strings.Repeat("0", 26), Key: link.Key}, "empty": {}, "cancelled": link, "declined": l, "expired": late, "never opened": unopened,
		"another's key": {Token: other.Token, Key: link.Key},
	} {
		for what, err := range map[string]error{
			"file": d.actions.PutFile(ctx, bad, 1, bytes.NewReader(photo(t))), "finish": d.actions.Finish(ctx, bad, "x"), "decline": d.actions.Decline(ctx, bad),
			"challenge": second(d.actions.Challenge(ctx, bad, false)), "response": second(d.actions.Respond(ctx, bad, []byte("{}"))),
			"open": second(d.actions.Open(ctx, smartactions.Link{Token: bad.Token})),
		} {
			if !errors.Is(err, smartactions.ErrLink) {
				t.Errorf("%s of a link that is %s: %v", what, name, err)
			}
		}
	}
}

// Run ends what has expired, once, with its event; what is old is forgotten.
func TestRun(t *testing.T) {
	d := newDesk(t)
	a, _ := d.ask(smartactions.Video)
	d.pass(time.Hour)
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- d.actions.Run(ctx) }()
	deadline := time.Now().Add(time.Minute)
	for d.events(a.ID) != "requested expired" && time.Now().Before(deadline) {
		select {
		case err := <-ran:
			t.Fatal(err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	stop()
	if err := <-ran; err != nil || d.events(a.ID) != "requested expired" {
		t.Errorf("events %q, %v", d.events(a.ID), err)
	}
}

func TestPurge(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	old, l := d.opened(smartactions.Screenshot)
	if err := errors.Join(d.actions.PutFile(ctx, l, 1, bytes.NewReader(photo(t))), d.actions.Finish(ctx, l, "")); err != nil {
		t.Fatal(err)
	}
	d.pass(31 * 24 * time.Hour)
	young, _ := d.ask(smartactions.Screenshot)
	if err := d.actions.Purge(ctx); err != nil {
		t.Fatal(err)
	}
	_, err := d.actions.Get(ctx, d.tenant, old.ID)
	d.want(err, smartactions.ErrNotFound)
	_, _, err = d.actions.File(ctx, d.tenant, old.ID, 1)
	d.want(err, smartactions.ErrNoFile)
	d.get(young.ID)
}

// When the link cannot be sent the agent is told why and what to do, and the link works all the same.
func TestUndelivered(t *testing.T) {
	d := newDesk(t)
	d.fail = fault.New(fault.Conflict, "sms_not_set_up", "Set it up.")
	a, l := d.ask(smartactions.Text)
	if got := d.get(a.ID); got.Delivery != smartactions.Failed || got.DeliveryCode != "sms_not_set_up" || got.DeliveryDetail != "Set it up." {
		t.Errorf("%+v", got)
	}
	if _, err := d.actions.Open(t.Context(), l); err != nil {
		t.Error(err)
	}
	d.fail = errors.New("dial tcp: secret address")
	a, _ = d.ask(smartactions.Text)
	if got := d.get(a.ID); got.DeliveryCode != "not_sent" || strings.Contains(got.DeliveryDetail, "secret") {
		t.Errorf("%+v", got)
	}
}

func TestWhatCannotBeAsked(t *testing.T) {
	d := newDesk(t)
	for want, n := range map[error]smartactions.NewAction{
		smartactions.ErrKind:   {Kind: "iris"},
		smartactions.ErrMax:    {Kind: smartactions.Photos, Max: 5},
		smartactions.ErrPrompt: {Kind: smartactions.Text, Prompt: strings.Repeat("x", 501)},
	} {
		n.ItemKind, n.Item = smartactions.OnCall, d.call
		d.want(second(d.actions.Ask(t.Context(), d.tenant, n)), want)
	}
	_, err := d.actions.Get(t.Context(), d.tenant, storage.NewID())
	d.want(err, smartactions.ErrNotFound)
}
