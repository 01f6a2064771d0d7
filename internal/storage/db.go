// Package storage is what the nouns stand on: PostgreSQL with tenants kept apart by row-level security, the private PostgreSQL that a
// node runs when none is given, blobs, and keys.
package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem/internal/fault"
)

// Config says how to reach PostgreSQL.
type Config struct {
	URL      string           // libpq URL or key=value string
	MaxConns int32            // 0: 16; half of them, and 2 at least, are workers'
	Now      func() time.Time // nil: time.Now; every stored time comes from here, through Tx.Now
}

// DB is the database. Every statement runs in a transaction that is bound to one tenant (Tenant), or, for workers, to all (Worker).
type DB struct {
	tenants *pgxpool.Pool
	workers *pgxpool.Pool // of their own: PostgreSQL plans a statement anew where the role is another than last time
	now     func() time.Time
}

// Tx is one transaction. Now is the same instant for all of it, in UTC and cut to microseconds as PostgreSQL stores it.
type Tx struct {
	pgx.Tx
	Now    time.Time
	Tenant uuid.UUID // uuid.Nil in a Worker transaction
	after  *[]func()
}

// For is the same transaction on behalf of a tenant, for a worker that has come to one tenant's rows.
func (tx *Tx) For(tenant uuid.UUID) *Tx {
	of := *tx
	of.Tenant = tenant
	return &of
}

// AfterCommit runs f once the transaction has committed, in the order of the calls; never when it rolled back.
func (tx *Tx) AfterCommit(f func()) { *tx.after = append(*tx.after, f) }

// Open connects; it does not migrate.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	all := cmp.Or(cfg.MaxConns, 16)
	workers := max(2, all/2)
	db := &DB{now: cfg.Now}
	if db.now == nil {
		db.now = time.Now
	}
	var err error
	if db.tenants, err = openPool(ctx, cfg.URL, max(2, all-workers)); err != nil {
		return nil, err
	}
	if db.workers, err = openPool(ctx, cfg.URL, workers); err != nil {
		db.tenants.Close()
		return nil, err
	}
	return db, nil
}

const (
	appRole    = "tandem_app"
	workerRole = "tandem_worker"
	// What a transaction may see, and how it is planned, for it alone.
	bindTenant = "SELECT set_config('role', '" + appRole + "', true), set_config('tandem.tenant', $1, true)"
	bindWorker = "SELECT set_config('role', '" + workerRole + "', true)"
	bindSteady = bindWorker + ", set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)"
)

func openPool(ctx context.Context, url string, conns int32) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fault.New(fault.Invalid, "database_url", "database.url is not a PostgreSQL address.").WithField("database.url").Because(err)
	}
	pc.MaxConns = conns
	// Statements outside a transaction, if there ever are any, see no tenant and so no rows. A node that stands still in mid-transaction must
	// not keep its locks from the others: no transaction of ours waits for anything but the database.
	pc.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "SET ROLE "+appRole+"; SET idle_in_transaction_session_timeout = '30s'")
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("open the database pool: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fault.New(fault.Unavailable, "database_unreachable", "PostgreSQL does not answer; check database.url and that the server runs and is migrated.").Because(err)
	}
	return pool, nil
}

// Close waits for the connections in use and closes them.
func (db *DB) Close() {
	db.tenants.Close()
	db.workers.Close()
}

// Now is the clock of everything stored.
func (db *DB) Now() time.Time { return db.now().UTC().Truncate(time.Microsecond) }

// Ping asks the database for an answer.
func (db *DB) Ping(ctx context.Context) error { return db.tenants.Ping(ctx) }

// Pool is that of tenants' transactions, for tests of what it lets through. Nouns use Tenant and Worker.
func (db *DB) Pool() *pgxpool.Pool { return db.tenants }

// Reset closes all connections, those in use once they are given back: to a server that has gone and come back.
func (db *DB) Reset() {
	db.tenants.Reset()
	db.workers.Reset()
}

// Analyze has PostgreSQL look at how much is in the tables, as autovacuum does within a minute of many changes: after much was put in at once,
// plans fit from the first query on. Tables of another owner are left to autovacuum.
func (db *DB) Analyze(ctx context.Context) error {
	_, err := db.tenants.Exec(ctx, "RESET ROLE; ANALYZE; SET ROLE "+appRole)
	if err != nil {
		return fmt.Errorf("analyze the tables: %w", err)
	}
	return nil
}

// Tenant runs f in a transaction that sees and writes rows of one tenant only. It commits when f returns nil.
// A serialization failure or deadlock is tried again, at most three times, so f must have no effects outside tx but AfterCommit.
func (db *DB) Tenant(ctx context.Context, tenant uuid.UUID, f func(*Tx) error) error {
	if tenant == uuid.Nil {
		return errors.New("storage: a tenant transaction without a tenant")
	}
	return run(ctx, db, tenant, db.tenants, bindTenant, f)
}

// Worker runs f in a transaction that sees every tenant. Only log followers, sweepers and dispatchers use it; never a request.
func (db *DB) Worker(ctx context.Context, f func(*Tx) error) error {
	return run(ctx, db, uuid.Nil, db.workers, bindWorker, f)
}

// Steady is Worker for what is asked the same way many times a second, of tables that may be empty now and full in an hour: PostgreSQL plans each
// statement once for a connection, whatever its parameters are, and reads rows by their keys.
func (db *DB) Steady(ctx context.Context, f func(*Tx) error) error {
	return run(ctx, db, uuid.Nil, db.workers, bindSteady, f)
}

const maxTries = 4

func run(ctx context.Context, db *DB, tenant uuid.UUID, pool *pgxpool.Pool, bind string, f func(*Tx) error) error {
	var err error
	for range maxTries {
		err = once(ctx, db, tenant, pool, bind, f)
		if !retryable(err) {
			return err
		}
	}
	return err
}

func once(ctx context.Context, db *DB, tenant uuid.UUID, pool *pgxpool.Pool, bind string, f func(*Tx) error) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("begin a transaction of the tenant: %w", err)
	}
	defer conn.Release()
	ptx := &opening{conn: conn.Conn(), bind: bind}
	if tenant != uuid.Nil {
		ptx.tenant = []any{tenant.String()}
	}
	// A rollback after commit is a no-op; one after a cancelled context still has to reach the server.
	defer func() { _ = ptx.Rollback(context.WithoutCancel(ctx)) }()
	var after []func()
	tx := &Tx{Tx: ptx, Now: db.Now(), Tenant: tenant, after: &after}
	if err := f(tx); err != nil {
		return err
	}
	if err := ptx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	for _, f := range after {
		f()
	}
	return nil
}
