package analytics

import (
	"time"

	"github.com/google/uuid"

	"tandem/internal/events"
	"tandem/queues"
)

// offer is an item that an agent has, or is asked to take: a row of report_offers.
type offer struct {
	Tenant    uuid.UUID    `json:"tenant_id"`
	ID        uuid.UUID    `json:"offer_id"`
	Item      uuid.UUID    `json:"item_id"`
	Queue     uuid.UUID    `json:"queue_id"`
	Agent     uuid.UUID    `json:"agent_id"`
	Kind      queues.Kind  `json:"kind"`
	State     queues.State `json:"state"`
	Since     time.Time    `json:"since"`
	Accepted  bool         `json:"accepted"`
	Connected bool         `json:"connected"`
	Ring      float64      `json:"ring"`
	Talk      float64      `json:"talk"`
	Hold      float64      `json:"hold"`
	WrapUp    float64      `json:"wrap_up"`

	over bool
}

func (p *projection) made(e events.Event, m *queues.OfferMade) {
	p.offers[m.Offer] = &offer{ID: m.Offer, Tenant: e.Tenant, Item: m.Item, Queue: m.Queue, Agent: m.Agent, Kind: m.Kind, State: queues.Reserved, Since: e.At}
}

// stateChanged takes an offer, and its agent, from state to state.
func (p *projection) stateChanged(e events.Event, c *queues.StateChanged) {
	a := p.agentAt(e, c.Agent)
	if c.Offer == uuid.Nil { // a bar is lifted
		a.Barred = ""
		return
	}
	o := p.offers[c.Offer]
	if o == nil || o.over {
		return // its beginning was purged
	}
	was := o.State
	if c.Lost.IsZero() {
		o.spend(e.At)
	} else {
		o.spend(c.Lost)
	}
	o.State, o.Since = c.State, e.At
	if handles(c.State) && !handles(was) {
		a.has(o.Kind, 1)
	}
	if !handles(c.State) && handles(was) {
		a.has(o.Kind, -1)
	}
	switch c.State {
	case queues.Connecting:
		if !o.Accepted {
			o.Accepted = true
			p.rang(o, e.At)
		}
	case queues.Interacting:
		if !o.Connected {
			o.Connected = true
			if o.Kind != queues.Outbound { // which call.ended counts
				p.agentCounts(o, e.At).Handled++
			}
			if v := p.visits[o.Item]; v != nil && v.LeftAt == nil {
				v.Agent, v.changed = &o.Agent, true
			}
		}
	case queues.NotResponding, queues.Unreachable:
		a.Barred = c.State
	}
	if c.State == queues.Idle || c.State == queues.NotResponding || c.State == queues.Unreachable {
		p.offerOver(o, was, e.At)
	}
}

// spend books the time since the last change to the state that the offer was in.
func (o *offer) spend(at time.Time) {
	d := max(0, at.Sub(o.Since).Seconds())
	o.Since = at
	switch o.State {
	case queues.Reserved, queues.Alerting:
		o.Ring += d
	case queues.Interacting:
		o.Talk += d
	case queues.Held:
		o.Hold += d
	case queues.WrapUp:
		o.WrapUp += d
	case queues.Recovering:
		if o.Connected {
			o.Talk += d
		}
	}
}

// handles says whether an agent in s is busy with an item: from the acceptance to the end of wrap-up.
func handles(s queues.State) bool {
	switch s {
	case queues.Connecting, queues.Interacting, queues.Held, queues.Recovering, queues.WrapUp:
		return true
	}
	return false
}

// rang counts an offer, once, when it is known what the agent did with it.
func (p *projection) rang(o *offer, at time.Time) {
	if o.Kind == queues.Outbound {
		return
	}
	q, a := p.queue(o.Tenant, o.Queue, at), p.agentCounts(o, at)
	q.Offers++
	a.Offers++
	q.Ring += o.Ring
	a.Ring += o.Ring
}

func (p *projection) agentCounts(o *offer, at time.Time) *AgentCounts {
	return p.facts.agent(o.Tenant, o.Agent, o.Queue, at)
}

// offerOver ends an offer: an interaction counts with all its time in the interval in which its wrap-up ended.
func (p *projection) offerOver(o *offer, was queues.State, at time.Time) {
	o.over = true
	if !o.Accepted {
		p.rang(o, at)
	}
	v := p.visits[o.Item]
	if o.Kind == queues.Outbound {
		return
	}
	if !o.Connected {
		if v != nil && v.LeftAt == nil {
			v.WithdrawnAt, v.WithdrawnIn, v.changed = &at, was, true
		}
		return
	}
	q, a := p.queue(o.Tenant, o.Queue, at), p.agentCounts(o, at)
	q.Completed++
	a.Completed++
	q.Talk, a.Talk = q.Talk+o.Talk, a.Talk+o.Talk
	q.Hold, a.Hold = q.Hold+o.Hold, a.Hold+o.Hold
	q.WrapUp, a.WrapUp = q.WrapUp+o.WrapUp, a.WrapUp+o.WrapUp
	if v != nil && v.Queue == o.Queue && v.Outcome == queues.LeftHandled {
		v.Talk, v.Hold, v.WrapUp, v.changed = v.Talk+o.Talk, v.Hold+o.Hold, v.WrapUp+o.WrapUp, true
	}
}

// offerEnded comes in the transaction of the change of state that ended the offer, after it.
func (p *projection) offerEnded(e events.Event, d *queues.OfferEnded) {
	q, a := p.queue(e.Tenant, d.Queue, e.At), p.facts.agent(e.Tenant, d.Agent, d.Queue, e.At)
	switch queues.OfferResult(d.Result) {
	case queues.OfferMissed:
		q.Missed++
		a.Missed++
	case queues.OfferDeclined:
		q.Declined++
		a.Declined++
	case queues.OfferUnreachable:
		q.Unreachable++
		a.Unreachable++
	}
}
