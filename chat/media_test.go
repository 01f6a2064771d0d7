package chat

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"image"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/chat/attach"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

// shelf is a MediaStore with one message, and a platform whose files are what the test says.
type shelf struct {
	*MediaStore
	t                        *testing.T
	tenant, account, message uuid.UUID
	blobs                    string
	now                      atomic.Int64 // seconds that the clock is ahead
	fetch                    func(ctx context.Context, ref MediaRef) (Media, error)
	changes                  atomic.Int64
}

// platform is the account's channel: fetching is all that a MediaStore asks of it.
type platform struct {
	Channel
	s *shelf
}

func (p platform) Fetch(ctx context.Context, ref MediaRef) (Media, error) { return p.s.fetch(ctx, ref) }

func (p platform) MediaHosts() []string { return []string{".cdn.example.net"} }

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{t: t, blobs: t.TempDir(), account: storage.NewID(), message: storage.NewID()}
	db := storagetest.NewAt(t, func() time.Time { return time.Now().Add(time.Duration(s.now.Load()) * time.Second) })
	s.tenant = storagetest.Tenant(t, db, "a")
	bus, err := events.NewBus(events.BusConfig{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	keys, err := storage.OpenKeys(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := storage.OpenBlobs(t.Context(), "file:"+s.blobs)
	if err != nil {
		t.Fatal(err)
	}
	s.MediaStore = NewMediaStore(MediaConfig{
		DB: db, Bus: bus, Keys: keys, Blobs: blobs, Cleaner: attach.New(attach.Config{Temp: t.TempDir(), Limit: time.Minute}), Log: slog.New(slog.DiscardHandler),
		Metrics: prometheus.NewRegistry(), PublicURL: "https://tandem.example.com", MaxBytes: 1 << 20,
	})
	contact, person, conversation := storage.NewID(), storage.NewID(), storage.NewID()
	s.tx(func(tx *storage.Tx) error {
		for _, q := range []struct {
			sql  string
			args []any
		}{
			{`INSERT INTO contacts (tenant_id, contact_id, created_at, updated_at) VALUES ($1, $2, $3, $3)`, []any{s.tenant, contact, tx.Now}},
			{`INSERT INTO chat_accounts (account_id, tenant_id, channel, name, label, state_at, created_at) VALUES ($1, $2, 'line', 'a', 'A', $3, $3)`, []any{s.account, s.tenant, tx.Now}},
			{`INSERT INTO chat_people (person_id, tenant_id, account_id, contact_id, key, created_at) VALUES ($1, $2, $3, $4, 'k', $5)`, []any{person, s.tenant, s.account, contact, tx.Now}},
			{`INSERT INTO conversations (conversation_id, tenant_id, account_id, channel, person_id, contact_id, state, last_at, opened_at, created_at) VALUES ($1, $2, $3, 'line', $4, $5, 'open', $6, $6, $6)`, []any{conversation, s.tenant, s.account, person, contact, tx.Now}},
			{`INSERT INTO messages (message_id, tenant_id, conversation_id, account_id, seq, rev, at, created_at, direction, author_kind, kind) VALUES ($1, $2, $3, $4, 1, 1, $5, $5, 'in', 'customer', 'media')`, []any{s.message, s.tenant, conversation, s.account, tx.Now}},
		} {
			if _, err := tx.Exec(t.Context(), q.sql, q.args...); err != nil {
				return err
			}
		}
		return nil
	})
	return s
}

func (s *shelf) tx(f func(*storage.Tx) error) {
	s.t.Helper()
	if err := s.cfg.DB.Tenant(s.t.Context(), s.tenant, f); err != nil {
		s.t.Fatal(err)
	}
}

// arrive writes down what a customer has sent.
func (s *shelf) arrive(refs ...MediaRef) {
	s.t.Helper()
	s.tx(func(tx *storage.Tx) error { return s.attachIncoming(s.t.Context(), tx, s.account, s.message, refs) })
}

func (s *shelf) open(context.Context, uuid.UUID, uuid.UUID) (Channel, Account, error) {
	return platform{s: s}, Account{Settings: map[string]string{"base_url": "https://api.example.com"}}, nil
}

func (s *shelf) changed(context.Context, *storage.Tx, uuid.UUID) error {
	s.changes.Add(1)
	return nil
}

// work fetches what is due, and says how many files there were.
func (s *shelf) work() (n int) {
	s.t.Helper()
	for {
		more, err := s.fetchNext(s.t.Context(), s.open, s.changed)
		if err != nil {
			s.t.Fatal(err)
		}
		if !more {
			return n
		}
		n++
	}
}

func (s *shelf) files() []Attachment {
	s.t.Helper()
	ms := []Message{{ID: s.message}}
	s.tx(func(tx *storage.Tx) error { return attachTo(s.t.Context(), tx, ms) })
	return ms[0].Attachments
}

func (s *shelf) blobCount() (n int) {
	s.t.Helper()
	err := filepath.WalkDir(s.blobs, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func picture(w, h int) []byte {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = byte(i*7919>>3) | 1
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func file(data []byte) (Media, error) {
	return Media{Body: io.NopCloser(bytes.NewReader(data)), Name: "from platform.bin", ContentType: "application/pdf"}, nil
}

func TestFetched(t *testing.T) {
	sum := sha256.Sum256(picture(40, 20))
	for name, c := range map[string]struct {
		ref   MediaRef
		fetch func(try int) (Media, error)
		want  Attachment
		tries int
		code  string
	}{
		"picture": {
			MediaRef{Kind: Image, Name: "a.jpg", SHA256: hex.EncodeToString(sum[:])},
			func(int) (Media, error) { return file(append(picture(40, 20), "<script>"...)) },
			Attachment{},
			3, "checksum_differs",
		},
		"picture with its checksum": {
			MediaRef{Kind: Image, Name: "a.jpg", SHA256: hex.EncodeToString(sum[:])},
			func(int) (Media, error) { return file(picture(40, 20)) },
			Attachment{Kind: Image, Name: "a.png", ContentType: "image/png", Width: 40, Height: 20, State: "stored", Preview: true},
			1, "",
		},
		"sticker": {
			MediaRef{Kind: Sticker},
			func(int) (Media, error) { return file(picture(40, 20)) },
			Attachment{Kind: Sticker, Name: "from platform.png", ContentType: "image/png", Width: 40, Height: 20, State: "stored", Preview: true},
			1, "",
		},
		"page that is said to be a picture": {
			MediaRef{Kind: Image, Name: "x.png"},
			func(int) (Media, error) { return file([]byte("<html><script>")) },
			Attachment{Kind: File, Name: "x.png", ContentType: "text/html", State: "stored"},
			1, "",
		},
		"second try": {
			MediaRef{Kind: File},
			func(try int) (Media, error) {
				if try < 2 {
					return Media{}, io.ErrUnexpectedEOF
				}
				return file([]byte("%PDF-1.7"))
			},
			Attachment{Kind: File, Name: "from platform.bin", ContentType: "application/pdf", State: "stored"},
			2, "",
		},
		"never":             {MediaRef{Kind: File}, func(int) (Media, error) { return Media{}, io.ErrUnexpectedEOF }, Attachment{}, 3, "fetch_failed"},
		"gone":              {MediaRef{Kind: File}, func(int) (Media, error) { return Media{}, ErrMediaGone }, Attachment{State: "gone"}, 1, "media_gone"},
		"too large, told":   {MediaRef{Kind: File, Bytes: 2 << 20}, nil, Attachment{State: "too_large"}, 0, "media_too_large"},
		"too large":         {MediaRef{Kind: File}, func(int) (Media, error) { return file(make([]byte, 1<<20+1)) }, Attachment{State: "too_large"}, 1, "media_too_large"},
		"empty":             {MediaRef{Kind: File}, func(int) (Media, error) { return file(nil) }, Attachment{}, 1, "file_empty"},
		"another host":      {MediaRef{Kind: File, URL: "https://evil.example.org/a"}, nil, Attachment{}, 0, "host_not_allowed"},
		"inside":            {MediaRef{Kind: File, URL: "http://169.254.169.254/latest"}, nil, Attachment{}, 0, "host_not_allowed"},
		"the account's own": {MediaRef{Kind: File, URL: "https://api.example.com/a"}, func(int) (Media, error) { return Media{}, ErrMediaGone }, Attachment{State: "gone"}, 1, "media_gone"},
		"the platform's":    {MediaRef{Kind: File, URL: "https://x.cdn.example.net/a"}, func(int) (Media, error) { return Media{}, ErrMediaGone }, Attachment{State: "gone"}, 1, "media_gone"},
		"later": {MediaRef{Kind: File}, func(try int) (Media, error) {
			if try < 6 {
				return Media{}, ErrMediaLater
			}
			return Media{}, ErrMediaGone
		}, Attachment{State: "gone"}, 6, "media_gone"},
		"much later": {MediaRef{Kind: File}, func(int) (Media, error) { return Media{}, ErrMediaLater }, Attachment{}, 63, "fetch_failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			tries := 0
			s.fetch = func(context.Context, MediaRef) (Media, error) {
				tries++
				return c.fetch(tries)
			}
			s.arrive(c.ref)
			s.arrive(c.ref) // an edit names the same file again
			for s.work(); s.files()[0].State == "pending" && tries < 100; s.work() {
				s.now.Add(60)
			}
			got := s.files()
			if len(got) != 1 {
				t.Fatalf("%d files", len(got))
			}
			if c.want.State == "" {
				c.want.State = "failed"
			}
			a := got[0]
			if a.State != c.want.State || c.want.Name != "" && (a.Name != c.want.Name || a.Kind != c.want.Kind || a.ContentType != c.want.ContentType || a.Width != c.want.Width || a.Preview != c.want.Preview) {
				t.Errorf("%+v", a)
			}
			var code string
			s.tx(func(tx *storage.Tx) error {
				return tx.QueryRow(t.Context(), `SELECT error FROM chat_media WHERE attachment_id = $1`, a.ID).Scan(&code)
			})
			if code != c.code || tries != c.tries || s.changes.Load() != 1 {
				t.Errorf("%q after %d tries, %d changes", code, tries, s.changes.Load())
			}
			if stored := s.blobCount(); (stored > 0) != (a.State == "stored") {
				t.Errorf("%d blobs of a file that is %s", stored, a.State)
			}
		})
	}
}

// Two workers never fetch the same file, and one whose lease has passed changes nothing.
func TestFetchLease(t *testing.T) {
	s := newShelf(t)
	slow := true
	s.fetch = func(context.Context, MediaRef) (Media, error) {
		if slow {
			slow = false
			if n := s.work(); n != 0 {
				t.Errorf("%d files were fetched twice", n)
			}
			s.now.Add(int64(mediaLease/time.Second) + 1) // as after kill -9 of this worker
			if n := s.work(); n != 1 {
				t.Errorf("%d files were fetched after the lease", n)
			}
		}
		return file([]byte("%PDF-1.7"))
	}
	s.arrive(MediaRef{Kind: File})
	s.work()
	if a := s.files()[0]; a.State != "stored" || s.changes.Load() != 1 || s.blobCount() != 1 {
		t.Errorf("%+v, %d changes, %d blobs", a, s.changes.Load(), s.blobCount())
	}
}

// A file over which the program ends each time is given up; a try that a shutdown cuts off does not count.
func TestFetchInterrupted(t *testing.T) {
	s := newShelf(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.fetch = func(context.Context, MediaRef) (Media, error) { cancel(); return Media{}, context.Canceled }
	s.arrive(MediaRef{Kind: File})
	if more, err := s.fetchNext(ctx, s.open, s.changed); more || err != nil {
		t.Fatalf("%v, %v", more, err)
	}
	for range mediaTries { // killed
		if _, err := s.leaseNext(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.now.Add(int64(mediaLease/time.Second) + 1)
	}
	if n := s.work(); n != 1 || s.files()[0].State != "failed" {
		t.Errorf("%d, %+v", n, s.files())
	}
}

// Run fetches as soon as something has come, and ends when it is told to.
func TestMediaRun(t *testing.T) {
	s := newShelf(t)
	fetched := make(chan struct{}, 1)
	s.fetch = func(context.Context, MediaRef) (Media, error) { fetched <- struct{}{}; return file([]byte("%PDF-1.7")) }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, s.open, s.changed) }()
	s.arrive(MediaRef{Kind: File})
	<-fetched
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestUpload(t *testing.T) {
	s := newShelf(t)
	agent, visitor := Uploader{ID: storage.NewID()}, Uploader{ID: storage.NewID(), Visitor: true}
	for _, c := range []struct {
		by   Uploader
		data []byte
		err  error
	}{
		{agent, []byte("<svg onload=alert(1)>"), nil},
		{visitor, []byte("<svg onload=alert(1)>"), attach.ErrRefused},
		{visitor, picture(4, 4), nil},
		{visitor, nil, attach.ErrEmpty},
		{agent, make([]byte, 1<<20+1), ErrFileTooLarge},
	} {
		if _, err := s.Upload(t.Context(), s.tenant, c.by, "x.png", bytes.NewReader(c.data)); !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%d bytes: %v", len(c.data), err)
		}
	}
	a, err := s.Upload(t.Context(), s.tenant, agent, "../plan\u202e.png", bytes.NewReader(picture(40, 20)))
	if err != nil || a.Name != "plan.png" || a.State != "stored" || a.Kind != Image {
		t.Fatalf("%+v, %v", a, err)
	}
	bind := func(files ...uuid.UUID) error {
		return s.cfg.DB.Tenant(t.Context(), s.tenant, func(tx *storage.Tx) error { return s.bind(t.Context(), tx, s.message, files) })
	}
	if err := bind(a.ID, storage.NewID()); !errors.Is(err, ErrNotUploaded) || len(s.files()) != 0 {
		t.Fatalf("a file that was never uploaded: %v", err)
	}
	if err := bind(a.ID); err != nil {
		t.Fatal(err)
	}
	if err := bind(a.ID); !errors.Is(err, ErrNotUploaded) {
		t.Fatalf("a file twice: %v", err)
	}
	if got := s.files(); len(got) != 1 || got[0] != a {
		t.Fatalf("%+v", got)
	}
	// Another tenant sees nothing of it.
	other := storagetest.Tenant(t, s.cfg.DB, "b")
	if _, err := s.OpenAttachment(t.Context(), other, a.ID, false); !errors.Is(err, ErrNoAttachment) {
		t.Fatalf("another tenant: %v", err)
	}
	// What nobody sends is gone after a day, what was sent stays.
	s.now.Add(25 * 3600)
	err = s.cfg.DB.Worker(t.Context(), func(tx *storage.Tx) error { return s.tidyIn(t.Context(), tx) })
	if err != nil || s.blobCount() != 2 {
		t.Fatalf("%d blobs are left, %v", s.blobCount(), err)
	}
	s.tx(func(tx *storage.Tx) error { return s.forget(t.Context(), tx, s.message) })
	if len(s.files()) != 0 || s.blobCount() != 0 {
		t.Fatalf("after the message was unsent: %+v, %d blobs", s.files(), s.blobCount())
	}
}

// A visitor's file is uploaded first and then named by the message.
func TestWidgetFiles(t *testing.T) {
	s := newShelf(t)
	s.tx(func(tx *storage.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE chat_accounts SET channel = 'web' WHERE account_id = $1`, s.account)
		return err
	})
	a, err := s.Upload(t.Context(), s.tenant, Uploader{ID: storage.NewID(), Visitor: true}, "a.png", bytes.NewReader(picture(4, 4)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id  string
		err error
	}{{a.ID.String(), nil}, {a.ID.String(), ErrNotUploaded}, {"../x", ErrNotUploaded}, {storage.NewID().String(), ErrNotUploaded}} {
		err := s.cfg.DB.Tenant(t.Context(), s.tenant, func(tx *storage.Tx) error {
			return s.attachIncoming(t.Context(), tx, s.account, s.message, []MediaRef{{ID: c.id}})
		})
		if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: %v", c.id, err)
		}
	}
	if got := s.files(); len(got) != 1 || got[0] != a || s.work() != 0 {
		t.Errorf("%+v", got)
	}
}

// Files are encrypted in the store, are served in ranges, and are shown only when they are safe.
func TestServe(t *testing.T) {
	s := newShelf(t)
	data := append([]byte("%PDF-1.7 canary"), make([]byte, 9000)...)
	upload := func(name string, data []byte) Attachment {
		a, err := s.Upload(t.Context(), s.tenant, Uploader{ID: storage.NewID()}, name, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	pdf, html, pic := upload("a.pdf", data), upload("a.html", []byte("<html>")), upload("é.png", picture(40, 20))
	filepath.WalkDir(s.blobs, func(path string, d os.DirEntry, err error) error {
		if b, _ := os.ReadFile(path); bytes.Contains(b, []byte("canary")) {
			t.Error("a file is in the store as it is")
		}
		return err
	})
	for _, c := range []struct {
		of                Attachment
		preview           bool
		asked             string
		status, length    int
		kind, disposition string
	}{
		{pdf, false, "", 200, len(data), "application/pdf", "attachment; filename=a.pdf"},
		{pdf, false, "bytes=5000-5009", 206, 10, "application/pdf", "attachment; filename=a.pdf"},
		{pdf, false, "bytes=99999-", 416, -1, "", ""},
		{html, false, "", 200, 6, "application/octet-stream", "attachment; filename=a.html"},
		{pic, false, "", 200, int(pic.Bytes), "image/png", "inline; filename*=utf-8''%C3%A9.png"},
		{pic, true, "", 200, -1, "image/jpeg", "inline; filename*=utf-8''%C3%A9.jpg"},
	} {
		link, err := s.link(t.Context(), s.tenant, c.of.ID, c.preview)
		if err != nil {
			t.Fatal(err)
		}
		token, ok := strings.CutPrefix(link, "https://tandem.example.com/media/")
		if !ok || strings.Contains(link, s.tenant.String()) || strings.Contains(link, c.of.ID.String()) || len(token) < 26 {
			t.Fatalf("the link is %s", link)
		}
		r := httptest.NewRequest(http.MethodGet, "/media/"+token, http.NoBody)
		r.SetPathValue("token", token)
		if c.asked != "" {
			r.Header.Set("Range", c.asked)
		}
		w := httptest.NewRecorder()
		s.ServePublic(w, r)
		if w.Code != c.status || c.length >= 0 && w.Body.Len() != c.length || c.kind != "" && (w.Header().Get("Content-Type") != c.kind || w.Header().Get("Content-Disposition") != c.disposition) {
			t.Errorf("%s %q: %d, %d bytes, %v", c.of.Name, c.asked, w.Code, w.Body.Len(), w.Header())
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: %v", c.of.Name, w.Header())
		}
		if c.asked != "" {
			continue
		}
		s.now.Add(int64(linkLasts/time.Second) + 1)
		w = httptest.NewRecorder()
		s.ServePublic(w, r)
		if w.Code != 404 {
			t.Errorf("%s a day later: %d", c.of.Name, w.Code)
		}
	}
	if _, err := s.OpenAttachment(t.Context(), s.tenant, pdf.ID, true); !errors.Is(err, ErrNoAttachment) {
		t.Errorf("the preview of a document: %v", err)
	}
}

// Files go out as platforms take them: as they are, smaller, as files, or as links; a second message finds what was made for the first.
func TestOutgoing(t *testing.T) {
	s := newShelf(t)
	up := func(name string, data []byte) uuid.UUID {
		a, err := s.Upload(t.Context(), s.tenant, Uploader{ID: storage.NewID()}, name, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		return a.ID
	}
	small, large, doc := up("s.png", picture(20, 10)), up("l.png", picture(600, 400)), up("d.pdf", []byte("%PDF-1.7"))
	jpegOnly := map[MediaKind]MediaRule{Image: {Bytes: 100_000, Types: []string{"image/jpeg"}}}
	withFiles := map[MediaKind]MediaRule{Image: {Bytes: 100, Types: []string{"image/webp"}}, File: {Bytes: 10 << 20, Types: []string{"*/*"}}}
	for _, c := range []struct {
		name  string
		id    uuid.UUID
		rules map[MediaKind]MediaRule
		kind  MediaKind
		mime  string
		link  bool
	}{
		{"as it is", small, map[MediaKind]MediaRule{Image: {Bytes: 1 << 20, Types: []string{"image/png"}}}, Image, "image/png", false},
		{"smaller", large, jpegOnly, Image, "image/jpeg", false},
		{"as before", large, jpegOnly, Image, "image/jpeg", false},
		{"as a file", small, withFiles, File, "image/png", false},
		{"document", doc, withFiles, File, "application/pdf", false},
		{"document as a link", doc, jpegOnly, File, "application/pdf", true},
		{"nothing goes", small, nil, Image, "image/png", true},
	} {
		for _, byURL := range []bool{false, true} {
			out, err := s.outgoing(t.Context(), s.tenant, c.id, Traits{Media: c.rules, ByURL: byURL})
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if out.Kind != c.kind || out.ContentType != c.mime || out.Link != c.link || (out.URL != "") != (c.link || byURL) {
				t.Errorf("%s: %+v", c.name, out)
			}
			if c.link {
				continue
			}
			if rule := c.rules[out.Kind]; out.Bytes > rule.Bytes || byURL && (out.Preview != "") != (c.id != doc) {
				t.Errorf("%s: %+v", c.name, out)
			}
			for range 2 { // a send is tried again
				r, err := out.Open()
				if err != nil {
					t.Fatal(err)
				}
				if b, err := io.ReadAll(r); err != nil || int64(len(b)) != out.Bytes || attach.Sniff(b).MIME != c.mime {
					t.Errorf("%s: %d bytes, %v", c.name, len(b), err)
				}
				r.Close()
			}
		}
	}
	var made int
	s.tx(func(tx *storage.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT count(*) FROM chat_media WHERE original IS NOT NULL`).Scan(&made)
	})
	if made != 1 {
		t.Errorf("%d files were made", made)
	}
	s.cfg.PublicURL = ""
	if _, err := s.outgoing(t.Context(), s.tenant, doc, Traits{Media: jpegOnly}); !errors.Is(err, ErrNoPublicURL) {
		t.Errorf("a link without an address: %v", err)
	}
}
