package sip

import (
	"slices"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// answering is a 2xx of ours to an INVITE, repeated until its ACK comes (RFC 3261 13.3.1.4; the transaction layer does not, RFC 6026).
type answering struct {
	tx      *gosip.ServerTx
	res     *gosip.Response
	cseq    uint32
	wait    time.Duration
	spent   time.Duration
	timer   *time.Timer
	offered bool // the 2xx carries our offer: the ACK must carry the answer
	stopped chan struct{}
	acked   func(body []byte)
}

// newUAS makes the dialog of an INVITE that came in. The caller starts it with stack.start.
func (s *stack) newUAS(req *gosip.Request, tx *gosip.ServerTx, contactUser string, on hooks) (*dialog, error) {
	target := contactOf(req)
	if target == nil { // RFC 2543 callers need not have one
		target = &req.From().Address
	}
	tag, _ := req.To().Params.Get("tag")
	remoteTag, _ := req.From().Params.Get("tag")
	d := &dialog{
		s: s, callID: req.CallID().Value(), localTag: tag, remoteTag: remoteTag, mail: newMailbox(), done: make(chan struct{}), on: on,
		local: gosip.FromHeader{DisplayName: req.To().DisplayName, Address: *req.To().Address.Clone(), Params: req.To().Params.Clone()},
		peer: &peer{
			tag:    remoteTag,
			remote: gosip.ToHeader{DisplayName: req.From().DisplayName, Address: *req.From().Address.Clone(), Params: req.From().Params.Clone()},
			target: *target.Clone(), routes: recordRoutes(req),
		},
		invite: req, inviteTx: tx, counts: map[string]int{},
	}
	if remoteTag == "" {
		d.remote.Params.Remove("tag")
	}
	d.seen(req)
	d.refresh(req)
	sips := req.Recipient.IsEncrypted() || d.target.IsEncrypted() || slices.ContainsFunc(d.routes, func(u gosip.Uri) bool { return u.IsEncrypted() })
	d.contact = s.t.contact(contactUser, d.flow, sips)
	d.seq.start(req.CSeq().SeqNo)
	return d, nil
}

func (d *dialog) inviteKey() string {
	tag, _ := d.invite.From().Params.Get("tag")
	return inviteKey(d.callID, tag, d.invite.CSeq().SeqNo)
}

// reply answers a request of the dialog.
func (d *dialog) reply(req *gosip.Request, tx *gosip.ServerTx, status int, reason string, body []byte, headers ...gosip.Header) *gosip.Response {
	res := response(req, status, reason, nil)
	if status > 100 && status < 300 && (req.Method == gosip.INVITE || req.Method == gosip.UPDATE) {
		res.AppendHeader(&gosip.ContactHeader{Address: d.contact})
		res.AppendHeader(allowHeader())
	}
	for _, h := range headers {
		res.AppendHeader(h)
	}
	if len(body) > 0 {
		ct := gosip.ContentTypeHeader("application/sdp")
		res.AppendHeader(&ct)
	}
	res.SetBody(body)
	if err := d.s.t.respond(tx, res); err != nil {
		d.s.log.Warn("cannot answer a SIP request", "method", string(req.Method), "status", status, "err", err)
		tx.Terminate()
	}
	return res
}

// accept answers the call with our description; offered says that it is an offer, because the INVITE had none. confirmed is called when
// the ACK has come, with its body. A description that is still to be confirmed holds the 2xx back (RFC 3262 3).
func (d *dialog) accept(body []byte, offered bool, confirmed func(body []byte)) {
	d.mail.post(func() {
		now := func() { d.acceptNow(body, offered, confirmed) }
		if d.reliable.res != nil && d.reliable.sdp {
			d.reliable.waiting = append(d.reliable.waiting, now)
			return
		}
		now()
	})
}

func (d *dialog) acceptNow(body []byte, offered bool, confirmed func(body []byte)) {
	if d.uac || !d.step(answeredUAS) {
		return
	}
	d.reliable.stop()
	if d.settled {
		body, offered = nil, false // another description would be another offer
	}
	res := d.reply(d.invite, d.inviteTx, 200, "OK", body, d.timer.grant(d, d.invite)...)
	d.answer2xx(&answering{tx: d.inviteTx, res: res, cseq: d.invite.CSeq().SeqNo, offered: offered, acked: confirmed})
}

// reject refuses an INVITE that has no final response yet. It runs on the dialog's goroutine.
func (d *dialog) reject(r *refusal) {
	if d.state != calling && d.state != ringing {
		return
	}
	d.reliable.stop()
	d.s.m.countRefusal(r.status)
	d.reply(d.invite, d.inviteTx, r.status, r.reason, nil, r.headers...)
	d.step(refused)
	d.report(end{status: r.status, byUs: true, text: r.reason})
}

// answer2xx starts repeating a 2xx.
func (d *dialog) answer2xx(a *answering) {
	a.wait, a.stopped = d.s.timing.t1, make(chan struct{})
	d.answering = a
	a.timer = d.after(a.wait, func() { d.repeat2xx(a) })
	// Some peers send the ACK with the INVITE's branch, so that it reaches the transaction and not us.
	d.s.spawn(func() {
		select {
		case req := <-a.tx.Acks():
			d.mail.post(func() { d.gotAck(req) })
		case <-a.stopped:
		case <-a.tx.Done():
		}
	})
}

func (d *dialog) repeat2xx(a *answering) {
	if d.answering != a {
		return
	}
	a.spent += a.wait
	if a.spent >= d.s.timing.giveUp() {
		d.noAck()
		return
	}
	d.s.m.retransmits.Inc()
	if err := a.tx.Respond(a.res); err != nil {
		d.s.log.Warn("cannot repeat an answer", "err", err)
	}
	a.wait = min(2*a.wait, d.s.timing.t2, d.s.timing.giveUp()-a.spent)
	a.timer = d.after(a.wait, func() { d.repeat2xx(a) })
}

// noAck ends a call whose 2xx was never acknowledged: BYE after 64·T1 (D5).
func (d *dialog) noAck() {
	d.stopAnswering()
	if d.state == leaving {
		d.sendBye(d.byeWith)
		return
	}
	d.lose(end{status: 408, text: "no ACK"})
}

func (d *dialog) stopAnswering() {
	if d.answering != nil {
		d.answering.timer.Stop()
		close(d.answering.stopped)
	}
	d.answering = nil
}

// gotAck takes the ACK of a 2xx.
func (d *dialog) gotAck(req *gosip.Request) {
	a := d.answering
	if a == nil || req.CSeq().SeqNo != a.cseq {
		return // a repetition
	}
	d.s.t.in.hand.done(d.localTag)
	d.stopAnswering()
	d.step(acked)
	body, _ := sdpBody(req)
	if a.offered && d.state == confirmed {
		if err := d.settleAck(body); err != nil {
			d.leave(end{status: 488, byUs: true, text: "no usable answer in ACK"})
			return
		}
	}
	if a.acked != nil {
		a.acked(body)
	}
	if d.byeHeld {
		d.sendBye(d.byeWith)
		return
	}
	d.runAfterAck()
	d.nextOffer()
}

func (d *dialog) runAfterAck() {
	if f := d.afterAck; f != nil {
		d.afterAck = nil
		f()
	}
}

func (d *dialog) settleAck(body []byte) error {
	if len(body) == 0 {
		return refuse(488, "No Answer In ACK")
	}
	return d.on.answer(body)
}

// gotCancel handles CANCEL, which names the transaction by its branch (RFC 3261 9.2). It runs in step with everything else the dialog
// does, so a CANCEL that crosses our 2xx simply comes too late.
func (d *dialog) gotCancel(req *gosip.Request, tx *gosip.ServerTx) {
	d.reply(req, tx, 200, "OK", nil)
	if d.uac || d.state != calling && d.state != ringing || branchOf(req) != branchOf(d.invite) {
		return
	}
	d.reliable.stop()
	d.reply(d.invite, d.inviteTx, 487, "Request Terminated", nil)
	d.step(cancelled)
	q850, text := reasonOf(req)
	d.report(end{status: 487, q850: q850, text: text})
}

func branchOf(req *gosip.Request) string {
	b, _ := req.Via().Params.Get("branch")
	return b
}
