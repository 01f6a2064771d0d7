package calls

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/internal/storage/storagetest"
)

// Calls are found by their legs while they live, and nothing is kept of others: of a callback whose agent did not answer, say.
func TestLegsOfLiveCalls(t *testing.T) {
	s := &Switchboard{live: map[uuid.UUID]*Call{}, byLeg: map[uuid.UUID]*Call{}}
	s.metrics.active = prometheus.NewGauge(prometheus.GaugeOpts{})
	tenant, agent, customer := uuid.New(), uuid.New(), uuid.New()
	c := &Call{record: Record{ID: uuid.New(), Tenant: tenant, Legs: []LegRecord{{}, {ID: agent}}}}
	s.know(agent, c)
	if s.callWith(tenant, agent) != nil {
		t.Error("a call that does not live yet is found")
	}
	s.enlist(c)
	c.record.Legs[0].ID = customer
	s.know(customer, c)
	if s.callWith(tenant, agent) != c || s.callWith(tenant, customer) != c {
		t.Error("a call is not found by its legs")
	}
	if s.callWith(uuid.New(), agent) != nil {
		t.Error("another tenant finds it")
	}
	s.forget(c)
	if len(s.byLeg) != 0 {
		t.Errorf("%d legs are kept of a call that has ended", len(s.byLeg))
	}
}

// Where extensions cannot be looked up, what was dialled is not taken for a number that nobody has: that may be called outside.
func TestExtensionsAreAway(t *testing.T) {
	db := storagetest.New(t)
	tenant, away := storagetest.Tenant(t, db, "a"), errors.New("away")
	s := &Switchboard{numbers: NewNumbers(db, nil, nil, false)}
	for _, failed := range []error{nil, away} {
		s.cfg.Extensions = func(context.Context, uuid.UUID, string) (uuid.UUID, error) { return uuid.Nil, failed }
		_, err := s.reached(t.Context(), tenant, "8001")
		if unknown := errors.Is(err, ErrNumberNotFound); unknown != (failed == nil) || !errors.Is(err, failed) && failed != nil {
			t.Errorf("extensions fail with %v: %v", failed, err)
		}
	}
}
