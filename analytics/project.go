package analytics

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/events"
	"tandem/queues"
)

// projection turns events into facts. It holds the part of what is going on that the events at hand are about: the last visit of each
// item, offers that are not over, agents. It reads no clock and no database, so that the same events always make the same facts.
type projection struct {
	*facts
	visits map[uuid.UUID]*visit // by item
	offers map[uuid.UUID]*offer
	agents map[uuid.UUID]*agent
}

// visit is one wait of an item in a queue, and the talk that it led to: a row of report_visits.
type visit struct {
	Tenant      uuid.UUID          `json:"tenant_id"`
	Item        uuid.UUID          `json:"item_id"`
	Number      int                `json:"visit"` // 1 for the first of an item
	Queue       uuid.UUID          `json:"queue_id"`
	Kind        queues.Kind        `json:"kind"`
	Channel     queues.Channel     `json:"channel"`
	QueuedAt    time.Time          `json:"queued_at"`
	EnqueuedAt  time.Time          `json:"enqueued_at"`
	Target      int                `json:"target"` // seconds
	Short       int                `json:"short"`  // seconds
	Estimated   *float64           `json:"estimated"`
	WithdrawnAt *time.Time         `json:"withdrawn_at"`
	WithdrawnIn queues.State       `json:"withdrawn_in"`
	LeftAt      *time.Time         `json:"left_at"`
	Outcome     queues.LeaveReason `json:"outcome"`
	Waited      float64            `json:"waited"`
	Agent       *uuid.UUID         `json:"agent_id"`
	Moved       bool               `json:"moved"`
	Talk        float64            `json:"talk"`
	Hold        float64            `json:"hold"`
	WrapUp      float64            `json:"wrap_up"`

	before  []visit // earlier visits of the item that changed with it
	changed bool
}

func newProjection() *projection {
	return &projection{facts: newFacts(), visits: map[uuid.UUID]*visit{}, offers: map[uuid.UUID]*offer{}, agents: map[uuid.UUID]*agent{}}
}

// happened is an event with its data read. Data is nil for events that reports have no use for.
type happened struct {
	events.Event
	data any
}

// followed are the events that read knows.
var followed = []string{
	"item.queued", "item.left", "offer.made", "offer.ended", "agent.state", "agent.presence", "call.ended", "voicemail.left",
	"callback.connected", "callback.given_up",
	"conversation.message", "conversation.updated", "conversation.changed", "conversation.closed", "conversation.rated",
}

func read(e events.Event) (happened, error) {
	h := happened{Event: e}
	switch e.Type {
	case "item.queued":
		h.data = &queues.Queued{}
	case "item.left":
		h.data = &queues.Left{}
	case "offer.made":
		h.data = &queues.OfferMade{}
	case "offer.ended":
		h.data = &queues.OfferEnded{}
	case "agent.state":
		h.data = &queues.StateChanged{}
	case "agent.presence":
		h.data = &queues.PresenceChanged{}
	case "call.ended":
		h.data = &calls.Record{}
	case "voicemail.left":
		h.data = &calls.MailEvent{}
	case "callback.connected", "callback.given_up":
		h.data = &queues.CallbackEvent{}
	case "conversation.message", "conversation.updated", "conversation.changed", "conversation.closed":
		h.data = &conversation{}
	case "conversation.rated":
		h.data = &rating{}
	default:
		return h, nil
	}
	if err := json.Unmarshal(e.Data, h.data); err != nil {
		return h, fmt.Errorf("read event %s %s: %w", e.Type, e.ID, err)
	}
	if c, ok := h.data.(*conversation); ok && c.Measure == nil && e.Type != "conversation.closed" {
		h.data = nil
	}
	return h, nil
}

// readAll reads the events that reports have a use for.
func readAll(batch []events.Event) ([]happened, error) {
	var of []happened
	for _, e := range batch {
		h, err := read(e)
		if err != nil {
			return nil, err
		}
		if h.data != nil {
			of = append(of, h)
		}
	}
	return of, nil
}

func (p *projection) apply(h happened) {
	switch d := h.data.(type) {
	case *queues.Queued:
		p.queued(h.Event, d)
	case *queues.Left:
		p.left(h.Event, d)
	case *queues.OfferMade:
		p.made(h.Event, d)
	case *queues.OfferEnded:
		p.offerEnded(h.Event, d)
	case *queues.StateChanged:
		p.stateChanged(h.Event, d)
	case *queues.PresenceChanged:
		p.presenceChanged(h.Event, d)
	case *calls.Record:
		p.callEnded(h.Event, d)
	case *calls.MailEvent:
		p.queue(h.Tenant, orNil(d.Queue), h.At).Voicemails++
	case *queues.CallbackEvent:
		q := p.queue(h.Tenant, d.Queue, h.At)
		q.Callbacks++
		if d.State == queues.CallbackDone {
			q.CallbacksConnected++
		}
	case *conversation:
		p.conversation(h.Event, d)
	case *rating:
		p.rated(h.Event, d)
	}
}

// queued begins a visit. An item that waits elsewhere moves on from there; one that an agent talked with and that now waits in another
// queue was transferred.
func (p *projection) queued(e events.Event, q *queues.Queued) {
	next := &visit{
		Item: q.Item, Tenant: e.Tenant, Queue: q.Queue, Number: 1, Kind: q.Kind, Channel: q.Channel, QueuedAt: e.At, EnqueuedAt: q.EnqueuedAt,
		Target: q.Target, Short: q.ShortAbandon, changed: true,
	}
	if before := p.visits[q.Item]; before != nil {
		switch {
		case before.LeftAt == nil && before.Queue == q.Queue:
			before.EnqueuedAt, before.changed = q.EnqueuedAt, true // a chat found by another node: the same wait
			return
		case before.LeftAt == nil:
			p.leave(before, e.At, queues.LeftTransferred, e.At.Sub(before.EnqueuedAt).Seconds())
		case before.Outcome == queues.LeftHandled && before.Queue != q.Queue && !before.Moved:
			before.Moved, before.changed = true, true
			p.queue(e.Tenant, before.Queue, e.At).Transferred++
			if before.Agent != nil {
				p.agent(e.Tenant, *before.Agent, before.Queue, e.At).Transferred++
			}
		}
		if next.Target == 0 { // put back by its node, which does not read the settings again
			next.Target, next.Short = before.Target, before.Short
		}
		next.Number = before.Number + 1
		next.before = before.before
		if before.changed {
			next.before = append(next.before, before.bare())
		}
	}
	p.visits[q.Item] = next
}

// bare is the visit without those before it.
func (v *visit) bare() visit {
	b := *v
	b.before = nil
	return b
}

func (p *projection) left(e events.Event, l *queues.Left) {
	v := p.visits[l.Item]
	if v == nil || v.LeftAt != nil {
		return // its beginning was purged, or it moved on in the same moment
	}
	if l.Estimated != nil && l.Reason == queues.LeftHandled && v.Kind != queues.CallBack {
		v.Estimated = l.Estimated
		q := p.queue(e.Tenant, v.Queue, e.At)
		q.Estimated++
		q.EstimateError += abs(*l.Estimated - l.Actual)
	}
	p.leave(v, e.At, l.Reason, l.Waited)
}

// leave ends a wait. All of it counts in the interval in which it ended.
func (p *projection) leave(v *visit, at time.Time, why queues.LeaveReason, waited float64) {
	v.LeftAt, v.Outcome, v.Waited, v.changed = &at, why, max(0, waited), true
	if v.Kind == queues.CallBack {
		return // nobody was on the line; how it went is told by callback.connected and callback.given_up
	}
	q := p.queue(v.Tenant, v.Queue, at)
	q.Offered++
	q.LongestWait = max(q.LongestWait, v.Waited)
	inTime := v.Waited <= float64(v.Target)
	switch why {
	case queues.LeftHandled:
		q.Handled++
		q.WaitHandled += v.Waited
		if inTime {
			q.HandledInTime++
		}
	case queues.LeftAbandoned:
		q.Abandoned++
		q.WaitAbandoned += v.Waited
		if v.Waited < float64(v.Short) {
			q.AbandonedShort++
		}
		if inTime {
			q.AbandonedInTime++
		}
		p.abandonedIn(q, v, at)
	case queues.LeftTransferred:
		q.MovedOn++
	case queues.LeftDeflected:
		q.DeflectedWaiting++
	case queues.LeftEnded:
		q.EndedWaiting++
	default:
		q.Lost++
	}
}

// abandonedIn tells apart what the caller met when they left: the offer that their leaving withdrew says it.
func (p *projection) abandonedIn(q *QueueCounts, v *visit, at time.Time) {
	in := queues.Idle
	if v.WithdrawnAt != nil && v.WithdrawnAt.Equal(at) {
		in = v.WithdrawnIn
	}
	switch in {
	case queues.Alerting:
		q.AbandonedRinging++
	case queues.Connecting, queues.Recovering:
		q.AbandonedConnecting++
	default:
		q.AbandonedInQueue++
	}
}

func abs(x float64) float64 { return max(x, -x) }

// callEnded counts what happened to a call outside the queues: who left in a menu counts at the node of the tree that they heard last.
func (p *projection) callEnded(e events.Event, r *calls.Record) {
	if r.Direction == calls.Outbound && r.Callback == nil {
		p.calledOut(e, r)
	}
	if r.Reason == calls.ReasonLeftMenu {
		p.queue(e.Tenant, orNil(r.Menu), e.At).AbandonedInMenu++
	}
	for _, d := range r.Deflected {
		q := p.queue(e.Tenant, orNil(d.Queue), e.At)
		q.Deflected++
		switch d.Kind {
		case calls.ToMessage:
			q.DeflectedMessage++
		case calls.ToVoicemail:
			q.DeflectedVoicemail++
		case calls.ToQueue:
			q.DeflectedQueue++
		case calls.ToNumber:
			q.DeflectedNumber++
		case calls.ToCallback:
			q.DeflectedCallback++
		}
	}
}

// calledOut counts a call that an agent made: for them and for the queue on whose behalf they called, wherever the customer went and whoever has
// talked with them since.
func (p *projection) calledOut(e events.Event, r *calls.Record) {
	queue, agent := orNil(cmp.Or(r.MadeFor, r.Queue)), orNil(r.Agent)
	if i := slices.IndexFunc(r.Legs, func(l calls.LegRecord) bool { return l.Party == "agent" }); i >= 0 {
		agent = orNil(r.Legs[i].Agent)
	}
	q, a := p.queue(e.Tenant, queue, e.At), p.facts.agent(e.Tenant, agent, queue, e.At)
	q.Outbound++
	a.Outbound++
	if r.ConnectedAt == nil {
		return
	}
	q.OutboundConnected++
	a.OutboundConnected++
	q.OutboundTalk += r.TalkSeconds
	a.OutboundTalk += r.TalkSeconds
}

func orNil(id *uuid.UUID) uuid.UUID {
	if id == nil {
		return uuid.Nil
	}
	return *id
}
