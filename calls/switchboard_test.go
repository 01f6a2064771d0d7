package calls

import (
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
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
