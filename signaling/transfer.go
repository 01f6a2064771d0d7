package signaling

import (
	"context"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/queues"
)

// transferView is a transfer as the page of the agent who asked for it shows it.
type transferView struct {
	Kind  string        `json:"kind"` // agent, queue, number
	Name  string        `json:"name"`
	State transferState `json:"state"`
	Cause calls.Cause   `json:"cause,omitempty"` // of a failure

	Consult bool `json:"consult,omitempty"`
}

// transferState is how far a transfer is.
type transferState string

// The states of a transfer on a page.
const (
	transferAsked   transferState = "asked"
	transferRinging transferState = "ringing"
	transferHere    transferState = "here" // a consultation: the roster says more
	transferDone    transferState = "done"
	transferFailed  transferState = "failed"
)

func (t *transferView) underWay() bool {
	return t != nil && (t.State == transferAsked || t.State == transferRinging)
}

var (
	errTransferring  = fault.New(fault.Conflict, "transfer_under_way", "The call is being transferred already; take it back first.")
	errNotToTransfer = fault.New(fault.Conflict, "transfer_not_possible", "Only a caller whom you talk with can be transferred.")
	errTarget        = fault.New(fault.Invalid, "transfer_target", "Choose an agent, a queue or a number to transfer to.")
	errConference    = fault.New(fault.Conflict, "transfer_in_conference", "Others are in the call: leave it to them, or send them away first.")
	errNobodyAsked   = fault.New(fault.Conflict, "nobody_consulted", "You have asked nobody in; consult somebody first.")
	errNotOwn        = fault.New(fault.Conflict, "not_your_call", "A colleague has asked you in; only they can do that with the call.")
	errNotThere      = fault.New(fault.Conflict, "party_not_there", "They are not in the call (any more).").WithField("party")
	errClosedQueue   = fault.New(fault.Conflict, "transfer_queue_closed", "This queue takes no transfers now; choose another one.").WithField("queue")

	dialled = regexp.MustCompile(`^\+?[0-9*#]{1,32}$`)
	spacing = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", "/", "", ".", "")
)

// gotTransfer sends the caller elsewhere, unannounced (call.transfer), or asks somebody in: out of the caller's hearing first (call.consult), or not (call.add).
func (s *session) gotTransfer(f frame) error {
	d, err := decode[transferData](f)
	if err != nil {
		return err
	}
	g, err := s.transferable()
	if err != nil {
		return err
	}
	given := 0
	for _, is := range []bool{d.Agent != uuid.Nil, d.Queue != uuid.Nil, d.Number != ""} {
		if is {
			given++
		}
	}
	d.Number = spacing.Replace(d.Number)
	if given != 1 || d.Number != "" && !dialled.MatchString(d.Number) {
		return errTarget
	}
	blind := f.Type == "call.transfer"
	if g.roster != nil && blind {
		return errConference
	}
	hold := f.Type != "call.add"
	s.later(s.desk, f.ID, func(ctx context.Context) func() {
		v, err := s.findTarget(ctx, d)
		if err == nil {
			v.Consult = !blind
		}
		return func() {
			if err == nil {
				err = s.transferTo(g, d, v, hold)
			}
			if err != nil {
				s.fail(f.ID, err)
			}
		}
	})
	return nil
}

// transferable is the leg of the agent whose caller can be sent on.
func (s *session) transferable() (*leg, error) {
	g, err := s.own()
	switch {
	case err != nil:
		return nil, err
	case g.dir == calls.Inbound && g.reached == "" || !g.shown.Connected():
		return nil, errNotToTransfer
	case g.transferred.underWay():
		return nil, errTransferring
	}
	return g, nil
}

// findTarget runs on the desk: only those queues are targets that agents are shown as such (Q4.6).
func (s *session) findTarget(ctx context.Context, d transferData) (*transferView, error) {
	v := &transferView{State: transferAsked}
	switch {
	case d.Agent != uuid.Nil:
		a, err := s.hub.need.Queues.Agent(ctx, s.tenant, d.Agent)
		if err != nil {
			return nil, err
		}
		v.Kind, v.Name = "agent", a.Name
	case d.Queue != uuid.Nil:
		all, err := s.hub.need.Queues.TransferTargets(ctx, s.tenant, queues.IVR)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(t queues.TransferTarget) bool { return t.Queue == d.Queue })
		if i < 0 {
			return nil, errClosedQueue
		}
		v.Kind, v.Name = "queue", strings.Join(all[i].Path, " › ")
	default:
		v.Kind, v.Name = "number", d.Number
	}
	return v, nil
}

// transferTo hands the wish to the call.
func (s *session) transferTo(g *leg, d transferData, v *transferView, hold bool) error {
	if now, err := s.transferable(); err != nil || now != g {
		return errNotToTransfer
	}
	is := func(st transferState, cause calls.Cause) {
		s.loop.do(func() {
			s.transferIs(g, transferView{Kind: v.Kind, Name: v.Name, State: st, Cause: cause, Consult: v.Consult})
		})
	}
	g.mu.Lock()
	g.asked = &calls.Transfer{
		Agent: d.Agent, Queue: d.Queue, Number: d.Number, Hold: hold, Consult: v.Consult,
		Ringing: func() { is(transferRinging, "") },
		Here:    func() { is(transferHere, "") },
		Done: func(refused calls.Cause) {
			if refused == "" {
				is(transferDone, "")
			} else {
				is(transferFailed, refused)
			}
		},
	}
	if v.Kind != "number" {
		g.asked.Name = v.Name
	}
	g.mu.Unlock()
	s.transferIs(g, *v)
	g.tell(calls.LegAskTransfer)
	return nil
}

// transferIs shows how a transfer goes.
func (s *session) transferIs(g *leg, t transferView) {
	if s.leg != g {
		return
	}
	g.transferred = &t
	v := s.view
	v.Transfer = g.transferred
	s.setView(v)
}

// asks hands a wish about a call of more than two to it.
func asks(e calls.LegEvent) func(*session, frame) error {
	return func(s *session, _ frame) error {
		g, err := s.own()
		if err == nil && g.roster == nil {
			err = errNobodyAsked
		}
		if err == nil {
			g.tell(e)
		}
		return err
	}
}

// gotRemove sends somebody away whom the agent has asked in.
func (s *session) gotRemove(f frame) error {
	d, err := decode[removeData](f)
	if err != nil {
		return err
	}
	g, err := s.own()
	switch {
	case err != nil:
		return err
	case g.roster == nil || !slices.ContainsFunc(g.roster.Parties, func(p calls.Participant) bool { return p.ID == d.Party && p.Party != "customer" }):
		return errNotThere
	}
	g.mu.Lock()
	g.away = d.Party
	g.mu.Unlock()
	g.tell(calls.LegAskRemove)
	return nil
}

// Remove implements what calls ask of a leg whose user may send others away.
func (g *leg) Remove() uuid.UUID {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.away
}

// own is the live leg of the agent whose call it is, not of one whom they have asked in.
func (s *session) own() (*leg, error) {
	g, err := s.live()
	if err == nil && g.roster != nil && !g.roster.Leads {
		return nil, errNotOwn
	}
	return g, err
}

// ShowRoster tells an agent's page who is in the call.
func (g *leg) ShowRoster(r calls.Roster) {
	if g.s != nil {
		g.s.loop.do(func() { g.s.rosterIs(g, r) })
	}
}

func (s *session) rosterIs(g *leg, r calls.Roster) {
	was := g.roster
	g.roster = &r
	if len(r.Parties) == 0 {
		g.roster = nil
	}
	if s.leg != g || g.ended() || reflect.DeepEqual(was, g.roster) {
		return
	}
	v := s.view
	v.Roster = g.roster
	s.setView(v)
}

// Transfer implements what calls ask of a leg whose user may transfer: it takes up what LegAskTransfer told of.
func (g *leg) Transfer() (calls.Transfer, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.asked
	g.asked = nil
	if t != nil {
		return *t, true
	}
	if d, ok := g.elsewhere.(interface{ Transfer() (calls.Transfer, bool) }); ok { // by the telephone's own key
		return d.Transfer()
	}
	return calls.Transfer{}, false
}
