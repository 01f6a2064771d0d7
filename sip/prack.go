package sip

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// Reliable provisional responses (RFC 3262). As UAS we send one when the caller requires it, or when it carries our description and the
// caller knows how to confirm it; as UAC we confirm all that come.

// reliable is a provisional response of ours that is repeated until its PRACK comes. One at a time: what is to follow waits.
type reliable struct {
	rseq    uint32 // of the last one; 0: none yet
	res     *gosip.Response
	sdp     bool // it carries our description, so the 2xx waits too
	wait    time.Duration
	spent   time.Duration
	timer   *time.Timer
	waiting []func()
}

// stop gives up what is not confirmed yet, and what waits for it: a final response is on its way.
func (r *reliable) stop() {
	if r.timer != nil {
		r.timer.Stop()
	}
	r.res, r.timer, r.waiting = nil, nil, nil
}

// provisional sends 18x, with early media when there is a body.
func (d *dialog) provisional(status int, reason string, body []byte) {
	d.mail.post(func() {
		switch {
		case d.uac:
		case d.reliable.res != nil:
			d.reliable.waiting = append(d.reliable.waiting, func() { d.progressTo(status, reason, body) })
		default:
			d.progressTo(status, reason, body)
		}
	})
}

func (d *dialog) progressTo(status int, reason string, body []byte) {
	if !d.step(progressed) {
		return
	}
	required := headerHas(d.invite, "Require", ext100rel)
	if d.settled {
		body = nil // the caller has it
	} else if required && d.opening != nil {
		body = d.opening // the first reliable response carries the offer (RFC 3261 13.2.1)
	}
	if required || len(body) > 0 && supports100rel(d.invite) {
		d.reliably(status, reason, body)
		return
	}
	if d.opening != nil {
		body = nil // an offer must not go unconfirmed
	}
	d.reply(d.invite, d.inviteTx, status, reason, body)
}

func supports100rel(msg gosip.Message) bool {
	return headerHas(msg, "Supported", ext100rel) || headerHas(msg, "k", ext100rel)
}

func (d *dialog) reliably(status int, reason string, body []byte) {
	r := &d.reliable
	if r.rseq == 0 {
		r.rseq = rand.Uint32N(1 << 30)
	}
	r.rseq++
	r.sdp, r.wait, r.spent = len(body) > 0, d.s.timing.t1, 0
	r.res = d.reply(d.invite, d.inviteTx, status, reason, body,
		gosip.NewHeader("Require", ext100rel), gosip.NewHeader("RSeq", strconv.FormatUint(uint64(r.rseq), 10)))
	r.timer = d.after(r.wait, func() { d.repeatReliably(r.res) })
}

// repeatReliably sends a response again after T1, 2·T1, 4·T1 and so on; after 64·T1 the call has failed (RFC 3262 3).
func (d *dialog) repeatReliably(res *gosip.Response) {
	r := &d.reliable
	if r.res != res {
		return
	}
	r.spent += r.wait
	if r.spent >= d.s.timing.giveUp() {
		d.reject(refuse(504, "No PRACK"))
		return
	}
	d.s.m.retransmits.Inc()
	if err := d.inviteTx.Respond(res); err != nil {
		d.s.log.Warn("cannot repeat a provisional response", "err", err)
	}
	r.wait = min(2*r.wait, d.s.timing.giveUp()-r.spent)
	r.timer = d.after(r.wait, func() { d.repeatReliably(res) })
}

// gotPrack confirms the response that waits. Its body is the answer to our offer in that response, or another offer.
func (d *dialog) gotPrack(req *gosip.Request, tx *gosip.ServerTx) {
	rack, ok := rackOf(req)
	r := &d.reliable
	switch {
	case !ok:
		d.reply(req, tx, 400, "Bad RAck", nil)
		return
	case r.res == nil || rack != (rAck{r.rseq, d.invite.CSeq().SeqNo, string(gosip.INVITE)}):
		d.reply(req, tx, 481, "No Such Response", nil)
		return
	}
	waiting, sdp := r.waiting, r.sdp
	r.stop()
	owed := sdp && !d.settled && d.opening != nil // our offer went with the response
	d.settled = d.settled || sdp
	var ours []byte
	var broken error
	body, bad := sdpBody(req)
	switch {
	case owed:
		broken = d.settleAck(body)
	case bad == nil && len(body) > 0:
		if bad = d.busy(); bad == nil {
			_, ours, bad = d.takeOffer(req)
		}
	}
	if bad != nil {
		d.reply(req, tx, bad.status, bad.reason, nil, bad.headers...)
	} else {
		d.reply(req, tx, 200, "OK", ours)
	}
	if broken != nil {
		d.reject(asRefusal(broken))
		return
	}
	d.goOn(waiting)
}

// goOn does what waited for a PRACK, as far as the next response that waits for one.
func (d *dialog) goOn(waiting []func()) {
	for i, f := range waiting {
		if d.reliable.res != nil {
			d.reliable.waiting = append(d.reliable.waiting, waiting[i:]...)
			return
		}
		f()
	}
	d.nextOffer()
}

// confirms says whether a provisional response is news, and sends the PRACK of a reliable one: once, and only in the order of RSeq, as
// one that comes early is repeated (RFC 3262 4).
func (d *dialog) confirms(p *peer, res *gosip.Response) bool {
	if !headerHas(res, "Require", ext100rel) {
		return true
	}
	h := res.GetHeader("RSeq")
	if h == nil || p.tag == "" {
		return true
	}
	n, ok := number(h.Value(), 1<<32-1)
	if !ok || n == 0 || p.rseq != 0 && uint32(n) != p.rseq+1 {
		return false
	}
	p.rseq = uint32(n)
	newest := d.peer
	d.peer = p
	req := d.next(gosip.PRACK)
	req.AppendHeader(gosip.NewHeader("RAck", strconv.FormatUint(n, 10)+" "+res.CSeq().Value()))
	d.ask(req, func(res *gosip.Response) {
		if !res.IsSuccess() {
			d.s.log.Info("a PRACK was refused", "status", res.StatusCode)
		}
	}, func(err error) { d.s.log.Info("a PRACK was not answered", "err", err) })
	d.peer = newest
	return true
}

// rAck names the response that a PRACK confirms.
type rAck struct {
	rseq, cseq uint32
	method     string
}

func rackOf(req *gosip.Request) (rAck, bool) {
	hs := req.GetHeaders("RAck")
	if len(hs) != 1 {
		return rAck{}, false
	}
	return parseRAck(hs[0].Value())
}

// parseRAck reads a RAck header (RFC 3262 7.2): response number, CSeq number, method.
func parseRAck(value string) (rAck, bool) {
	f := strings.Fields(value)
	if len(f) != 3 || !isToken(f[2]) {
		return rAck{}, false
	}
	rseq, ok1 := number(f[0], 1<<32-1)
	cseq, ok2 := number(f[1], 1<<31-1)
	return rAck{uint32(rseq), uint32(cseq), f[2]}, ok1 && ok2 && rseq > 0
}
