package calls

import (
	"context"
	"sync"
	"time"

	"tandem/internal/fault"
)

const (
	// rightsEvery is how often the rights of those who listen are looked at; V4.3 gives 2 s for all of it.
	rightsEvery = time.Second
	rightsLimit = 5 * time.Second
)

// watchRights cuts supervisors off whose permission is gone, until ctx ends.
func (s *Switchboard) watchRights(ctx context.Context) {
	tick := time.NewTicker(rightsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var checks sync.WaitGroup
		for _, c := range s.supervised() {
			for _, o := range c.overseers() {
				checks.Go(func() { s.checkRight(ctx, c, o) })
			}
		}
		checks.Wait()
	}
}

// supervised are the calls of this node that somebody supervises.
func (s *Switchboard) supervised() (found []*Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.live {
		if len(c.overseers()) > 0 {
			found = append(found, c)
		}
	}
	return found
}

func (s *Switchboard) checkRight(ctx context.Context, c *Call, o overseer) {
	ctx, cancel := context.WithTimeout(ctx, rightsLimit)
	defer cancel()
	ok, err := s.stillMay(ctx, c, o)
	switch {
	case err != nil: // the database is away for a moment: the next look tells
		if ctx.Err() == nil {
			s.slog.Warn("a supervisor's right could not be checked", "call", o.Call, "err", err)
		}
	case !ok:
		s.slog.Info("a supervisor's permission is gone", "call", o.Call, "supervisor", o.Supervisor)
		o.leg.Hangup(CauseForbidden) // at once, whatever the call's owner is waiting for
	}
}

func (s *Switchboard) stillMay(ctx context.Context, c *Call, o overseer) (bool, error) {
	actor, err := s.cfg.Rights.Renew(ctx, o.actor)
	if fault.KindOf(err) == fault.Unauthorized {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	scope, err := actor.Allow(o.Mode.verb(), "calls")
	if err != nil {
		return false, nil //nolint:nilerr // the refusal is the answer
	}
	if sameReach(actor, o.actor) && scope == o.actor.Permissions.Scope(o.Mode.verb(), "calls") {
		return true, nil
	}
	at, err := c.supervisable(ctx)
	if err != nil {
		return false, err
	}
	return s.cfg.Rights.Reaches(ctx, actor, scope, at.agent, at.queue)
}
