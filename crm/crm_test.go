package crm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"tandem/crm"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/media/sound"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type desk struct {
	*crm.Service
	DB     *storage.DB
	Keys   *storage.Keys
	Tenant uuid.UUID
	blobs  string
}

func open(t *testing.T) *desk { return openOn(t, storagetest.New(t), nil) }

// openOn is a desk on a database; with changes its configuration.
func openOn(t testing.TB, db *storage.DB, with func(*crm.Config)) *desk {
	t.Helper()
	d := &desk{DB: db, Tenant: storagetest.Tenant(t, db, "a"), blobs: t.TempDir()}
	bus, err := events.NewBus(events.BusConfig{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	if d.Keys, err = storage.OpenKeys(filepath.Join(t.TempDir(), "keys")); err != nil {
		t.Fatal(err)
	}
	blobs, err := storage.OpenBlobs(t.Context(), "file:"+d.blobs)
	if err != nil {
		t.Fatal(err)
	}
	cfg := crm.Config{DB: db, Events: events.NewLog(bus), Bus: bus, Keys: d.Keys, Blobs: blobs, Log: slog.New(slog.DiscardHandler), Region: "DE"}
	if with != nil {
		with(&cfg)
	}
	d.Service = crm.New(cfg)
	return d
}

func TestStatusMoves(t *testing.T) {
	all := []crm.Status{crm.ToDo, crm.InProgress, crm.OnHold, crm.Resolved, crm.Reopened}
	allowed := map[crm.Status]string{
		crm.ToDo: "-XXX-", crm.InProgress: "--XX-", crm.OnHold: "-X-X-", crm.Resolved: "----X", crm.Reopened: "-XXX-", "nonsense": "-----",
	}
	for from, row := range allowed {
		for i, to := range all {
			err := from.Next(to)
			if (err == nil) != (row[i] == 'X') {
				t.Errorf("%s to %s: %v", from, to, err)
			}
			if err != nil && fault.KindOf(err) != fault.Illegal {
				t.Errorf("%s to %s is refused as %s", from, to, fault.KindOf(err))
			}
		}
	}
}

func TestPhone(t *testing.T) {
	for _, c := range []struct{ number, region, want string }{
		{"+49 89 123456", "", "+4989123456"},
		{"089/123456", "DE", "+4989123456"},
		{"0049 89 123456", "DE", "+4989123456"},
		{"(415) 555-2671", "US", "+14155552671"},
		{"+86 138 1234 5678", "US", "+8613812345678"},
		{"8001", "DE", ""},
		{"anonymous", "DE", ""},
		{"", "DE", ""},
		{"+0", "DE", ""},
	} {
		got, err := crm.Phone(c.number, c.region)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q in %s: %q, %v", c.number, c.region, got, err)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestContacts(t *testing.T) {
	ctx, d := t.Context(), open(t)
	for i := range 5 {
		_, err := d.CreateContact(ctx, d.Tenant, crm.ContactChange{FirstName: ptr(fmt.Sprintf("First%d", i)), LastName: ptr("100%_safe"), Phone: ptr(fmt.Sprintf("089 10000%d", i))})
		if err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
		p, err := d.Contacts(ctx, d.Tenant, crm.ContactFilter{Search: "100%_s", Cursor: cursor, Limit: 2})
		if err != nil || len(p.Items) > 2 {
			t.Fatal(len(p.Items), err)
		}
		for _, c := range p.Items {
			names = append(names, c.FirstName)
		}
		cursor = p.Next
	}
	if fmt.Sprint(names) != "[First4 First3 First2 First1 First0]" {
		t.Errorf("pages held %v", names)
	}
	for search, want := range map[string]int{"first3": 1, "4989100004": 1, "089/100004": 1, "+49 89 1000 04": 1, "0004": 1, "safe 100": 5, "100_": 5, "%": 0, "nobody": 0, "First1 100%": 1, "irst1": 0} {
		if p, err := d.Contacts(ctx, d.Tenant, crm.ContactFilter{Search: search}); err != nil || len(p.Items) != want {
			t.Errorf("search %q: %d, %v", search, len(p.Items), err)
		}
	}
	if _, err := d.Contacts(ctx, d.Tenant, crm.ContactFilter{Cursor: "x"}); !errors.Is(err, crm.ErrCursor) {
		t.Errorf("bad cursor: %v", err)
	}
	for want, ch := range map[error]crm.ContactChange{
		crm.ErrPhone: {Phone: ptr("12")}, crm.ErrEmail: {Email: ptr("nobody")}, crm.ErrCountry: {Country: ptr("Germany")}, crm.ErrIdentityUsed: {Phone: ptr("+4989100001")},
		crm.ErrTooLong: {Company: ptr(string(make([]byte, 201)))},
	} {
		if _, err := d.CreateContact(ctx, d.Tenant, ch); !errors.Is(err, want) {
			t.Errorf("%+v: %v", ch, err)
		}
	}
}

func TestCallerIsRecognised(t *testing.T) {
	ctx, d := t.Context(), open(t)
	c, err := d.CreateContact(ctx, d.Tenant, crm.ContactChange{FirstName: ptr("Ada"), Phone: ptr("089 123456"), Email: ptr("Ada@Example.com")})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.EnsureCaller(ctx, d.Tenant, crm.Caller{Number: "+4989123456", Name: "Network Name"}); err != nil || got.ID != c.ID || got.FirstName != "Ada" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := d.ChangeContact(ctx, d.Tenant, c.ID, crm.ContactChange{Phone: ptr("+4989654321")}); err != nil {
		t.Fatal(err)
	}
	if got, err := d.EnsureCaller(ctx, d.Tenant, crm.Caller{Number: "+4989123456"}); err != nil || got.ID == c.ID {
		t.Errorf("the old number still finds the contact: %+v, %v", got, err)
	}
	if list, err := d.Identities(ctx, d.Tenant, c.ID); err != nil || fmt.Sprint(list) != "[{email ada@example.com} {phone +4989654321}]" {
		t.Errorf("%v, %v", list, err)
	}
	a, err := d.EnsureCaller(ctx, d.Tenant, crm.Caller{Number: "8001", Name: "Phone 8001"})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := d.EnsureCaller(ctx, d.Tenant, crm.Caller{Number: "8001"}); err != nil || b.ID != a.ID {
		t.Errorf("an extension is not recognised: %v", err)
	}
	other := storagetest.Tenant(t, d.DB, "b")
	if got, err := d.EnsureCaller(ctx, other, crm.Caller{Number: "+4989654321"}); err != nil || got.ID == c.ID {
		t.Errorf("another tenant's contact: %v, %v", got, err)
	}
	if _, err := d.Contact(ctx, other, c.ID); !errors.Is(err, crm.ErrNoContact) {
		t.Errorf("another tenant's contact can be read: %v", err)
	}
}

func TestTickets(t *testing.T) {
	ctx, d := t.Context(), open(t)
	c, err := d.CreateContact(ctx, d.Tenant, crm.ContactChange{FirstName: ptr("Ada")})
	if err != nil {
		t.Fatal(err)
	}
	agent, call := uuid.New(), uuid.New()
	first, err := d.CreateTicket(ctx, d.Tenant, crm.NewTicket{Title: " Broken lamp ", Type: crm.Bug, Priority: crm.High, Contact: &c.ID, Call: call})
	if err != nil || first.Number != 1 || first.Title != "Broken lamp" || first.Status != crm.ToDo {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := d.CreateTicket(ctx, d.Tenant, crm.NewTicket{Title: "Refund"})
	if err != nil || second.Number != 2 || second.Type != crm.General || second.Priority != crm.Medium {
		t.Fatalf("%+v, %v", second, err)
	}
	got, err := d.ChangeTicket(ctx, d.Tenant, first.ID, crm.TicketChange{Status: ptr(crm.Resolved), Assignee: &agent, Title: ptr("Lamp")})
	if err != nil || got.ResolvedAt == nil || got.Status != crm.Resolved || *got.Assignee != agent {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := d.ChangeTicket(ctx, d.Tenant, first.ID, crm.TicketChange{Status: ptr(crm.InProgress), Title: ptr("x")}); !errors.Is(err, crm.ErrStatus) {
		t.Errorf("resolved to in progress: %v", err)
	}
	if got, err = d.Ticket(ctx, d.Tenant, first.ID); err != nil || got.Title != "Lamp" {
		t.Errorf("a refused change changed something: %+v, %v", got, err)
	}
	for name, f := range map[string]crm.TicketFilter{
		"status": {Status: crm.Resolved}, "assignee": {Assignee: agent}, "contact": {Contact: c.ID}, "call": {Call: call}, "title": {Search: "lam"}, "number": {Search: "#1"},
	} {
		if p, err := d.Tickets(ctx, d.Tenant, f); err != nil || len(p.Items) != 1 || p.Items[0].ID != first.ID {
			t.Errorf("by %s: %+v, %v", name, p, err)
		}
	}
	other := storagetest.Tenant(t, d.DB, "b")
	for want, n := range map[error]crm.NewTicket{
		crm.ErrTitle: {}, crm.ErrType: {Title: "t", Type: "x"}, crm.ErrPriority: {Title: "t", Priority: "x"}, crm.ErrReference: {Title: "t", Contact: ptr(uuid.New())},
	} {
		if _, err := d.CreateTicket(ctx, d.Tenant, n); !errors.Is(err, want) {
			t.Errorf("%+v: %v", n, err)
		}
	}
	if _, err := d.CreateTicket(ctx, other, crm.NewTicket{Title: "t", Contact: &c.ID}); !errors.Is(err, crm.ErrReference) {
		t.Errorf("a ticket for another tenant's contact: %v", err)
	}
	if _, err := d.AddNote(ctx, other, first.ID, "hello", ""); !errors.Is(err, crm.ErrNoTicket) {
		t.Errorf("a note on another tenant's ticket: %v", err)
	}
}

func stereo(seconds int) []byte {
	f := sound.Format{Encoding: sound.PCM16, Rate: 8000, Channels: 2}
	b := f.Header(int64(seconds * 8000 * 4))
	for i := range seconds * 8000 {
		left := int16(0)
		if i/8000 == 1 {
			left = 16000
		}
		b = append(b, byte(left), byte(left>>8), 0, 0x20) // right: 8192
	}
	return b
}

func TestAttachmentIsEncryptedAndReadByRanges(t *testing.T) {
	ctx, d := t.Context(), open(t)
	ticket, err := d.CreateTicket(ctx, d.Tenant, crm.NewTicket{Title: "t"})
	if err != nil {
		t.Fatal(err)
	}
	data := stereo(3)
	a, err := d.Attach(ctx, d.Tenant, ticket.ID, "call.wav", "audio/x-wav", bytes.NewReader(data))
	if err != nil || a.Size != int64(len(data)) || a.Seconds != 3 {
		t.Fatalf("%+v, %v", a, err)
	}
	p, err := d.Peaks(ctx, d.Tenant, ticket.ID, a.ID)
	if err != nil || p.Channels != 2 || len(p.Peaks[0]) != 1000 || p.Peaks[0][100] != 0 || p.Peaks[0][500] != 125 || p.Peaks[1][100] != 64 {
		t.Errorf("peaks %d %d, %v", p.Channels, len(p.Peaks), err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := d.OpenAttachment(r.Context(), d.Tenant, ticket.ID, a.ID)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer f.Close()
		http.ServeContent(w, r, a.Name, a.CreatedAt, f)
	}))
	defer server.Close()
	client := server.Client()
	for range 20 {
		from := rand.IntN(len(data))
		to := from + rand.IntN(len(data)-from)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to))
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != http.StatusPartialContent || !bytes.Equal(got, data[from:to+1]) {
			t.Fatalf("bytes %d-%d: %d of them, status %d, %v", from, to, len(got), res.StatusCode, err)
		}
	}
	client.CloseIdleConnections()
	if inFiles(t, d.blobs, data[200:264]) || inFiles(t, d.blobs, []byte("RIFF")) {
		t.Error("the attachment is stored in the clear")
	}
	other := storagetest.Tenant(t, d.DB, "b")
	if _, err := d.OpenAttachment(ctx, other, ticket.ID, a.ID); !errors.Is(err, crm.ErrNoAttachment) {
		t.Errorf("another tenant opens it: %v", err)
	}
	err = d.DB.Tenant(ctx, d.Tenant, func(tx *storage.Tx) error { return d.Keys.DestroyTenant(ctx, tx, d.Tenant) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.OpenAttachment(ctx, d.Tenant, ticket.ID, a.ID); err == nil {
		t.Error("the attachment opens without the tenant's key")
	}
}

func inFiles(t *testing.T, dir string, what []byte) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, what)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAttachmentThatStopsLeavesNothing(t *testing.T) {
	ctx, d := t.Context(), open(t)
	ticket, err := d.CreateTicket(ctx, d.Tenant, crm.NewTicket{Title: "t"})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := d.Attach(ctx, d.Tenant, ticket.ID, "x.wav", "audio/x-wav", io.MultiReader(bytes.NewReader(stereo(1)), broken{})); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	if list, err := d.Attachments(ctx, d.Tenant, ticket.ID); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	var rows int
	err = d.DB.Worker(ctx, func(tx *storage.Tx) error {
		return tx.QueryRow(ctx, `SELECT count(*) FROM ticket_attachments`).Scan(&rows)
	})
	if err != nil || rows != 1 {
		t.Errorf("three attempts left %d rows", rows)
	}
	for _, name := range []string{"", "../x", "a/b", `a\b`} {
		if _, err := d.Attach(ctx, d.Tenant, ticket.ID, name, "audio/x-wav", bytes.NewReader(nil)); !errors.Is(err, crm.ErrAttachmentName) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

// Of many who ask at once for a call's ticket all get the same.
func TestOneTicketForACallUnderRaces(t *testing.T) {
	ctx, d := t.Context(), open(t)
	call := uuid.New()
	ids := make(chan uuid.UUID, 8)
	for range cap(ids) {
		go func() {
			got, err := d.EnsureCallTicket(context.WithoutCancel(ctx), d.Tenant, crm.NewTicket{Title: "t", Call: call}, crm.Caller{Number: "+4989123456"})
			if err != nil {
				t.Error(err)
			}
			ids <- got.ID
		}()
	}
	seen := map[uuid.UUID]bool{}
	for range cap(ids) {
		select {
		case id := <-ids:
			seen[id] = true
		case <-time.After(20 * time.Second):
			t.Fatal("no answer")
		}
	}
	if len(seen) != 1 {
		t.Errorf("%d tickets", len(seen))
	}
}
