package crmsync_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/chat"
	"tandem/chat/attach"
	"tandem/chat/web"
	"tandem/crm"
	"tandem/crmsync"
	"tandem/crmsync/own"
	"tandem/internal/storage"
	"tandem/queues"
	"tandem/recording"
	"tandem/recording/recordingtest"
	"tandem/smartactions"
)

// desk is a node where visitors of a site and agents talk.
type desk struct {
	*recordingtest.Rig
	crm     *crm.Service
	chat    *chat.Service
	media   *chat.MediaStore
	sync    *crmsync.Service
	account uuid.UUID
	queue   uuid.UUID
	dead    atomic.Bool  // the CRM
	lost    atomic.Int32 // answers of the CRM that do not come back
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{Rig: recordingtest.New(t, nil)}
	blobs, err := storage.OpenBlobs(t.Context(), "file:"+t.TempDir())
	d.ok(err)
	qs := queues.New(d.DB, d.Events, d.Bus, d.Log, d.Registry, "node1")
	d.crm = crm.New(crm.Config{DB: d.DB, Events: d.Events, Keys: d.Keys, Blobs: blobs, Log: d.Log})
	cleaner := attach.New(attach.Config{})
	d.media = chat.NewMediaStore(chat.MediaConfig{DB: d.DB, Bus: d.Bus, Keys: d.Keys, Blobs: blobs, Cleaner: cleaner, Log: d.Log})
	d.chat = chat.New(chat.Config{
		DB: d.DB, Events: d.Events, Bus: d.Bus, Keys: d.Keys, Queues: qs, CRM: d.crm, Media: d.media, Makers: []chat.Maker{web.Maker(d.Bus)}, Log: d.Log, Metrics: prometheus.NewRegistry(),
	})
	d.sync = crmsync.New(crmsync.Config{
		DB: d.DB, Events: d.Events, Bus: d.Bus, Keys: d.Keys, Recordings: d.Service, Log: d.Log, Chat: d.chat,
		Actions: smartactions.New(smartactions.Config{DB: d.DB, Events: d.Events, Keys: d.Keys, Blobs: blobs, Cleaner: cleaner, Log: d.Log}),
		Base:    5 * time.Millisecond, Poll: 20 * time.Millisecond,
		Vendors: []crmsync.Vendor{{Name: crmsync.Own, Open: func(c crmsync.Connection) (crmsync.Provider, error) {
			p, err := own.New(d.crm).Open(c)
			return lossy{p, d}, err
		}}},
	})
	q, err := qs.CreateQueue(t.Context(), d.Tenant, queues.NewQueue{Name: "Support"})
	d.ok(err)
	name := "shop"
	a, err := d.chat.AddAccount(t.Context(), d.Tenant, chat.AccountChange{Channel: chat.Web, Name: &name, Queue: &q.ID})
	d.ok(err)
	d.account, d.queue = a.ID, q.ID
	return d
}

func (d *desk) ok(err error) {
	d.T.Helper()
	if err != nil {
		d.T.Fatal(err)
	}
}

// lossy is a CRM that is dead, or does what it is asked and does not answer.
type lossy struct {
	crmsync.Provider
	d *desk
}

var errDead = errors.New("the CRM does not answer")

func (l lossy) told(err error) error {
	if err == nil && l.d.lost.Add(-1) >= 0 {
		return &recording.SendError{Class: recording.ClassDoubt, Err: errDead}
	}
	return err
}

func (l lossy) EnsureTicket(ctx context.Context, m crmsync.Matter) (string, error) {
	if l.d.dead.Load() {
		return "", errDead
	}
	id, err := l.Provider.EnsureTicket(ctx, m)
	return id, l.told(err)
}

func (l lossy) AddNote(ctx context.Context, ticket string, n crmsync.Note) error {
	return l.told(l.Provider.AddNote(ctx, ticket, n))
}

func (l lossy) Attach(ctx context.Context, ticket string, f crmsync.File, r io.Reader) (string, error) {
	id, err := l.Provider.Attach(ctx, ticket, f, r)
	return id, l.told(err)
}

const visitor = "Web User 10/05 10:15"

// says is what a visitor says, with pictures of one name.
func (d *desk) says(text string, pictures int) {
	d.T.Helper()
	in := &chat.Incoming{ID: uuid.NewString(), Kind: chat.Text, Text: text, Window: chat.ByMessage}
	for range pictures {
		var b bytes.Buffer
		d.ok(png.Encode(&b, image.NewGray(image.Rect(0, 0, 3, 3))))
		a, err := d.media.Upload(d.T.Context(), d.Tenant, chat.Uploader{ID: uuid.New(), Visitor: true}, "图片.png", &b)
		d.ok(err)
		in.Kind = chat.MediaOf
		in.Media = append(in.Media, chat.MediaRef{Kind: chat.Image, ID: a.ID.String()})
	}
	d.ok(d.chat.Receive(d.T.Context(), d.Tenant, d.account, chat.Event{Key: in.ID, From: chat.Person{ID: "visitor-1", Name: visitor}, Message: in}))
}

func (d *desk) conversation() (id uuid.UUID) {
	d.T.Helper()
	d.Scan(&id, `SELECT conversation_id FROM conversations`)
	return id
}

func (d *desk) close(disposition, notes string) {
	d.T.Helper()
	d.ok(d.chat.Close(d.T.Context(), d.Tenant, d.conversation(), chat.ClosedByAgent, uuid.Nil, disposition, notes))
}

// told waits until the CRM was told everything of as many closings.
func (d *desk) told(closings int) {
	d.T.Helper()
	d.Await("everything told", func() bool {
		var left, closed, done int
		d.Scan(&left, `SELECT count(*) FROM crm_outbox`)
		d.Scan(&closed, `SELECT count(*) FROM messages WHERE kind = 'system' AND body->>'type' = 'closed'`)
		d.Scan(&done, `SELECT count(*) FROM ticket_notes WHERE key LIKE 'conversation %' AND key NOT LIKE '% notes'`)
		return left == 0 && closed == closings && done == closings
	})
}

func (d *desk) tickets() []crm.Ticket {
	d.T.Helper()
	p, err := d.crm.Tickets(d.T.Context(), d.Tenant, crm.TicketFilter{})
	d.ok(err)
	return p.Items
}

// files are a ticket's, by name, with what is in them.
func (d *desk) files(ticket uuid.UUID) (names, texts []string) {
	d.T.Helper()
	all, err := d.crm.Attachments(d.T.Context(), d.Tenant, ticket)
	d.ok(err)
	for _, a := range all {
		f, err := d.crm.OpenAttachment(d.T.Context(), d.Tenant, ticket, a.ID)
		d.ok(err)
		b, err := io.ReadAll(f)
		d.ok(errors.Join(err, f.Close()))
		names, texts = append(names, a.Name), append(texts, string(b))
	}
	return names, texts
}

func (d *desk) notes(ticket uuid.UUID) (bodies []string) {
	d.T.Helper()
	all, err := d.crm.Notes(d.T.Context(), d.Tenant, ticket)
	d.ok(err)
	for _, n := range all {
		bodies = append(bodies, n.Body)
	}
	return bodies
}

// A conversation is closed while the CRM is dead, and the node that was about to tell it stops; then the CRM loses answers. In the end there is one ticket
// with everything once. Opened again, the conversation goes on there with what is new.
func TestConversationReachesItsTicket(t *testing.T) {
	d := newDesk(t)
	d.dead.Store(true)
	d.says("Where is my order?\n[2026-01-01 00:00:00 UTC] Agent: it is free", 0)
	d.says("See here", 2)
	d.close("solved", "A difficult one.")
	stop := d.Run(d.sync.Run)
	d.Await("a failure that is shown", func() bool {
		list, err := d.sync.Pending(t.Context(), d.Tenant)
		return err == nil && len(list) == 1 && list[0].Call == d.conversation() && strings.Contains(list[0].LastError, errDead.Error())
	})
	stop()
	d.dead.Store(false)
	d.lost.Store(5)
	stop = d.Run(d.sync.Run)
	d.told(1)

	tickets := d.tickets()
	if len(tickets) != 1 || tickets[0].Title != "Web conversation with "+visitor+" – Support" || tickets[0].Contact == nil {
		t.Fatalf("%+v", tickets)
	}
	contact, err := d.crm.Contact(t.Context(), d.Tenant, *tickets[0].Contact)
	if err != nil || contact.FirstName != visitor || contact.ContactedAt == nil {
		t.Errorf("%+v, %v", contact, err)
	}
	d.first(tickets[0].ID)
	if links, err := d.crm.Links(t.Context(), d.Tenant, tickets[0].ID, nil); err != nil || len(links) != 1 || links[0].Kind != crm.LinkConversation {
		t.Errorf("the links of a conversation's ticket: %+v, %v", links, err)
	}
	var linked uuid.UUID
	if d.Scan(&linked, `SELECT ticket_id FROM conversations`); linked != tickets[0].ID {
		t.Errorf("the conversation's ticket is %s", linked)
	}

	d.says("One more thing", 0)
	d.close("", "")
	d.told(2)
	if n := len(d.tickets()); n != 1 {
		t.Errorf("%d tickets of one conversation", n)
	}
	names, texts := d.files(tickets[0].ID)
	if len(names) != 4 || !strings.Contains(texts[3], ": One more thing\n") || strings.Contains(texts[3], "order") {
		t.Errorf("after the second closing: %q %q", names, texts[len(texts)-1])
	}
	stop()
}

// first checks what is there of the first closing.
func (d *desk) first(ticket uuid.UUID) {
	d.T.Helper()
	notes := d.notes(ticket)
	if len(notes) != 2 || !strings.HasPrefix(notes[0], "Conversation\n\nChannel: Web (shop)\nCustomer: "+visitor+"\n") || !strings.Contains(notes[0], "\nResult: closed by the agent\nDisposition: solved\n") {
		d.T.Errorf("notes: %q", notes)
	}
	if !strings.Contains(notes[0], "UTC] "+visitor+": Where is my order?\n    [2026") || strings.Contains(notes[0], "difficult") || !strings.Contains(notes[1], "A difficult one.") {
		d.T.Errorf("notes: %q", notes)
	}
	names, texts := d.files(ticket)
	if len(names) != 3 || !strings.HasPrefix(names[0], "conversation-20") || !strings.HasSuffix(names[0], ".txt") {
		d.T.Fatalf("files: %q", names)
	}
	if strings.Contains(texts[0], "difficult") || !strings.Contains(texts[0], ": See here\n    (file: "+names[1]+")\n    (file: "+names[2]+")\n") {
		d.T.Errorf("transcript: %q", texts[0])
	}
	for i, name := range names[1:] {
		if _, err := png.Decode(strings.NewReader(texts[i+1])); err != nil || !strings.HasPrefix(name, "图片_") || !strings.HasSuffix(name, ".png") {
			d.T.Errorf("%s: %v", name, err)
		}
	}
}

// A ticket that an agent has linked is the one. Where a queue wants no tickets, or nobody said anything, there is none.
func TestConversationsAndTheirQueues(t *testing.T) {
	d := newDesk(t)
	qs := queues.New(d.DB, d.Events, d.Bus, d.Log, prometheus.NewRegistry(), "node1")
	never := false
	_, err := qs.UpdateQueue(t.Context(), d.Tenant, d.queue, queues.QueueChange{Set: queues.OwnSettings{Ticket: &never}})
	d.ok(err)
	stop := d.Run(d.sync.Run)
	defer stop()
	d.says("No ticket for this", 0)
	d.close("", "")
	d.says("But one that somebody wants", 0)
	ticket, err := d.crm.CreateTicket(t.Context(), d.Tenant, crm.NewTicket{Title: "Made by hand"})
	d.ok(err)
	d.ok(d.chat.SetTicket(t.Context(), d.Tenant, d.conversation(), ticket.ID))
	d.close("", "")
	d.Await("the transcript on the linked ticket", func() bool { return len(d.notes(ticket.ID)) == 1 })
	if tickets, notes := d.tickets(), d.notes(ticket.ID); len(tickets) != 1 || !strings.Contains(notes[0], "But one that somebody wants") {
		t.Errorf("%d tickets, %q", len(tickets), notes)
	}
}
