package calls

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/internal/events"
	"tandem/internal/storage"
)

// transferring is a Leg whose user may send the other party elsewhere.
type transferring interface{ Transfer() (Transfer, bool) }

// earlySound is a Leg that may hear something before it is answered.
type earlySound interface{ Early() error }

// Transfer is where the user of a leg wants the other party sent: a telephone by REFER (RFC 3515), a browser by its page. One of Agent, Queue,
// Number and Instead is given. Ringing and Done tell the user how it goes; they may be called from anywhere.
type Transfer struct {
	Agent   uuid.UUID
	Queue   uuid.UUID
	Number  string    // as dialled
	Instead uuid.UUID // a leg of another call, the user's own, whose place the other party is to have (RFC 3891)
	Name    string    // of the agent or the queue
	By      string    // extension of the telephone that asks
	Hold    bool      // the other party hears music meanwhile, and is taken back where it fails
	Consult bool      // whoever answers talks with the user first (attended), and goes on with the other party when the user leaves
	Ringing func()
	Here    func()              // of consultations: they talk with the user
	Done    func(refused Cause) // "" is success; otherwise they do not have the call
}

// TransferKind is what a call was transferred to.
type TransferKind string

// What calls are transferred to.
const (
	TransferToAgent   TransferKind = "agent"
	TransferToQueue   TransferKind = "queue"
	TransferToNumber  TransferKind = "number"  // one of the tenant's own
	TransferToOutside TransferKind = "outside" // a telephone, or an address, that a number leads to
)

// TransferRecord is a transfer that an agent asked for.
type TransferRecord struct {
	At     time.Time    `json:"at"`
	By     *uuid.UUID   `json:"by_agent_id,omitempty"`
	ByName string       `json:"by_name,omitempty"`
	Kind   TransferKind `json:"kind" enum:"agent,queue,number,outside"`
	Agent  *uuid.UUID   `json:"agent_id,omitempty"`
	Queue  *uuid.UUID   `json:"queue_id,omitempty"`
	Name   string       `json:"name"`             // of the agent or the queue, or the number
	Result string       `json:"result,omitempty"` // done, joined (a conference), or the cause of the failure; missing before

	Attended bool `json:"attended,omitempty"` // the agent talked with them first, or tried to
}

// Results of transfers that succeeded.
const (
	transferDone   = "done"
	transferJoined = "joined"
)

// transferRing is how long a transfer's target rings at most.
const transferRing = 30 * time.Second

// transfer sends the caller where the agent asks, unannounced (blind): to another agent, to a queue, to one of the tenant's own numbers, or to one
// outside that the dialer lets out. moved: the call went on there, and has ended.
func (c *Call) transfer(ctx context.Context) (why Reason, moved bool) {
	if t, asked := transferOf(c.far); asked {
		return c.sendOn(ctx, t)
	}
	return "", false
}

func (c *Call) sendOn(ctx context.Context, t Transfer) (why Reason, moved bool) {
	switch {
	case t.Instead != uuid.Nil:
		return c.putThrough(ctx, c.far, t)
	case len(c.guests) > 0 && !t.Consult:
		t.Done(CauseDeclined)
		return "", false
	case len(c.guests)+2 >= MaxParties:
		t.Done(CauseCapacity)
		return "", false
	case t.Agent != uuid.Nil:
		return c.transferToAgent(ctx, t)
	case t.Queue != uuid.Nil:
		return c.transferToQueue(ctx, t)
	default:
		return c.transferToNumber(ctx, t)
	}
}

// asked enters a transfer into the record.
func (c *Call) asked(t Transfer, kind TransferKind) {
	r := TransferRecord{
		At: c.sb.db.Now(), By: c.record.Agent, ByName: c.record.AgentName, Kind: kind, Agent: storage.Nullable(t.Agent), Queue: storage.Nullable(t.Queue), Name: t.Name, Attended: t.Consult,
	}
	if c.record.TakenOverBy != nil {
		r.By, r.ByName = c.record.TakenOverBy, c.record.TakenOverName
	}
	if r.Name == "" {
		r.Name = t.Number
	}
	c.record.Transfers = append(c.record.Transfers, r)
}

// settled says what became of the transfer that was asked for last, to whoever asked too.
func (c *Call) settled(t Transfer, refused Cause) {
	result := transferDone
	if refused != "" {
		result = string(refused)
	}
	c.settle(len(c.record.Transfers)-1, result)
	t.Done(refused)
}

func (c *Call) settle(transfer int, result string) {
	r := &c.record.Transfers[transfer]
	r.Result = result
	c.sb.metrics.transfers.WithLabelValues(string(r.Kind), result).Inc()
}

// refuse ends a transfer that came to nothing; the call is as it was.
func (c *Call) refuse(t Transfer, cause Cause) (Reason, bool) {
	c.settled(t, cause)
	c.note("call.transfer_failed")
	return "", false
}

// transferredBy is who sent the caller to where they are, or are going.
func (c *Call) transferredBy() string {
	for _, r := range slices.Backward(c.record.Transfers) {
		if r.Result == "" || r.Result == transferDone {
			return r.ByName
		}
	}
	return ""
}

func (c *Call) transferToQueue(ctx context.Context, t Transfer) (Reason, bool) {
	c.asked(t, TransferToQueue)
	if _, err := c.sb.queues.Plan(ctx, c.record.Tenant, t.Queue, c.channel(), c.plan.Language); err != nil {
		c.log.Warn("a transfer's queue takes no calls", "err", err)
		return c.refuse(t, CauseNotFound)
	}
	switch {
	case t.Consult && c.place == nil: // it is of no queue, and has no agent of one
		return c.refuse(t, CauseDeclined)
	case t.Consult:
		return c.ringAgent(ctx, t, func(ctx context.Context) (Offer, error) { return c.place.HandToQueue(ctx, t.Queue, c.ringLimit()) })
	}
	c.settled(t, "")
	c.handOver(ctx)
	return c.wait(ctx, t.Queue), true
}

func (c *Call) transferToNumber(ctx context.Context, t Transfer) (Reason, bool) {
	entry, err := c.sb.reached(ctx, c.record.Tenant, t.Number)
	if err == nil && entry.Kind == EntryAgent {
		t.Agent = *entry.Agent
		return c.transferToAgent(ctx, t)
	}
	kind := TransferToNumber
	if err != nil || entry.Kind == EntryAddress {
		kind = TransferToOutside
	}
	c.asked(t, kind)
	switch {
	case errors.Is(err, ErrNumberNotFound):
		return c.transferOut(ctx, "trunk:"+t.Number, t)
	case err != nil:
		c.log.Error("a transfer's number could not be looked up", "err", err)
		return c.refuse(t, CauseFailed)
	case entry.Kind == EntryAddress:
		return c.transferOut(ctx, entry.Address, t)
	case t.Consult: // a menu, a message: nobody to talk with
		return c.refuse(t, CauseNotAccepted)
	}
	c.settled(t, "")
	c.handOver(ctx)
	return c.follow(ctx, entry), true
}

// handOver takes the agent out of the call and the call out of their queue; the caller is on the way elsewhere.
func (c *Call) handOver(ctx context.Context) {
	c.letGo(ctx)
	if c.place != nil {
		c.leavePlace(ctx, LeavesHandled)
	}
	c.sent, c.byExtension = new(c.sb.db.Now()), false
	c.showColleague("")
	c.tried, c.forwards = nil, 0 // a person decided: that is no circle of queues
}

// letGo takes the agent out of the call, if they have not gone by themselves.
func (c *Call) letGo(ctx context.Context) {
	if c.far == nil {
		return
	}
	c.settleHold()
	if c.tape != nil {
		c.tape.Unhear(SideCustomer)
		c.tape.Unhear(SideAgent)
	}
	c.dropFar(CauseNormal)
	c.free(ctx, &c.engaged)
	c.step(StepTransfer, "call.transferred")
	c.report(ctx, AgentEnded)
}

// comeBack lets the caller wait in the queue that they came from, with the place and the priority that they had: the transfer came to nothing,
// and its agent has gone (V3.2).
func (c *Call) comeBack(ctx context.Context, cause Cause) Reason {
	if c.place != nil {
		c.leavePlace(ctx, LeavesHandled)
	}
	if c.plan.Queue == uuid.Nil {
		return c.tell(ctx, sayFull, dialReason(cause))
	}
	c.sent = nil
	return c.enter(ctx)
}

func (c *Call) transferToAgent(ctx context.Context, t Transfer) (why Reason, moved bool) {
	c.asked(t, TransferToAgent)
	switch {
	case c.place != nil:
		return c.ringAgent(ctx, t, func(ctx context.Context) (Offer, error) { return c.place.HandTo(ctx, t.Agent, c.ringLimit()) })
	case c.byExtension:
		return c.ringAgent(ctx, t, func(ctx context.Context) (Offer, error) { return c.engage(ctx, t.Agent) })
	default: // a supervisor has taken the call over: it is in no queue any more
		return c.refuse(t, CauseDeclined)
	}
}

// ringAgent rings another agent while the first one stays.
func (c *Call) ringAgent(ctx context.Context, t Transfer, reserve func(context.Context) (Offer, error)) (why Reason, moved bool) {
	acting := ctx
	if by := c.record.Agent; by != nil {
		acting = events.WithActor(ctx, *by)
	}
	o, err := reserve(acting)
	if err != nil {
		c.log.Info("a transfer's agent cannot take the call", "err", err)
		return c.refuse(t, CauseBusy)
	}
	t.Name = o.AgentName
	target := c.target(o)
	if o.ID == uuid.Nil {
		target.Offer, target.Card.Extension = storage.NewID(), true
	}
	target.Card.Waited = int(c.record.WaitSeconds) // the talk was no wait
	if t.Consult {
		target.Card.ConsultedBy, target.Card.TransferredBy = target.Card.TransferredBy, ""
	}
	leg, err := c.sb.dialer.Dial(ctx, target)
	if err != nil {
		c.log.Warn("a transfer's agent could not be dialled", "agent", o.Agent, "err", err)
		c.letOff(ctx, o, AgentUnreachable)
		return c.refuse(t, CauseUnreachable)
	}
	c.addLeg(leg, "agent", deviceKind(o.Device), o.Agent)
	return c.reach(ctx, rung{o, leg}, t)
}

// transferOut rings a device outside while the agent stays, so that a transfer which comes to nothing changes nothing.
func (c *Call) transferOut(ctx context.Context, device string, t Transfer) (why Reason, moved bool) {
	leg, err := c.sb.dialer.Dial(ctx, Target{
		Tenant: c.record.Tenant, Call: c.record.ID, Device: device, From: c.record.Caller, Codec: c.codec, Card: c.card(), TransferredBy: t.By,
	})
	if err != nil {
		c.log.Warn("a transfer's target could not be dialled", "err", err)
		return c.refuse(t, CauseForbidden)
	}
	kind, _, _ := strings.Cut(device, ":")
	c.addLeg(leg, "far_end", kind, uuid.Nil)
	return c.reach(ctx, rung{leg: leg}, t)
}
