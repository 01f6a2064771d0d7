package storage

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// Job is what somebody will do later: its Kind names the work, its fields, kept as JSON, say on what. Row-level security does not reach
// the table of jobs, so the fields are ids and never personal data.
type Job = river.JobArgs

// Work is a kind of job, and who does it.
type Work struct {
	add      func(*river.Workers) error
	periodic *river.PeriodicJob
}

// Times of jobs. River wants rescueAfter above the time that a job may take.
const (
	jobLimit      = 50 * time.Second
	periodicLimit = time.Hour
	rescueAfter   = time.Minute // a job whose node was killed is done by another node so much later
	jobStop       = time.Second // at the end of the program, before a job's context ends
)

// Does has do called for each job of type J. A job that fails, or takes longer than 50 s, is tried again, later each time, ten times in
// all. It may run twice when its node dies, so it must bear that.
func Does[J Job](do func(context.Context, J) error) Work {
	return Work{add: func(w *river.Workers) error {
		return river.AddWorkerSafely(w, &worker[J]{do: do, limit: jobLimit})
	}}
}

// Every is Does for a job that becomes due by itself: once in each period, counted from midnight UTC, on one node of the installation. It
// is due offset after the period's begin, or at the program's start when it has not been done in this period.
func Every[J Job](period, offset time.Duration, do func(context.Context, J) error) Work {
	var job J
	due := func() (river.JobArgs, *river.InsertOpts) {
		return job, &river.InsertOpts{MaxAttempts: 3, UniqueOpts: river.UniqueOpts{ByPeriod: period}}
	}
	return Work{
		add: func(w *river.Workers) error {
			return river.AddWorkerSafely(w, &worker[J]{do: do, limit: min(period, periodicLimit)})
		},
		periodic: river.NewPeriodicJob(schedule{period, offset}, due, &river.PeriodicJobOpts{RunOnStart: true}),
	}
}

type worker[J Job] struct {
	river.WorkerDefaults[J]
	do    func(context.Context, J) error
	limit time.Duration
}

func (w *worker[J]) Work(ctx context.Context, job *river.Job[J]) error { return w.do(ctx, job.Args) }

func (w *worker[J]) Timeout(*river.Job[J]) time.Duration { return w.limit }

type schedule struct{ period, offset time.Duration }

// Next is the first due time after now.
func (s schedule) Next(now time.Time) time.Time {
	return now.Add(-s.offset).Truncate(s.period).Add(s.period + s.offset)
}

// Jobs keeps jobs in the database and does them. Of several nodes on one database each does some; a job is done by one.
type Jobs struct {
	db       *DB
	config   river.Config
	inserter *river.Client[pgx.Tx]
}

// warnings leaves out what River tells when all is well, each minute.
type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}

func (w warnings) WithAttrs(a []slog.Attr) slog.Handler { return warnings{w.Handler.WithAttrs(a)} }

func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }

// failures logs what jobs ran into, which River does not above its routine.
type failures struct{ log *slog.Logger }

func (f failures) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	f.log.ErrorContext(ctx, "a job failed", "kind", job.Kind, "attempt", job.Attempt, "of", job.MaxAttempts, "err", err)
	return nil
}

func (f failures) HandlePanic(ctx context.Context, job *rivertype.JobRow, panicked any, trace string) *river.ErrorHandlerResult {
	f.log.ErrorContext(ctx, "a job panicked", "kind", job.Kind, "attempt", job.Attempt, "of", job.MaxAttempts, "panic", panicked, "trace", trace)
	return nil
}

const jobsSchema = "river"

// NewJobs knows the work and starts nothing.
func NewJobs(db *DB, log *slog.Logger, work ...Work) (*Jobs, error) {
	j := &Jobs{db: db, config: river.Config{
		Schema: jobsSchema, Logger: slog.New(warnings{log.Handler()}), Workers: river.NewWorkers(), ErrorHandler: failures{log},
		JobTimeout: jobLimit, RescueStuckJobsAfter: rescueAfter, SoftStopTimeout: jobStop, MaxAttempts: 10,
		FetchPollInterval:   5 * time.Second, // notifications tell at once; this finds what they lost
		ReindexerIndexNames: []string{},      // only the tables' owner may, and workers are not
	}}
	for _, w := range work {
		if err := w.add(j.config.Workers); err != nil {
			return nil, fmt.Errorf("prepare the jobs: %w", err)
		}
	}
	var err error
	if j.inserter, err = river.NewClient(riverpgxv5.New(nil), &j.config); err != nil {
		return nil, fmt.Errorf("prepare the jobs: %w", err)
	}
	for _, w := range work {
		if w.periodic != nil {
			j.config.PeriodicJobs = append(j.config.PeriodicJobs, w.periodic)
		}
	}
	j.config.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2}}
	return j, nil
}

// Enqueue has a job done soon after tx commits, and never when it rolls back. Its kind must be known to NewJobs.
func (j *Jobs) Enqueue(ctx context.Context, tx *Tx, job Job) error {
	if _, err := j.inserter.InsertTx(ctx, tx.Tx, job, nil); err != nil {
		return fmt.Errorf("enqueue the job %s: %w", job.Kind(), err)
	}
	return nil
}

// Run does jobs until ctx ends, and waits for those it is doing.
func (j *Jobs) Run(ctx context.Context) error {
	pool, err := j.workerPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	config := j.config
	client, err := river.NewClient(riverpgxv5.New(pool), &config)
	if err != nil {
		return fmt.Errorf("make the jobs' client: %w", err)
	}
	if err := client.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("start doing jobs: %w", err)
	}
	<-client.Stopped()
	return nil
}

// workerPool is River's own: its statements belong to no tenant and must not wait behind those of calls.
func (j *Jobs) workerPool(ctx context.Context) (*pgxpool.Pool, error) {
	cfg := j.db.tenants.Config()
	cfg.MaxConns = 4 // one of them listens
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "SET ROLE tandem_worker")
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open the jobs' pool: %w", err)
	}
	return pool, nil
}

// jobsLock is any number that nobody else locks.
const jobsLock = 0x74616e64656d6a62

// migrateJobs brings River's tables up to the linked River. Nodes that start at once wait for each other.
func migrateJobs(ctx context.Context, url string, log *slog.Logger) error {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return fmt.Errorf("open a pool to migrate the jobs: %w", err)
	}
	defer pool.Close()
	lock, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to migrate the jobs: %w", err)
	}
	defer lock.Release()
	if _, err := lock.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(jobsLock)); err != nil {
		return fmt.Errorf("lock the migration of the jobs: %w", err)
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: jobsSchema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("read the migrations of the jobs: %w", err)
	}
	done, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	if err != nil {
		return fmt.Errorf("migrate the jobs: %w", err)
	}
	for _, m := range done.Versions {
		log.Info("migrated the tables of jobs", "version", m.Version, "took", m.Duration)
	}
	return nil
}
