package crmsync_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"tandem/calls"
	"tandem/crm"
	"tandem/crmsync"
	"tandem/crmsync/own"
	"tandem/crmsync/rt"
	"tandem/crmsync/rt/rttest"
	"tandem/internal/storage"
	"tandem/media/codec"
	"tandem/recording"
	"tandem/recording/recordingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is everything from the event of a call to its ticket.
type node struct {
	*recordingtest.Rig
	crm  *crm.Service
	sync *crmsync.Service

	lasted time.Duration // the call, at most
}

func newNode(t *testing.T, maxPart int64) *node {
	t.Helper()
	n := &node{}
	n.Rig = recordingtest.New(t, func(c *recording.Config) {
		c.Secret = func(ctx context.Context, tx *storage.Tx, tenant uuid.UUID) ([]byte, error) {
			return n.sync.Secret(ctx, tx, tenant)
		}
	})
	blobs, err := storage.OpenBlobs(context.Background(), "file:"+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	n.crm = crm.New(crm.Config{DB: n.DB, Events: n.Events, Keys: n.Keys, Blobs: blobs, Log: n.Log})
	n.sync = crmsync.New(crmsync.Config{
		DB: n.DB, Events: n.Events, Bus: n.Bus, Keys: n.Keys, Recordings: n.Service, Log: n.Log, Metrics: n.Registry,
		Vendors: []crmsync.Vendor{own.New(n.crm), rt.New(transport)},
		Base:    10 * time.Millisecond, Poll: 50 * time.Millisecond,
	})
	n.Run(n.sync.Run)
	n.Run(recording.NewUploader(n.Service, n.sync, recording.UploaderConfig{MaxPart: maxPart, Base: 10 * time.Millisecond, Poll: 50 * time.Millisecond, Metrics: n.Registry}).Run)
	return n
}

// call records a call of some seconds and tells of its end, as calls does.
func (n *node) call(d time.Duration) (call, rec uuid.UUID) {
	n.T.Helper()
	call = storage.NewID()
	began := time.Now()
	rec = n.Record(call, d, recordingtest.NewVoice(n.T, codec.PCMA, 440, nil), recordingtest.NewVoice(n.T, codec.PCMU, 1000, nil))
	n.lasted = time.Since(began)
	queue, now := uuid.New(), time.Now()
	n.tell("call.ended", call, calls.Record{
		ID: call, Direction: calls.Inbound, Number: "1001", Caller: calls.Party{Number: "+4989123456", Name: "Ada Byron"}, StartedAt: now, ConnectedAt: &now, EndedAt: &now,
		TalkSeconds: d.Seconds(), Reason: calls.ReasonCallerHungUp, Queue: &queue, QueuePath: []string{"Demo", "Support"}, AgentName: "Agent One", Recording: &rec, Ticket: true,
	})
	return call, rec
}

func (n *node) tell(typ string, subject uuid.UUID, data any) {
	n.T.Helper()
	err := n.DB.Tenant(context.Background(), n.Tenant, func(tx *storage.Tx) error {
		return n.Events.Append(context.Background(), tx, typ, subject, data)
	})
	if err != nil {
		n.T.Fatal(err)
	}
}

func (n *node) ticketOf(call uuid.UUID) string {
	n.T.Helper()
	var ref string
	n.Await("a ticket", func() bool {
		var err error
		ref, err = n.sync.TicketOf(context.Background(), n.Tenant, call)
		if err != nil {
			n.T.Fatal(err)
		}
		return ref != ""
	})
	_, ticket, _ := strings.Cut(ref, ":")
	return ticket
}

// spoolIsEmpty checks that neither audio nor key is left.
func (n *node) spoolIsEmpty() {
	n.T.Helper()
	left, err := os.ReadDir(n.Dir)
	if err != nil || len(left) != 1 { // the lock
		n.T.Errorf("left in the spool: %v %v", left, err)
	}
	var keys int
	n.Scan(&keys, `SELECT count(*) FROM recordings WHERE wrapped_key IS NOT NULL`)
	if keys != 0 {
		n.T.Errorf("%d keys left", keys)
	}
}

func checkParts(t *testing.T, parts [][]byte, limit int, least, most time.Duration) {
	t.Helper()
	for i, p := range parts {
		if len(p) > limit {
			t.Errorf("part %d has %d bytes", i+1, len(p))
		}
	}
	sides, f := recordingtest.Join(t, parts...)
	if got := time.Duration(len(sides[0])) * time.Second / time.Duration(f.Rate); got < least || got > most {
		t.Errorf("%v of audio for a call of %v to %v", got, least, most)
	}
	middle := len(sides[0]) / 2
	for side, hz := range []float64{440, 1000} {
		pcm := sides[side][middle-f.Rate/2 : middle+f.Rate/2]
		if own, other := recordingtest.Level(pcm, f.Rate, hz), recordingtest.Level(pcm, f.Rate, 1440-hz); own < 3000 || other > own/50 {
			t.Errorf("side %d: its tone %.0f, the other %.0f", side, own, other)
		}
	}
}

func TestCallReachesOwnTicket(t *testing.T) {
	ctx := context.Background()
	n := newNode(t, 20_000)
	call, rec := n.call(2 * time.Second)
	n.tell("call.wrapped_up", call, calls.WrapUp{Call: call, Disposition: "solved", Notes: "Wants a refund."})
	n.Await("delivery", func() bool { return n.State(rec) == recording.Destroyed })
	ticket := uuid.MustParse(n.ticketOf(call))

	files, err := n.crm.Attachments(ctx, n.Tenant, ticket)
	if err != nil {
		t.Fatal(err)
	}
	var parts [][]byte
	for i, a := range files {
		if want := "rec_" + rec.String() + "_p" + strconv.Itoa(i+1) + "_"; !strings.HasPrefix(a.Name, want) || !a.HasPeaks || a.Seconds <= 0 {
			t.Errorf("attachment %d is %+v", i+1, a)
		}
		f, err := n.crm.OpenAttachment(ctx, n.Tenant, ticket, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(f)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, b)
	}
	if len(parts) != 2 {
		t.Fatalf("%d parts", len(parts))
	}
	checkParts(t, parts, 20_000, 2*time.Second, n.lasted)
	n.spoolIsEmpty()

	var notes []crm.Note
	n.Await("both notes", func() bool {
		if notes, err = n.crm.Notes(ctx, n.Tenant, ticket); err != nil {
			t.Fatal(err)
		}
		return len(notes) == 2
	})
	for i, want := range []string{"Queue: Demo › Support\nAgent: Agent One\n", "Disposition: solved\n\nWants a refund."} {
		if !strings.Contains(notes[i].Body, want) {
			t.Errorf("note %d: %q", i, notes[i].Body)
		}
	}
	got, err := n.crm.Ticket(ctx, n.Tenant, ticket)
	if err != nil || got.Title != "Call from +4989123456 – Support" || got.Contact == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	contact, err := n.crm.Contact(ctx, n.Tenant, *got.Contact)
	if err != nil || contact.Phone != "+4989123456" || contact.LastName != "Byron" || contact.ContactedAt == nil {
		t.Errorf("%+v, %v", contact, err)
	}
}

type rtFiles struct {
	Items []struct{ ID, Filename string }
}

// The real Request Tracker: parts in order, playable, joined without a gap; then spool and keys are gone. A ticket that somebody deletes
// before delivery is replaced.
func TestCallReachesRequestTracker(t *testing.T) {
	ctx := context.Background()
	server := rttest.Start(t)
	n := newNode(t, 100_000)
	conn := crmsync.Connection{Provider: rt.Name, BaseURL: server.URL, Credentials: crmsync.Credentials{User: rttest.User, Password: "wrong"}}
	if err := n.sync.SetConnection(ctx, n.Tenant, conn); err != nil {
		t.Fatal(err)
	}
	if err := n.sync.Test(ctx, n.Tenant, crmsync.Connection{Provider: rt.Name, BaseURL: server.URL}); !errors.Is(err, rt.ErrRefused) {
		t.Fatalf("the stored password is wrong: %v", err)
	}
	call, rec := n.call(7 * time.Second)
	n.Await("a refusal that is shown", func() bool {
		list, err := n.sync.Pending(ctx, n.Tenant)
		return err == nil && len(list) > 0 && strings.Contains(list[0].LastError, "unauthorized")
	})
	conn.Credentials.Password = rttest.Password
	if err := n.sync.SetConnection(ctx, n.Tenant, conn); err != nil {
		t.Fatal(err)
	}
	ticket := n.ticketOf(call)
	n.Await("delivery", func() bool { return n.State(rec) == recording.Destroyed })

	var files rtFiles
	server.Get("/ticket/"+ticket+"/attachments?fields=Filename&per_page=100", &files)
	var parts [][]byte
	for _, f := range files.Items {
		if !strings.HasSuffix(f.Filename, ".wav") {
			continue
		}
		if want := "rec_" + rec.String() + "_p" + strconv.Itoa(len(parts)+1) + "_"; !strings.HasPrefix(f.Filename, want) {
			t.Errorf("%s where %s… should be", f.Filename, want)
		}
		parts = append(parts, server.Content(f.ID))
	}
	if len(parts) != 2 {
		t.Fatalf("%d parts", len(parts))
	}
	checkParts(t, parts, 100_000, 7*time.Second, n.lasted)
	n.spoolIsEmpty()

	n.deletedTicketIsReplaced(server)
	shown, err := n.sync.Connection(ctx, n.Tenant)
	if err != nil || !shown.Credentials.IsZero() || shown.BaseURL != server.URL {
		t.Errorf("%+v, %v", shown, err)
	}
	elsewhere := crmsync.Connection{Provider: rt.Name, BaseURL: "http://127.0.0.1:1"}
	if err := n.sync.SetConnection(ctx, n.Tenant, elsewhere); !errors.Is(err, rt.ErrCredentials) {
		t.Errorf("the stored password goes to another address: %v", err)
	}
	var plain int
	n.Scan(&plain, `SELECT count(*) FROM crm_connections WHERE position($1::bytea in credentials) > 0`, []byte(rttest.Password))
	if plain != 0 {
		t.Error("the password is stored in the clear")
	}
}

// deletedTicketIsReplaced records another call whose ticket somebody deletes before the recording arrives.
func (n *node) deletedTicketIsReplaced(server *rttest.Server) {
	n.T.Helper()
	call := storage.NewID()
	rec, err := n.Service.Start(context.Background(), recording.NewRecording{Tenant: n.Tenant, Call: call})
	if err != nil {
		n.T.Fatal(err)
	}
	rec.Hear(recording.Customer, recordingtest.NewVoice(n.T, codec.PCMU, 440, nil).Stream)
	id := rec.ID()
	n.tell("call.ended", call, calls.Record{ID: call, Number: "1001", Caller: calls.Party{Withheld: true}, StartedAt: time.Now(), Recording: &id})
	first := n.ticketOf(call)
	server.Put("/ticket/"+first, `{"Status":"deleted"}`)
	if err := rec.Stop(context.Background()); err != nil {
		n.T.Fatal(err)
	}
	n.Await("delivery to another ticket", func() bool { return n.State(id) == recording.Destroyed })
	second := n.ticketOf(call)
	var files rtFiles
	server.Get("/ticket/"+second+"/attachments?fields=Filename&per_page=100", &files)
	count := 0
	for _, f := range files.Items {
		if strings.HasSuffix(f.Filename, ".wav") {
			count++
		}
	}
	if first == second || count != 1 {
		n.T.Errorf("first ticket %s, then %s with %d recordings", first, second, count)
	}
}

// down is Tandem's own tickets behind a CRM that fails.
type down struct {
	crmsync.Provider
	failing func() error
}

func (d down) EnsureTicket(ctx context.Context, m crmsync.Matter) (string, error) {
	if err := d.failing(); err != nil {
		return "", err
	}
	return d.Provider.EnsureTicket(ctx, m)
}

func (d down) AddNote(ctx context.Context, ticket string, n crmsync.Note) error {
	if err := d.failing(); err != nil {
		return err
	}
	return d.Provider.AddNote(ctx, ticket, n)
}

// A CRM that is down for a while: everything is told afterwards, once, in order. Calls that want no ticket get none.
func TestOutboxOutlivesTheCRM(t *testing.T) {
	ctx := context.Background()
	r := recordingtest.New(t, nil)
	blobs, err := storage.OpenBlobs(ctx, "file:"+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := crm.New(crm.Config{DB: r.DB, Events: r.Events, Keys: r.Keys, Blobs: blobs, Log: r.Log})
	var failures atomic.Int32
	failing := func() error {
		if failures.Add(1) <= 6 {
			return errors.New("down")
		}
		return nil
	}
	s := crmsync.New(crmsync.Config{
		DB: r.DB, Events: r.Events, Bus: r.Bus, Keys: r.Keys, Recordings: r.Service, Log: r.Log, Base: 5 * time.Millisecond, Poll: 10 * time.Millisecond,
		Vendors: []crmsync.Vendor{{Name: crmsync.Own, Open: func(conn crmsync.Connection) (crmsync.Provider, error) {
			p, err := own.New(c).Open(conn)
			return down{p, failing}, err
		}}},
	})
	n := &node{Rig: r, crm: c, sync: s}
	call, silent := storage.NewID(), storage.NewID()
	n.tell("call.ended", silent, calls.Record{ID: silent, Number: "1003", StartedAt: time.Now()})
	n.tell("call.wrapped_up", silent, calls.WrapUp{Call: silent, Notes: "nobody asked"})
	n.tell("call.ended", call, calls.Record{ID: call, Number: "1001", Caller: calls.Party{Number: "+4989123456"}, StartedAt: time.Now(), Ticket: true})
	n.tell("call.wrapped_up", call, calls.WrapUp{Call: call, Disposition: "one"})
	n.tell("call.wrapped_up", call, calls.WrapUp{Call: call, Disposition: "two"})
	n.tell("recording.expired", uuid.New(), recording.Event{Recording: uuid.New(), Call: call})
	n.tell("call.wrapped_up", call, "not what it should be")
	stop := r.Run(s.Run)
	r.Await("an empty outbox", func() bool {
		var told, left int
		r.Scan(&told, `SELECT count(*) FROM ticket_notes`)
		r.Scan(&left, `SELECT count(*) FROM crm_outbox`)
		return told == 4 && left == 0
	})
	stop()
	p, err := c.Tickets(ctx, r.Tenant, crm.TicketFilter{})
	if err != nil || len(p.Items) != 1 {
		t.Fatalf("%d tickets, %v", len(p.Items), err)
	}
	notes, err := c.Notes(ctx, r.Tenant, p.Items[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"Number dialled: 1001", "Disposition: one", "Disposition: two", "could not be delivered in time"} {
		if !strings.Contains(notes[i].Body, want) {
			t.Errorf("note %d: %q", i, notes[i].Body)
		}
	}
}
