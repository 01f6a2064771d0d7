package calls

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// guest is a party besides the customer and the agent, whom the agent has asked in: to be consulted while the customer hears music, or to talk
// with the customer too.
type guest struct {
	rung
	Transfer
	state    guestState
	transfer int       // in the record
	lost     time.Time // when their page was lost; zero: it is there
}

func (g *guest) here() bool { return g.lost.IsZero() }

// guestState is how far a guest is in the call.
type guestState string

// The states of a guest.
const (
	guestAsked     guestState = "asked"     // their device rings
	guestConsulted guestState = "consulted" // talks with the agent; the customer does not hear them
	guestJoined    guestState = "joined"    // talks with the customer too, unless the agent holds the call
	guestLeft      guestState = "left"
)

// guestStep is what moves a guest.
type guestStep string

const (
	guestAnswers guestStep = "answers"
	guestJoins   guestStep = "joins"
	guestLeaves  guestStep = "leaves"
)

var guestSteps = map[guestState]map[guestStep]guestState{
	guestAsked:     {guestAnswers: guestConsulted, guestLeaves: guestLeft},
	guestConsulted: {guestJoins: guestJoined, guestLeaves: guestLeft},
	guestJoined:    {guestLeaves: guestLeft},
	guestLeft:      {},
}

// next is the state after a step. An error means a mistake in this package.
func (s guestState) next(step guestStep) (guestState, error) {
	if to, ok := guestSteps[s][step]; ok {
		return to, nil
	}
	return s, fmt.Errorf("a guest who is %s cannot: %s", s, step)
}

// MaxParties is how many legs a call may have, those who only listen not counted (V3.1).
const MaxParties = 16

func (c *Call) moveGuest(g *guest, step guestStep) {
	to, err := g.state.next(step)
	if err != nil {
		c.log.Error("a guest took an impossible step", "err", err)
	}
	g.state = to
}

func (c *Call) guestOf(leg Leg) *guest {
	for _, g := range c.guests {
		if g.leg == leg {
			return g
		}
	}
	return nil
}

// consulting says whether anybody is there whom the customer has not met.
func (c *Call) consulting() bool {
	return slices.ContainsFunc(c.guests, func(g *guest) bool { return g.state == guestConsulted })
}

// receive takes in a guest who has answered. They meet the customer at once where the agent talks with them.
func (c *Call) receive(ctx context.Context, g *guest) {
	c.moveGuest(g, guestAnswers)
	c.guests = append(c.guests, g)
	g.Here()
	if s, ok := g.leg.(screen); ok {
		s.Show(StateTalking) // whoever else hears it
	}
	if c.state == StateTalking {
		c.joinGuest(ctx, g)
	}
	c.guestsChanged("call.consulted")
}

// guestsChanged lets everybody hear and see who is there now.
func (c *Call) guestsChanged(event string) {
	c.repaint()
	if c.state == StateTalking {
		c.rehear()
	}
	c.show()
	c.showRecording()
	c.note(event)
}

// joinGuest lets a guest talk with the customer from the next picture on.
func (c *Call) joinGuest(ctx context.Context, g *guest) {
	c.moveGuest(g, guestJoins)
	c.settle(g.transfer, transferJoined)
	c.reportGuest(ctx, g, AgentTalking)
	if !g.here() {
		c.reportGuest(ctx, g, AgentLost)
	}
}

// reportGuest tells the queues of a guest who is an agent.
func (c *Call) reportGuest(ctx context.Context, g *guest, step AgentStep) {
	if g.offer.ID != uuid.Nil {
		c.reportOf(ctx, g.offer.ID, step)
	}
}

// joinAll lets those whom the agent consults talk with the customer too.
func (c *Call) joinAll(ctx context.Context) {
	if !c.consulting() {
		return
	}
	for _, g := range c.guests {
		if g.state == guestConsulted {
			c.joinGuest(ctx, g)
		}
	}
	c.resume(ctx)
	c.showRecording()
	c.note("call.joined")
}

// removing is a Leg whose user may send others away.
type removing interface {
	// Remove is the leg of whom LegAskRemove told of last.
	Remove() uuid.UUID
}

// sendAway lets the guest go whom the agent sends away.
func (c *Call) sendAway(ctx context.Context) {
	leg, ok := c.far.(removing)
	if !ok {
		return
	}
	id := leg.Remove()
	if at := slices.IndexFunc(c.guests, func(g *guest) bool { return g.leg.ID() == id }); at >= 0 {
		c.guestLeaves(ctx, c.guests[at], CauseCancelled)
	}
}

// dismissConsulted ends the consultation: who has not met the customer leaves.
func (c *Call) dismissConsulted(ctx context.Context) {
	for _, g := range slices.Clone(c.guests) {
		if g.state == guestConsulted {
			c.guestLeaves(ctx, g, CauseCancelled)
		}
	}
}

// guestLeaves lets a guest go. cause is why, for whoever asked them in; the others stay.
func (c *Call) guestLeaves(ctx context.Context, g *guest, cause Cause) {
	met := g.state == guestJoined
	c.moveGuest(g, guestLeaves)
	c.guests = slices.DeleteFunc(c.guests, func(other *guest) bool { return other == g })
	hangUp := CauseNormal
	if cause == CauseMediaLost {
		hangUp = cause
	}
	c.stopRinging(g.rung, hangUp)
	c.letOff(ctx, g.offer, AgentEnded)
	if !met {
		c.settle(g.transfer, string(cause))
		g.Done(cause)
	}
	c.guestsChanged("call.party_left")
}

// guestDid deals with what a guest's leg did.
func (c *Call) guestDid(ctx context.Context, h happening) {
	g := c.guestOf(h.leg)
	switch {
	case g == nil:
	case h.kind == otherGone:
		c.guestLeaves(ctx, g, h.leg.Cause())
	case h.event == LegAskTransfer: // the customer is not theirs
		declineTransfer(h.leg)
	case h.event == LegLost:
		c.loseGuest(ctx, g, time.Now(), AgentLost)
	case h.event == LegBack:
		c.loseGuest(ctx, g, time.Time{}, AgentBack)
		delete(c.ears, h.leg.Stream())
		c.repaint()
	}
}

// loseGuest notes since when a guest's page is lost; the zero time: it is back. Of those whom the customer has not met the queues know nothing yet.
func (c *Call) loseGuest(ctx context.Context, g *guest, at time.Time, step AgentStep) {
	g.lost = at
	if g.state == guestJoined {
		c.reportGuest(ctx, g, step)
	}
	c.awaitGuests()
}

// awaitGuests sets the time when the first guest whose page is lost is given up: they have as long to come back as the agent (V3.4).
func (c *Call) awaitGuests() {
	c.patience.Stop()
	var first time.Time
	for _, g := range c.guests {
		if !g.here() && (first.IsZero() || g.lost.Before(first)) {
			first = g.lost
		}
	}
	if !first.IsZero() {
		c.patience.Reset(time.Until(first.Add(c.sb.cfg.LostGrace)))
	}
}

// giveUpGuests lets those guests go whose pages have not come back in time; the others stay.
func (c *Call) giveUpGuests(ctx context.Context) {
	for _, g := range slices.Clone(c.guests) {
		if !g.here() && time.Since(g.lost) >= c.sb.cfg.LostGrace {
			c.guestLeaves(ctx, g, CauseMediaLost)
		}
	}
	c.awaitGuests()
}

// endGuests lets all guests go: the call ends, or the caller waits again.
func (c *Call) endGuests(ctx context.Context) {
	for len(c.guests) > 0 {
		c.guestLeaves(ctx, c.guests[0], CauseCancelled)
	}
}

// stays says whether the call goes on when its far party leaves: with whom they asked in. An agent who was lost while they consulted somebody has
// left nobody to talk with the customer.
func (c *Call) stays(lost bool) bool {
	return len(c.guests) > 0 && (!lost || c.state == StateTalking)
}

// handOn lets the agent leave, or the party who has their place, and the guests talk on with the customer: that completes an attended transfer.
// One of them gets the agent's place: an agent, if there is one whose page is there, else anybody who is. Where all pages are lost, one has the agent's time
// to come back, and then the customer waits again.
func (c *Call) handOn(ctx context.Context) Reason {
	at := slices.IndexFunc(c.guests, func(g *guest) bool { return g.offer.Agent != uuid.Nil && g.here() })
	if at < 0 {
		at = max(0, slices.IndexFunc(c.guests, (*guest).here))
	}
	to := c.guests[at]
	for _, g := range c.guests {
		if g != to && g.state == guestConsulted {
			c.joinGuest(ctx, g)
		}
	}
	c.guests = slices.Delete(c.guests, at, at+1)
	c.settle(to.transfer, transferDone)
	to.Done("")
	c.letGo(ctx)
	c.away = !to.here()
	return c.goOnWith(ctx, to.rung)
}

// goOnWith lets the caller talk with a party in the place of the agent, who leaves.
func (c *Call) goOnWith(ctx context.Context, to rung) Reason {
	if to.offer.ID == uuid.Nil {
		c.handOver(ctx)
		c.far = to.leg
		if to.offer.Agent != uuid.Nil {
			c.reachedAtExtension(to.offer)
		}
		c.bridge(ctx, false)
		return c.talk(ctx)
	}
	c.letGo(ctx)
	c.far, c.offer = to.leg, to.offer.ID
	c.servedBy(to.offer)
	return c.withAgent(ctx)
}
