package storage

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// opening is a transaction that begins with its first statement, in one round trip: most have two or three statements, and a round trip costs the
// program and PostgreSQL more than most of them. One without a statement never begins. What it has not got itself begins it alone.
type opening struct {
	pgx.Tx // nil: it has not begun
	conn   *pgx.Conn
	bind   string // sets the role, and what goes with it
	tenant []any  // its argument; nil: it takes none
}

// send begins the transaction with statements. The results are those of the statements; who asked closes them.
func (o *opening) send(ctx context.Context, statements ...*pgx.QueuedQuery) pgx.BatchResults {
	b := &pgx.Batch{}
	b.BeginTx(pgx.TxOptions{})
	b.Queue(o.bind, o.tenant...)
	b.QueuedQueries = append(b.QueuedQueries, statements...)
	results := o.conn.SendBatch(ctx, b)
	o.Tx = results.Tx()
	for range len(b.QueuedQueries) - len(statements) {
		if _, err := results.Exec(); err != nil {
			break // the statements' results say it again
		}
	}
	return results
}

// begun begins it alone, unless it has begun.
func (o *opening) begun(ctx context.Context) error {
	if o.Tx != nil {
		return nil
	}
	return o.send(ctx).Close()
}

// alone says whether a statement asks for something that a batch has not got: its first argument is an option of pgx.
func alone(args []any) bool {
	if len(args) == 0 {
		return false
	}
	switch args[0].(type) {
	case pgx.QueryExecMode, pgx.QueryResultFormats, pgx.QueryResultFormatsByOID:
		return true
	}
	return false
}

func queued(sql string, args []any) *pgx.QueuedQuery {
	return &pgx.QueuedQuery{SQL: sql, Arguments: args}
}

// Exec implements pgx.Tx. Without arguments it may be several statements, which a batch does not take as one.
func (o *opening) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if o.Tx == nil && len(args) > 0 && !alone(args) {
		results := o.send(ctx, queued(sql, args))
		tag, err := results.Exec()
		if failed := results.Close(); err == nil {
			err = failed
		}
		return tag, err
	}
	if err := o.begun(ctx); err != nil {
		return pgconn.CommandTag{}, err
	}
	return o.Tx.Exec(ctx, sql, args...)
}

// Query implements pgx.Tx.
func (o *opening) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if o.Tx == nil && !alone(args) {
		results := o.send(ctx, queued(sql, args))
		rows, err := results.Query()
		first := &firstRows{rows, results}
		if err != nil {
			first.Close()
		}
		return first, err
	}
	if err := o.begun(ctx); err != nil {
		return pgx.FailedBatchResults(&pgx.Batch{}, err).Query()
	}
	return o.Tx.Query(ctx, sql, args...)
}

// QueryRow implements pgx.Tx.
func (o *opening) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if o.Tx == nil && !alone(args) {
		results := o.send(ctx, queued(sql, args))
		return &firstRow{results.QueryRow(), results}
	}
	if err := o.begun(ctx); err != nil {
		return pgx.FailedBatchResults(&pgx.Batch{}, err).QueryRow()
	}
	return o.Tx.QueryRow(ctx, sql, args...)
}

// SendBatch implements pgx.Tx.
func (o *opening) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if o.Tx == nil {
		return o.send(ctx, b.QueuedQueries...)
	}
	return o.Tx.SendBatch(ctx, b)
}

// Begin implements pgx.Tx.
func (o *opening) Begin(ctx context.Context) (pgx.Tx, error) {
	if err := o.begun(ctx); err != nil {
		return nil, err
	}
	return o.Tx.Begin(ctx)
}

// CopyFrom implements pgx.Tx.
func (o *opening) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error) {
	if err := o.begun(ctx); err != nil {
		return 0, err
	}
	return o.Tx.CopyFrom(ctx, table, columns, rows)
}

// Prepare implements pgx.Tx.
func (o *opening) Prepare(ctx context.Context, name, sql string) (*pgconn.StatementDescription, error) {
	if err := o.begun(ctx); err != nil {
		return nil, err
	}
	return o.Tx.Prepare(ctx, name, sql)
}

// Conn implements pgx.Tx.
func (o *opening) Conn() *pgx.Conn { return o.conn }

// Commit implements pgx.Tx.
func (o *opening) Commit(ctx context.Context) error {
	if o.Tx == nil {
		return nil
	}
	return o.Tx.Commit(ctx)
}

// Rollback implements pgx.Tx.
func (o *opening) Rollback(ctx context.Context) error {
	if o.Tx == nil {
		return nil
	}
	return o.Tx.Rollback(ctx)
}

// firstRows are the rows of the statement that began a transaction, and end its batch.
type firstRows struct {
	pgx.Rows
	results pgx.BatchResults
}

// Close implements pgx.Rows.
func (r *firstRows) Close() {
	r.Rows.Close()
	_ = r.results.Close() // Err tells
}

// Next implements pgx.Rows, which closes itself at the end.
func (r *firstRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

// firstRow is the same for a statement of one row.
type firstRow struct {
	row     pgx.Row
	results pgx.BatchResults
}

// Scan implements pgx.Row.
func (r *firstRow) Scan(into ...any) error {
	err := r.row.Scan(into...)
	if failed := r.results.Close(); err == nil {
		err = failed
	}
	return err
}
