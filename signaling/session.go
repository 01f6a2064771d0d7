package signaling

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"tandem/calls"
	"tandem/chat/web"
	"tandem/internal/auth"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/signaling/relay"
)

// session is a browser as the server knows it: an agent's (one for each user) or a customer's. It outlives its socket by the grace, and a
// page that is loaded again finds it. One goroutine owns it; the others give that one functions to run (loop).
type session struct {
	hub    *Hub
	tenant uuid.UUID
	user   uuid.UUID // uuid.Nil: a customer
	line   *line
	loop   *lane // the owner
	push   *push // what changed in the tenant, for live screens
	chats  *push // what changed in conversations

	// Set before the goroutine begins, and changed by it alone.
	id     uuid.UUID
	resume string // the secret by which a page finds its session again
	relay  string // its name at the TURN server
	actor  auth.Actor
	name   string       // customers: what they call themselves
	source netip.Prefix // customers: where they call from
	from   *web.Calling // customers: out of the widget, which says what they call

	ctx     context.Context //nolint:containedctx // of the session's life
	desk    *lane           // does what waits for the database
	rtc     *lane           // does what waits for WebRTC
	over    bool
	sock    *socket
	present atomic.Bool // a page has a socket; for everybody to read
	deaf    func()      // ends that other nodes are answered; nil: they are not
	page    uuid.UUID   // the one that was opened last
	moved   bool        // a newer one is at another node
	grace   *time.Timer
	renew   *time.Timer
	fresh   *time.Timer // of the credentials for TURN

	seq  uint64
	kept []frame // sent, and not acknowledged

	peerState
	agentState
	superviseState
	leg  *leg
	view callView // the last call shown; its state is empty when there is none
}

const (
	keptFrames = 256
	loopRoom   = 256
	deskRoom   = 64
)

func (h *Hub) newSession(tenant uuid.UUID) *session {
	s := &session{
		hub: h, tenant: tenant, line: &line{}, loop: newLane(loopRoom), desk: newLane(deskRoom), rtc: newLane(deskRoom), id: storage.NewID(), resume: rand.Text(), relay: rand.Text(),
	}
	s.push, s.chats = newPush(s, pushEvery), newPush(s, chatEvery)
	s.offers = rate.NewLimiter(1, offerBurst)
	return s
}

func (s *session) kind() string {
	if s.customer() {
		return "customer"
	}
	return "agent"
}

func (s *session) customer() bool { return s.user == uuid.Nil }

// run owns the session until it is over.
func (s *session) run(hub context.Context) {
	ctx, cancel := context.WithCancel(hub)
	s.ctx = ctx
	go s.desk.drain()
	go s.rtc.drain()
	s.startGrace() // until the first socket
	for !s.over {
		select {
		case f := <-s.loop.tasks:
			f()
		case <-ctx.Done():
			s.over = true
		}
	}
	s.ignoreNodes()
	s.hub.forget(s)
	close(s.loop.over)
	for _, t := range []*time.Timer{s.grace, s.renew, s.fresh, s.watching} {
		if t != nil {
			t.Stop()
		}
	}
	s.push.stop()
	s.chats.stop()
	for _, g := range []*leg{s.leg, s.listening} {
		if g != nil && (g.elsewhere == nil || hub.Err() != nil) {
			g.finish(calls.CauseUnreachable)
		}
	}
	if s.sock != nil {
		s.sock.close(closeGoingAway, "the session has ended")
	}
	cancel()
	s.desk.finish()
	s.rtc.finish()
	s.closePeer()
	s.hub.engine.relay.Forget(s.relay)
	if !s.customer() {
		s.leave()
	}
}

// attach gives the session a socket: the newest wins.
func (s *session) attach(sock *socket, hello helloData, id string) {
	known := hello.Resume != "" && hello.Resume == s.resume
	fresh := s.seq == 0 && s.sock == nil && !s.met
	if old := s.sock; old != nil {
		old.fail("", errTaken)
		old.close(closeTaken, errTaken.Code)
	}
	s.stopGrace()
	s.sock, s.met = sock, true
	s.pageIsHere()
	s.answerNodes()
	switch {
	case fresh:
	case known:
		s.hub.metrics.resumes.WithLabelValues("resumed").Inc()
	default:
		s.hub.metrics.resumes.WithLabelValues("reloaded").Inc()
		s.id, s.resume = storage.NewID(), rand.Text()
		// The other page must not be heard any more.
		s.setPeer(nil)
		s.later(s.rtc, "", func(context.Context) func() { s.closePeer(); return nil })
	}
	w := welcome{Session: s.id, Resume: s.resume, Customer: s.customer(), ICEServers: s.iceServers()}
	if s.agent.ID != uuid.Nil {
		w.Agent = &s.agent
	}
	if s.view.State != "" && s.view.State != viewEnded {
		w.Call = &s.view
	}
	if s.ringing() {
		w.Offer = s.offerView()
	}
	if s.listening != nil {
		w.Supervise = &s.supervised
	}
	seq := s.seq
	replay := known && !fresh && s.holds(hello.LastSeq)
	if replay {
		seq, w.Resumed = hello.LastSeq, true
		s.forgetUpTo(hello.LastSeq)
	} else {
		s.kept = nil
	}
	sock.send(frame{ID: id, Type: "welcome", Seq: seq, Data: pack(w)})
	if replay {
		for _, f := range s.kept {
			sock.send(f)
		}
	}
	s.returned(hello.Resume != "", known && !fresh)
}

// holds says whether everything after seq can be sent again.
func (s *session) holds(seq uint64) bool {
	return seq <= s.seq && seq+uint64(len(s.kept)) >= s.seq
}

func (s *session) forgetUpTo(seq uint64) {
	i := slices.IndexFunc(s.kept, func(f frame) bool { return f.Seq > seq })
	if i < 0 {
		i = len(s.kept)
	}
	s.kept = slices.Delete(s.kept, 0, i)
}

var errTaken = fault.New(fault.Conflict, "session_taken", "You have opened Tandem in another window; this one is no longer connected.")

type welcome struct {
	Session  uuid.UUID  `json:"session"`
	Resume   string     `json:"resume"`
	Resumed  bool       `json:"resumed"` // what was missed follows; otherwise this is the whole picture
	Customer bool       `json:"customer,omitempty"`
	Agent    *agentView `json:"agent,omitempty"`
	Call     *callView  `json:"call"`
	Offer    *offerView `json:"offer"`

	Supervise *superviseView `json:"supervise"`

	ICEServers []relay.ICEServer `json:"ice_servers,omitempty"`
}

// returned goes on where the socket was lost.
func (s *session) returned(again, known bool) {
	if !s.customer() {
		s.greetAgent(again, known)
		s.renewLater()
	}
	s.watch()
}

// lost hears that a socket is gone; the session waits for another.
func (s *session) lost(sock *socket) {
	if s.sock != sock {
		return
	}
	s.sock = nil
	s.ignoreNodes()
	if s.renew != nil {
		s.renew.Stop()
	}
	s.startGrace()
	if s.ringing() && s.leg.elsewhere == nil {
		// Nobody can answer any more: the caller is to go to the next agent.
		s.leg.finish(calls.CauseUnreachable)
	}
	s.leaveLater()
	s.watch()
}

func (s *session) startGrace() {
	s.grace = time.AfterFunc(s.hub.cfg.Grace, func() {
		s.loop.do(func() {
			switch {
			case s.sock != nil:
			case s.callsElsewhere():
				s.startGrace()
			default:
				s.over = true
			}
		})
	})
}

func (s *session) stopGrace() {
	if s.grace != nil {
		s.grace.Stop()
	}
}

// event sends a frame that a resumed page gets again.
func (s *session) event(typ string, call uuid.UUID, data any) {
	s.seq++
	f := frame{V: version, Type: typ, Seq: s.seq, Data: pack(data)}
	if call != uuid.Nil {
		f.Call = call.String()
	}
	if len(s.kept) == keptFrames {
		s.kept = slices.Delete(s.kept, 0, 1)
	}
	s.kept = append(s.kept, f)
	if s.sock != nil {
		s.sock.send(f)
	}
}

// reply sends a frame that is of use to the present page only.
func (s *session) reply(typ, id string, data any) {
	if s.sock == nil {
		return
	}
	f := frame{ID: id, Type: typ}
	if data != nil {
		f.Data = pack(data)
	}
	s.sock.send(f)
}

func (s *session) fail(id string, err error) {
	if s.sock != nil {
		s.sock.fail(id, s.hub.public(err))
	}
}

// later gives f to a lane; what it returns runs on the session's goroutine. A lane without room means that something hangs.
func (s *session) later(l *lane, id string, f func(ctx context.Context) (then func())) bool {
	ok := l.try(func() {
		if then := f(s.ctx); then != nil {
			s.loop.do(then)
		}
	})
	if !ok {
		s.fail(id, errBusy)
	}
	return ok
}

var (
	errBusy    = fault.New(fault.Unavailable, "busy", "The server cannot keep up at the moment; try again.")
	errBadData = fault.New(fault.Invalid, "bad_frame", "The frame's data is not what its type needs; reload the page.")
	errUnknown = fault.New(fault.Invalid, "unknown_frame", "There is no such frame; reload the page.")
	errNoCall  = fault.New(fault.Conflict, "no_call", "There is no call for that (any more).")
)

// receive acts on a frame of the page.
func (s *session) receive(sock *socket, f frame) {
	if s.sock != sock {
		return // of a page that has been taken over
	}
	if f.Ack > 0 && f.Ack <= s.seq {
		s.forgetUpTo(f.Ack)
	}
	h, ok := handlers[f.Type]
	if !ok || h.agents && s.customer() || h.customers && !s.customer() {
		s.fail(f.ID, errUnknown)
		return
	}
	if h.verb != "" && !s.customer() {
		if _, err := s.actor.Allow(h.verb, h.resource); err != nil {
			s.fail(f.ID, err)
			return
		}
	}
	if err := h.act(s, f); err != nil {
		s.fail(f.ID, err)
	}
}

// handler is what one type of frame does, and who may send it.
type handler struct {
	act               func(*session, frame) error
	verb, resource    string
	agents, customers bool // for these only
}

var handlers = map[string]handler{
	"ping":             {act: (*session).gotPing},
	"presence.set":     {act: (*session).gotPresence, verb: "presence", resource: "agents", agents: true},
	"presence.next":    {act: (*session).gotNextPresence, verb: "presence", resource: "agents", agents: true},
	"wrapup.request":   {act: (*session).gotWrapUpRequest, verb: "write", resource: "calls", agents: true},
	"wrapup.extend":    {act: (*session).gotWrapUpExtend, verb: "write", resource: "calls", agents: true},
	"mic.proof":        {act: (*session).gotProof, agents: true},
	"rtc.offer":        {act: (*session).gotOffer},
	"rtc.candidate":    {act: (*session).gotCandidate},
	"rtc.stats":        {act: (*session).gotStats},
	"offer.ack":        {act: onOffer((*session).acked), agents: true},
	"offer.accept":     {act: onOffer((*session).acceptOffer), verb: "write", resource: "calls", agents: true},
	"offer.decline":    {act: onOffer((*session).declined), agents: true},
	"call.start":       {act: (*session).gotStart, verb: "write", resource: "calls"},
	"call.hold":        {act: (*session).gotHold, verb: "write", resource: "calls", agents: true},
	"call.resume":      {act: (*session).gotResume, verb: "write", resource: "calls", agents: true},
	"call.transfer":    {act: (*session).gotTransfer, verb: "write", resource: "calls", agents: true},
	"call.consult":     {act: (*session).gotTransfer, verb: "write", resource: "calls", agents: true},
	"call.add":         {act: (*session).gotTransfer, verb: "write", resource: "calls", agents: true},
	"call.remove":      {act: (*session).gotRemove, verb: "write", resource: "calls", agents: true},
	"call.join":        {act: asks(calls.LegAskJoin), verb: "write", resource: "calls", agents: true},
	"call.leave":       {act: asks(calls.LegAskLeave), verb: "write", resource: "calls", agents: true},
	"call.redact":      {act: (*session).gotRedact, verb: "write", resource: "calls", agents: true},
	"call.mute":        {act: (*session).gotMute},
	"call.digit":       {act: (*session).gotDigit, verb: "write", resource: "calls"},
	"call.hangup":      {act: (*session).gotHangup},
	"live.subscribe":   {act: (*session).gotLiveSubscribe, agents: true},
	"live.unsubscribe": {act: (*session).gotLiveUnsubscribe, agents: true},
	"supervise.start":  {act: (*session).gotSupervise, verb: "monitor", resource: "calls", agents: true},
	"supervise.mode":   {act: (*session).gotSupervise, verb: "monitor", resource: "calls", agents: true},
	"supervise.stop":   {act: (*session).gotSuperviseStop, agents: true},
	"wrapup.done":      {act: (*session).gotWrapUp, verb: "write", resource: "calls", agents: true},
}

func (s *session) gotPing(f frame) error {
	s.reply("pong", f.ID, nil)
	return nil
}

// renewLater checks now and then that the user may still be here, with which permissions.
func (s *session) renewLater() {
	if s.renew != nil {
		s.renew.Stop()
	}
	s.renew = time.AfterFunc(s.hub.cfg.Renew, func() { s.loop.do(s.renewNow) })
}

func (s *session) renewNow() {
	if s.sock == nil {
		return
	}
	was := s.actor
	s.later(s.desk, "", func(ctx context.Context) func() {
		a, err := s.hub.need.Renew(ctx, was)
		return func() { s.renewed(was, a, err) }
	})
}

func (s *session) renewed(was, a auth.Actor, err error) {
	switch {
	case s.actor.Session != was.Session: // signed in again meanwhile
	case errors.Is(err, auth.ErrUnauthorized):
		s.hub.metrics.refused.WithLabelValues("revoked").Inc()
		s.fail("", err)
		if s.sock != nil {
			s.sock.close(closeUnknown, "signed out")
		}
		s.over = true
		return
	case err != nil:
		if s.ctx.Err() == nil {
			s.hub.log.Warn("a browser's right to be connected could not be checked", "err", err)
		}
	default:
		s.actor = a
		if s.sock != nil {
			s.hub.live.renewed(s.tenant, s.sock, a)
		}
	}
	s.renewLater()
}
