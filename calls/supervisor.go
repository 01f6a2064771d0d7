package calls

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/media"
)

// supervisor is somebody who listens to the call, or speaks in it beside the agent. The call's owner owns it.
type supervisor struct {
	Supervision
	actor   auth.Actor
	leg     Leg
	heardAs SupervisionMode // the mode in force; Mode is where it goes, once nobody would hear a gap
}

// supervisionScreen is a Leg whose user sees how their supervision stands.
type supervisionScreen interface{ ShowSupervision(v Supervision) }

func (c *Call) supervisorWith(id uuid.UUID) *supervisor {
	for _, sup := range c.supervisors {
		if sup.ID == id {
			return sup
		}
	}
	return nil
}

// oversee takes a supervisor in. They hear the call once their leg is answered.
func (c *Call) oversee(leg Leg, v Supervision, actor auth.Actor) error {
	if slices.ContainsFunc(c.supervisors, func(s *supervisor) bool { return s.Supervisor == v.Supervisor }) {
		return ErrSupervising
	}
	c.supervisors = append(c.supervisors, &supervisor{Supervision: v, actor: actor, leg: leg, heardAs: Monitor})
	c.sb.metrics.supervised.Inc()
	c.watch(leg)
	c.showOverseers()
	return nil
}

// overseerDid deals with what a supervisor's leg did; false: it is no supervisor's.
func (c *Call) overseerDid(h legHappening) bool {
	i := slices.IndexFunc(c.supervisors, func(s *supervisor) bool { return s.leg == h.leg })
	if i < 0 {
		return false
	}
	switch sup := c.supervisors[i]; h.event {
	case LegAnswered:
		sup.State, sup.Since = SupervisionOn, c.sb.db.Now()
		c.repaint()
		if err := c.setMode(sup, sup.Mode); err != nil {
			c.endSupervision(sup, SupervisionFailed)
		}
	case "":
		c.endSupervision(sup, SupervisionEndOf(sup.leg.Cause()))
	default:
	}
	return true
}

// SupervisionEndOf is what the end of a supervisor's leg means.
func SupervisionEndOf(cause Cause) SupervisionEnd {
	switch cause {
	case CauseForbidden:
		return SupervisionForbidden
	case CauseNormal:
		return SupervisionStopped
	case CauseBusy:
		return SupervisionOwnCall
	case CauseUnreachable, CauseMediaLost:
		return SupervisionLost
	default:
		return SupervisionFailed
	}
}

const (
	primeWithin = 80 * time.Millisecond
	primeLook   = 10 * time.Millisecond
)

// setMode brings a supervisor's mode about. Whoever will hear a sum instead of one party hears it when its buffers have filled: they fill because
// the supervisor listens already.
func (c *Call) setMode(sup *supervisor, mode SupervisionMode) error {
	if mode == TakeOver && (!c.state.Connected() || c.far == nil) {
		return ErrNobodyToReplace
	}
	sup.Mode = mode
	if sup.State != SupervisionOn {
		return nil
	}
	if mode == Monitor || mode == TakeOver || c.primed() {
		c.heardNow(sup)
		return nil
	}
	id := sup.ID
	c.watchers.Go(func() { c.whenPrimed(id) })
	c.showOverseers()
	return nil
}

func (c *Call) primed() bool {
	if c.mixer == nil || c.far == nil || c.customer == nil {
		return c.mixer != nil
	}
	return c.mixer.Primed(c.customer.Stream(), c.far.Stream())
}

// whenPrimed waits for the buffers, and not for long.
func (c *Call) whenPrimed(supervision uuid.UUID) {
	tick := time.NewTicker(primeLook)
	defer tick.Stop()
	limit := time.Now().Add(primeWithin)
	for done := false; !done; {
		select {
		case <-c.over:
			return
		case <-tick.C:
		}
		err := c.ask(context.Background(), func() *happening {
			sup := c.supervisorWith(supervision)
			if done = sup == nil || c.primed() || time.Now().After(limit); done && sup != nil {
				c.heardNow(sup)
			}
			return nil
		})
		if err != nil {
			return
		}
	}
}

// heardNow puts a supervisor's mode into force.
func (c *Call) heardNow(sup *supervisor) {
	if sup.Mode == TakeOver {
		c.takeOver(sup)
		return
	}
	sup.heardAs = sup.Mode
	c.repaint()
	c.recordSupervisor(sup)
	c.showOverseers()
}

// recordSupervisor keeps those who were audible among the legs of the call record.
func (c *Call) recordSupervisor(sup *supervisor) {
	i := c.legIndex(sup.leg)
	switch {
	case sup.heardAs.audible() && i < 0:
		now, supervisor := c.sb.db.Now(), sup.Supervisor
		c.record.Legs = append(c.record.Legs, LegRecord{
			ID: sup.leg.ID(), Direction: sup.leg.Direction(), Party: "supervisor", Agent: &supervisor, Device: "browser",
			StartedAt: now, AnsweredAt: &now, Codec: sup.leg.Stream().Format().Codec.Name,
		})
	case sup.heardAs.audible():
		c.record.Legs[i].EndedAt, c.record.Legs[i].Cause = nil, ""
	case i >= 0:
		c.closeLeg(i, sup.leg, CauseNormal)
	}
}

// showOverseers lets those outside, and the supervisors' pages, see who supervises.
func (c *Call) showOverseers() {
	all := make([]overseer, len(c.supervisors))
	for i, sup := range c.supervisors {
		all[i] = overseer{sup.Supervision, sup.actor, sup.leg}
		sup.show()
	}
	c.overseen.Store(&all)
}

func (sup *supervisor) show() {
	if s, ok := sup.leg.(supervisionScreen); ok {
		s.ShowSupervision(sup.Supervision)
	}
}

// endSupervision lets a supervisor go; nobody else hears a difference but for their voice.
func (c *Call) endSupervision(sup *supervisor, cause SupervisionEnd) {
	c.forgetSupervisor(sup, cause)
	c.repaint()
	if i := c.legIndex(sup.leg); i >= 0 {
		c.closeLeg(i, sup.leg, CauseNormal)
	}
	c.gone = append(c.gone, sup.leg)
	sup.leg.Hangup(CauseNormal)
}

// endSupervisions lets all supervisors go at the end of the call.
func (c *Call) endSupervisions() {
	for len(c.supervisors) > 0 {
		c.endSupervision(c.supervisors[0], SupervisionCallEnded)
	}
}

func (c *Call) forgetSupervisor(sup *supervisor, cause SupervisionEnd) {
	c.supervisors = slices.DeleteFunc(c.supervisors, func(s *supervisor) bool { return s == sup })
	c.sb.metrics.supervised.Dec()
	began := sup.State == SupervisionOn
	sup.State, sup.Cause = SupervisionEnded, cause
	e := SupervisionEvent{Supervision: sup.ID, Supervisor: sup.Supervisor, Mode: sup.Mode, Cause: cause}
	if began {
		e.Seconds = c.sb.db.Now().Sub(sup.Since).Seconds()
	}
	c.sb.journal.add(entry{record: c.record, event: "call.supervision_ended", data: e, actor: sup.Supervisor})
	c.showOverseers()
	sup.show()
}

// takeOver puts a supervisor into the agent's place: the agent goes into wrap-up, the customer talks on, and the record names both.
func (c *Call) takeOver(sup *supervisor) {
	ctx, cancel := context.WithTimeout(context.Background(), reportLimit)
	defer cancel()
	agent := c.far
	c.endGuests(ctx) // they were the agent's, and whom they asked
	c.withdrawRinging(ctx)
	c.away = false // it is nobody's concern any more whether the agent comes back
	sup.heardAs = TakeOver
	c.recordSupervisor(sup)
	c.forgetSupervisor(sup, SupervisionTakenOver)
	c.far = sup.leg
	c.join()
	agent.Stream().Play(media.Silence())
	if i := c.legIndex(agent); i >= 0 {
		c.closeLeg(i, agent, CauseNormal)
	}
	c.gone = append(c.gone, agent)
	agent.Hangup(CauseNormal)
	supervisor := sup.Supervisor
	c.record.TakenOverBy, c.record.TakenOverName = &supervisor, sup.Name
	c.timer.Stop()
	c.rehear()
	if c.state == StateHeld {
		c.settleHold()
		c.step(StepResume, "")
	}
	c.show()
	c.showRecording()
	c.note("call.taken_over")
	c.free(ctx, &c.engaged)
	if c.place != nil {
		c.report(ctx, AgentEnded)
		c.leavePlace(ctx, LeavesHandled)
	}
}

// sameReach says whether an actor's reach is what it was.
func sameReach(a, b auth.Actor) bool { return slices.Equal(a.Teams, b.Teams) && a.User == b.User }
