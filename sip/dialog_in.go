package sip

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"runtime/debug"
	"strings"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// parkTime is how long a request that is ahead of its CSeq waits for the missing ones.
const parkTime = 50 * time.Millisecond

// methods we serve in and outside dialogs.
const methods = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER"

// The extensions we have (RFC 4028, 3262, 3891, 4488).
const (
	extTimer       = "timer"
	ext100rel      = "100rel"
	extReplaces    = "replaces"
	extNoReferSub  = "norefersub"
	extensionsList = extTimer + ", " + ext100rel + ", " + extReplaces + ", " + extNoReferSub
)

func supported() gosip.Header { return gosip.NewHeader("Supported", extensionsList) }

// has says whether an option tag is one of our extensions.
func has(option string) bool {
	switch strings.ToLower(option) {
	case extTimer, ext100rel, extReplaces, extNoReferSub:
		return true
	}
	return false
}

func allowHeader() gosip.Header { return gosip.NewHeader("Allow", methods) }

func stackTrace() []byte { return debug.Stack() }

// receive takes a request of the dialog on its goroutine and puts it in order.
func (d *dialog) receive(req *gosip.Request, tx *gosip.ServerTx) {
	switch req.Method {
	case gosip.ACK:
		tx.Terminate()
		d.gotAck(req)
		return
	case cancelByUs:
		d.gotCancel(req, tx)
		return
	}
	if d.state == terminated {
		d.reply(req, tx, 481, "Call/Transaction Does Not Exist", nil)
		return
	}
	p := d.sender(req)
	seq := req.CSeq().SeqNo
	v, run := p.seq.offer(seq, func() { d.handle(p, req, tx) })
	switch v {
	case stale:
		d.reply(req, tx, 500, "Out Of Order", nil)
	case early:
		d.after(parkTime, func() {
			for _, f := range p.seq.expire(seq) {
				f()
			}
		})
	}
	for _, f := range run {
		f()
	}
}

// handle serves one request whose turn it is.
func (d *dialog) handle(p *peer, req *gosip.Request, tx *gosip.ServerTx) {
	if d.state == calling || d.state == ringing {
		d.peer = p
	}
	d.seen(req)
	if unsupported := unknownOptions(req); unsupported != "" {
		d.reply(req, tx, 420, "Bad Extension", nil, gosip.NewHeader("Unsupported", unsupported))
		return
	}
	switch req.Method {
	case gosip.BYE:
		d.gotBye(req, tx)
	case gosip.INVITE:
		d.gotReinvite(req, tx)
	case gosip.UPDATE:
		d.gotUpdate(req, tx)
	case gosip.INFO:
		d.gotInfo(req, tx)
	case gosip.PRACK:
		d.gotPrack(req, tx)
	case gosip.REFER:
		d.whenAcked(func() { d.gotRefer(req, tx) })
	case gosip.NOTIFY:
		d.reply(req, tx, 481, "Subscription Does Not Exist", nil) // we subscribe to nothing (RFC 6665 4.1.3)
	case gosip.OPTIONS:
		d.reply(req, tx, 200, "OK", nil, capabilities()...)
	default:
		d.reply(req, tx, 405, "Method Not Allowed", nil, allowHeader())
	}
}

func capabilities() []gosip.Header {
	return []gosip.Header{
		allowHeader(), gosip.NewHeader("Accept", "application/sdp, "+typeDTMFRelay+", "+typeDTMF), gosip.NewHeader("Accept-Encoding", "identity"),
		gosip.NewHeader("Accept-Language", "en"), supported(),
	}
}

// unknownOptions lists the required extensions that we do not have (RFC 3261 8.2.2.3).
func unknownOptions(req *gosip.Request) string {
	var out []string
	for _, name := range []string{"Require", "Proxy-Require"} {
		for _, h := range req.GetHeaders(name) {
			for v := range strings.SplitSeq(h.Value(), ",") {
				v = strings.TrimSpace(v)
				if v != "" && !has(v) && isToken(v) && len(out) < 16 {
					out = append(out, v)
				}
			}
		}
	}
	return strings.Join(out, ", ")
}

func (d *dialog) gotBye(req *gosip.Request, tx *gosip.ServerTx) {
	d.reply(req, tx, 200, "OK", nil)
	if !d.uac && (d.state == calling || d.state == ringing) {
		d.reply(d.invite, d.inviteTx, 487, "Request Terminated", nil) // RFC 3261 15.1.2
	}
	q850, text := reasonOf(req)
	d.step(hungUp)
	d.report(end{status: 200, q850: q850, text: text})
}

func (d *dialog) gotInfo(req *gosip.Request, tx *gosip.ServerTx) {
	ct := ""
	if h := req.ContentType(); h != nil {
		ct, _, _ = strings.Cut(strings.ToLower(h.Value()), ";")
	}
	switch status := d.on.info(strings.TrimSpace(ct), req.Body()); status {
	case 415:
		d.reply(req, tx, 415, "Unsupported Media Type", nil, gosip.NewHeader("Accept", typeDTMFRelay+", "+typeDTMF))
	case 400:
		d.reply(req, tx, 400, "Bad Body", nil)
	default:
		d.reply(req, tx, 200, "OK", nil)
	}
}

// busy says why a new offer cannot be taken now (RFC 3261 14.2, RFC 3311 5.2): ours is open, or theirs is.
func (d *dialog) busy() *refusal {
	early := d.state == calling || d.state == ringing
	switch {
	case d.offering, early && !d.settled && (d.uac || d.opening != nil):
		return refuse(491, "Request Pending")
	case early && d.settled:
		return nil
	case d.answering != nil, d.state != confirmed:
		return refuse(500, "Not Yet", gosip.NewHeader("Retry-After", itoa(rand.IntN(11))))
	}
	return nil
}

// gotReinvite serves INVITE in the dialog: hold, resume, a changed codec or port, an invitation to offer, a session refresh.
func (d *dialog) gotReinvite(req *gosip.Request, tx *gosip.ServerTx) {
	if d.state == leaving {
		d.reply(req, tx, 481, "Call/Transaction Does Not Exist", nil)
		return
	}
	d.whenAcked(func() { d.reinvited(req, tx) })
}

// whenAcked runs f now, or, when an ACK is still to come, with it: a request sent right behind an ACK may overtake it.
func (d *dialog) whenAcked(f func()) {
	if d.answering == nil || d.afterAck != nil || d.offering {
		f()
		return
	}
	d.afterAck = f
	d.after(parkTime, d.runAfterAck)
}

func (d *dialog) reinvited(req *gosip.Request, tx *gosip.ServerTx) {
	if r := d.busy(); r != nil {
		d.reply(req, tx, r.status, r.reason, nil, r.headers...)
		return
	}
	r := d.s.timing.tooShort(req)
	var body, answerBody []byte
	if r == nil {
		body, answerBody, r = d.takeOffer(req)
	}
	if r != nil {
		d.reply(req, tx, r.status, r.reason, nil, r.headers...)
		return
	}
	d.refresh(req)
	res := d.reply(req, tx, 200, "OK", answerBody, d.timer.grant(d, req)...)
	d.answer2xx(&answering{tx: tx, res: res, cseq: req.CSeq().SeqNo, offered: len(body) == 0})
}

// takeOffer returns their body and what to put into the 2xx: our answer, or our offer when they sent none.
func (d *dialog) takeOffer(req *gosip.Request) (theirs, ours []byte, r *refusal) {
	theirs, r = sdpBody(req)
	if r != nil {
		return nil, nil, r
	}
	if d.refuge.addr != "" && !isPrivate(d.flow.network) {
		return nil, nil, notAcceptable(302, "Keys do not travel in the clear")
	}
	if len(theirs) == 0 {
		return nil, d.on.makeOffer(false), nil
	}
	ours, err := d.on.offer(theirs)
	if err != nil {
		return nil, nil, asRefusal(err)
	}
	return theirs, ours, nil
}

func asRefusal(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	return refuse(500, "Server Error")
}

// gotUpdate serves UPDATE (RFC 3311): a refresh without a body, or an offer that must be answered at once.
func (d *dialog) gotUpdate(req *gosip.Request, tx *gosip.ServerTx) {
	if len(req.Body()) > 0 {
		d.whenAcked(func() { d.updated(req, tx) })
		return
	}
	d.updated(req, tx)
}

func (d *dialog) updated(req *gosip.Request, tx *gosip.ServerTx) {
	body, r := sdpBody(req)
	if r == nil {
		r = d.s.timing.tooShort(req)
	}
	var ours []byte
	if r == nil && len(body) > 0 {
		if r = d.busy(); r == nil {
			_, ours, r = d.takeOffer(req)
			d.renewed = d.renewed || r == nil && d.state == ringing
		}
	}
	if r != nil {
		d.reply(req, tx, r.status, r.reason, nil, r.headers...)
		return
	}
	d.refresh(req)
	var headers []gosip.Header
	if d.state == accepted || d.state == confirmed {
		headers = d.timer.grant(d, req)
	}
	d.reply(req, tx, 200, "OK", ours, headers...)
}

// sdpBody returns the session description of a message, also out of a multipart body; nil when there is none, 415 for another type.
func sdpBody(msg gosip.Message) ([]byte, *refusal) {
	body := msg.Body()
	if len(body) == 0 {
		return nil, nil
	}
	value := ""
	if hs := msg.GetHeaders("Content-Type"); len(hs) > 0 {
		value = hs[0].Value()
	}
	unsupported := refuse(415, "Unsupported Media Type", gosip.NewHeader("Accept", "application/sdp"))
	kind, params, err := mime.ParseMediaType(value)
	if err != nil {
		return nil, unsupported
	}
	if kind == "application/sdp" {
		return body, nil
	}
	if !strings.HasPrefix(kind, "multipart/") || params["boundary"] == "" {
		return nil, unsupported
	}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for range 8 {
		p, err := parts.NextRawPart()
		if err != nil {
			break
		}
		if t, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type")); t == "application/sdp" {
			b, err := io.ReadAll(io.LimitReader(p, maxMessage))
			if err == nil {
				return b, nil
			}
		}
	}
	return nil, unsupported
}
