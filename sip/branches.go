package sip

import (
	"sync"

	gosip "github.com/emiago/sipgo/sip"

	"tandem/calls"
)

// branches are the calls to all contacts of one telephone (RFC 3261 16.7): they ring together, on one port, and the first that answers is the leg's
// from then on.
type branches struct {
	leg *leg
	all []*branch

	mu   sync.Mutex // guards what follows
	rang bool
	left int // that may still answer
	won  bool
	best end // of those that have ended, what tells most
}

// branch is the call to one contact.
type branch struct {
	d    *dialog
	n    *negotiator
	desk desk
}

// ringAll makes the leg ring at several contacts.
func (l *legs) ringAll(g *leg, contacts []outgoing) (*leg, error) {
	bs := &branches{leg: g, left: len(contacts)}
	for i := range contacts {
		o := &contacts[i]
		b := &branch{desk: o.desk, n: g.negotiator(g.trunk, o.via, l.stack.t)}
		b.d = l.toPeer(g, o, o.via, bs.hooks(b))
		bs.all = append(bs.all, b)
	}
	g.d, g.branches = bs.all[0].d, bs
	l.run(g)
	for _, b := range bs.all {
		offer := b.n.makeOffer() // before the dialog's goroutine owns it
		if !l.stack.start(b.d) {
			bs.ended(end{status: 503, byUs: true})
			continue
		}
		b.d.begin(offer)
	}
	return g, nil
}

// hooks are those of a branch until it has won: nothing but ringing, an answer and the end is of interest.
func (bs *branches) hooks(b *branch) hooks {
	on := silent()
	on.progress = func(int, []byte) { bs.ringing() }
	on.answer = func(sdp []byte) error { return bs.answered(b, sdp) }
	on.ended = bs.ended
	return on
}

func (bs *branches) ringing() {
	bs.mu.Lock()
	first := !bs.rang && !bs.won
	bs.rang = true
	bs.mu.Unlock()
	if first {
		bs.leg.tell(calls.LegRinging)
	}
}

// answered makes the first branch that answers the leg's, and ends the others; one that comes later is told so by the error, and hung up. It runs
// on the branch's own goroutine.
func (bs *branches) answered(b *branch, sdp []byte) error {
	bs.mu.Lock()
	first := !bs.won
	bs.won = true
	bs.mu.Unlock()
	if !first {
		return answerFor(calls.CauseElsewhere)
	}
	g := bs.leg
	g.n, g.desk, b.d.on = b.n, b.desk, g.hooks()
	g.mu.Lock()
	g.d, g.branches = b.d, nil
	g.mu.Unlock()
	for _, other := range bs.all {
		if other != b {
			other.d.hangup(0, "answered elsewhere", reasonFor(calls.CauseElsewhere)...)
		}
	}
	return g.theirAnswer(sdp)
}

// ended takes the end of a branch. The leg ends with the last of them, and with one that speaks for all (6xx).
func (bs *branches) ended(e end) {
	bs.mu.Lock()
	bs.left--
	if bs.best.status == 0 || tells(e) < tells(bs.best) {
		bs.best = e
	}
	over, forAll, best := !bs.won && bs.left == 0, !bs.won && e.status >= 600 && bs.left > 0, bs.best
	bs.mu.Unlock()
	switch {
	case over:
		bs.leg.finish(best)
	case forAll:
		bs.hangup(0, "declined", reasonFor(calls.CauseDeclined)...)
	}
}

// tells orders ends: what somebody did comes before what went wrong on the way.
func tells(e end) int {
	switch {
	case e.status >= 600:
		return 0
	case e.status == 486:
		return 1
	case e.status == 480, e.status == 408:
		return 2
	default:
		return 3
	}
}

func (bs *branches) hangup(status int, reason string, headers ...gosip.Header) {
	for _, b := range bs.all {
		b.d.hangup(status, reason, headers...)
	}
}
