package queues

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// ByHand is the algorithm of a decision that a person made.
const ByHand Algorithm = "by_hand"

// Errors of assigning.
var (
	ErrItemOffered  = fault.New(fault.Conflict, "item_offered", "It rings at an agent just now; try again when the ringing is over.")
	ErrAgentNotFree = fault.New(fault.Conflict, "agent_not_free", "The agent cannot take it now: choose one who is available and has capacity left.").WithField("agent")
)

// ItemAssigned is the data of the event item.assigned; the event's actor is who did it.
type ItemAssigned struct {
	Item  uuid.UUID `json:"item"`
	Queue uuid.UUID `json:"queue"`
	Agent uuid.UUID `json:"agent"`
	Offer uuid.UUID `json:"offer"`
}

// Assign offers an item that waits to one agent, whoever is next and whichever queues they serve. ErrNotWaiting, ErrItemOffered, ErrNoAgent
// and ErrAgentNotFree mean that nothing was done. An offer that comes to nothing leaves the item at its place.
func (s *Service) Assign(ctx context.Context, tenant, item, agent uuid.UUID) error {
	var m made
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) (err error) {
		m, err = s.assign(ctx, tx, item, agent)
		return err
	})
	if err != nil {
		return wrap("assign", err)
	}
	switch m.Node {
	case s.node:
		s.receive(m)
		return nil
	case nobodysNode:
		return nil
	}
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode an offer: %w", err)
	}
	s.bus.Publish(offersSubject(m.Node), body) // a lost message is made good by that node's own look at its rows
	return nil
}

// HandTo reserves one more agent for an item of this node whose agent sends it on, or asks somebody in (V3.2), whichever queues they serve. The
// offer is not among Offers, and goes like any other, beside the first agent's. ErrNoTalk, ErrNoAgent and ErrAgentNotFree mean that nothing was
// done.
func (w *Waiting) HandTo(ctx context.Context, agent uuid.UUID, ringFor time.Duration) (Offer, error) {
	return w.handTo(ctx, ringFor, func(*storage.Tx) (uuid.UUID, error) { return agent, nil })
}

// HandToQueue is HandTo for the agent of a queue who has been without work for longest. ErrAgentNotFree: they all have some.
func (w *Waiting) HandToQueue(ctx context.Context, queue uuid.UUID, ringFor time.Duration) (Offer, error) {
	return w.handTo(ctx, ringFor, func(tx *storage.Tx) (agent uuid.UUID, err error) {
		const free = `
			SELECT agent_id FROM queue_members JOIN queue_agents a USING (agent_id)
			WHERE queue_id = $1 AND archived_at IS NULL AND presence = 'AVAILABLE' AND barred = '' AND used = 0 ORDER BY idle_since, agent_id LIMIT 1 FOR UPDATE OF a`
		// Whom another transaction has just now is most likely given something by it; they are waited for where there is nobody else.
		err = tx.QueryRow(ctx, free+` SKIP LOCKED`, queue).Scan(&agent)
		if errors.Is(err, pgx.ErrNoRows) {
			err = tx.QueryRow(ctx, free, queue).Scan(&agent)
		}
		return agent, storage.Missing(err, ErrAgentNotFree)
	})
}

func (w *Waiting) handTo(ctx context.Context, ringFor time.Duration, to func(*storage.Tx) (uuid.UUID, error)) (Offer, error) {
	var m made
	err := w.s.db.Tenant(ctx, w.tenant, func(tx *storage.Tx) error {
		// Item before agent, as everywhere.
		if _, err := tx.Exec(ctx, `SELECT FROM queue_items WHERE item_id = $1 FOR UPDATE`, w.id); err != nil {
			return err
		}
		agent, err := to(tx)
		if err != nil {
			return err
		}
		// For the next agent it is a call like any other.
		if _, err := tx.Exec(ctx, `UPDATE queue_items SET kind = 'call' WHERE item_id = $1 AND kind = 'outbound'`, w.id); err != nil {
			return err
		}
		if m, err = w.s.reserve(ctx, tx, w.id, agent, ringFor); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE queue_offers SET guest = true WHERE offer_id = $1`, m.Offer.ID)
		return err
	})
	if errors.Is(err, ErrNotWaiting) {
		err = ErrNoTalk
	}
	if err != nil {
		return Offer{}, wrap("hand an item to another agent", err)
	}
	w.s.mu.Lock()
	w.s.offers[m.Offer.ID] = localOffer{tenant: w.tenant, item: w.id, queue: m.Offer.Queue}
	w.s.mu.Unlock()
	return m.Offer, nil
}

func (s *Service) assign(ctx context.Context, tx *storage.Tx, item, agent uuid.UUID) (made, error) {
	return s.reserve(ctx, tx, item, agent, 0)
}

// reserve makes an offer of an item to an agent: of one that waits, for as long as its queue lets it ring, or of one that an agent has or makes, for
// ringFor.
func (s *Service) reserve(ctx context.Context, tx *storage.Tx, item, agent uuid.UUID, ringFor time.Duration) (made, error) {
	m := made{Tenant: tx.Tenant, Offer: Offer{ID: storage.NewID(), Item: item, Agent: agent, RingFor: ringFor}}
	o := &m.Offer
	var kind Kind
	var state string
	var n need
	d := Decision{At: tx.Now, Item: item, Agent: agent, Offer: o.ID, Algorithm: ByHand, Others: map[string]int{}, First: []Passed{}, AssignedBy: events.ActorID(ctx)}
	// Item before agent, as everywhere.
	err := tx.QueryRow(ctx, `
		SELECT queue_id, kind, state, node, weight, exclusive, priority, enqueued_at,
		       (SELECT count(*) FROM queue_items w WHERE w.queue_id = i.queue_id AND w.kind = i.kind AND w.state <> 'left')
		FROM queue_items i WHERE item_id = $1 AND CASE WHEN $2 THEN state = 'left' AND left_reason = 'handled' ELSE state <> 'left' END FOR UPDATE`, item, ringFor > 0).
		Scan(&o.Queue, &kind, &state, &m.Node, &n.weight, &n.exclusive, &d.Priority, &d.EnqueuedAt, &d.Waiting)
	switch {
	case err != nil:
		return m, storage.Missing(err, ErrNotWaiting)
	case state == "offering":
		return m, ErrItemOffered
	}
	var available, here, free bool
	var weight, ring int
	err = tx.QueryRow(ctx, `
		SELECT name, device, ring_seconds, idle_since, CASE WHEN $2 THEN capacity ELSE $3 END,
		       (presence = 'AVAILABLE' OR always_available AND NOT $4) AND barred = '', presence <> 'OFFLINE' OR always_available,
		       used + CASE WHEN $2 THEN capacity ELSE $3 END <= capacity
		FROM queue_agents WHERE agent_id = $1 AND archived_at IS NULL FOR UPDATE`, agent, n.exclusive, n.weight, kind == Chat).
		Scan(&o.AgentName, &o.Device, &ring, &d.IdleSince, &weight, &available, &here, &free)
	switch {
	case err != nil:
		return m, storage.Missing(err, ErrNoAgent)
	case kind == Outbound && !here:
		return m, ErrSignedOut
	case kind == Outbound && !free:
		return m, ErrOccupied
	case kind != Outbound && (!available || !free):
		return m, ErrAgentNotFree
	}
	set, err := effective(ctx, tx, o.Queue)
	if err != nil {
		return m, err
	}
	if ringFor == 0 || kind == Outbound { // as long as a call from the queue would
		o.RingFor = time.Duration(cmp.Or(ring, set.RingSeconds.Value)) * time.Second
	}
	d.Queue, d.AgentName = o.Queue, o.AgentName
	return m, s.storeAssigned(ctx, tx, m, kind, weight, d)
}

func (s *Service) storeAssigned(ctx context.Context, tx *storage.Tx, m made, kind Kind, weight int, d Decision) error {
	body, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode a decision: %w", err)
	}
	o, shard := m.Offer, shardOf(tx.Tenant)
	var epoch int64
	if err := tx.QueryRow(ctx, `SELECT coalesce(max(epoch), 0) FROM queue_shards WHERE shard = $1`, shard).Scan(&epoch); err != nil {
		return err
	}
	rows := offerRows{
		offers: [][16]byte{o.ID}, tenants: [][16]byte{tx.Tenant}, items: [][16]byte{o.Item}, queues: [][16]byte{o.Queue}, agents: [][16]byte{o.Agent},
		nodes: [][16]byte{m.Node}, decisions: [][16]byte{storage.NewID()}, weights: []int32{int32(weight)}, rings: []int32{int32(o.RingFor / time.Second)},
		bodies: []string{string(body)}, autos: []bool{false},
	}
	b := &pgx.Batch{}
	rows.queue(b, tx, shard, epoch)
	s.wakeAfter(tx, tx.Tenant)
	err = s.log.Queue(ctx, tx, b, []events.Entry{
		{Tenant: tx.Tenant, Type: "item.assigned", Subject: o.Item, Data: ItemAssigned{Item: o.Item, Queue: o.Queue, Agent: o.Agent, Offer: o.ID}},
		{Tenant: tx.Tenant, Type: "offer.made", Subject: o.Item, Data: OfferMade{Offer: o.ID, Item: o.Item, Kind: kind, Queue: o.Queue, Agent: o.Agent}},
		{Tenant: tx.Tenant, Type: "agent.state", Subject: o.Agent, Data: StateChanged{Agent: o.Agent, Offer: o.ID, Item: o.Item, Queue: o.Queue, From: Idle, State: firstState(m.Node)}},
	})
	if err != nil {
		return err
	}
	return wrap("store a reservation", tx.SendBatch(ctx, b).Close())
}
