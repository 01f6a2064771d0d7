package storage

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"tandem/internal/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema up to this program's version, as the owner. Several nodes may call it at once: one works, the others wait.
// A schema newer than this program is refused.
func Migrate(ctx context.Context, url string, log *slog.Logger) error {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return fault.New(fault.Invalid, "database_url", "database.url is not a PostgreSQL address.").WithField("database.url").Because(err)
	}
	conn := stdlib.OpenDB(*cfg)
	defer conn.Close()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("make the migration lock: %w", err)
	}
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("open the embedded migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, conn, dir, goose.WithSessionLocker(locker), goose.WithAllowOutofOrder(true))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if err := refuseNewer(ctx, p); err != nil {
		return err
	}
	done, err := p.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	for _, m := range done {
		log.Info("migrated the database", "version", m.Source.Version, "took", m.Duration)
	}
	return migrateJobs(ctx, url, log)
}

func refuseNewer(ctx context.Context, p *goose.Provider) error {
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema version: %w", err)
	}
	if current > target {
		return fault.Newf(fault.Conflict, "schema_newer", "The database has schema version %d, this program knows %d: run the newer program, or restore a backup made before the upgrade.", current, target)
	}
	return nil
}
