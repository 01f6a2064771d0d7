package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"tandem/internal/auth"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/recording"
)

type tenantCommand struct {
	Delete deleteTenantCommand `cmd:"" help:"Destroy a tenant's keys and delete all that is kept for it, at once and for good."`
}

type deleteTenantCommand struct {
	Slug    string `arg:"" help:"The tenant's short name."`
	Config  string `help:"Configuration file (YAML)." type:"existingfile"`
	Confirm string `help:"The short name once more; without it, it is asked for." placeholder:"SLUG"`
}

var errNotConfirmed = fault.New(fault.Invalid, "tenant_not_confirmed", "Nothing was deleted: the short name was not typed again.")

// Run deletes the tenant, whether a server runs or not.
func (d deleteTenantCommand) Run() (err error) {
	cfg, err := loadConfig(d.Config, os.Environ())
	if err != nil {
		return err
	}
	if err := d.confirmed(os.Stdin, os.Stdout); err != nil {
		return err
	}
	ctx, log := context.Background(), newLogger(cfg.Log.Level)
	url, stop, err := databaseBeside(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	db, err := storage.Open(ctx, storage.Config{URL: url, MaxConns: 4})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := deleteTenant(ctx, cfg, db, log, d.Slug); err != nil {
		return err
	}
	fmt.Println("The tenant " + d.Slug + " is deleted: its keys are destroyed, and nothing of it is sent any more.")
	return nil
}

func (d deleteTenantCommand) confirmed(in io.Reader, out io.Writer) error {
	if d.Confirm == "" {
		fmt.Fprintf(out, "This destroys all that is kept for %s, recordings that wait for delivery included. Type its short name again: ", d.Slug)
		line, err := bufio.NewReader(in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the confirmation: %w", err)
		}
		d.Confirm = strings.TrimSpace(line)
	}
	if d.Confirm != d.Slug {
		return errNotConfirmed
	}
	return nil
}

func deleteTenant(ctx context.Context, cfg *Config, db *storage.DB, log *slog.Logger, slug string) error {
	keys, err := cfg.openKeys()
	if err != nil {
		return err
	}
	bus, err := events.NewBus(events.BusConfig{}, log)
	if err != nil {
		return err
	}
	defer bus.Close()
	users, err := auth.New(db, auth.Config{})
	if err != nil {
		return err
	}
	t, err := users.TenantBySlug(ctx, slug)
	if err != nil {
		return err
	}
	// It is none of the nodes: each of those removes its own files.
	recordings, err := recording.New(recording.Config{
		DB: db, Events: events.NewLog(bus), Bus: bus, Keys: keys, Log: log, Dir: filepath.Join(cfg.Data.Dir, "spool"),
	})
	if err != nil {
		return err
	}
	return recordings.DeleteTenant(ctx, t.ID)
}

// databaseBeside is the URL of the database, that of a server which runs already where there is one.
func databaseBeside(ctx context.Context, cfg *Config, log *slog.Logger) (url string, stop func() error, err error) {
	stop = func() error { return nil }
	if cfg.Database.URL != "" {
		return cfg.Database.URL, stop, nil
	}
	private := storage.NewPrivate(storage.PrivateConfig{Dir: cfg.Data.Dir, Log: log})
	url, err = private.Start(ctx)
	var f *fault.Error
	if errors.As(err, &f) && f.Code == "data_dir_in_use" {
		return private.URL(), stop, nil
	}
	return url, func() error { return private.Stop(ctx) }, err
}
