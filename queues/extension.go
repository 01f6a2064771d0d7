package queues

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// engaged is the reason of agents who are BUSY because somebody calls them at their extension. Queues offer them nothing meanwhile.
const engaged = "extension"

// ErrEngaged says that an agent has something to do already.
var ErrEngaged = fault.New(fault.Conflict, "agent_engaged", "The agent is busy.")

const extensionRing = 30 * time.Second // of devices without a ring time of their own

// Engage keeps an agent for a call to their extension, whichever queues they serve, and says where to ring them. They are BUSY until Disengage. ErrNoAgent,
// ErrEngaged, and ErrSignedOut, which is also the answer where their device is not there, mean that nothing was done.
func (s *Service) Engage(ctx context.Context, tenant, agent uuid.UUID) (o Offer, err error) {
	o = Offer{Agent: agent, RingFor: extensionRing}
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var ring, used int
		var here, busy bool
		err := tx.QueryRow(ctx, `
			SELECT name, device, ring_seconds, used, (presence <> 'OFFLINE' OR always_available) AND barred <> 'UNREACHABLE',
				presence = 'BUSY' AND NOT always_available OR engaged_by IS NOT NULL
			FROM queue_agents WHERE agent_id = $1 AND archived_at IS NULL FOR UPDATE`, agent).Scan(&o.AgentName, &o.Device, &ring, &used, &here, &busy)
		switch {
		case err != nil:
			return storage.Missing(err, ErrNoAgent)
		case !here:
			return ErrSignedOut
		case busy || used > 0:
			return ErrEngaged
		}
		if ring > 0 {
			o.RingFor = time.Duration(ring) * time.Second
		}
		if _, err := tx.Exec(ctx, `UPDATE queue_agents SET engaged_by = $2 WHERE agent_id = $1`, agent, s.node); err != nil {
			return err
		}
		return s.changePresenceIn(ctx, tx, tenant, agent, func(r *presenceRow) {
			if r.presence != Offline { // who is always available says nothing of themselves
				r.presence, r.reason = Busy, engaged
			}
		})
	})
	return o, wrap("engage an agent", err)
}

// Disengage returns an agent whom Engage made BUSY to the presence that they had chosen, unless they have chosen another since. An error means that it is
// not stored yet: Run tries again until it is.
func (s *Service) Disengage(ctx context.Context, tenant, agent uuid.UUID) error {
	store := func(ctx context.Context) error {
		return s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error { return s.disengage(ctx, tx, tenant, agent, s.node) })
	}
	err := store(ctx)
	if err != nil {
		s.owe(agent, store)
	}
	return wrap("disengage an agent", err)
}

// disengage is Disengage for any node, in a transaction that may be a worker's.
func (s *Service) disengage(ctx context.Context, tx *storage.Tx, tenant, agent, node uuid.UUID) error {
	var here bool
	err := tx.QueryRow(ctx, `UPDATE queue_agents SET engaged_by = NULL WHERE agent_id = $1 AND engaged_by = $2 RETURNING archived_at IS NULL`, agent, node).Scan(&here)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil || !here: // who was archived in the call has no presence any more
		return err
	}
	return s.changePresenceIn(ctx, tx, tenant, agent, func(r *presenceRow) {
		if r.presence == Busy && r.reason == engaged {
			r.presence, r.reason = r.lastPresence, r.lastReason
		}
	})
}

// disengageAll is what becomes of the agents of a lost node's extension calls.
func (s *Service) disengageAll(ctx context.Context, shard int16, node uuid.UUID) error {
	return s.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT tenant_id, agent_id FROM queue_agents WHERE shard = $1 AND engaged_by = $2 ORDER BY agent_id FOR UPDATE`, shard, node)
		if err != nil {
			return err
		}
		type of struct{ Tenant, Agent uuid.UUID }
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[of])
		if err != nil {
			return err
		}
		for _, a := range all {
			if err := s.disengage(ctx, tx, a.Tenant, a.Agent, node); err != nil {
				return err
			}
		}
		return nil
	})
}
