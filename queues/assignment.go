package queues

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// assignment is a locked offer with its item and agent.
type assignment struct {
	offer, tenant, item, queue, agent uuid.UUID
	kind                              Kind
	itemLeft                          bool
	state                             State
	stateAt, madeAt                   time.Time
	lost                              time.Time // when its node was seen last; zero: it is not lost
	weight, missed, unreached         int
	alwaysAvailable, wrapAsked        bool
	row                               *lockedItem
	others                            holders        // the item's other live offers, where they are locked too
	levels                            *[]OwnSettings // of its queue; nil: not read yet
}

func (a *assignment) made() OfferMade {
	return OfferMade{Offer: a.offer, Item: a.item, Kind: a.kind, Queue: a.queue, Agent: a.agent}
}

// settings are those of the queue whose offer it is.
func (a *assignment) settings(ctx context.Context, tx *storage.Tx) (Settings, error) {
	if a.levels != nil {
		return inherit((*a.levels)[0], (*a.levels)[1:]), nil
	}
	return effective(ctx, tx, a.queue)
}

// lockedItem is an item's row that nobody else changes until the transaction ends.
type lockedItem struct {
	id, tenant, queue    uuid.UUID
	kind                 Kind // "": there is no such item
	left                 bool
	reason               LeaveReason // to have left; "": it has not
	priority             int
	enqueuedAt, joinedAt time.Time
	estimated            *float64
}

func (it *lockedItem) there() bool { return it.kind != "" }

// holders are the live offers of a locked item, by agent, and those agents locked.
type holders []*assignment

// queueItemLock locks an item, as part of a batch: whoever locks an item's agents, or changes its offers, has locked the item before.
func queueItemLock(b *pgx.Batch, item uuid.UUID) *lockedItem {
	it := &lockedItem{id: item}
	b.Queue(`
		SELECT tenant_id, queue_id, kind, state = 'left', coalesce(left_reason, ''), priority, enqueued_at, joined_at, estimated_wait::float8
		FROM queue_items WHERE item_id = $1 FOR UPDATE`, item).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&it.tenant, &it.queue, &it.kind, &it.left, &it.reason, &it.priority, &it.enqueuedAt, &it.joinedAt, &it.estimated)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return it
}

// queueHolders locks all agents who have an item that the batch has locked before, or are asked to take it, and their offers; the offer named
// too, whatever its state (uuid.Nil: none). Agents are locked in one order by everybody: of those who lock several, none waits for another who
// waits for it.
func queueHolders(b *pgx.Batch, it *lockedItem, offer uuid.UUID) *holders {
	all := &holders{}
	b.Queue(`
		SELECT o.offer_id, o.queue_id, o.agent_id, o.state, o.state_at, o.made_at, o.weight, o.wrap_asked, a.missed, a.unreached, a.always_available
		FROM queue_offers o JOIN queue_agents a USING (agent_id)
		WHERE o.item_id = $1 AND (o.state NOT IN ('WRAP_UP', 'IDLE') OR o.offer_id = $2) ORDER BY o.agent_id FOR UPDATE OF o, a`, it.id, offer).
		Query(func(rows pgx.Rows) (err error) {
			*all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*assignment, error) {
				a := &assignment{tenant: it.tenant, item: it.id, kind: it.kind, itemLeft: it.left, row: it}
				return a, row.Scan(&a.offer, &a.queue, &a.agent, &a.state, &a.stateAt, &a.madeAt, &a.weight, &a.wrapAsked, &a.missed, &a.unreached, &a.alwaysAvailable)
			})
			return err
		})
	return all
}

// take returns one of the offers with the others, which are live; ErrOfferGone: it is not among them.
func (all holders) take(offer uuid.UUID) (*assignment, error) {
	i := slices.IndexFunc(all, func(a *assignment) bool { return a.offer == offer })
	if i < 0 {
		return nil, ErrOfferGone
	}
	all[i].others = slices.Concat(all[:i], all[i+1:])
	return all[i], nil
}

// lockItem locks an item with its holders.
func lockItem(ctx context.Context, tx *storage.Tx, item uuid.UUID) (*lockedItem, holders, error) {
	b := &pgx.Batch{}
	it := queueItemLock(b, item)
	all := queueHolders(b, it, uuid.Nil)
	err := tx.SendBatch(ctx, b).Close()
	return it, *all, err
}

// lockAssignment locks the item of an offer, and the offer with its agent; ErrOfferGone when there is no such offer.
func lockAssignment(ctx context.Context, tx *storage.Tx, offer uuid.UUID) (*assignment, error) {
	var item uuid.UUID
	if err := tx.QueryRow(ctx, `SELECT item_id FROM queue_offers WHERE offer_id = $1`, offer).Scan(&item); err != nil {
		return nil, storage.Missing(err, ErrOfferGone)
	}
	b := &pgx.Batch{}
	all := queueHolders(b, queueItemLock(b, item), offer)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	return all.take(offer)
}

// endLive ends what an item has with agents; nothing when it has nobody.
func (s *Service) endLive(ctx context.Context, tx *storage.Tx, item uuid.UUID) error {
	_, all, err := lockItem(ctx, tx, item)
	if err != nil {
		return err
	}
	return s.withdraw(ctx, tx, all, string(OfferWithdrawn))
}

// withdraw ends live offers of one item.
func (s *Service) withdraw(ctx context.Context, tx *storage.Tx, offers holders, result string) (err error) {
	for _, a := range offers {
		if a.state.offered() || a.state == Connecting && !a.itemLeft {
			err = s.move(ctx, tx, a, moveDetail{result: result}, hWithdraw)
		} else {
			err = s.end(ctx, tx, a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
