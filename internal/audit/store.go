package audit

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

const rowColumns = `seq, at, actor, action, subject, data, hash`

type head struct {
	Seq  int64  `db:"seq"`
	Hash []byte `db:"hash"`
}

// lockHead returns where the chain ends and keeps others from adding to it until tx is over.
func lockHead(ctx context.Context, tx *storage.Tx, tenant uuid.UUID) (h head, err error) {
	err = tx.QueryRow(ctx, `
		INSERT INTO audit_heads (tenant_id, seq, hash) VALUES ($1, 0, '')
		ON CONFLICT (tenant_id) DO UPDATE SET seq = audit_heads.seq RETURNING seq, hash`, tenant).Scan(&h.Seq, &h.Hash)
	return h, err
}

func readHead(ctx context.Context, tx *storage.Tx) (h head, err error) {
	err = tx.QueryRow(ctx, `SELECT seq, hash FROM audit_heads`).Scan(&h.Seq, &h.Hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return head{}, nil
	}
	return h, err
}

func insert(ctx context.Context, tx *storage.Tx, tenant uuid.UUID, r Row) error {
	batch := &pgx.Batch{}
	batch.Queue(`INSERT INTO audit (tenant_id, `+rowColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		tenant, r.Seq, r.At, r.Actor, r.Action, r.Subject, r.Data, r.Hash)
	batch.Queue(`UPDATE audit_heads SET seq = $2, hash = $3 WHERE tenant_id = $1`, tenant, r.Seq, r.Hash)
	return tx.SendBatch(ctx, batch).Close()
}

const verifyBatch = 1000

func read(ctx context.Context, tx *storage.Tx, after int64) ([]Row, error) {
	rows, err := tx.Query(ctx, `SELECT `+rowColumns+` FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2`, after, verifyBatch)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Row])
}

func list(ctx context.Context, tx *storage.Tx, f Filter) ([]Row, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+rowColumns+` FROM audit
		WHERE ($1 = '' OR action = $1) AND ($2::uuid = '00000000-0000-0000-0000-000000000000' OR actor = $2)
			AND ($3::uuid = '00000000-0000-0000-0000-000000000000' OR subject = $3) AND ($4 = 0 OR seq < $4)
		ORDER BY seq DESC LIMIT $5`, f.Action, f.Actor, f.Subject, f.Before, f.Limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Row])
}
