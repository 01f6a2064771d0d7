package calls

import (
	"context"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/media"
	"tandem/media/sound"
)

// MayCall brings a telephone number as somebody wrote it to the form in which it is called, or says why no call may go there.
type MayCall func(ctx context.Context, tenant uuid.UUID, number string) (string, error)

// Order is a call that an agent makes on a queue's behalf (V3.5): with its caller id and settings, and its wrap-up, whatever comes of it.
type Order struct {
	Agent  uuid.UUID
	Queue  uuid.UUID
	Number string // as somebody wrote it
	Name   string // the customer's, where it is known
	Data   map[string]string
	// Self: the agent asks at their own page, which answers without ringing; else their device rings first.
	Self bool
	Key  string // the order may come again under it, and is carried out once; "": it comes once
}

// Ordered is a call that has been begun.
type Ordered struct {
	Call   uuid.UUID `json:"call_id"`
	Number string    `json:"number"` // as it is called
}

var errNoRoom = fault.New(fault.Unavailable, "no_room", "The server takes no more calls at the moment; try again soon.")

// Dial makes a call: the agent is reserved, their device rings or answers by itself, then the customer is called. It returns as soon as the agent
// is reserved; how it goes on, the call's record tells.
func (s *Switchboard) Dial(ctx context.Context, tenant uuid.UUID, o Order) (Ordered, error) {
	data, err := orderData(o.Data)
	if err != nil {
		return Ordered{}, err
	}
	number, err := s.cfg.MayCall(ctx, tenant, o.Number)
	if err != nil {
		return Ordered{}, err
	}
	c := newOrdered(s, tenant, o, number)
	c.record.Headers = data
	if err := c.follows(ctx, o.Queue); err != nil {
		return Ordered{}, err
	}
	c.record.MadeFor = c.record.Queue
	if _, why := s.admit(c); why != "" {
		return Ordered{}, errNoRoom
	}
	d, err := s.queues.Dial(ctx, tenant, Dialling{Call: c.record.ID, Queue: o.Queue, Agent: o.Agent, Number: number, Key: o.Key})
	if err != nil || d.Place == nil {
		close(c.over)
		s.forget(c)
		return Ordered{d.Call, number}, err
	}
	c.place = d.Place
	go func() { // Run waits for it
		defer s.forget(c)
		c.carryOut(context.WithoutCancel(ctx), d.Offer, o.Self)
	}()
	return Ordered{d.Call, number}, nil
}

func orderData(values map[string]string) (Headers, error) {
	change := DataChange{Data: DataValues{}}
	for name, value := range values {
		change.Data[name] = &value
	}
	return Headers(values), change.Check()
}

// newOrdered makes a call with nobody on the line yet.
func newOrdered(s *Switchboard, tenant uuid.UUID, o Order, number string) *Call {
	now := s.db.Now()
	return makeCall(s, Record{
		ID: storage.NewID(), Tenant: tenant, Direction: Outbound, Number: number, Caller: Party{Number: number, Name: o.Name}, Transport: "trunk",
		StartedAt: now, StateAt: now, Legs: []LegRecord{{Direction: Outbound, Party: "customer", Device: "trunk", StartedAt: now}},
	})
}

// carryOut owns the call until it has ended.
func (c *Call) carryOut(ctx context.Context, o Offer, self bool) {
	ctx, cancel := context.WithTimeout(ctx, c.sb.cfg.MaxCallLength)
	defer cancel()
	why := c.reachAgent(ctx, o, self)
	if why == "" {
		why = c.reachCustomer(ctx, c.sb.cfg.DialTimeout)
	}
	if why == "" {
		c.lookWhoAnswers()
		why = c.talkWithCustomer(ctx)
	}
	result := "answered"
	if c.record.ConnectedAt == nil {
		if why == ReasonAgentHungUp {
			why = ReasonLeftDialing
		}
		result = string(why)
		c.report(ctx, AgentEnded) // wrap-up, also after a call that came to nothing
	}
	c.sb.metrics.dialled.WithLabelValues(result).Inc()
	if c.record.Legs[0].ID == uuid.Nil { // the customer was never called
		c.record.Legs = c.record.Legs[1:]
	}
	c.finish(ctx, why)
}

// reachAgent rings the device of the agent who is to make the call, or has their page answer. A reason means that it came to nothing.
func (c *Call) reachAgent(ctx context.Context, o Offer, self bool) Reason {
	c.offer = o.ID
	c.servedBy(o)
	c.step(StepQueue, "")
	c.step(StepOffer, "call.started")
	card := c.card()
	card.Outbound, card.RingFor = true, int(o.RingFor.Seconds())
	leg, err := c.sb.dialer.Dial(ctx, Target{
		Tenant: c.record.Tenant, Call: c.record.ID, Device: o.Device, Agent: o.Agent, Offer: o.ID, From: c.record.Caller, AutoAnswer: self, Card: card, Ring: c.plan.Ring,
	})
	if err != nil {
		c.log.Warn("an agent's device could not be dialled", "agent", o.Agent, "err", err)
		return ReasonAgentAway
	}
	c.addFar(leg, "agent", deviceKind(o.Device), o.Agent)
	c.report(ctx, AgentRinging)
	switch why := c.untilAnswered(ctx, o.RingFor); {
	case why == ReasonEndedByPerson || why == ReasonNodeStopped:
		return why
	case why != "" || !c.report(ctx, AgentAccepted):
		return ReasonAgentAway
	}
	c.answered(c.far)
	return ""
}

// answererScreen is a Leg whose user sees who has answered.
type answererScreen interface{ ShowAnswerer(a media.Answerer) }

// lookWhoAnswers finds out, beside the talk, whether a person or a machine has answered, and tells the agent.
func (c *Call) lookWhoAnswers() {
	if !c.plan.Detect {
		return
	}
	customer := c.customer.Stream()
	c.watchers.Go(func() {
		media.WhoAnswers(c.over, customer, sound.DefaultAMDRule, func(a media.Answerer) {
			_ = c.ask(context.Background(), func() *happening { // a call that has ended tells nobody
				c.answeredBy(a)
				return nil
			})
		})
	})
}

// answeredBy notes who has answered, and tells the agent. A machine that has beeped records what is said from then on.
func (c *Call) answeredBy(a media.Answerer) {
	c.record.Answerer = a.Who
	who := string(a.Who)
	if a.Beep {
		now := c.sb.db.Now()
		c.record.BeepAt, who = &now, "beep"
	}
	c.sb.metrics.answerers.WithLabelValues(who).Inc()
	if s, ok := c.far.(answererScreen); ok {
		s.ShowAnswerer(a)
	}
}
