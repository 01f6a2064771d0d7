package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"tandem/internal/audit"
)

// serve runs everything that was built until ctx ends or a drain is over, and waits until all of it has stopped.
//
// Two circles: what carries calls stops first, and what calls need until their last word (queues, recording, the event log's followers)
// goes on until then.
func (a *app) serve(ctx context.Context) error {
	base, stopBase := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBase()
	under, base := errgroup.WithContext(base)
	for name, run := range a.services() {
		under.Go(func() error { return named(name, run(base)) })
	}

	front, stopFront := context.WithCancel(ctx)
	defer stopFront()
	over, front := errgroup.WithContext(front)
	over.Go(func() error { return named("calls", a.board.Run(front)) })
	over.Go(func() error { return named("browsers", a.hub.Run(front)) })
	over.Go(func() error { return named("drain", a.drainThenStop(front, stopFront)) })
	over.Go(func() error {
		// A service that fails takes the calls down in order; its error is reported below.
		select {
		case <-base.Done():
			stopFront()
		case <-front.Done():
		}
		return nil
	})
	server := &http.Server{Handler: a.api, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	over.Go(func() error { return named("http", serveHTTP(front, server, a)) })

	a.announce()
	if a.ready != nil {
		a.ready(a)
	}
	err := over.Wait()
	stopBase()
	return errors.Join(err, under.Wait())
}

func named(name string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// services are what calls stand on; they end after the last call.
func (a *app) services() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"media clock": a.clock.Run,
		"RTP ports":   a.ports.Run,
		"queues":      a.queues.Run,
		"chat":        a.chat.Run,
		"recording":   a.recording.Run,
		"trunks":      a.trunks.Run,
		"sip":         a.sip.Run,
		"bots":        a.bots.Run,
		"uploader":    a.uploader.Run,
		"crm":         a.crm.Run,
		"crmsync":     a.crmsync.Run,
		"webhooks":    a.webhooks.Run,
		"audit":       audit.Follow(a.db, a.bus, a.log).Run,
		"analytics":   a.analytics.Run,
		"jobs":        a.jobs.Run,
		"notify":      a.notify.Run,
		"actions":     a.actions.Run,
		"speech":      a.followQueues().Run,
	}
}

// serveHTTP serves until ctx ends; requests in progress get a few seconds to end.
func serveHTTP(ctx context.Context, server *http.Server, a *app) error {
	done := make(chan error, 1)
	go func() { done <- server.Serve(a.listener) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		_ = server.Close()
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

const drainReport = 5 * time.Second

// drainThenStop waits for the order to drain, refuses new calls from then on, says how many remain, and stops when the last has ended.
func (a *app) drainThenStop(ctx context.Context, stop func()) error {
	select {
	case <-ctx.Done():
		return nil
	case <-a.drain:
	}
	a.draining.Store(true)
	a.board.Drain()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	said := time.Time{}
	for {
		n := a.board.Active()
		if n == 0 {
			a.log.Info("drained: no call remains")
			stop()
			return nil
		}
		if time.Since(said) >= drainReport {
			said = time.Now()
			a.log.Info("draining: new calls are refused, a second signal ends now", "calls", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// announce tells people where things are.
func (a *app) announce() {
	a.log.Info("tandem serves", "version", version, "http", a.listener.Addr().String(), "sip_udp", a.sip.Addr("udp").String(), "node", a.cfg.Node.Name)
	if !a.demo {
		return
	}
	fmt.Printf(`
Tandem is up, with demo data.

  Screens    http://%[1]s/           sign in as agent1@demo.test, supervisor@demo.test or admin@demo.test; password %[2]s
  Customer   http://%[1]s/demo       calls from the web
  SIP        sip:1001@%[3]s    or any of 1000 to 1005 with a SIP phone on this machine
  API key    %[4]s

`, a.listener.Addr(), demoPassword, a.sip.Addr("udp"), a.apiKey)
}
