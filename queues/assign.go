package queues

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

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

func (s *Service) assign(ctx context.Context, tx *storage.Tx, item, agent uuid.UUID) (made, error) {
	m := made{Tenant: tx.Tenant, Offer: Offer{ID: storage.NewID(), Item: item, Agent: agent}}
	o := &m.Offer
	var kind Kind
	var state string
	var n need
	d := Decision{At: tx.Now, Item: item, Agent: agent, Offer: o.ID, Algorithm: ByHand, Others: map[string]int{}, First: []Passed{}, AssignedBy: events.ActorID(ctx)}
	// Item before agent, as everywhere.
	err := tx.QueryRow(ctx, `
		SELECT queue_id, kind, state, node, weight, exclusive, priority, enqueued_at,
		       (SELECT count(*) FROM queue_items w WHERE w.queue_id = i.queue_id AND w.kind = i.kind AND w.state <> 'left')
		FROM queue_items i WHERE item_id = $1 AND state <> 'left' FOR UPDATE`, item).
		Scan(&o.Queue, &kind, &state, &m.Node, &n.weight, &n.exclusive, &d.Priority, &d.EnqueuedAt, &d.Waiting)
	switch {
	case err != nil:
		return m, storage.Missing(err, ErrNotWaiting)
	case state != "waiting":
		return m, ErrItemOffered
	}
	var free bool
	var weight int
	err = tx.QueryRow(ctx, `
		SELECT name, device, idle_since, CASE WHEN $2 THEN capacity ELSE $3 END,
		       (presence = 'AVAILABLE' OR always_available AND NOT $4) AND barred = '' AND used + CASE WHEN $2 THEN capacity ELSE $3 END <= capacity
		FROM queue_agents WHERE agent_id = $1 AND archived_at IS NULL FOR UPDATE`, agent, n.exclusive, n.weight, kind == Chat).
		Scan(&o.AgentName, &o.Device, &d.IdleSince, &weight, &free)
	switch {
	case err != nil:
		return m, storage.Missing(err, ErrNoAgent)
	case !free:
		return m, ErrAgentNotFree
	}
	set, err := effective(ctx, tx, o.Queue)
	if err != nil {
		return m, err
	}
	o.RingFor = time.Duration(set.RingSeconds.Value) * time.Second
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
	if err := rows.insert(ctx, tx, shard, epoch); err != nil {
		return err
	}
	s.wakeAfter(tx, tx.Tenant)
	return s.log.AppendAll(ctx, tx, []events.Entry{
		{Tenant: tx.Tenant, Type: "item.assigned", Subject: o.Item, Data: ItemAssigned{Item: o.Item, Queue: o.Queue, Agent: o.Agent, Offer: o.ID}},
		{Tenant: tx.Tenant, Type: "offer.made", Subject: o.Item, Data: OfferMade{Offer: o.ID, Item: o.Item, Kind: kind, Queue: o.Queue, Agent: o.Agent}},
		{Tenant: tx.Tenant, Type: "agent.state", Subject: o.Agent, Data: StateChanged{Agent: o.Agent, Offer: o.ID, Item: o.Item, Queue: o.Queue, From: Idle, State: firstState(m.Node)}},
	})
}
