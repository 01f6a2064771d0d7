package recording

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
	"tandem/media/sound"
)

func insertRecording(ctx context.Context, tx *storage.Tx, id uuid.UUID, n NewRecording, node string, crm uuid.UUID, shares storage.Shares, began, deadline time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO recordings (tenant_id, recording_id, kind, call_id, queue_id, node, state, wrapped_key, crm_share, crm_key_id, started_at, deadline)
		VALUES ($1, $2, $3, $4, nullif($5, '00000000-0000-0000-0000-000000000000'::uuid), $6, $7, $8, $9, $10, $11, $12)`,
		n.Tenant, id, n.Kind, n.Call, n.Queue, node, Capturing, shares.Day, shares.CRM, crm, began, deadline)
	if err != nil {
		return fmt.Errorf("write the recording's row: %w", err)
	}
	return nil
}

// insertChunks leaves out what belongs to recordings that are gone meanwhile.
func insertChunks(ctx context.Context, db *storage.DB, rows []chunk) error {
	n := len(rows)
	tenants, ids, numbers := make([]uuid.UUID, n), make([]uuid.UUID, n), make([]int32, n)
	offsets, lengths, sums := make([]int64, n), make([]int32, n), make([][]byte, n)
	for i, c := range rows {
		tenants[i], ids[i], numbers[i] = c.tenant, c.recording, int32(c.number)
		offsets[i], lengths[i], sums[i] = c.offset, int32(c.length), rows[i].sum[:]
	}
	return db.Worker(ctx, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO recording_chunks (tenant_id, recording_id, chunk, file_offset, length, sha256)
			SELECT c.* FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::int[], $6::bytea[]) AS c (tenant_id, recording_id, chunk, file_offset, length, sha256)
			JOIN recordings r USING (recording_id) WHERE r.erased_at IS NULL
			ON CONFLICT DO NOTHING`, tenants, ids, numbers, offsets, lengths, sums)
		if err != nil {
			return fmt.Errorf("write the rows of chunks: %w", err)
		}
		return nil
	})
}

// get reads a recording's row and locks it.
func get(ctx context.Context, tx *storage.Tx, id uuid.UUID) (*row, error) {
	rows, err := tx.Query(ctx, `SELECT `+rowColumns+` FROM recordings WHERE recording_id = $1 FOR UPDATE`, id)
	if err != nil {
		return nil, fmt.Errorf("read the recording: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToAddrOfStructByName[row])
	if err != nil {
		return nil, storage.Missing(err, ErrNotFound)
	}
	return r, nil
}

// list reads rows of recordings without locking them.
func list(ctx context.Context, tx *storage.Tx, where string, args ...any) ([]*row, error) {
	rows, err := tx.Query(ctx, `SELECT `+rowColumns+` FROM recordings WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToAddrOfStructByName[row])
}

func collectIDs(rows pgx.Rows) ([]uuid.UUID, error) {
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

// step changes the state of a row that get has locked.
func (r *row) step(ctx context.Context, tx *storage.Tx, s Step) error {
	next, err := r.State.Next(s)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE recordings SET state = $2 WHERE recording_id = $1`, r.ID, next); err != nil {
		return fmt.Errorf("change the recording's state: %w", err)
	}
	r.State = next
	return nil
}

// sealing is how a capture ended.
type sealing struct {
	id         uuid.UUID
	format     sound.Format
	payload    int64
	whole      int64 // bytes of the file that a repair found good
	truncated  bool
	incomplete bool
}

// seal makes a capture a whole recording; one that is sealed already stays as it is.
func (s *Service) seal(ctx context.Context, tx *storage.Tx, end sealing) error {
	r, err := get(ctx, tx, end.id)
	if err != nil {
		return err
	}
	err = r.step(ctx, tx, StepSeal)
	if errors.Is(err, ErrStep) {
		return nil
	}
	if err != nil {
		return err
	}
	r.Encoding, r.Rate, r.Channels, r.Payload = int(end.format.Encoding), end.format.Rate, end.format.Channels, end.payload
	r.Truncated, r.Incomplete = end.truncated, end.incomplete
	_, err = tx.Exec(ctx, `UPDATE recordings SET encoding = $2, rate = $3, channels = $4, payload = $5, truncated = $6, incomplete = $7, ended_at = $8,
		incomplete_at = CASE WHEN $7 THEN $5::bigint END WHERE recording_id = $1`, r.ID, r.Encoding, r.Rate, r.Channels, r.Payload, r.Truncated, r.Incomplete, tx.Now)
	if err != nil {
		return fmt.Errorf("seal the recording: %w", err)
	}
	if err := s.cfg.Events.AppendFor(ctx, tx, r.Tenant, "recording.sealed", r.ID, r.event()); err != nil {
		return err
	}
	tx.AfterCommit(func() {
		s.metrics.made.Inc()
		s.wake()
	})
	return nil
}

// LinkTicket tells on which ticket of the tenant's CRM the recordings of a call belong; before that they wait. A recording keeps its
// first ticket.
func (s *Service) LinkTicket(ctx context.Context, tx *storage.Tx, tenant, call uuid.UUID, ticket string) error {
	_, err := tx.Exec(ctx, `UPDATE recordings SET ticket = $3 WHERE tenant_id = $1 AND call_id = $2 AND ticket IS NULL`, tenant, call, ticket)
	if err != nil {
		return fmt.Errorf("link the recording to its ticket: %w", err)
	}
	tx.AfterCommit(s.wake)
	return nil
}

// Waiting is one recording that is not yet on its ticket, as the admin page shows it: never its audio, its key or a number.
type Waiting struct {
	ID         uuid.UUID  `json:"id" db:"recording_id"`
	Call       uuid.UUID  `json:"call_id" db:"call_id"`
	Kind       Kind       `json:"kind" db:"kind"`
	State      State      `json:"state" db:"state"`
	StartedAt  time.Time  `json:"started_at" db:"started_at"`
	Deadline   time.Time  `json:"deadline" db:"deadline"`
	Seconds    float64    `json:"seconds" db:"seconds"`
	Parts      int        `json:"parts" db:"parts"`
	Confirmed  int        `json:"confirmed" db:"confirmed"`
	Attempts   int        `json:"attempts" db:"attempts"`
	NextTryAt  *time.Time `json:"next_try_at,omitempty" db:"next_try_at"`
	LastError  string     `json:"last_error,omitempty" db:"last_error"`
	HasTicket  bool       `json:"has_ticket" db:"has_ticket"`
	Ticket     string     `json:"ticket" db:"ticket" doc:"as the CRM calls it"`
	Warned     int        `json:"warned_days" db:"warned" doc:"the last of days 1, 3, 5 and 6 on which an alarm was raised, else 0"`
	Truncated  bool       `json:"truncated" db:"truncated"`
	Incomplete bool       `json:"incomplete" db:"incomplete"`
}

// Waiting lists a tenant's recordings that are being made or wait for the CRM, oldest first, after the one given (uuid.Nil: from the
// start), at most limit of them.
func (s *Service) Waiting(ctx context.Context, tenant, after uuid.UUID, limit int) (list []Waiting, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT r.recording_id, r.call_id, r.kind, r.state, r.started_at, r.deadline, r.truncated, r.incomplete, r.ticket IS NOT NULL AS has_ticket, regexp_replace(coalesce(r.ticket, ''), '^[^:]*:', '') AS ticket, r.warned,
				CASE WHEN r.rate > 0 THEN r.payload::float8 / (r.rate * r.channels * CASE WHEN r.encoding = 1 THEN 2 ELSE 1 END) ELSE 0 END AS seconds,
				count(p.part) AS parts, count(p.part) FILTER (WHERE p.state = 'confirmed') AS confirmed, coalesce(sum(p.attempts), 0) AS attempts,
				min(greatest(p.next_try_at, l.parked_until)) FILTER (WHERE p.state <> 'confirmed') AS next_try_at,
				coalesce(nullif(r.last_error, ''), (array_agg(p.last_error ORDER BY p.part) FILTER (WHERE p.last_error <> '' AND p.state <> 'confirmed'))[1], min(l.reason), '') AS last_error
			FROM recordings r LEFT JOIN recording_parts p USING (recording_id) LEFT JOIN recording_lanes l ON l.tenant_id = r.tenant_id AND l.parked_until > $3
			WHERE r.state IN ('capturing', 'sealed', 'planned', 'quarantined') AND r.recording_id > $1
			GROUP BY r.recording_id ORDER BY r.recording_id LIMIT $2`, after, limit, tx.Now)
		if err != nil {
			return fmt.Errorf("list waiting recordings: %w", err)
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByName[Waiting])
		return err
	})
	return list, err
}
