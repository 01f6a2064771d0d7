package sip

import (
	"crypto/rand"
	"encoding/hex"
	"strings"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"
)

// outgoing says what an INVITE of ours is to look like.
type outgoing struct {
	target  gosip.Uri
	via     hop // where to send it when that is not the target's own address
	from    gosip.FromHeader
	to      gosip.Uri
	contact string // user part of our Contact
	codec   string // offered first, so that packets can pass untranscoded; "": no preference
	cred    *Credentials
	trunk   *Trunk // the way out, nil for phones and addresses
	headers []gosip.Header
	tenant  uuid.UUID
	desk    desk
	by      string     // extension of the agent's telephone that transfers the call here
	metered *metered   // a call to a telephone number
	ways    []outgoing // by which that can go, in their order

	contacts []outgoing // of a phone, which all ring
}

// maxTries bounds how often an INVITE is sent again because of a challenge, a session interval or an extension, maxChallenges how often any
// other request is because of a challenge.
const (
	maxTries      = 3
	maxChallenges = 2
)

// newUAC makes the dialog of a call of ours. The caller starts it with stack.start and then calls begin.
func (s *stack) newUAC(o outgoing, on hooks) *dialog {
	tag := randomHex(8)
	d := &dialog{
		s: s, uac: true, callID: randomHex(16), localTag: tag, mail: newMailbox(), done: make(chan struct{}), on: on, cred: o.cred,
		local: o.from, peer: &peer{remote: gosip.ToHeader{Address: o.to}, target: o.target}, via: o.via, extra: o.headers, counts: map[string]int{},
	}
	d.local.Params = gosip.HeaderParams{{K: "tag", V: tag}}
	h := o.via
	if h.addr == "" {
		h = hopOf(&o.target)
	}
	d.contact = s.t.contact(o.contact, h, o.target.IsEncrypted())
	d.via = h
	return d
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// begin sends the INVITE.
func (d *dialog) begin(offer []byte) {
	d.mail.post(func() {
		if d.state != calling { // given up before it began
			d.step(lost)
			return
		}
		req := d.next(gosip.INVITE)
		for _, h := range d.extra {
			req.AppendHeader(h)
		}
		req.AppendHeader(allowHeader())
		for _, h := range d.timer.ask(d) {
			req.AppendHeader(h)
		}
		ct := gosip.ContentTypeHeader("application/sdp")
		req.AppendHeader(&ct)
		req.SetBody(offer)
		d.sendInvite(req)
		if d.patience > 0 {
			d.after(d.patience, func() {
				if d.state == calling && !d.heard {
					d.giveUp(end{status: 503, text: "no answer"})
				}
			})
		}
	})
}

// sendInvite starts the INVITE's transaction; every response comes back to the dialog's goroutine, in order.
func (d *dialog) sendInvite(req *gosip.Request) {
	d.invite, d.heard, d.forks = req, false, nil
	d.s.t.stamp(req, d.via)
	d.s.transact(req, func(res *gosip.Response) {
		if !d.mail.post(func() { d.responded(req, res) }) && res.IsSuccess() {
			d.s.orphan(res)
		}
	}, func(err error) { d.mail.post(func() { d.failed(req, err) }) })
}

// responded takes a response to the INVITE. There may be any number of provisional ones (D1).
func (d *dialog) responded(req *gosip.Request, res *gosip.Response) {
	switch {
	case req != d.invite:
		return
	case res.IsProvisional():
		d.progress(res)
	case res.IsSuccess():
		d.answered(res)
	default:
		d.refusedBy(res)
	}
}

func (d *dialog) progress(res *gosip.Response) {
	d.heard = true
	if d.state == cancelling {
		d.sendCancel()
		return
	}
	if res.StatusCode == 100 || d.state != calling && d.state != ringing {
		return
	}
	p := d.fork(res)
	if !d.confirms(p, res) {
		return
	}
	d.step(progressed)
	body, _ := sdpBody(res)
	if len(body) > 0 {
		p.early, p.settled = body, p.settled || headerHas(res, "Require", ext100rel)
	}
	if p.renewed {
		body = nil
	}
	if len(body) > 0 || d.tag == "" {
		d.peer = p // the newest fork that sounds is the one that is heard
	}
	d.on.progress(res.StatusCode, body)
	d.nextOffer()
}

// fork is the other end that a response to the INVITE came from; what it says of the way there is taken over (RFC 3261 12.1.2).
func (d *dialog) fork(res *gosip.Response) *peer {
	tag, _ := res.To().Params.Get("tag")
	if tag == "" {
		return d.peer
	}
	p := d.forkOf(tag)
	p.remote, p.routes = headerTo(res.To()), reversed(recordRoutes(res))
	p.refresh(res)
	return p
}

func (d *dialog) forkOf(tag string) *peer {
	for _, p := range d.forks {
		if p.tag == tag {
			return p
		}
	}
	p := &peer{tag: tag, remote: d.remote, target: d.invite.Recipient}
	if len(d.forks) >= maxForks {
		return p // forgotten at once: somebody plays with tags
	}
	d.forks = append(d.forks, p)
	return p
}

// maxForks bounds the early dialogs of one call.
const maxForks = 32

// sender is the other end that a request came from. One that overtook the first response of its fork begins that fork.
func (d *dialog) sender(req *gosip.Request) *peer {
	tag, _ := req.From().Params.Get("tag")
	if !d.uac || d.state != calling && d.state != ringing || tag == "" {
		return d.peer
	}
	p := d.forkOf(tag)
	if _, known := p.remote.Params.Get("tag"); !known {
		p.remote = gosip.ToHeader{DisplayName: req.From().DisplayName, Address: *req.From().Address.Clone(), Params: req.From().Params.Clone()}
		p.refresh(req)
	}
	return p
}

// answered takes the first 2xx. One that crossed our CANCEL is acknowledged and hung up (D2).
func (d *dialog) answered(res *gosip.Response) {
	late := d.state == cancelling
	if !d.step(answeredUAC) {
		d.answeredAgain(res)
		return
	}
	d.peer = d.fork(res)
	d.setRemoteTag(d.tag)
	d.acknowledge(d.invite, nil)
	if late {
		d.s.m.orphans.Inc()
		d.sendBye(nil)
		return
	}
	body, _ := sdpBody(res)
	if len(body) == 0 {
		body = d.early // some gateways send the answer in 183 only
	}
	if err := d.settle(body); err != nil {
		d.leave(end{status: 488, byUs: true, text: "no usable answer"})
		return
	}
	d.timer.granted(d, res)
	d.on.answered(res)
}

// settle takes the answer in the 2xx; nothing after an UPDATE, which has settled more since.
func (d *dialog) settle(answer []byte) error {
	if d.renewed {
		return nil
	}
	return d.on.answer(answer)
}

// acknowledge sends the ACK of a 2xx and keeps it for repetitions.
func (d *dialog) acknowledge(invite *gosip.Request, body []byte) {
	ack := d.build(gosip.ACK, invite.CSeq().SeqNo)
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		if h := invite.GetHeader(name); h != nil {
			ack.AppendHeader(gosip.HeaderClone(h)) // RFC 3261 22.1
		}
	}
	if len(body) > 0 {
		ct := gosip.ContentTypeHeader("application/sdp")
		ack.AppendHeader(&ct)
		ack.SetBody(body)
	}
	d.s.t.stamp(ack, d.hop())
	d.ack = ack
	d.sendAck()
}

func (d *dialog) sendAck() {
	if err := d.s.t.send(d.ack); err != nil {
		d.s.log.Warn("cannot send ACK", "err", err)
	}
}

// answeredAgain takes a further 2xx to an INVITE: a repetition is acknowledged again, another fork is acknowledged and hung up (D4).
func (d *dialog) answeredAgain(res *gosip.Response) {
	tag, _ := res.To().Params.Get("tag")
	d.mu.Lock()
	same := tag == d.remoteTag
	d.mu.Unlock()
	if !same {
		d.s.orphan(res)
		return
	}
	if d.ack != nil && d.ack.CSeq().SeqNo == res.CSeq().SeqNo {
		d.sendAck()
	}
}

// refusedBy takes a final response other than 2xx; the transaction layer has sent its ACK.
func (d *dialog) refusedBy(res *gosip.Response) {
	if d.state != cancelling && d.tries < maxTries && d.again(res) {
		return
	}
	if d.step(refused) {
		q850, text := reasonOf(res)
		if text == "" {
			text = quotable(res.Reason)
		}
		d.report(end{status: res.StatusCode, q850: q850, text: text})
	}
}

// again repeats the INVITE with what a 401, 407 or 422 asks for.
func (d *dialog) again(res *gosip.Response) bool {
	req := d.invite.Clone()
	switch res.StatusCode {
	case 401, 407:
		if d.cred == nil || !authorize(req, res, *d.cred, d.counts) {
			return false
		}
	case 421:
		option, ok := wantsOnly(res)
		if !ok || req.GetHeader("Require") != nil {
			return false
		}
		req.AppendHeader(gosip.NewHeader("Require", option))
	case 422:
		if !d.timer.raise(d, res) {
			return false
		}
		for _, h := range []string{"Session-Expires", "Min-SE"} {
			req.RemoveHeader(h)
			req.AppendHeader(gosip.NewHeader(h, seconds(d.timer.minSE)))
		}
	default:
		return false
	}
	d.tries++
	d.localSeq++
	req.CSeq().SeqNo = d.localSeq
	d.sendInvite(req)
	return true
}

// wantsOnly returns what a 421 requires of us, if we have all of it (RFC 3261 21.4.16).
func wantsOnly(res *gosip.Response) (options string, ok bool) {
	h := res.GetHeader("Require")
	if h == nil {
		return "", false
	}
	for v := range strings.SplitSeq(h.Value(), ",") {
		if !has(strings.TrimSpace(v)) {
			return "", false
		}
	}
	return h.Value(), true
}

// failed takes the end of the INVITE's transaction without a final response.
func (d *dialog) failed(req *gosip.Request, err error) {
	if req != d.invite || d.state == confirmed || d.state == leaving {
		return
	}
	d.s.log.Debug("an INVITE failed", "err", err)
	status := 408
	if !d.heard {
		status = 503
	}
	if d.step(lost) {
		d.report(end{status: status, text: "no answer"})
	}
}

// giveUp withdraws the call: CANCEL as soon as a provisional response allows it, and nothing more is awaited after 64·T1.
func (d *dialog) giveUp(e end, headers ...gosip.Header) {
	if !d.step(leave) {
		return
	}
	d.report(e)
	d.reasons = headers
	if d.heard {
		d.sendCancel()
	}
}

// sendCancel builds CANCEL from the INVITE alone (RFC 3261 9.1, D3): same branch, same route, same CSeq number.
func (d *dialog) sendCancel() {
	if d.cancelled {
		return
	}
	d.cancelled = true
	inv := d.invite
	req := gosip.NewRequest(gosip.CANCEL, inv.Recipient)
	req.AppendHeader(inv.Via().Clone())
	for _, name := range []string{"Route", "From", "To", "Call-ID", "Max-Forwards"} {
		gosip.CopyHeaders(name, inv, req)
	}
	req.AppendHeader(&gosip.CSeqHeader{SeqNo: inv.CSeq().SeqNo, MethodName: gosip.CANCEL})
	for _, h := range d.reasons {
		req.AppendHeader(h)
	}
	req.SetBody(nil)
	req.SetTransport(inv.Transport())
	req.SetDestination(inv.Destination())
	req.Laddr = inv.Laddr
	d.s.transact(req, func(*gosip.Response) {}, func(error) {})
	d.after(d.s.timing.giveUp(), func() {
		if d.state == cancelling {
			d.step(lost)
		}
	})
}
