package calls

import (
	"context"
	"slices"
	"time"
)

// detailPatience is how long Detail waits for a call's owner, who may be waiting for the database.
const detailPatience = 300 * time.Millisecond

// Detail brings a row of a live call up to this moment: state and legs with their quality now. A call of another node stays as it was written last.
func (s *Switchboard) Detail(ctx context.Context, row *CallRow) {
	s.mu.Lock()
	c := s.live[row.ID]
	s.mu.Unlock()
	if c == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, detailPatience)
	defer cancel()
	err := c.ask(ctx, func() *happening {
		row.Record = c.record
		row.Legs = slices.Clone(c.record.Legs)
		row.Redactions, row.Deflected = slices.Clone(row.Redactions), slices.Clone(row.Deflected)
		for _, leg := range c.legs() {
			if i := c.legIndex(leg); i >= 0 {
				row.Legs[i].Quality = leg.Stream().Quality()
			}
		}
		return nil
	})
	if err != nil {
		s.slog.Debug("a call's details are those written last", "call", row.ID, "err", err)
	}
}

// legs are the legs that are there now.
func (c *Call) legs() (all []Leg) {
	for _, leg := range []Leg{c.customer, c.far} {
		if leg != nil {
			all = append(all, leg)
		}
	}
	for _, sup := range c.supervisors {
		all = append(all, sup.leg)
	}
	return all
}
