package sip

import (
	"context"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// timing holds the intervals of the dialog layer. They follow the library's transaction timers (RFC 3261 table 4).
type timing struct {
	t1, t2         time.Duration
	sessionExpires time.Duration // what we ask for and grant (RFC 4028); 0 switches session timers off
	minSE          time.Duration
}

// giveUp is 64·T1: how long to wait for an ACK, or for the end of a cancelled INVITE.
func (t timing) giveUp() time.Duration { return 64 * t.t1 }

// stack is the user agent: the table of dialogs over the transport.
type stack struct {
	t      *transport
	m      *metrics
	log    *slog.Logger
	timing timing
	ctx    context.Context // ends when the server stops; set by run
	stop   context.CancelFunc

	mu      sync.Mutex
	dialogs map[string]*dialog
	invites map[string]bool      // INVITEs that live dialogs came from, see merged
	ended   map[string]time.Time // forks already given BYE, until when to remember them
	work    sync.WaitGroup       // dialogs and the pumps of client transactions

	outside func(req *gosip.Request, tx *gosip.ServerTx) // requests outside a dialog
}

func newStack(t *transport, m *metrics, log *slog.Logger, tm timing) *stack {
	s := &stack{t: t, m: m, log: log, timing: tm, dialogs: map[string]*dialog{}, invites: map[string]bool{}, ended: map[string]time.Time{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	t.txl.OnRequest(s.request)
	gosip.WithTransactionLayerUnhandledResponseHandler(s.stray)(t.txl)
	return s
}

// run serves until ctx ends; dialogs that still live then are ended without ceremony.
func (s *stack) run(ctx context.Context) error {
	return s.t.run(ctx, s.drain)
}

func (s *stack) drain() {
	s.stop()
	for _, d := range s.all() {
		d.mail.post(d.abandon)
	}
	s.work.Wait()
}

func (s *stack) all() []*dialog {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*dialog, 0, len(s.dialogs))
	for _, d := range s.dialogs {
		out = append(out, d)
	}
	return out
}

// maxDialogs is where new calls are refused before anything is done for them.
const maxDialogs = 20_000

func (s *stack) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.dialogs)
}

func dialogKey(callID, localTag string) string { return callID + "\x00" + localTag }

func (s *stack) find(callID, localTag string) *dialog {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dialogs[dialogKey(callID, localTag)]
}

// start registers a dialog and runs its goroutine. False: the stack stops, or the dialog exists already.
func (s *stack) start(d *dialog) bool {
	key := dialogKey(d.callID, d.localTag)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil || s.dialogs[key] != nil {
		return false
	}
	s.dialogs[key] = d
	if !d.uac {
		s.invites[d.inviteKey()] = true
	}
	s.m.dialogs.Inc()
	s.work.Go(d.run)
	return true
}

func (s *stack) forget(d *dialog) {
	s.t.in.hand.done(d.localTag)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.dialogs, dialogKey(d.callID, d.localTag))
	if !d.uac {
		delete(s.invites, d.inviteKey())
	}
	s.m.dialogs.Dec()
}

// request is the transaction layer's handler: it runs on a goroutine of its own for every request.
func (s *stack) request(req *gosip.Request, tx *gosip.ServerTx) {
	defer s.t.guard()
	if req.Method == gosip.CANCEL || s.t.outOfDialog(req) && req.Method != cancelByUs && req.Method != gosip.ACK {
		s.outside(req, tx)
		return
	}
	if s.deliver(req, tx) {
		return
	}
	if req.Method == cancelByUs && s.deliverLater(req, tx) {
		return
	}
	s.t.reply(req, tx, refuse(481, "Call/Transaction Does Not Exist"))
}

// deliverLater hands over a CANCEL that is ahead of its INVITE, both have goroutines of their own: it waits for as long as the INVITE is being
// looked at, because who cancels does not ask again.
func (s *stack) deliverLater(req *gosip.Request, tx *gosip.ServerTx) bool {
	tag, _ := req.To().Params.Get("tag")
	tick := time.NewTicker(parkTime)
	defer tick.Stop()
	for inHand := true; inHand; {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return false
		}
		inHand = s.t.in.hand.unanswered(tag) // asked first: a dialog may begin in between
		if s.deliver(req, tx) {
			return true
		}
	}
	return false
}

// deliver hands a request to its dialog; false when there is none.
func (s *stack) deliver(req *gosip.Request, tx *gosip.ServerTx) bool {
	tag, _ := req.To().Params.Get("tag")
	remote, _ := req.From().Params.Get("tag")
	d := s.find(req.CallID().Value(), tag)
	return d != nil && d.knows(remote) && d.mail.post(func() { d.receive(req, tx) })
}

// stray gets responses without a client transaction. A late 2xx to an INVITE still means that somebody has answered.
func (s *stack) stray(res *gosip.Response) {
	defer s.t.guard()
	if !res.IsSuccess() || res.CSeq().MethodName != gosip.INVITE {
		s.m.dropped.WithLabelValues("stray_response").Inc()
		return
	}
	s.again(res)
}

// again handles a 2xx to an INVITE that has had its 2xx before, or whose dialog is gone.
func (s *stack) again(res *gosip.Response) {
	local, _ := res.From().Params.Get("tag")
	d := s.find(res.CallID().Value(), local)
	if d == nil || !d.mail.post(func() { d.answeredAgain(res) }) {
		s.orphan(res)
	}
}

// orphan ends a call that was answered but that nobody wants: another fork, or one given up (D2, D4). The ACK is repeated with every
// repetition of the 2xx, the BYE is sent once.
func (s *stack) orphan(res *gosip.Response) {
	to, _ := res.To().Params.Get("tag")
	contact := res.Contact()
	if to == "" || contact == nil {
		return
	}
	d := &dialog{
		s: s, callID: res.CallID().Value(), local: *res.From(), localSeq: res.CSeq().SeqNo,
		peer: &peer{remote: headerTo(res.To()), target: contact.Address, routes: reversed(recordRoutes(res))},
	}
	ack := d.build(gosip.ACK, res.CSeq().SeqNo)
	s.t.stamp(ack, d.hop())
	if err := s.t.send(ack); err != nil {
		s.log.Warn("cannot acknowledge a late answer", "err", err)
	}
	if !s.firstTime(dialogKey(d.callID, to)) {
		return
	}
	s.m.orphans.Inc()
	bye := d.build(gosip.BYE, res.CSeq().SeqNo+1)
	s.t.stamp(bye, d.hop())
	s.transact(bye, func(*gosip.Response) {}, func(error) {})
}

// firstTime remembers a fork for as long as its 2xx may be repeated.
func (s *stack) firstTime(key string) bool {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, until := range s.ended {
		if now.After(until) {
			delete(s.ended, k)
		}
	}
	_, seen := s.ended[key]
	s.ended[key] = now.Add(s.timing.giveUp())
	return !seen
}

// transact runs a client transaction on a goroutine of its own: every response goes to each, a failure to failed. Nothing is called
// after a final response or a failure.
func (s *stack) transact(req *gosip.Request, each func(*gosip.Response), failed func(error)) {
	s.transactAfter(nil, req, each, failed)
}

// transactAfter is transact once before is closed; sent is closed when the request is on its way. That keeps the requests of a dialog in
// order.
func (s *stack) transactAfter(before <-chan struct{}, req *gosip.Request, each func(*gosip.Response), failed func(error)) (sent <-chan struct{}) {
	done := make(chan struct{})
	send := func() (*gosip.ClientTx, error) {
		defer close(done)
		if before != nil {
			select {
			case <-before:
			case <-s.ctx.Done():
			}
		}
		return s.t.request(s.ctx, req)
	}
	s.spawn(func() {
		tx, err := send()
		if err != nil {
			s.m.transactions.WithLabelValues("client", "unsent").Inc()
			failed(err)
			return
		}
		if req.Method == gosip.INVITE {
			tx.OnRetransmission(func(res *gosip.Response) {
				defer s.t.guard()
				s.again(res)
			})
		}
		s.m.transactions.WithLabelValues("client", follow(s.ctx, tx, each, failed)).Inc()
	})
	return done
}

// spawn runs f on a goroutine that run waits for; not at all, and false, once the stack stops.
func (s *stack) spawn(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.work.Go(func() {
		defer s.t.guard()
		f()
	})
	return true
}

// follow reads a client transaction to its final response and says how it ended. The transaction's own state machine blocks while a
// response is not read, so it must be read to the end.
func follow(ctx context.Context, tx *gosip.ClientTx, each func(*gosip.Response), failed func(error)) string {
	for {
		select {
		case res := <-tx.Responses():
			each(res)
			if !res.IsProvisional() {
				return "answered"
			}
		case <-tx.Done():
			failed(quiet(tx.Err()))
			return "failed"
		case <-ctx.Done():
			tx.Terminate()
			failed(ctx.Err())
			return "stopped"
		}
	}
}

// merged says whether the INVITE has come already, by another way (RFC 3261 8.2.2.2): same Call-ID, From tag and CSeq, other branch.
func (s *stack) merged(req *gosip.Request) bool {
	tag, _ := req.From().Params.Get("tag")
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.invites[inviteKey(req.CallID().Value(), tag, req.CSeq().SeqNo)]
}

func inviteKey(callID, fromTag string, seq uint32) string {
	return callID + "\x00" + fromTag + "\x00" + strconv.FormatUint(uint64(seq), 10)
}

func recordRoutes(msg gosip.Message) []gosip.Uri {
	var out []gosip.Uri
	for _, h := range msg.GetHeaders("Record-Route") {
		if r, ok := h.(*gosip.RecordRouteHeader); ok {
			out = append(out, r.Address)
		}
	}
	return out
}

func reversed(u []gosip.Uri) []gosip.Uri {
	out := make([]gosip.Uri, 0, len(u))
	for i := len(u) - 1; i >= 0; i-- {
		out = append(out, u[i])
	}
	return out
}

// headerTo copies an address header that may not be changed.
func headerTo(h *gosip.ToHeader) gosip.ToHeader {
	return gosip.ToHeader{DisplayName: h.DisplayName, Address: *h.Address.Clone(), Params: h.Params.Clone()}
}

func headerHas(msg gosip.Message, name, token string) bool {
	for _, h := range msg.GetHeaders(name) {
		for v := range strings.SplitSeq(h.Value(), ",") {
			if strings.EqualFold(strings.TrimSpace(v), token) {
				return true
			}
		}
	}
	return false
}

func sourceOf(req *gosip.Request) netip.AddrPort {
	ap, _ := netip.ParseAddrPort(req.Source())
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
