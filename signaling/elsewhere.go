package signaling

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/auth"
	"tandem/queues"
)

// Accompany shows a call that reaches an agent on another device, a SIP telephone or a telephone number, on the agent's page too, whenever that is
// open. The device carries the audio and answers; everything else can be done on the page. The leg returned takes far's place; it is far itself where no
// agent is called.
func (h *Hub) Accompany(far calls.Leg, to calls.Target) calls.Leg {
	if to.Agent == uuid.Nil {
		return far
	}
	s, err := h.agentSession(auth.Actor{Tenant: to.Tenant, User: to.Agent})
	if err != nil || s.tenant != to.Tenant {
		return far
	}
	now := time.Now()
	g := &leg{
		s: s, id: far.ID(), dir: calls.Outbound, target: to, begun: now, since: now, elsewhere: far, stream: far.Stream(), log: h.log,
		events: make(chan calls.LegEvent, maxLegEvents), connected: make(chan struct{}), done: make(chan struct{}), state: legOffered,
	}
	g.stop = func() { far.Hangup(g.Cause()) }
	s.loop.do(func() { s.offeredElsewhere(g) })
	if !h.spawn(func(context.Context) { g.follow() }) {
		return far
	}
	return g
}

// SendDigit presses a key at the device, by its signalling where that carries keys.
func (g *leg) SendDigit(key rune) {
	if far, ok := g.elsewhere.(interface{ SendDigit(key rune) }); ok {
		far.SendDigit(key)
		return
	}
	g.stream.SendDigits(string(key))
}

// follow hands on what the device does, until its leg has ended.
func (g *leg) follow() {
	for e := range g.elsewhere.Events() {
		g.s.loop.do(func() { g.s.elsewhereDid(g, e) }) // before the call hears of it, and shows what follows
		g.tell(e)
	}
	g.finish(g.elsewhere.Cause())
	close(g.done)
	close(g.events)
}

// device is what the call reaches the agent on: phone or number; empty for their page.
func (g *leg) device() string {
	if g.elsewhere == nil {
		return ""
	}
	kind, _, _ := strings.Cut(g.target.Device, ":")
	return kind
}

// offeredElsewhere shows a call that rings on another device, unless the page shows another one.
func (s *session) offeredElsewhere(g *leg) {
	if g.ended() || s.leg != nil && !s.leg.ended() {
		return
	}
	s.leg = g
	s.event("offer", g.callID(), s.offerView())
}

func (s *session) elsewhereDid(g *leg, e calls.LegEvent) {
	switch e {
	case calls.LegRinging:
		g.move(stepAck)
	case calls.LegAnswered:
		if !g.move(stepAccept) || !g.move(stepMedia) || s.leg != g {
			return
		}
		s.forgetOffer(g)
		g.since = time.Now()
		s.showCall(g, viewConnecting, "")
	default:
	}
}

// callsElsewhere says whether the agent has a call on another device, which needs no page to live.
func (s *session) callsElsewhere() bool {
	return s.leg != nil && s.leg.elsewhere != nil && !s.leg.ended()
}

// onPage says whether the agent takes calls on the page.
func (s *session) onPage() bool { return s.agent.Device == "" || s.agent.Device == queues.Browser }

// leave makes the agent OFFLINE when the session is over. Who takes calls elsewhere needs no page for it: they stay as they are until they sign out. A session
// in which no page has been has none to miss: it showed a call on another device, and the page may be at another node. One whose page has moved to another
// node misses none either.
func (s *session) leave() {
	if !s.met || s.moved {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), leaveWithin)
	defer cancel()
	d, err := s.hub.need.Queues.DeviceOf(ctx, s.tenant, s.user)
	if err == nil && (d.Address == queues.Browser || s.signedOut(ctx)) {
		err = s.hub.need.Queues.Gone(s.acting(ctx), s.tenant, s.user)
	}
	if err != nil && !errors.Is(err, queues.ErrNoAgent) {
		s.hub.log.Error("an agent whose browser has gone could not be set offline", "err", err)
	}
}

// signedOut says whether the sign-in by which a page was here is over.
func (s *session) signedOut(ctx context.Context) bool {
	_, err := s.hub.need.Renew(ctx, s.actor)
	return errors.Is(err, auth.ErrUnauthorized)
}
