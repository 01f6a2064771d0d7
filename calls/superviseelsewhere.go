package calls

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/internal/fault"
)

// A supervisor asks the node where they are, and the call may be at another. That one is told what they ask for, and by which sign-in; it looks for itself
// what that allows, writes the event, and dials the supervisor's page, as Dialers do at whatever node a page is.

// supervisionOrder asks the node of a call for what somebody does to its supervision.
type supervisionOrder struct {
	Do      supervisionAct  `json:"do"`
	Tenant  uuid.UUID       `json:"tenant"`
	Session uuid.UUID       `json:"session,omitzero"` // by which they have signed in,
	Key     uuid.UUID       `json:"key,omitzero"`     // or the API key
	Call    uuid.UUID       `json:"call"`
	Mode    SupervisionMode `json:"mode,omitempty"`
	Why     string          `json:"why,omitempty"`
}

// supervisionAct is what a supervisionOrder asks for.
type supervisionAct string

const (
	doSupervise supervisionAct = "supervise"
	doStop      supervisionAct = "stop"
	doList      supervisionAct = "list"
)

// supervisionAnswer is what came of a supervisionOrder.
type supervisionAnswer struct {
	Supervision Supervision   `json:"supervision"`
	All         []Supervision `json:"all,omitempty"`
	Refused     *fault.Error  `json:"refused,omitempty"`
}

// orderPatience is longer than a page at a node that is silent is waited for.
const orderPatience = 5 * time.Second

func superviseSubject(node string) string { return "calls.supervise." + busName(node) }

// orderSupervision has the node of a call do what the acting person asks for. ErrNotLive: no other node has the call.
func (s *Switchboard) orderSupervision(ctx context.Context, o supervisionOrder) (a supervisionAnswer, err error) {
	actor := auth.From(ctx)
	o.Tenant, o.Session, o.Key = actor.Tenant, actor.Session, actor.Key
	node, lives, err := s.holder(ctx, o.Tenant, o.Call)
	switch {
	case err != nil:
		return a, err
	case node == s.cfg.Node: // it has ended just now
		return a, ErrNotLive
	case !lives:
		return a, errNodeSilent
	}
	reply, err := s.askNode(ctx, superviseSubject(node), o, orderPatience)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(reply, &a); err != nil {
		return a, errNodeSilent.Because(err)
	}
	if a.Refused != nil {
		return a, a.Refused
	}
	return a, nil
}

// superviseForOthers carries out what supervisors at other nodes ask of the calls of this one.
func (s *Switchboard) superviseForOthers(ctx context.Context) (stop func()) {
	return s.bus.AnswerEach(superviseSubject(s.cfg.Node), func(body []byte) []byte {
		ctx, cancel := context.WithTimeout(ctx, orderPatience)
		defer cancel()
		var o supervisionOrder
		err := json.Unmarshal(body, &o)
		var a supervisionAnswer
		if err == nil {
			a, err = s.obey(ctx, o)
		}
		if err != nil && !errors.As(err, &a.Refused) {
			s.slog.Error("a supervisor at another node could not be served", "call", o.Call, "err", err)
			a.Refused = errNodeSilent
		}
		answer, err := json.Marshal(a)
		if err != nil {
			s.slog.Error("an answer to another node could not be written", "err", err)
		}
		return answer
	})
}

// obey does what somebody at another node asks for, as far as they may.
func (s *Switchboard) obey(ctx context.Context, o supervisionOrder) (a supervisionAnswer, err error) {
	actor, err := s.cfg.Rights.Renew(ctx, auth.Actor{Tenant: o.Tenant, Session: o.Session, Key: o.Key})
	if err != nil {
		return a, err
	}
	ctx = auth.With(ctx, actor)
	switch o.Do {
	case doSupervise:
		a.Supervision, err = s.superviseHere(ctx, o.Call, o.Mode, o.Why)
	case doStop:
		err = s.stopSupervisingHere(ctx, o.Call)
	case doList:
		_, err = actor.Allow(Monitor.verb(), "calls")
		if c := s.here(actor.Tenant, o.Call); err == nil && c != nil {
			a.All = c.supervisions()
		}
	default:
		err = errNodeSilent // of a release to come
	}
	return a, err
}
