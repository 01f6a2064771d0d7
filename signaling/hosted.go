package signaling

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"tandem/calls"
	"tandem/media"
)

// hosted is the leg of a page here, in a call of another node.
type hosted struct {
	hub   *Hub
	offer remoteOffer
	leg   *leg
	audio *nodeAudio

	transfers []calls.Transfer // that the page has asked for, by serial
}

// answerNodes lets other nodes find the page for their calls, as long as it has a socket.
func (s *session) answerNodes() {
	s.present.Store(true)
	if s.deaf == nil && !s.customer() && s.hub.cfg.Ports != nil {
		s.deaf = s.hub.need.Bus.Answer(pageSubject(s.user), s.host)
	}
}

func (s *session) ignoreNodes() {
	s.present.Store(false)
	if s.deaf != nil {
		s.deaf()
		s.deaf = nil
	}
}

// host reaches a page of this node for a call of another; the answer is a remoteAnswer.
func (s *session) host(body []byte) []byte {
	answer, err := s.hub.hostFor(s, body)
	if err != nil {
		answer = remoteAnswer{Refused: s.hub.public(err)}
	}
	out, err := json.Marshal(answer)
	if err != nil {
		s.hub.log.Error("an answer to another node could not be written", "err", err)
	}
	return out
}

func (h *Hub) hostFor(s *session, body []byte) (a remoteAnswer, err error) {
	var o remoteOffer
	if err := json.Unmarshal(body, &o); err != nil {
		return a, err
	}
	if o.Target.Tenant != s.tenant || o.Target.Agent != s.user {
		return a, errNoPage
	}
	audio, err := h.newNodeAudio()
	if err != nil {
		return a, err
	}
	if err := audio.connect(o.Media); err != nil {
		return a, errors.Join(err, audio.port.Close())
	}
	said, stop := listenTo[toPage](h, toPageSubject(o.Leg))
	g, err := h.dialHere(s, o.Target)
	if err != nil {
		stop()
		return a, errors.Join(err, audio.port.Close())
	}
	to := &hosted{hub: h, offer: o, leg: g, audio: audio}
	if !h.spawn(func(hub context.Context) { to.run(hub, said, stop) }) {
		stop()
		g.finish(calls.CauseUnreachable)
		return a, errors.Join(errStopping, audio.port.Close())
	}
	return remoteAnswer{Media: audio.here()}, nil
}

// run passes on what the page does, and shows it what the call says, until the leg has ended.
func (t *hosted) run(hub context.Context, said <-chan toPage, stop func()) {
	defer stop()
	ctx, cancel := context.WithCancel(context.WithoutCancel(hub))
	var work sync.WaitGroup
	work.Go(func() { t.audio.run(ctx, t.hub) })
	defer work.Wait()
	defer cancel()
	beat := time.NewTicker(remoteBeat)
	defer beat.Stop()
	heard := time.Now()
	for {
		select {
		case e, open := <-t.leg.Events():
			if !open {
				t.tell(fromPage{Ended: t.leg.Cause()})
				return
			}
			t.pass(e)
		case d := <-t.leg.Stream().Digits():
			t.tell(fromPage{Key: d.Key})
		case m := <-said:
			heard = time.Now()
			t.show(m)
		case <-beat.C:
			t.tell(fromPage{})
			if time.Since(heard) > remoteSilence {
				t.leg.Hangup(calls.CauseMediaLost)
			}
		}
	}
}

func (t *hosted) tell(m fromPage) { t.hub.publish(fromPageSubject(t.offer.Leg), m) }

// pass tells the call what the page did.
func (t *hosted) pass(e calls.LegEvent) {
	m := fromPage{Event: e}
	switch e {
	case calls.LegAnswered:
		m.Codec = t.leg.Stream().Format().Codec.Name
		t.audio.speak(m.Codec)
		media.Apply(map[*media.Stream]media.Source{t.audio.stream: media.Forward(t.leg.Stream()), t.leg.Stream(): media.Forward(t.audio.stream)})
	case calls.LegAskTransfer:
		tr, ok := t.leg.Transfer()
		if !ok {
			return
		}
		m.Transfer = &remoteTransfer{Agent: tr.Agent, Queue: tr.Queue, Number: tr.Number, Name: tr.Name, Hold: tr.Hold, Consult: tr.Consult, Serial: len(t.transfers)}
		t.transfers = append(t.transfers, tr)
	case calls.LegAskRemove:
		m.Remove = t.leg.Remove()
	default:
	}
	t.tell(m)
}

// show does at the page what the call says.
func (t *hosted) show(m toPage) {
	g := t.leg
	switch {
	case m.Hangup != "":
		g.Hangup(m.Hangup)
	case m.Show != "":
		g.Show(m.Show)
	case m.Recording != nil:
		g.ShowRecording(m.Recording.On, m.Recording.PausedUntil)
	case m.Answerer != "":
		g.ShowAnswerer(media.Answerer{Who: m.Answerer, Beep: m.Beep})
	case m.Roster != nil:
		g.ShowRoster(*m.Roster)
	case m.Supervision != nil:
		g.ShowSupervision(*m.Supervision)
	case m.Data != nil:
		g.ShowData(*m.Data)
	case m.Transfer != nil && m.Transfer.Serial < len(t.transfers):
		t.goes(t.transfers[m.Transfer.Serial], *m.Transfer)
	}
}

// goes tells the page how a transfer of its user goes.
func (t *hosted) goes(tr calls.Transfer, p remoteProgress) {
	switch p.State {
	case transferRinging:
		tr.Ringing()
	case transferHere:
		tr.Here()
	case transferDone:
		tr.Done(p.Refused)
	default:
	}
}
