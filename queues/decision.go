package queues

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// firstPassed is how many agents who did not get an item its decision names; the others are counted.
const firstPassed = 20

// Decision is why an item was offered to an agent (Q3.4).
type Decision struct {
	At         time.Time      `json:"at"`
	Item       uuid.UUID      `json:"item"`
	Queue      uuid.UUID      `json:"queue"`
	Offer      uuid.UUID      `json:"offer"`
	Agent      uuid.UUID      `json:"agent"`
	AgentName  string         `json:"agent_name"`
	Algorithm  Algorithm      `json:"algorithm"`
	IdleSince  time.Time      `json:"idle_since"`
	Priority   int            `json:"priority"`
	EnqueuedAt time.Time      `json:"enqueued_at"`
	Waiting    int            `json:"waiting"` // items of this kind that waited in the queue, this one included
	Others     map[string]int `json:"others"`  // how many other agents of the queue were passed over, by reason
	First      []Passed       `json:"first"`   // the first of them
}

// Passed is an agent who did not get an item. Reason is idle_shorter (was next in line), offline, away, busy, not_responding, unreachable
// or no_capacity.
type Passed struct {
	Agent     uuid.UUID `json:"agent"`
	Name      string    `json:"name"`
	Reason    string    `json:"reason"`
	IdleSince time.Time `json:"idle_since"`
}

// Decisions returns the decisions on an item, oldest first.
func (s *Service) Decisions(ctx context.Context, tenant, item uuid.UUID) (ds []Decision, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT at, decision FROM queue_decisions WHERE item_id = $1 ORDER BY at, decision_id`, item)
		if err != nil {
			return err
		}
		ds, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d Decision, err error) {
			var at time.Time
			err = row.Scan(&at, &d)
			d.At = at
			return d, err
		})
		return err
	})
	return ds, wrap("read decisions", err)
}
