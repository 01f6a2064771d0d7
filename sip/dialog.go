package sip

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// hooks are what a dialog tells its owner. All run on the dialog's goroutine and must not block.
type hooks struct {
	progress  func(status int, body []byte)              // UAC: a provisional response other than 100
	answered  func(res *gosip.Response)                  // UAC: the call was answered, media is settled
	offer     func(body []byte) (answer []byte, e error) // they offer; an error (refusal) leaves everything as it was
	makeOffer func(repeat bool) []byte                   // we offer; repeat: the same as last time (session refresh)
	answer    func(body []byte) error                    // their answer to our offer
	refused   func()                                     // they did not take our offer: what held before holds
	info      func(contentType string, body []byte) int  // INFO; returns the status
	refer     func(r referral) *refusal                  // they ask us to send the other party elsewhere; nil: accepted, r.report follows
	replace   func(n newcomer) *refusal                  // another dialog is to take this one's place
	ended     func(end)                                  // exactly once
}

// end says how a dialog ended.
type end struct {
	status int    // the final status of the INVITE, or 200 for a call that was answered and then hung up
	byUs   bool   // we hung up or gave up
	q850   int    // cause of a Reason header (RFC 3326), 0 when none came
	text   string // reason phrase
}

// dialog is one INVITE dialog, as caller or called. One goroutine (run) owns everything below mail; others post functions to it.
type dialog struct {
	s        *stack
	uac      bool
	callID   string
	localTag string
	mail     *mailbox
	done     chan struct{}
	on       hooks
	cred     *Credentials
	extra    []gosip.Header // headers for the INVITE
	leg      *leg           // whose dialog it is, for a Replaces that names it; set before the dialog starts

	mu        sync.Mutex // remoteTag is also read by the dispatcher
	remoteTag string

	*peer             // the other end; UAC: the fork that rang last, or has answered
	forks     []*peer // UAC: early dialogs, one for each of their tags
	state     state
	local     gosip.FromHeader // our address with our tag
	localSeq  uint32
	sent      <-chan struct{} // closed when the last request is on its way
	contact   gosip.Uri
	via       hop            // UAC: where the INVITE goes when the route set is empty
	flow      hop            // where their last request came from, for streams and NAT
	source    netip.AddrPort // the same, as an address
	refuge    hop            // where requests go that would leave TLS, once descriptions hold keys
	reported  bool           // ended was called
	invite    *gosip.Request
	inviteTx  *gosip.ServerTx
	answering *answering     // our 2xx without its ACK yet
	byeWith   []gosip.Header // a BYE held back until the ACK comes (RFC 3261 15)
	byeHeld   bool
	afterAck  func() // a re-INVITE that overtook the ACK before it
	offering  bool   // our re-INVITE or UPDATE is under way
	wanted    []reoffer
	opening   []byte   // UAS: our offer, when the INVITE had none
	reliable  reliable // UAS: the provisional response that waits for its PRACK
	referrals int
	heard     bool           // UAC: a provisional response came, so CANCEL may be sent
	patience  time.Duration  // UAC: how long to wait for any response; 0: as long as the transaction does
	cancelled bool           // UAC: CANCEL was sent
	reasons   []gosip.Header // UAC: of our CANCEL (RFC 3326)
	tries     int
	counts    map[string]int // uses of each nonce
	ack       *gosip.Request
	timer     sessionTimer
}

// peer is the other end as one of its tags knows it. A caller has as many as forks respond, each an early dialog of its own, until the
// first 2xx (RFC 3261 12.1.2, 13.2.2.4).
type peer struct {
	tag     string
	remote  gosip.ToHeader // their address with their tag
	target  gosip.Uri
	routes  []gosip.Uri
	seq     sequence
	allows  map[string]bool
	rseq    uint32 // UAC: the last reliable provisional response; 0: none
	early   []byte // UAC: the last description in a provisional response
	settled bool   // the INVITE's offer is answered for good before the 2xx: UPDATE may make another (RFC 3311 5.1)
	renewed bool   // and has: descriptions in responses to the INVITE are of the past
}

// reoffer is a wish to renegotiate, kept until the dialog is free for it.
type reoffer struct {
	repeat bool
	done   func(error)
	tries  int
}

// run is the dialog's goroutine.
func (d *dialog) run() {
	for d.state != terminated {
		<-d.mail.wake
		for _, f := range d.mail.take() {
			d.safely(f)
		}
	}
	d.timer.stop()
	d.stopAnswering()
	d.reliable.stop()
	d.s.forget(d)
	for _, f := range d.mail.close() {
		d.safely(f)
	}
	close(d.done)
}

// safely runs one posted function; a panic in it ends the dialog, not the process.
func (d *dialog) safely(f func()) {
	defer func() {
		if r := recover(); r != nil {
			d.state = terminated
			d.report(end{status: 500, text: "internal error"})
			d.s.m.panics.Inc()
			d.s.t.crashed(r, stackTrace())
		}
	}()
	f()
}

// after posts f when the time has come; stop the timer to prevent it.
func (d *dialog) after(wait time.Duration, f func()) *time.Timer {
	return time.AfterFunc(wait, func() { d.mail.post(f) })
}

// step moves the state machine.
func (d *dialog) step(e event) bool {
	to, ok := d.state.next(e)
	if ok {
		d.state = to
	}
	return ok
}

// report tells the owner, once, that the call is over for it; the dialog itself may still be saying goodbye.
func (d *dialog) report(e end) {
	if !d.reported {
		d.reported = true
		d.on.ended(e)
	}
}

// abandon ends the dialog without a word: the stack stops.
func (d *dialog) abandon() {
	d.state = terminated
	d.report(end{status: 503, byUs: true, text: "stopped"})
}

// knows says whether a request with this From tag belongs to the dialog. A caller does not know the other tag until the call is answered.
func (d *dialog) knows(remoteTag string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.remoteTag == remoteTag || d.uac && d.remoteTag == ""
}

func (d *dialog) setRemoteTag(tag string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remoteTag = tag
}

// hangup ends the call in whatever way its state asks for: CANCEL, BYE, or a refusal with the given status.
func (d *dialog) hangup(status int, reason string, headers ...gosip.Header) {
	d.mail.post(func() { d.hangupNow(status, reason, headers...) })
}

func (d *dialog) hangupNow(status int, reason string, headers ...gosip.Header) {
	switch {
	case !d.uac && (d.state == calling || d.state == ringing):
		d.reject(refuse(status, reason, headers...))
	case d.state == calling || d.state == ringing:
		d.giveUp(end{status: 487, byUs: true, text: reason}, headers...)
	default:
		d.leave(end{status: 200, byUs: true, text: reason}, headers...)
	}
}

// leave sends BYE, once the ACK is there (RFC 3261 15.1.1).
func (d *dialog) leave(e end, headers ...gosip.Header) {
	if !d.step(leave) {
		return
	}
	d.report(e)
	if d.answering != nil {
		d.byeHeld, d.byeWith = true, headers
		return
	}
	d.sendBye(headers)
}

func (d *dialog) sendBye(headers []gosip.Header) {
	d.byeHeld = false
	d.timer.stop()
	bye := d.next(gosip.BYE)
	for _, h := range headers {
		bye.AppendHeader(h)
	}
	gone := func() { d.step(byeDone) }
	d.ask(bye, func(*gosip.Response) { gone() }, func(error) { gone() })
}

// lose ends a dialog whose other side no longer answers: BYE is still tried, for a peer that only one direction cannot reach.
func (d *dialog) lose(e end) {
	if d.state == calling || d.state == ringing {
		if d.uac {
			d.giveUp(e)
		} else {
			d.reject(refuse(500, "Dialog Lost"))
		}
		return
	}
	if d.step(lost) {
		d.report(e)
		if d.state == leaving {
			d.stopAnswering()
			d.sendBye(nil)
		}
	}
}

// refresh takes over the other side's Contact (target refresh, RFC 3261 12.2) and what it allows.
func (p *peer) refresh(msg gosip.Message) {
	if c := contactOf(msg); c != nil {
		p.target = *c.Clone()
	}
	for _, h := range msg.GetHeaders("Allow") {
		if p.allows == nil {
			p.allows = map[string]bool{}
		}
		for m := range strings.SplitSeq(h.Value(), ",") {
			p.allows[strings.ToUpper(strings.TrimSpace(m))] = true
		}
	}
}

func contactOf(msg gosip.Message) *gosip.Uri {
	for _, h := range msg.GetHeaders("Contact") {
		if c, ok := h.(*gosip.ContactHeader); ok && !c.Address.Wildcard && c.Address.Host != "" {
			return &c.Address
		}
	}
	return nil
}

// seen notes where a request of theirs came from.
func (d *dialog) seen(req *gosip.Request) {
	d.source = sourceOf(req)
	d.flow = hop{strings.ToLower(req.Transport()), req.Source()}
}

// stayPrivate keeps the dialog to TLS from now on: its descriptions hold keys.
func (d *dialog) stayPrivate() {
	if d.refuge = d.via; isPrivate(d.flow.network) {
		d.refuge = d.flow
	}
}

// hop is where a request in the dialog goes.
func (d *dialog) hop() hop {
	h := d.wayThere()
	if d.refuge.addr != "" && !isPrivate(h.network) {
		return d.refuge
	}
	return h
}

// wayThere is what the dialog's routes and target say: the first route, or the remote target; to a target behind NAT, or one that reached us by a
// stream that still stands, back where it came from.
func (d *dialog) wayThere() hop {
	if len(d.routes) > 0 {
		return hopOf(&d.routes[0])
	}
	h := hopOf(&d.target)
	if d.flow.addr == "" {
		if d.via.addr != "" && !h.ip().IsValid() {
			return d.via
		}
		return h
	}
	if d.flow.network != "udp" {
		if c, err := d.s.t.tpl.GetConnection(d.flow.network, d.flow.addr); err == nil {
			_, _ = c.TryClose()
			return d.flow
		}
		return h
	}
	if ip := h.ip(); ip.IsValid() && ip != d.source.Addr() && (ip.IsPrivate() || ip.IsUnspecified() || ip.IsLoopback()) && !d.source.Addr().IsPrivate() {
		return d.flow
	}
	return h
}

// next builds the next request of the dialog.
func (d *dialog) next(method gosip.RequestMethod) *gosip.Request {
	d.localSeq++
	return d.build(method, d.localSeq)
}

// build makes a request in the dialog (RFC 3261 12.2.1.1), strict routers included.
func (d *dialog) build(method gosip.RequestMethod, seq uint32) *gosip.Request {
	target, routes := d.target, d.routes
	target.Headers = nil
	if len(routes) > 0 {
		if _, loose := routes[0].UriParams.Get("lr"); !loose {
			target, routes = routes[0], append(slices.Clone(routes[1:]), d.target)
		}
	}
	req := gosip.NewRequest(method, target)
	for _, r := range routes {
		req.AppendHeader(&gosip.RouteHeader{Address: r})
	}
	hops := gosip.MaxForwardsHeader(70)
	callID := gosip.CallIDHeader(d.callID)
	from, to := d.local, d.remote
	req.AppendHeader(&from)
	req.AppendHeader(&to)
	req.AppendHeader(&callID)
	req.AppendHeader(&gosip.CSeqHeader{SeqNo: seq, MethodName: method})
	req.AppendHeader(&hops)
	if d.contact.Host != "" {
		req.AppendHeader(&gosip.ContactHeader{Address: d.contact})
	}
	return req
}

// ask sends a request of the dialog and hands its final response, or its failure, to the dialog's goroutine. Challenges are answered.
func (d *dialog) ask(req *gosip.Request, final func(*gosip.Response), failed func(error)) {
	d.askBy(d.hop(), 0, req, final, failed)
}

func (d *dialog) askBy(h hop, tries int, req *gosip.Request, final func(*gosip.Response), failed func(error)) {
	d.s.t.stamp(req, h)
	d.sent = d.s.transactAfter(d.sent, req, func(res *gosip.Response) {
		if res.IsProvisional() {
			return
		}
		d.mail.post(func() {
			if tries < maxChallenges && d.proves(req, res, h) {
				d.localSeq++
				req.CSeq().SeqNo = d.localSeq
				d.askBy(h, tries+1, req, final, failed)
				return
			}
			final(res)
		})
	}, func(err error) { d.mail.post(func() { failed(err) }) })
}

// proves answers a challenge, if it comes from where our INVITE went: a Contact of theirs must not draw digests elsewhere (security row 3).
func (d *dialog) proves(req *gosip.Request, res *gosip.Response, h hop) bool {
	return (res.StatusCode == 401 || res.StatusCode == 407) && d.cred != nil && h.host() == d.via.host() && authorize(req, res, *d.cred, d.counts)
}

// survives says whether the dialog is still there after the response to a request in it: 481 and 408 say that it is not (RFC 3261
// 12.2.1.2, RFC 5057 5.1).
func (d *dialog) survives(res *gosip.Response) bool {
	if res.StatusCode != 481 && res.StatusCode != 408 {
		return true
	}
	d.lose(end{status: res.StatusCode, text: "the other side has lost the call"})
	return false
}

// reasonOf reads a Reason header (RFC 3326).
func reasonOf(msg gosip.Message) (q850 int, text string) {
	for _, h := range msg.GetHeaders("Reason") {
		protocol, params, _ := strings.Cut(h.Value(), ";")
		for p := range strings.SplitSeq(params, ";") {
			k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
			switch strings.ToLower(k) {
			case "cause":
				if n, err := strconv.Atoi(v); err == nil && strings.EqualFold(strings.TrimSpace(protocol), "Q.850") && n > 0 && n < 128 {
					q850 = n
				}
			case "text":
				text = quotable(strings.Trim(v, `"`))
			}
		}
	}
	return q850, text
}
