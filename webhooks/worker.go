package webhooks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"tandem/internal/egress"
	"tandem/internal/events"
	"tandem/internal/storage"
)

// follow writes the events of a batch that endpoints asked for into the outbox.
func (s *Service) follow(ctx context.Context, tx *storage.Tx, batch []events.Event) error {
	var tenants []uuid.UUID
	for _, e := range batch {
		if makers[e.Type] != nil && !slices.Contains(tenants, e.Tenant) {
			tenants = append(tenants, e.Tenant)
		}
	}
	if tenants == nil {
		return nil
	}
	endpoints, err := readFollowers(ctx, tx, tenants)
	if err != nil {
		return err
	}
	var all []message
	for _, e := range batch {
		for _, f := range endpoints {
			if f.Tenant != e.Tenant || e.At.Before(f.Since) || !slices.Contains(f.Events, e.Type) {
				continue
			}
			b, err := body(e, f.Personal)
			if err != nil { // an older or newer program wrote it; the others must go on
				s.log.Error("an event is not told to endpoints", "event", e.ID, "type", e.Type, "err", err)
				break
			}
			all = append(all, message{tenant: e.Tenant, endpoint: f.ID, id: e.ID, typ: e.Type, body: b})
		}
	}
	if len(all) == 0 {
		return nil
	}
	tx.AfterCommit(s.wake)
	return insertDeliveries(ctx, tx, all)
}

// work empties the outbox: it takes as much as there are workers free, and looks again when one is done, when it is woken, and from time to
// time. A delivery whose worker died is taken again when its lease has run out, with the same webhook-id.
func (s *Service) work(ctx context.Context) {
	wake, stop := s.cfg.Bus.Wake(wakeSubject)
	defer stop()
	poll := time.NewTicker(s.cfg.Poll)
	defer poll.Stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	done := make(chan struct{}, s.cfg.Workers)
	free := s.cfg.Workers
	for {
		jobs, err := s.claim(ctx, free)
		if err != nil && ctx.Err() == nil {
			s.log.Error("the outbox of webhooks tries again", "err", err)
		}
		for _, j := range jobs {
			free--
			wg.Go(func() {
				defer func() { done <- struct{}{} }()
				s.attempt(ctx, j)
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-done:
			free++
		case <-wake:
		case <-poll.C:
		}
	}
}

func (s *Service) claim(ctx context.Context, n int) (jobs []job, err error) {
	if n == 0 {
		return nil, nil
	}
	err = s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		jobs, err = claim(ctx, tx, n, max(1, s.cfg.Workers/2), 2*s.cfg.Timeout)
		return err
	})
	return jobs, err
}

// attempt sends a delivery and notes what came of it.
func (s *Service) attempt(ctx context.Context, j job) {
	began := s.cfg.DB.Now()
	clock := time.Now()
	o := s.send(ctx, j, began)
	took := time.Since(clock)
	if o.failure != "" && ctx.Err() != nil {
		return // this program ends; it was no fault of the endpoint's
	}
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := s.finish(keep, j, o, began, took); err != nil {
		s.log.Error("what became of a webhook is not noted; the lease will run out", "delivery", j.ID, "err", err)
	}
}

// longestAnswer is what is read of an answer, so that its connection can be used again.
const longestAnswer = 64 << 10

func (s *Service) send(ctx context.Context, j job, now time.Time) outcome {
	secrets, err := s.secrets(ctx, j)
	if err != nil {
		s.log.Error("the secret of a webhook cannot be opened", "endpoint", j.Endpoint, "err", err)
		return outcome{failure: FailureSecret}
	}
	limit, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limit, http.MethodPost, j.URL, strings.NewReader(j.Body))
	if err != nil {
		return unanswered(egress.ErrAddress)
	}
	if err := s.cfg.Guard.Check(req.URL); err != nil {
		return unanswered(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Tandem-Webhooks/1")
	if err := sign(req.Header, j.Message, now, []byte(j.Body), secrets...); err != nil {
		return outcome{failure: FailureSecret}
	}
	res, err := s.client.Do(req)
	if err != nil {
		return unanswered(err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, longestAnswer) // the status says it all
	return answered(res, now)
}

// finish notes a try, and switches off an endpoint that wants nothing more or has taken nothing for days.
func (s *Service) finish(ctx context.Context, j job, o outcome, began time.Time, took time.Duration) error {
	var state State
	err := s.cfg.DB.Tenant(ctx, j.Tenant, func(tx *storage.Tx) error {
		var next time.Time
		state, next = o.next(j.Tries, j.Round, tx.Now, s.cfg.TryFor, luck())
		mine, err := note(ctx, tx, j, o, began, took, state, next)
		if err != nil {
			return fmt.Errorf("note a try: %w", err)
		}
		if !mine {
			return errLost
		}
		failing, err := answeredBy(ctx, tx, j, o)
		if err != nil {
			return err
		}
		switch {
		case o.failure == FailureGone:
			return s.disable(ctx, tx, j.Endpoint, DisabledGone)
		case failing != nil && tx.Now.Sub(*failing) >= s.cfg.DisableAfter:
			return s.disable(ctx, tx, j.Endpoint, DisabledFailing)
		}
		return nil
	})
	if errors.Is(err, errLost) {
		s.sent.WithLabelValues("lost").Inc()
		return nil // whoever has it now notes it
	}
	if err == nil {
		result := "retry"
		if state != Waiting {
			result = string(state)
		}
		s.sent.WithLabelValues(result).Inc()
	}
	return err
}

var errLost = errors.New("another worker has the delivery")

func (s *Service) disable(ctx context.Context, tx *storage.Tx, endpoint uuid.UUID, why Disabled) error {
	first, err := switchOff(ctx, tx, endpoint, why)
	if err != nil || !first {
		return err
	}
	return s.cfg.Events.Append(ctx, tx, "webhook.disabled", endpoint, map[string]Disabled{"why": why})
}
