package sip

import (
	"net/netip"
	"slices"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"

	"tandem/calls"
)

// referred takes a REFER: an agent's own telephone may transfer, from where it is, and a trunk that is trusted to. Anybody else's is declined:
// whoever can make us dial spends the tenant's money (security row 4). Where it leads is up to the call.
func (g *leg) referred(r referral) *refusal {
	if !g.mayTransfer(r.source) || !g.answered() {
		return refuse(603, "Decline")
	}
	t, refused := g.destination(r)
	if refused != nil {
		return refused
	}
	g.mu.Lock()
	busy := g.transfer != nil
	if !busy {
		g.transfer = t
	}
	g.mu.Unlock()
	if busy {
		return refuse(491, "Request Pending")
	}
	g.tell(calls.LegAskTransfer)
	return nil
}

func (g *leg) mayTransfer(source netip.Addr) bool {
	if g.desk.at.IsValid() {
		return source == g.desk.at
	}
	return g.trunk.refer && (len(g.trunk.networks) == 0 || slices.ContainsFunc(g.trunk.networks, func(p netip.Prefix) bool { return p.Contains(source) }))
}

// destination is where a REFER leads: to a number, or into another call of ours, in the place of the leg that its Replaces names.
func (g *leg) destination(r referral) (*calls.Transfer, *refusal) {
	t := &calls.Transfer{
		By:      g.desk.extension,
		Ringing: func() { r.report(180, "Ringing") },
		Done: func(refused calls.Cause) {
			if refused == "" {
				r.report(200, "OK")
				return
			}
			why := answerFor(refused)
			r.report(why.status, why.reason)
		},
	}
	if r.replaces != nil {
		other := g.dialog().s.legBehind(*r.replaces)
		if other == nil || other == g || other.tenant != g.tenant {
			return nil, refuse(404, "Not Found") // 481 would say that this call is gone
		}
		t.Instead = other.id
		return t, nil
	}
	user, ok := referredTo(&r.target)
	if !ok || user == "" {
		return nil, refuse(404, "Not Found")
	}
	t.Number = user
	return t, nil
}

// legBehind is the leg whose dialog a Replaces names, as the user of that leg knows it (RFC 3891 3); nil: it is not here.
func (s *stack) legBehind(r replaces) *leg {
	d := s.find(r.callID, r.toTag)
	if d == nil || !d.knows(r.fromTag) || d.leg == nil || d.leg.dialog() != d {
		return nil
	}
	return d.leg
}

// referredTo is whom a Refer-To names: a number, with its country where a parameter names that apart, or a name.
func referredTo(u *gosip.Uri) (string, bool) {
	user := u.User
	if u.Scheme == "tel" {
		user = u.Raw()
	}
	if number, ok := dialledPart(user); ok && looksDialled(number) {
		return number, true
	}
	return userPart(user)
}

// Transfer takes up what LegAskTransfer told of. It implements what calls ask of a leg whose user may transfer.
func (g *leg) Transfer() (calls.Transfer, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.transfer == nil {
		return calls.Transfer{}, false
	}
	t := *g.transfer
	g.transfer = nil
	return t, true
}

// newcomer is an INVITE that is to take a dialog's place (RFC 3891).
type newcomer struct {
	req      *gosip.Request
	tx       *gosip.ServerTx
	by       caller
	replaces replaces
}

func (c caller) tenant() uuid.UUID {
	if c.phone != nil {
		return c.phone.Tenant
	}
	return c.trunk.Tenant
}

// desk is the agent's telephone that has sent a request; the zero value where it is none.
func (c caller) desk(req *gosip.Request) desk {
	if c.phone == nil || c.phone.Agent == nil {
		return desk{}
	}
	return desk{c.phone.Username, sourceOf(req).Addr()}
}

// replace lets an INVITE with Replaces take the place of a dialog of ours, if its sender is one of the same tenant whom we know: a phone by
// its digest, or a trunk that is trusted.
func (s *Server) replace(req *gosip.Request, tx *gosip.ServerTx, by caller) *refusal {
	hs := req.GetHeaders("Replaces")
	r, ok := parseReplaces(hs[0].Value())
	var refused *refusal
	switch {
	case len(hs) != 1 || !ok:
		refused = refuse(400, "Bad Replaces")
	case by.phone == nil && !by.trunk.Trusted:
		refused = refuse(403, "Forbidden")
	default:
		refused = s.stack.replaceBy(newcomer{req, tx, by, r})
	}
	result := "accepted"
	if refused != nil {
		result = "refused"
	}
	s.m.transfers.WithLabelValues("Replaces", result).Inc()
	return refused
}

// replaceBy asks the dialog that a Replaces names, on its own goroutine.
func (s *stack) replaceBy(n newcomer) *refusal {
	none := refuse(481, "Call/Transaction Does Not Exist")
	d := s.find(n.replaces.callID, n.replaces.toTag)
	if d == nil || !d.knows(n.replaces.fromTag) {
		return none
	}
	answer := make(chan *refusal, 1)
	if !d.mail.post(func() { answer <- d.on.replace(n) }) {
		return none
	}
	select {
	case refused := <-answer:
		return refused
	case <-d.done:
		return none
	}
}

// replacedBy moves the leg, with its port, its stream and its place in the call, from its dialog to a new one, and hangs the old one up. It
// runs on the old dialog's goroutine; from the new one's start on, what a dialog's goroutine owns of the leg is the new one's.
func (g *leg) replacedBy(n newcomer) *refusal {
	old := g.dialog()
	if r := g.replaceable(old, n); r != nil {
		return r
	}
	body, r := sdpBody(n.req)
	if r != nil {
		return r
	}
	d, err := old.s.newUAS(n.req, n.tx, old.contact.User, g.hooks())
	if err != nil {
		return asRefusal(err)
	}
	undo, err := g.settleWith(n, body)
	if err != nil {
		undo()
		return asRefusal(err)
	}
	sdp, offered := g.local, g.offered
	if offered {
		d.opening = sdp
	}
	d.leg = g
	g.takeOver(d)
	if !old.s.start(d) {
		g.takeOver(old)
		undo()
		return answerFor(calls.CauseDraining)
	}
	old.on = silent()
	old.hangupNow(0, "replaced")
	d.mail.post(func() {
		if g.n.settled {
			g.apply()
		}
	})
	d.accept(sdp, offered, func([]byte) { g.joined() })
	return nil
}

// settleWith negotiates with a newcomer; undo takes that back.
func (g *leg) settleWith(n newcomer, offer []byte) (undo func(), err error) {
	before, trunk, was, offered, local := g.n, g.trunk, g.desk, g.offered, g.local
	t := mediaOf(n.by.trunk)
	g.n = g.negotiator(t, hop{n.req.Transport(), n.req.Source()}, g.dialog().s.t)
	g.trunk, g.desk, g.offered = t, desk{}, false
	if was.at.IsValid() {
		g.desk = n.by.desk(n.req)
	}
	return func() { g.n, g.trunk, g.desk, g.offered, g.local = before, trunk, was, offered, local }, g.prepare(offer)
}

// replaceable says why a dialog cannot be replaced by a newcomer (RFC 3891 3).
func (g *leg) replaceable(old *dialog, n newcomer) *refusal {
	early := old.state == calling || old.state == ringing
	switch {
	case n.by.tenant() != g.tenant, early && !slices.ContainsFunc(old.forks, func(p *peer) bool { return p.tag == n.replaces.fromTag }):
		return refuse(481, "Call/Transaction Does Not Exist")
	case old.state == leaving, old.state == cancelling, old.state == terminated:
		return refuse(603, "Decline")
	case n.replaces.earlyOnly && !early:
		return refuse(486, "Busy Here")
	}
	return old.s.timing.tooShort(n.req)
}

func (g *leg) takeOver(d *dialog) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.d = d
}

// joined is the ACK of a newcomer; one that took the place of a ringing telephone has answered the call with it.
func (g *leg) joined() {
	if !g.answered() {
		g.confirm()
		g.tell(calls.LegAnswered)
	}
}

// silent are the hooks of a dialog that has lost its leg and only says goodbye.
func silent() hooks {
	gone := refuse(481, "Call/Transaction Does Not Exist")
	return hooks{
		progress: func(int, []byte) {}, answered: func(*gosip.Response) {}, offer: func([]byte) ([]byte, error) { return nil, gone },
		makeOffer: func(bool) []byte { return nil }, answer: func([]byte) error { return nil }, refused: func() {},
		info: func(string, []byte) int { return 481 }, refer: func(referral) *refusal { return gone },
		replace: func(newcomer) *refusal { return gone }, ended: func(end) {},
	}
}
