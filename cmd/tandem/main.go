// Command tandem is the contact-centre server.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// version is stamped by the build.
var version = "dev"

type commands struct {
	Serve       serveCommand       `cmd:"" help:"Serve calls, screens and the API."`
	Migrate     migrateCommand     `cmd:"" help:"Bring the database's schema up to this program's version."`
	Tenant      tenantCommand      `cmd:"" help:"Manage tenants."`
	CheckConfig checkConfigCommand `cmd:"" name:"check-config" help:"Check a configuration file."`
	Version     versionCommand     `cmd:"" help:"Print the version."`

	FakeCRM      fakeCRMCommand      `cmd:"" name:"fake-crm" help:"Play CRMs, without an account, and show their tickets."`
	FakeChannels fakeChannelsCommand `cmd:"" name:"fake-channels" help:"Play the customers of all messaging channels, without an account."`
}

type serveCommand struct {
	Config string `help:"Configuration file (YAML)." type:"existingfile"`
	Demo   bool   `help:"Fill in the demo tenant; listen on loopback only."`
}

type migrateCommand struct {
	Config string `help:"Configuration file (YAML)." type:"existingfile"`
}

type checkConfigCommand struct {
	File string `arg:"" help:"Configuration file (YAML)."`
}

type versionCommand struct{}

func main() {
	var c commands
	k := kong.Parse(&c, kong.Name("tandem"), kong.Description("An open contact-centre server."), kong.UsageOnError())
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "tandem:", sentence(err))
		os.Exit(1)
	}
}

// sentence is what a person at the terminal needs: the sentence of a fault, then what is behind it.
func sentence(err error) string {
	var f *fault.Error
	if errors.As(err, &f) && f.Err != nil {
		return f.Message + " (" + f.Err.Error() + ")"
	}
	return err.Error()
}

// Run serves until the first SIGTERM or SIGINT, then drains; the second one ends at once.
func (s serveCommand) Run() error {
	cfg, err := loadConfig(s.Config, os.Environ())
	if err != nil {
		return err
	}
	// A core dump would hold keys and voices.
	if err := noDumps(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	drain := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		close(drain)
		<-signals
		stop()
	}()
	a := &app{cfg: cfg, demo: s.Demo, log: newLogger(cfg.Log.Level), drain: drain}
	return a.run(ctx)
}

// Run migrates and ends.
func (m migrateCommand) Run() error {
	cfg, err := loadConfig(m.Config, os.Environ())
	if err != nil {
		return err
	}
	log := newLogger(cfg.Log.Level)
	ctx := context.Background()
	url := cfg.Database.URL
	if url == "" {
		private := storage.NewPrivate(storage.PrivateConfig{Dir: cfg.Data.Dir, Log: log})
		if url, err = private.Start(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, private.Stop(ctx)) }()
	}
	if err = storage.Migrate(ctx, url, log); err == nil {
		fmt.Println("The schema is up to date.")
	}
	return err
}

// Run says whether the file is good.
func (c checkConfigCommand) Run() error {
	if _, err := loadConfig(c.File, nil); err != nil {
		return err
	}
	fmt.Println(c.File + " is good.")
	return nil
}

// Run prints the version.
func (versionCommand) Run() error {
	fmt.Println("tandem", version)
	return nil
}

func newLogger(level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo // loadConfig has checked it
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: l}))
}

// noDumps keeps this process's memory from core files, and from other processes of the same user.
func noDumps() error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("switch core dumps off: %w", err)
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0); errno != 0 {
		return fmt.Errorf("switch core dumps off: %w", errno)
	}
	return nil
}
