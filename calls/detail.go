package calls

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// presentPatience is how long a reader waits for a call's owner, who may be waiting for the database.
const presentPatience = time.Second

// present is the record of a call that lives on this node as it is now, with the quality of its legs; false: it does not live here, or its
// owner is busy.
func (s *Switchboard) present(ctx context.Context, tenant, id uuid.UUID) (r Record, ok bool) {
	c := s.here(tenant, id)
	if c == nil {
		return r, false
	}
	ctx, cancel := context.WithTimeout(ctx, presentPatience)
	defer cancel()
	err := c.ask(ctx, func() *happening {
		r = c.record.clone()
		for _, leg := range c.legs() {
			if i := c.legIndex(leg); i >= 0 {
				r.Legs[i].Quality = leg.Stream().Quality()
			}
		}
		return nil
	})
	return r, err == nil
}

// legs are the legs that are there now.
func (c *Call) legs() (all []Leg) {
	for _, leg := range []Leg{c.customer, c.far} {
		if leg != nil {
			all = append(all, leg)
		}
	}
	for _, g := range c.guests {
		all = append(all, g.leg)
	}
	for _, sup := range c.supervisors {
		all = append(all, sup.leg)
	}
	return all
}
