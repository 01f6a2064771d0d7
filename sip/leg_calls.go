package sip

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/media"
	"tandem/media/codec"
)

// ID implements calls.Leg.
func (g *leg) ID() uuid.UUID { return g.id }

// Direction implements calls.Leg.
func (g *leg) Direction() calls.Direction { return g.dir }

// Stream implements calls.Leg.
func (g *leg) Stream() *media.Stream { return g.stream }

// Events implements calls.Leg.
func (g *leg) Events() <-chan calls.LegEvent { return g.events }

// Done implements calls.Leg.
func (g *leg) Done() <-chan struct{} { return g.done }

// Cause implements calls.Leg.
func (g *leg) Cause() calls.Cause {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cause
}

var errOutbound = fault.New(fault.Conflict, "leg_outbound", "Only an inbound leg can be answered.")

// Ring implements calls.Leg.
func (g *leg) Ring() error {
	if g.dir != calls.Inbound {
		return errOutbound
	}
	g.dialog().provisional(180, "Ringing", nil)
	return nil
}

// Early lets the caller hear the leg's stream before it is answered (183). It implements what calls ask of a leg that can; without a
// description of the caller's there is nothing to send to yet.
func (g *leg) Early() error {
	if g.dir != calls.Inbound {
		return errOutbound
	}
	d := g.dialog()
	d.mail.post(func() {
		if g.n.settled {
			g.apply()
		}
	})
	d.provisional(183, "Session Progress", g.local)
	return nil
}

// Answer implements calls.Leg.
func (g *leg) Answer(ctx context.Context) error {
	if g.dir != calls.Inbound {
		return errOutbound
	}
	d := g.dialog()
	d.mail.post(func() {
		if g.n.settled {
			g.apply()
		}
	})
	d.accept(g.local, g.offered, func([]byte) { g.confirm() })
	select {
	case <-g.confirmed:
		return nil
	case <-g.done:
		return fault.Newf(fault.Conflict, "leg_ended", "The caller has gone (%s).", g.Cause())
	case <-ctx.Done():
		return fmt.Errorf("answer a leg: %w", ctx.Err())
	}
}

// SendDigit sends a key by INFO (application/dtmf-relay) where the peer takes INFO but negotiated no telephone-event; otherwise it goes
// with the audio. It implements what calls ask of a leg whose signalling may carry keys.
func (g *leg) SendDigit(key rune) {
	if g.stream.Format().EventType != 0 {
		g.stream.SendDigits(string(key))
		return
	}
	d := g.dialog()
	d.mail.post(func() {
		if !d.allows["INFO"] {
			g.stream.SendDigits(string(key))
			return
		}
		req := d.next(gosip.INFO)
		req.AppendHeader(gosip.NewHeader("Content-Type", typeDTMFRelay))
		req.SetBody(fmt.Appendf(nil, "Signal=%c\r\nDuration=%d\r\n", key, defaultPress.Milliseconds()))
		d.ask(req, func(res *gosip.Response) {
			if d.survives(res) && !res.IsSuccess() {
				g.log.Info("a peer refused a key", "leg", g.id, "status", res.StatusCode)
			}
		}, func(err error) { g.log.Info("a key did not reach the peer", "leg", g.id, "err", err) })
	})
}

// confirm runs on the dialog's goroutine, at most once for each 2xx to the first INVITE.
func (g *leg) confirm() {
	if g.answered() {
		return
	}
	close(g.confirmed)
	if g.n.settled {
		g.apply() // the time to hear something begins now
	}
}

// Hangup implements calls.Leg.
func (g *leg) Hangup(cause calls.Cause) {
	g.mu.Lock()
	if g.cause == "" {
		g.cause = cause
	}
	g.mu.Unlock()
	r := answerFor(cause)
	headers := r.headers
	if g.dir == calls.Outbound || g.answered() {
		headers = reasonFor(cause)
	}
	if bs := g.ringing(); bs != nil {
		bs.hangup(r.status, r.reason, headers...)
		return
	}
	d := g.dialog()
	again := func() bool { // the dialog was replaced meanwhile
		now := g.dialog()
		if now != d {
			now.hangup(r.status, r.reason, headers...)
		}
		return now != d
	}
	if !d.mail.post(func() {
		if !again() {
			d.hangupNow(r.status, r.reason, headers...)
		}
	}) {
		again()
	}
}

// ringing are the branches of which none has answered yet; nil: there is one dialog.
func (g *leg) ringing() *branches {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.branches
}

func (g *leg) answered() bool {
	select {
	case <-g.confirmed:
		return true
	default:
		return false
	}
}

// hooks connects the dialog with the leg.
func (g *leg) hooks() hooks {
	return hooks{
		progress: g.progressed, answered: func(*gosip.Response) { g.confirm(); g.tell(calls.LegAnswered) },
		offer: g.theirOffer, makeOffer: g.ourOffer, answer: g.theirAnswer, refused: func() { g.n.refused() }, info: g.gotInfo,
		refer: g.referred, replace: g.replacedBy, ended: g.finish,
	}
}

func (g *leg) progressed(_ int, body []byte) {
	if len(body) > 0 && g.theirAnswer(body) == nil {
		g.tell(calls.LegEarly)
		return
	}
	if !g.rang {
		g.rang = true
		g.tell(calls.LegRinging)
	}
}

func (g *leg) theirOffer(body []byte) ([]byte, error) {
	g.n.security.private = isPrivate(g.dialog().flow.network)
	answer, err := g.n.answer(body)
	if err == nil {
		g.apply()
	}
	return answer, err
}

func (g *leg) ourOffer(repeat bool) []byte {
	if repeat {
		return g.n.repeat()
	}
	return g.n.makeOffer()
}

func (g *leg) theirAnswer(body []byte) error {
	err := g.n.accept(body)
	if err == nil {
		g.apply()
	}
	return err
}

// tell hands an event on, never waiting for the reader.
func (g *leg) tell(e calls.LegEvent) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return
	}
	select {
	case g.events <- e:
	default:
		g.log.Warn("a leg's event is lost: its call does not read", "leg", g.id, "event", string(e))
	}
}

// finish runs when the dialog has ended for us: the cause is settled, the media stops; close does the rest once it has.
func (g *leg) finish(e end) {
	g.mu.Lock()
	if g.cause == "" {
		g.cause = causeOf(e)
	}
	g.over, g.status = true, e.status
	g.mu.Unlock()
	g.stop()
}

// release frees the port and says that the leg is over. It runs when the stream has ended.
func (g *leg) release() {
	if err := g.port.Close(); err != nil {
		g.log.Debug("closing an RTP port", "err", err)
	}
	g.goesBy(func() {})
	g.free()
	close(g.done)
	close(g.events)
}

// setCause sets why the leg ended, over what the dialog says.
func (g *leg) setCause(c calls.Cause) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cause = c
}

// gotInfo takes a digit sent by INFO; it returns the status to answer.
func (g *leg) gotInfo(contentType string, body []byte) int {
	digit, _, ok := parseDTMF(contentType, body)
	switch {
	case ok:
		g.stream.InjectDigit(rune(digit))
		return 200
	case contentType == typeDTMF || contentType == typeDTMFRelay:
		return 400
	case len(body) == 0:
		return 200 // RFC 2976: an INFO without a body asks whether we live
	}
	return 415
}

func codecOf(name string) codec.Codec {
	c, _ := codec.ByName(name)
	return c
}

func (a agreed) packetDuration() time.Duration { return time.Duration(a.ptime) * time.Millisecond }

// control is where RTCP goes, when that is not simply the next port.
func (a agreed) control() netip.AddrPort {
	if a.mux || a.rtcp.Port() == a.remote.Port()+1 {
		return netip.AddrPort{}
	}
	return a.rtcp
}

func (a agreed) direction() media.Direction {
	return media.Direction(directionOf(a.send, a.recv))
}

// held says whether they do not want to hear us.
func (n *negotiator) held() bool { return n.settled && !n.now.send }
