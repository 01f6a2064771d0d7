package queues

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// pruneEvery is how many rounds pass between looks for offers that ended without their owner hearing of it.
const pruneEvery = 30

// keepNode says each second that this node lives, renews the leases of offers to its items, and fetches offers whose message was lost.
func (s *Service) keepNode(ctx context.Context) error {
	stop := s.bus.Subscribe(offersSubject(s.node), func(_ string, body []byte) {
		var m made
		if err := json.Unmarshal(body, &m); err != nil {
			s.logger.Error("an offer on the bus makes no sense", "err", err)
			return
		}
		s.receive(m)
	})
	defer stop()
	tick := time.NewTicker(safetyPass)
	defer tick.Stop()
	for round := 0; ; round++ {
		if err := s.beat(ctx, round%pruneEvery == pruneEvery-1); err != nil && ctx.Err() == nil {
			s.logger.Error("this node could not say that it lives", "err", err)
		}
		s.pay(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *Service) beat(ctx context.Context, prune bool) error {
	items, offers := s.held()
	var missed []made
	var over []uuid.UUID
	err := s.db.Steady(ctx, func(tx *storage.Tx) error {
		missed, over = nil, nil
		var fresh bool
		err := tx.QueryRow(ctx, `
			INSERT INTO queue_nodes (node, name, seen_at) VALUES ($1, $2, $3)
			ON CONFLICT (node) DO UPDATE SET seen_at = excluded.seen_at RETURNING xmax = 0`, s.node, s.name, tx.Now).Scan(&fresh)
		if err != nil {
			return err
		}
		if fresh && len(items) > 0 {
			if err := s.rejoin(ctx, tx, items); err != nil {
				return err
			}
		}
		if len(items) == 0 && len(offers) == 0 {
			return nil
		}
		if _, err := tx.Exec(ctx, `UPDATE queue_offers SET lease_until = $3 WHERE node = $1 AND state IN ('RESERVED', 'ALERTING') AND offer_id = ANY ($2)`,
			s.node, offers, tx.Now.Add(offerLease)); err != nil {
			return err
		}
		if missed, err = s.missedOffers(ctx, tx, offers); err != nil || !prune {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT offer_id FROM queue_offers WHERE offer_id = ANY ($1) AND state IN ('WRAP_UP', 'IDLE')`, offers)
		if err != nil {
			return err
		}
		over, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	if err != nil {
		return err
	}
	for _, m := range missed {
		s.receive(m)
	}
	s.mu.Lock()
	for _, id := range over {
		delete(s.offers, id)
	}
	s.mu.Unlock()
	return nil
}

// held returns the items of this node that wait and the offers it knows of.
func (s *Service) held() (items, offers []uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.local {
		items = append(items, id)
	}
	for id := range s.offers {
		offers = append(offers, id)
	}
	return items, offers
}

// receive hands an offer to its item's owner, once. An item that has gone meanwhile leaves it to its end.
func (s *Service) receive(m made) {
	s.mu.Lock()
	w := s.local[m.Offer.Item]
	_, known := s.offers[m.Offer.ID]
	if w != nil && !known {
		for _, o := range append([]Offer{m.Offer}, m.Offer.With...) {
			s.offers[o.ID] = localOffer{tenant: m.Tenant, item: o.Item, queue: o.Queue}
		}
	}
	s.mu.Unlock()
	if w != nil && !known {
		w.deliver(m.Offer)
	}
}

// missedOffers returns the reservations for this node's items that it has not heard of.
func (s *Service) missedOffers(ctx context.Context, tx *storage.Tx, known []uuid.UUID) ([]made, error) {
	rows, err := tx.Query(ctx, `
		SELECT o.tenant_id, o.node, o.offer_id, o.item_id, o.queue_id, o.agent_id, a.name, a.device, o.ring_seconds, o.auto_answer
		FROM queue_offers o JOIN queue_agents a USING (agent_id)
		WHERE o.node = $1 AND o.state = 'RESERVED' AND o.offer_id <> ALL ($2) ORDER BY o.item_id, o.offer_id`, s.node, append([]uuid.UUID{}, known...))
	if err != nil {
		return nil, err
	}
	var missed []made
	var m made
	var ring int
	o := &m.Offer
	_, err = pgx.ForEachRow(rows, []any{&m.Tenant, &m.Node, &o.ID, &o.Item, &o.Queue, &o.Agent, &o.AgentName, &o.Device, &ring, &o.AutoAnswer}, func() error {
		o.RingFor = time.Duration(ring) * time.Second
		if last := len(missed) - 1; last >= 0 && missed[last].Offer.Item == o.Item {
			missed[last].Offer.With = append(missed[last].Offer.With, *o)
		} else {
			missed = append(missed, m)
		}
		return nil
	})
	return missed, err
}

// rejoin puts back what others took for lost while this node could not say that it lived: its callers still hear the music. The place
// is the old one.
func (s *Service) rejoin(ctx context.Context, tx *storage.Tx, items []uuid.UUID) error {
	rows, err := tx.Query(ctx, `
		UPDATE queue_items SET state = CASE WHEN state = 'left' THEN 'waiting' ELSE state END, left_at = NULL, left_reason = NULL, node = $1
		WHERE item_id = ANY ($2) AND (node = $1 AND state = 'left' AND left_reason = 'node_lost' OR node = $3 AND state = 'waiting')
		RETURNING tenant_id, item_id, kind, queue_id, channel, priority, enqueued_at`, s.node, items, uuid.Nil)
	if err != nil {
		return err
	}
	var back []Queued
	var tenants []uuid.UUID
	var tenant uuid.UUID
	var q Queued
	if _, err := pgx.ForEachRow(rows, []any{&tenant, &q.Item, &q.Kind, &q.Queue, &q.Channel, &q.Priority, &q.EnqueuedAt}, func() error {
		back, tenants = append(back, q), append(tenants, tenant)
		return nil
	}); err != nil {
		return fmt.Errorf("wait again: %w", err)
	}
	for i, q := range back {
		s.wakeAfter(tx, tenants[i])
		if err := s.log.AppendFor(ctx, tx, tenants[i], "item.queued", q.Item, q); err != nil {
			return err
		}
	}
	return nil
}

// owe remembers an end that could not be stored: its owner is gone when the database is back, and agent and item would be stuck.
func (s *Service) owe(id uuid.UUID, end func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owed[id] = end
}

// pay stores the ends that are owed.
func (s *Service) pay(ctx context.Context) {
	s.mu.Lock()
	owed := maps.Clone(s.owed)
	s.mu.Unlock()
	for id, end := range owed {
		if err := end(ctx); err != nil {
			s.logger.Error("the end of a wait or an interaction is still not stored", "id", id, "owed", len(owed), "err", err)
			return
		}
		s.mu.Lock()
		delete(s.owed, id)
		s.mu.Unlock()
	}
}
