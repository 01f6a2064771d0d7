package calls

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// SupervisionMode is how a supervisor takes part in another's call (V4.2).
type SupervisionMode string

// The modes.
const (
	Monitor  SupervisionMode = "monitor"   // hears both, and nobody hears or notices them
	Coach    SupervisionMode = "coach"     // the agent alone hears them
	Barge    SupervisionMode = "barge"     // both hear them
	TakeOver SupervisionMode = "take_over" // they talk on in the agent's place; it ends the supervision
)

func (m SupervisionMode) audible() bool { return m != Monitor }

// verb is what one must be allowed to do to calls.
func (m SupervisionMode) verb() string {
	if m == Monitor {
		return "monitor"
	}
	return "barge"
}

// SupervisionState is how far a supervision is.
type SupervisionState string

// The states of a supervision.
const (
	SupervisionConnecting SupervisionState = "connecting" // the supervisor's audio is not there yet
	SupervisionOn         SupervisionState = "on"
	SupervisionEnded      SupervisionState = "ended"
)

// SupervisionEnd is why a supervision ended.
type SupervisionEnd string

// Ends of supervisions.
const (
	SupervisionStopped   SupervisionEnd = "stopped" // the supervisor stopped it
	SupervisionCallEnded SupervisionEnd = "call_ended"
	SupervisionTakenOver SupervisionEnd = "taken_over" // the call is the supervisor's own now
	SupervisionForbidden SupervisionEnd = "forbidden"  // the permission was revoked
	SupervisionOwnCall   SupervisionEnd = "own_call"   // the supervisor took a call offered to them
	SupervisionLost      SupervisionEnd = "lost"       // their browser is gone
	SupervisionFailed    SupervisionEnd = "failed"
)

// Supervision is one supervisor's part in a call.
type Supervision struct {
	ID         uuid.UUID        `json:"id"`
	Call       uuid.UUID        `json:"call_id"`
	Supervisor uuid.UUID        `json:"supervisor_id"`
	Name       string           `json:"supervisor_name"`
	Mode       SupervisionMode  `json:"mode"`
	State      SupervisionState `json:"state"`
	Since      time.Time        `json:"since"`
	Cause      SupervisionEnd   `json:"cause,omitempty"` // of the end
}

// SupervisionEvent is the data of call.supervised, call.supervision_changed and call.supervision_ended.
type SupervisionEvent struct {
	Supervision uuid.UUID       `json:"supervision_id"`
	Supervisor  uuid.UUID       `json:"supervisor_id"`
	Mode        SupervisionMode `json:"mode"`
	Why         string          `json:"why,omitempty"`
	Cause       SupervisionEnd  `json:"cause,omitempty"`
	Seconds     float64         `json:"seconds,omitempty"` // since listening began
}

// Rights is what calls need to know of those who supervise them.
type Rights interface {
	// Renew returns the actor with what they may do now; auth.ErrUnauthorized: nothing any more.
	Renew(ctx context.Context, a auth.Actor) (auth.Actor, error)
	// Reaches says whether a scope of an actor's reaches a call of an agent, that came by a queue; nil where the call has none.
	Reaches(ctx context.Context, a auth.Actor, scope auth.Scope, agent, queue *uuid.UUID) (bool, error)
}

// Errors of supervision that people see.
var (
	ErrSupervisionMode = fault.New(fault.Invalid, "mode_unknown", "The mode is monitor, coach, barge or take_over.").WithField("mode")
	ErrOwnCall         = fault.New(fault.Conflict, "own_call", "This is your own call; you are heard in it already.")
	ErrSupervising     = fault.New(fault.Conflict, "already_supervised", "You are listening to this call already.")
	ErrNotSupervised   = fault.New(fault.Conflict, "not_supervised", "You are not listening to this call (any more).")
	ErrNobodyToReplace = fault.New(fault.Conflict, "call_not_connected", "A call can be taken over once its agent talks with the customer.")
	errWhyTooLong      = fault.New(fault.Invalid, "why_too_long", "Give the reason in at most 500 characters.").WithField("why")
)

// target of a call that a supervisor may hear, as its owner knows it.
type supervisedCall struct {
	agent, queue *uuid.UUID
	state        State
	card         Card
	codec        string
}

// Supervise lets the acting person listen to a live call in a mode, by the browser session they have open; both may be at other nodes. Whoever supervises
// the call already changes the mode. That they do, and why, is in the event log before they hear anything. ErrCallNotFound: it is beyond their reach.
func (s *Switchboard) Supervise(ctx context.Context, id uuid.UUID, mode SupervisionMode, why string) (Supervision, error) {
	v, err := s.superviseHere(ctx, id, mode, why)
	if errors.Is(err, ErrNotLive) {
		answer, err := s.orderSupervision(ctx, supervisionOrder{Do: doSupervise, Call: id, Mode: mode, Why: why})
		return answer.Supervision, err
	}
	return v, err
}

// superviseHere is Supervise for calls of this node.
func (s *Switchboard) superviseHere(ctx context.Context, id uuid.UUID, mode SupervisionMode, why string) (Supervision, error) {
	actor := auth.From(ctx)
	switch {
	case mode != Monitor && mode != Coach && mode != Barge && mode != TakeOver:
		return Supervision{}, ErrSupervisionMode
	case len(why) > 500:
		return Supervision{}, errWhyTooLong
	}
	scope, err := actor.Allow(mode.verb(), "calls")
	if err != nil {
		return Supervision{}, err
	}
	c, err := s.liveCall(ctx, actor.Tenant, id)
	if err != nil {
		return Supervision{}, err
	}
	at, err := c.supervisable(ctx)
	if err != nil {
		return Supervision{}, err
	}
	reached, err := s.cfg.Rights.Reaches(ctx, actor, scope, at.agent, at.queue)
	switch {
	case err != nil:
		return Supervision{}, err
	case !reached:
		return Supervision{}, ErrCallNotFound
	case at.agent != nil && *at.agent == actor.User && at.state.Connected():
		return Supervision{}, ErrOwnCall
	case mode == TakeOver && !at.state.Connected():
		return Supervision{}, ErrNobodyToReplace
	}
	ctx = events.WithActor(ctx, actor.User)
	if now, ok := s.supervisionOf(c, actor.User); ok {
		return s.changeSupervision(ctx, c, now, mode, why)
	}
	return s.startSupervision(ctx, c, at, mode, why)
}

// supervisable asks the owner what must be known to supervise the call.
func (c *Call) supervisable(ctx context.Context) (at supervisedCall, err error) {
	err = c.ask(ctx, func() *happening {
		at = supervisedCall{agent: c.record.Agent, queue: c.record.Queue, state: c.state, codec: c.codec}
		if c.state != StateHeld && c.state != StateTalking {
			at.agent = nil
		}
		at.card = Card{Number: c.record.Number, Name: c.record.Caller.Name, QueuePath: c.record.QueuePath, Reserved: c.record.Reserved, Data: c.record.Headers}
		if !c.record.Caller.Withheld {
			at.card.Caller = c.record.Caller.Number
		}
		return nil
	})
	return at, err
}

func (s *Switchboard) startSupervision(ctx context.Context, c *Call, at supervisedCall, mode SupervisionMode, why string) (Supervision, error) {
	actor := auth.From(ctx)
	v := Supervision{
		ID: storage.NewID(), Call: c.record.ID, Supervisor: actor.User, Name: actor.Name, Mode: mode, State: SupervisionConnecting, Since: s.db.Now(),
	}
	if err := s.tellSupervision(ctx, "call.supervised", v, SupervisionEvent{Why: why}); err != nil {
		return v, err
	}
	leg, err := s.dialer.Dial(ctx, Target{
		Tenant: actor.Tenant, Call: v.Call, Device: "browser", Agent: actor.User, Codec: at.codec, Card: at.card, Supervision: &v,
	})
	if err != nil {
		return v, s.gaveUp(ctx, v, err)
	}
	refused := error(nil)
	err = c.ask(ctx, func() *happening {
		refused = c.oversee(leg, v, actor)
		return nil
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		leg.Hangup(CauseNormal)
		return v, s.gaveUp(ctx, v, err)
	}
	return v, nil
}

// gaveUp notes that a supervision came to nothing, because of err.
func (s *Switchboard) gaveUp(ctx context.Context, v Supervision, err error) error {
	if told := s.tellSupervision(context.WithoutCancel(ctx), "call.supervision_ended", v, SupervisionEvent{Cause: SupervisionFailed}); told != nil {
		s.slog.Error("the end of a supervision is not in the log", "call", v.Call, "err", told)
	}
	return err
}

func (s *Switchboard) changeSupervision(ctx context.Context, c *Call, v Supervision, mode SupervisionMode, why string) (Supervision, error) {
	if v.Mode == mode {
		return v, nil
	}
	v.Mode = mode
	if err := s.tellSupervision(ctx, "call.supervision_changed", v, SupervisionEvent{Why: why}); err != nil {
		return v, err
	}
	refused := error(ErrNotSupervised)
	err := c.ask(ctx, func() *happening {
		if sup := c.supervisorWith(v.ID); sup != nil {
			sup.actor = auth.From(ctx)
			refused = c.setMode(sup, mode)
		}
		return nil
	})
	if err == nil {
		err = refused
	}
	return v, err
}

// StopSupervising ends the acting person's supervision of a call, at whatever node it is.
func (s *Switchboard) StopSupervising(ctx context.Context, id uuid.UUID) error {
	err := s.stopSupervisingHere(ctx, id)
	if errors.Is(err, ErrNotLive) {
		_, err = s.orderSupervision(ctx, supervisionOrder{Do: doStop, Call: id})
	}
	return err
}

// stopSupervisingHere is StopSupervising for calls of this node.
func (s *Switchboard) stopSupervisingHere(ctx context.Context, id uuid.UUID) error {
	actor := auth.From(ctx)
	c, err := s.liveCall(ctx, actor.Tenant, id)
	if err != nil {
		return err
	}
	refused := error(ErrNotSupervised)
	err = c.ask(ctx, func() *happening {
		for _, sup := range c.supervisors {
			if sup.Supervisor == actor.User {
				refused = nil
				c.endSupervision(sup, SupervisionStopped)
				break
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return refused
}

// tellSupervision writes an event of a supervision at once: it must be there whatever happens next.
func (s *Switchboard) tellSupervision(ctx context.Context, event string, v Supervision, e SupervisionEvent) error {
	e.Supervision, e.Supervisor, e.Mode = v.ID, v.Supervisor, v.Mode
	return s.db.Tenant(ctx, auth.From(ctx).Tenant, func(tx *storage.Tx) error { return s.log.Append(ctx, tx, event, v.Call, e) })
}

// overseer is a supervisor as those who check their rights see them.
type overseer struct {
	Supervision
	actor auth.Actor
	leg   Leg
}

func (c *Call) overseers() []overseer {
	if p := c.overseen.Load(); p != nil {
		return *p
	}
	return nil
}

func (s *Switchboard) supervisionOf(c *Call, supervisor uuid.UUID) (Supervision, bool) {
	for _, o := range c.overseers() {
		if o.Supervisor == supervisor {
			return o.Supervision, true
		}
	}
	return Supervision{}, false
}

// Supervisions returns who supervises a live call of the acting person's tenant, at whatever node it is; nobody where that cannot be known. Show it to none
// but those who may monitor calls.
func (s *Switchboard) Supervisions(ctx context.Context, call uuid.UUID) []Supervision {
	c := s.here(auth.From(ctx).Tenant, call)
	if c == nil {
		answer, err := s.orderSupervision(ctx, supervisionOrder{Do: doList, Call: call})
		if err != nil && !errors.Is(err, ErrNotLive) && ctx.Err() == nil {
			s.slog.Warn("who supervises a call of another node could not be asked", "call", call, "err", err)
		}
		return answer.All
	}
	return c.supervisions()
}

func (c *Call) supervisions() (all []Supervision) {
	for _, o := range c.overseers() {
		all = append(all, o.Supervision)
	}
	return all
}
