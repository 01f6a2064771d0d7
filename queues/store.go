package queues

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

const queueColumns = `q.queue_id, coalesce(q.parent_id, '00000000-0000-0000-0000-000000000000'), q.kind, q.name, coalesce(q.key, 0), q.off,
	q.settings, q.paused, q.archived_at, q.changed_at,
	q.kind = 'queue' AND NOT EXISTS (SELECT FROM queues c WHERE c.parent_id = q.queue_id AND c.archived_at IS NULL)`

func scanQueue(row pgx.CollectableRow) (Queue, error) {
	var q Queue
	var settings []byte
	err := row.Scan(&q.ID, &q.Parent, &q.Kind, &q.Name, &q.Key, &q.Off, &settings, &q.Paused, &q.ArchivedAt, &q.ChangedAt, &q.Leaf)
	if err == nil {
		q.Own, err = readSettings(settings)
	}
	return q, err
}

// readQueue returns a node that is not archived, or ErrNoQueue.
func readQueue(ctx context.Context, tx *storage.Tx, id uuid.UUID) (Queue, error) {
	b := &pgx.Batch{}
	q := queueRow(b, id)
	err := tx.SendBatch(ctx, b).Close()
	return *q, err
}

// queueRow is readQueue as part of a batch.
func queueRow(b *pgx.Batch, id uuid.UUID) *Queue {
	q := &Queue{}
	b.Queue(`SELECT `+queueColumns+` FROM queues q WHERE q.queue_id = $1 AND q.archived_at IS NULL`, id).Query(func(rows pgx.Rows) (err error) {
		*q, err = pgx.CollectExactlyOneRow(rows, scanQueue)
		return storage.Missing(err, ErrNoQueue)
	})
	return q
}

func readTree(ctx context.Context, tx *storage.Tx) ([]Queue, error) {
	rows, err := tx.Query(ctx, `
		WITH RECURSIVE tree AS (
			SELECT queue_id AS id, ARRAY[lpad(coalesce(key, 10)::text, 2, '0') || name || queue_id] AS place
			FROM queues WHERE parent_id IS NULL AND archived_at IS NULL
			UNION ALL
			SELECT c.queue_id, t.place || (lpad(coalesce(c.key, 10)::text, 2, '0') || c.name || c.queue_id)
			FROM queues c JOIN tree t ON c.parent_id = t.id WHERE c.archived_at IS NULL)
		SELECT `+queueColumns+` FROM queues q JOIN tree t ON t.id = q.queue_id ORDER BY t.place`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanQueue)
}

// checkPlace holds the rules of where a node may stand: under a queue without agents, not below itself, on a free key.
func checkPlace(ctx context.Context, tx *storage.Tx, q Queue) error {
	if q.Parent != uuid.Nil {
		// The lock keeps agents and callers out while the parent becomes a menu.
		var kind QueueKind
		err := tx.QueryRow(ctx, `SELECT kind FROM queues WHERE queue_id = $1 AND archived_at IS NULL FOR UPDATE`, q.Parent).Scan(&kind)
		if err != nil {
			return storage.Missing(err, ErrNoQueue)
		}
		if kind != KindQueue {
			return invalid("parent", "Nothing can be put below a message.")
		}
		var agents, waiting, loop bool
		err = tx.QueryRow(ctx, `
			WITH RECURSIVE up AS (
				SELECT queue_id, parent_id FROM queues WHERE queue_id = $1
				UNION SELECT q.queue_id, q.parent_id FROM queues q JOIN up ON q.queue_id = up.parent_id)
			SELECT EXISTS (SELECT FROM queue_members WHERE queue_id = $1),
			       EXISTS (SELECT FROM queue_items WHERE queue_id = $1 AND state <> 'left'),
			       EXISTS (SELECT FROM up WHERE queue_id = $2)`, q.Parent, q.ID).Scan(&agents, &waiting, &loop)
		switch {
		case err != nil:
			return err
		case loop:
			return ErrLoop
		case agents:
			return ErrHasAgents
		case waiting:
			return ErrInUse
		}
	}
	if q.Key == 0 {
		return nil
	}
	var visible int
	var taken bool
	err := tx.QueryRow(ctx, `
		SELECT count(*), coalesce(bool_or(key = $3), false) FROM queues
		WHERE coalesce(parent_id, tenant_id) = $1 AND queue_id <> $2 AND key IS NOT NULL AND archived_at IS NULL`,
		level(tx, q), q.ID, q.Key).Scan(&visible, &taken)
	switch {
	case err != nil:
		return err
	case visible >= MaxKeys:
		return ErrLevelFull
	case taken:
		return ErrKeyTaken
	}
	return nil
}

func level(tx *storage.Tx, q Queue) uuid.UUID {
	if q.Parent == uuid.Nil {
		return tx.Tenant
	}
	return q.Parent
}

func insertQueue(ctx context.Context, tx *storage.Tx, q Queue) error {
	settings, err := json.Marshal(q.Own)
	if err != nil {
		return fmt.Errorf("encode queue settings: %w", err)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO queues (queue_id, tenant_id, parent_id, kind, name, key, off, settings, paused, created_at, changed_at)
		VALUES ($1, $2, nullif($3, '00000000-0000-0000-0000-000000000000'::uuid), $4, $5, nullif($6, 0), $7, $8, $9, $10, $10)`,
		q.ID, tx.Tenant, q.Parent, q.Kind, q.Name, q.Key, channels(q.Off), settings, q.Paused, tx.Now)
	return keyTaken(err)
}

func updateQueue(ctx context.Context, tx *storage.Tx, q Queue) error {
	settings, err := json.Marshal(q.Own)
	if err != nil {
		return fmt.Errorf("encode queue settings: %w", err)
	}
	_, err = tx.Exec(ctx, `
		UPDATE queues SET parent_id = nullif($2, '00000000-0000-0000-0000-000000000000'::uuid), name = $3, key = nullif($4, 0), off = $5,
			settings = $6, paused = $7, changed_at = $8
		WHERE queue_id = $1`, q.ID, q.Parent, q.Name, q.Key, channels(q.Off), settings, q.Paused, tx.Now)
	return keyTaken(err)
}

func keyTaken(err error) error {
	if storage.Duplicate(err, "queues_key") {
		return ErrKeyTaken.Because(err)
	}
	return err
}

func channels(off []Channel) []string {
	names := make([]string, len(off))
	for i, c := range off {
		names[i] = string(c)
	}
	return names
}

func archiveQueue(ctx context.Context, tx *storage.Tx, id uuid.UUID) error {
	if _, err := tx.Exec(ctx, `SELECT FROM queues WHERE queue_id = $1 FOR UPDATE`, id); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `
		UPDATE queues SET archived_at = $2, changed_at = $2, key = NULL
		WHERE queue_id = $1
		  AND NOT EXISTS (SELECT FROM queues WHERE parent_id = $1 AND archived_at IS NULL)
		  AND NOT EXISTS (SELECT FROM queue_items WHERE queue_id = $1 AND state <> 'left')
		  AND NOT EXISTS (SELECT FROM queue_callbacks WHERE queue_id = $1 AND state IN ('scheduled', 'waiting', 'dialing'))
		  AND NOT EXISTS (SELECT FROM queue_offers WHERE queue_id = $1 AND state <> 'IDLE')`, id, tx.Now)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrInUse
	}
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM queue_members WHERE queue_id = $1`, id)
	return err
}

// effective reads the settings in force; an archived queue keeps its own for what still refers to it.
func effective(ctx context.Context, tx *storage.Tx, id uuid.UUID) (Settings, error) {
	levels, err := readLevels(ctx, tx, id)
	if err != nil {
		return Settings{}, err
	}
	return inherit(levels[0], levels[1:]), nil
}

// readLevels reads the settings that a queue's are made of: the global ones first, its own last.
func readLevels(ctx context.Context, tx *storage.Tx, id uuid.UUID) ([]OwnSettings, error) {
	b := &pgx.Batch{}
	levels := queueLevels(b, id)
	err := tx.SendBatch(ctx, b).Close()
	return *levels, err
}

// queueLevels is readLevels as part of a batch: they are there once it was sent.
func queueLevels(b *pgx.Batch, id uuid.UUID) *[]OwnSettings {
	levels, _ := queueChain(b, id)
	return levels
}

// queueChain is queueLevels, and the names from the top of the tree down to the queue's own.
func queueChain(b *pgx.Batch, id uuid.UUID) (levels *[]OwnSettings, path *[]string) {
	levels, path = &[]OwnSettings{{}}, new([]string)
	b.Queue(`
		WITH RECURSIVE up AS (
			SELECT tenant_id, parent_id, name, settings, 0 AS height FROM queues WHERE queue_id = $1
			UNION ALL SELECT q.tenant_id, q.parent_id, q.name, q.settings, height + 1 FROM queues q JOIN up ON q.queue_id = up.parent_id)
		SELECT name, settings FROM (
			SELECT NULL AS name, settings, NULL AS height FROM queue_globals WHERE tenant_id = (SELECT tenant_id FROM up WHERE height = 0)
			UNION ALL SELECT name, settings, height FROM up) AS levels ORDER BY height DESC NULLS FIRST`, id).Query(func(rows pgx.Rows) error {
		var name *string // NULL: of the global settings
		var settings []byte
		_, err := pgx.ForEachRow(rows, []any{&name, &settings}, func() error {
			own, err := readSettings(settings)
			if name == nil {
				(*levels)[0] = own
			} else {
				*levels, *path = append(*levels, own), append(*path, *name)
			}
			return err
		})
		if err == nil && len(*path) == 0 {
			err = ErrNoQueue
		}
		return err
	})
	return levels, path
}

func readGlobal(ctx context.Context, tx *storage.Tx) (OwnSettings, error) {
	var b []byte
	err := tx.QueryRow(ctx, `SELECT settings FROM queue_globals WHERE tenant_id = $1`, tx.Tenant).Scan(&b)
	return globalSettings(b, err)
}

func globalSettings(b []byte, err error) (OwnSettings, error) {
	if errors.Is(err, pgx.ErrNoRows) {
		return OwnSettings{}, nil
	}
	if err != nil {
		return OwnSettings{}, err
	}
	return readSettings(b)
}

func writeGlobal(ctx context.Context, tx *storage.Tx, own OwnSettings) error {
	b, err := json.Marshal(own)
	if err != nil {
		return fmt.Errorf("encode queue settings: %w", err)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO queue_globals (tenant_id, settings) VALUES ($1, $2) ON CONFLICT (tenant_id) DO UPDATE SET settings = excluded.settings`, tx.Tenant, b)
	return err
}

// bumpConfig tells the shard's dispatcher that more has changed than items and agents.
func bumpConfig(ctx context.Context, tx *storage.Tx, shard int16) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO queue_shard_configs (shard, version) VALUES ($1, 1)
		ON CONFLICT (shard) DO UPDATE SET version = queue_shard_configs.version + 1`, shard)
	return err
}
