package signaling_test

import (
	"testing"

	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/queues"
	"tandem/signaling/browsertest"
)

func (h *house) happen(typ string, subject uuid.UUID) {
	h.Helper()
	h.ok(h.db.Tenant(h.ctx, h.tenant, func(tx *storage.Tx) error { return h.log.Append(h.ctx, tx, typ, subject, nil) }))
}

func TestWhoHearsOfWhat(t *testing.T) {
	h := newHouse(t)
	other := storage.NewID()
	h.ok(h.queues.PutAgent(h.ctx, h.tenant, queues.Agent{ID: other, Name: "Other", Device: "browser"}))
	agent := h.open()
	supervisor := browsertest.Open(t, h.url, map[string]any{"ticket": h.ticket(storage.NewID(),
		may(auth.ScopeTeam, "calls", "read"), may(auth.ScopeTeam, "agents", "read"), may(auth.ScopeAll, "queues", "read"), may(auth.ScopeAll, "tickets", "read"))})
	admin := browsertest.Open(t, h.url, map[string]any{"ticket": h.ticket(storage.NewID(), may(auth.ScopeAll, "*", "*"))})
	elsewhere := storagetest.Tenant(t, h.db, "other")

	h.ok(h.queues.SetPresence(h.ctx, h.tenant, other, queues.Away, "lunch"))
	h.ok(h.queues.SetPresence(h.ctx, h.tenant, h.agent, queues.Away, "late"))
	h.happen("call.started", uuid.New())
	h.happen("item.queued", uuid.New())
	h.happen("login.ok", uuid.New())
	ticket := uuid.New()
	h.happen("ticket.created", ticket)
	h.ok(h.db.Tenant(h.ctx, elsewhere, func(tx *storage.Tx) error { return h.log.Append(h.ctx, tx, "ticket.deleted", uuid.New(), nil) }))
	h.happen("last.thing", uuid.New())

	agent.Wait("agent", "presence", "AWAY", "reason", "late")
	agent.Wait("event", "type", "ticket.created", "subject", ticket.String())
	admin.Wait("event", "type", "last.thing")
	for _, typ := range []string{"agent.presence", "call.started", "item.queued", "ticket.created", "login.ok"} {
		if !admin.Has("event", "type", typ) {
			t.Errorf("the administrator has not heard of %s", typ)
		}
	}
	for _, typ := range []string{"agent.presence", "call.started", "item.queued", "ticket.created"} {
		f := supervisor.Wait("event", "type", typ)
		if known := f.Get("subject") != ""; known && (typ == "call.started" || typ == "agent.presence") {
			t.Errorf("a team's supervisor is told which: %s", f.Data)
		}
	}
	for _, typ := range []string{"call.started", "item.queued", "login.ok", "last.thing"} {
		if agent.Has("event", "type", typ) {
			t.Errorf("a plain agent heard of %s", typ)
		}
	}
	for _, p := range []*browsertest.Page{agent, supervisor, admin} {
		if p.Has("event", "type", "ticket.deleted") {
			t.Error("another tenant's event was heard")
		}
	}
}

// Many changes of one type become few frames, and the last of them comes after the last change.
func TestEventsMerge(t *testing.T) {
	h := newHouse(t)
	p := h.open()
	const changes = 200
	for range changes {
		h.happen("ticket.changed", uuid.New())
	}
	h.happen("ticket.created", uuid.New()) // after all others
	p.Wait("event", "type", "ticket.created")
	frames := 1
	p.Wait("event", "type", "ticket.changed")
	for ; p.Has("event", "type", "ticket.changed"); frames++ {
		p.Wait("event", "type", "ticket.changed")
	}
	if frames > changes/4 {
		t.Errorf("%d changes became %d frames", changes, frames)
	}
}
