package queues

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// OutboundRule is whether those who serve a queue call customers on its behalf, and by which number (V3.5).
type OutboundRule struct {
	Allowed  bool   `json:"allowed"`
	CallerID string `json:"caller_id,omitempty"`      // a number of the tenant's; "": the trunk's
	Detect   bool   `json:"detect_machine,omitempty"` // tell the agent whether a person or an answering machine has answered
}

var callerID = regexp.MustCompile(`^\+?[0-9]{2,15}$`)

func (r *OutboundRule) validate() error {
	r.CallerID = strings.TrimSpace(r.CallerID)
	if r.CallerID != "" && !callerID.MatchString(r.CallerID) {
		return invalid("outbound", "The number that customers see is one of your numbers, such as +49301234567.")
	}
	return nil
}

// Errors of agents' calls.
var (
	ErrNoOutbound = fault.New(fault.Illegal, "outbound_off", "Nobody calls customers from this queue. An administrator may allow it in the queue's settings.").WithField("queue_id")
	ErrNotServed  = fault.New(fault.Illegal, "queue_not_served", "Choose a queue that the agent serves.").WithField("queue_id")
	ErrOccupied   = fault.New(fault.Conflict, "agent_occupied", "A call needs the agent's whole attention: finish the call, conversation or wrap-up first.")
	ErrSignedOut  = fault.New(fault.Conflict, "agent_signed_out", "The agent is offline: sign in and choose a presence first.")
)

// OutboundQueue is a queue on whose behalf an agent may call.
type OutboundQueue struct {
	Queue    uuid.UUID `json:"queue_id"`
	Name     string    `json:"name"`
	Path     []string  `json:"path"`                // names from the top
	CallerID string    `json:"caller_id,omitempty"` // which customers see; missing: the trunk's
}

// OutboundQueues lists the queues on whose behalf an agent may call.
func (s *Service) OutboundQueues(ctx context.Context, tenant, agent uuid.UUID) (found []OutboundQueue, err error) {
	served, err := s.ServedBy(ctx, tenant, []uuid.UUID{agent})
	if err != nil || len(served) == 0 {
		return nil, err
	}
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		tree, err := readTree(ctx, tx)
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		levels := make(map[uuid.UUID]*[]OwnSettings, len(served))
		for _, id := range served {
			levels[id] = queueLevels(b, id)
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		for _, q := range tree {
			own, serves := levels[q.ID]
			if !serves {
				continue
			}
			if rule := inherit((*own)[0], (*own)[1:]).Outbound.Value; rule.Allowed {
				found = append(found, OutboundQueue{Queue: q.ID, Name: q.Name, Path: pathIn(tree, q), CallerID: rule.CallerID})
			}
		}
		return nil
	})
	return found, wrap("list the queues to call from", err)
}

// Outgoing is a call that an agent makes.
type Outgoing struct {
	ID     uuid.UUID // the call's
	Queue  uuid.UUID
	Agent  uuid.UUID
	Number string
	Key    string // under which it may be asked for again; "": it never is
}

// Dial reserves an agent for a call of theirs. It is an item of its queue that has never waited, so its offer goes like any other; it is nobody's
// missed call when it comes to nothing. The agent may be away or busy, which keeps calls from queues from them. made is another call than n's
// where the key had it made before; there is nothing else to return then. ErrNoOutbound, ErrNotServed, ErrOccupied, ErrSignedOut, ErrNoAgent and
// ErrNoQueue mean that nothing was done.
func (s *Service) Dial(ctx context.Context, tenant uuid.UUID, n Outgoing) (w *Waiting, o Offer, made uuid.UUID, err error) {
	w = &Waiting{s: s, tenant: tenant, queue: n.Queue, id: n.ID, offers: make(chan Offer), left: true}
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		o, made, err = s.dial(ctx, tx, n)
		return err
	})
	if err != nil || made != n.ID {
		return nil, Offer{}, made, wrap("reserve an agent for a call", err)
	}
	s.mu.Lock()
	s.offers[o.ID] = localOffer{tenant: tenant, item: n.ID, queue: o.Queue}
	s.mu.Unlock()
	return w, o, made, nil
}

func (s *Service) dial(ctx context.Context, tx *storage.Tx, n Outgoing) (o Offer, made uuid.UUID, err error) {
	set, err := effective(ctx, tx, n.Queue)
	if err != nil {
		return o, made, err
	}
	var serves bool
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM queue_members WHERE queue_id = $1 AND agent_id = $2)`, n.Queue, n.Agent).Scan(&serves)
	switch {
	case err != nil:
		return o, made, err
	case !set.Outbound.Value.Allowed:
		return o, made, ErrNoOutbound
	case !serves:
		return o, made, ErrNotServed
	}
	made, err = storeOutgoing(ctx, tx, n, set.weight(Outbound, IVR), s.node)
	if err != nil || made != n.ID {
		return o, made, err
	}
	m, err := s.reserve(ctx, tx, n.ID, n.Agent, time.Duration(set.RingSeconds.Value)*time.Second)
	return m.Offer, made, err
}

// storeOutgoing writes the item, or finds the one that the key has made already.
func storeOutgoing(ctx context.Context, tx *storage.Tx, n Outgoing, w Weight, node uuid.UUID) (made uuid.UUID, err error) {
	var key *string
	if n.Key != "" {
		key = &n.Key
	}
	err = tx.QueryRow(ctx, `
		INSERT INTO queue_items (item_id, tenant_id, shard, queue_id, kind, channel, caller, priority, weight, exclusive, enqueued_at, node, state, joined_at, left_at,
			left_reason, dial_key)
		VALUES ($1, $2, $3, $4, 'outbound', 'ivr', $5, 0, $6, $7, $8, $9, 'left', $8, $8, 'handled', $10)
		ON CONFLICT (tenant_id, dial_key) WHERE dial_key IS NOT NULL DO NOTHING RETURNING item_id`,
		n.ID, tx.Tenant, shardOf(tx.Tenant), n.Queue, n.Number, w.Weight, w.Exclusive, tx.Now, node, key).Scan(&made)
	if errors.Is(err, pgx.ErrNoRows) {
		err = tx.QueryRow(ctx, `SELECT item_id FROM queue_items WHERE tenant_id = $1 AND dial_key = $2`, tx.Tenant, key).Scan(&made)
	}
	return made, err
}
