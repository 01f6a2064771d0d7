package signaling

import (
	"cmp"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/media"
	"tandem/media/sound"
	"tandem/queues"
)

const (
	ackWithin   = time.Second     // V2.1
	mediaWithin = 5 * time.Second // from accept to audio
)

// viewState is a call as a page shows it.
type viewState string

// The states of a call on a page.
const (
	viewConnecting viewState = "connecting"
	viewTalking    viewState = "talking"
	viewHeld       viewState = "held"
	viewWrapUp     viewState = "wrap_up"
	viewEnded      viewState = "ended"
)

// callView is the whole picture of a call, sent at each change.
type callView struct {
	ID          uuid.UUID       `json:"id"`
	State       viewState       `json:"state"`
	Stage       string          `json:"stage,omitempty"` // agents, connecting: whisper, countdown, dialing; customers: dialing, menu, playing, waiting
	Card        *calls.Card     `json:"card,omitempty"`
	Device      string          `json:"device,omitempty"` // agents: phone or number, where the talk is on another device
	Muted       bool            `json:"muted"`
	Held        bool            `json:"held"`
	Since       time.Time       `json:"since"`
	AnsweredAt  *time.Time      `json:"answered_at,omitempty"` // the bridge opened
	Recording   string          `json:"recording,omitempty"`   // agents: on, paused; nothing: not recorded
	PausedUntil *time.Time      `json:"recording_paused_until,omitempty"`
	Transfer    *transferView   `json:"transfer,omitempty"`    // agents: the last one asked for
	Roster      *calls.Roster   `json:"roster,omitempty"`      // agents: who is in a call of more than two
	Answerer    sound.AMDResult `json:"answered_by,omitempty"` // agents: of a call of theirs
	Beep        bool            `json:"beep,omitempty"`        // the machine records
	Cause       calls.Cause     `json:"cause,omitempty"`
	WrapUpUntil *time.Time      `json:"wrap_up_until,omitempty"`
	WrapUp      *wrapUpView     `json:"wrap_up,omitempty"`
}

// wrapUpView says how a call is to be wrapped up.
type wrapUpView struct {
	Mode         queues.WrapUpMode `json:"mode"`
	Seconds      int               `json:"seconds,omitempty"`
	Until        *time.Time        `json:"until,omitempty"`
	Dispositions []string          `json:"dispositions,omitempty"`
	Required     bool              `json:"disposition_required"`
	Notes        bool              `json:"notes_required"`
	Extend       int               `json:"extend_seconds,omitempty"` // by how much the agent may extend it now
}

// offerView is an offered call.
type offerView struct {
	Offer uuid.UUID  `json:"offer"`
	Call  uuid.UUID  `json:"call"`
	Card  calls.Card `json:"card"`
	Ring  int        `json:"ring_seconds"`
	Tone  calls.Ring `json:"tone"`
	Since time.Time  `json:"since"`
	Auto  bool       `json:"auto,omitempty"` // the server accepts it as soon as the page shows it (V2.6)
	// Device is phone or number where the call rings on another device, and is answered there.
	Device string `json:"device,omitempty"`
}

type withdrawnView struct {
	Offer  uuid.UUID `json:"offer"`
	Reason string    `json:"reason"` // caller_left, missed, taken, unreachable, declined, ended, failed
}

// offer shows a call to the agent. An agent whose page is not there, or has no audio at all, is unreachable at once.
func (s *session) offer(g *leg) {
	switch {
	case g.ended():
		return
	case s.sock == nil || s.peer == nil:
		s.unreachable(g)
		return
	case s.leg != nil && !s.leg.ended():
		g.finish(calls.CauseBusy)
		return
	}
	s.leg = g
	if s.listening == nil { // else the line is in use until the offer is accepted
		s.negotiate(g)
	}
	s.event("offer", g.callID(), s.offerView())
	g.within(ackWithin, func() { s.unreachable(g) })
}

func (s *session) unreachable(g *leg) {
	s.hub.metrics.offers.WithLabelValues("unreachable").Inc()
	g.finish(calls.CauseUnreachable)
}

func (s *session) negotiate(g *leg) {
	if s.format.Codec.Name != "" {
		g.stream.Negotiate(s.format, media.SendRecv)
	}
}

func (s *session) offerView() *offerView {
	t := s.leg.target
	if s.leg.elsewhere != nil {
		t.Ring = calls.Ring{} // one bell is enough
	}
	return &offerView{Offer: t.Offer, Call: s.leg.callID(), Card: t.Card, Ring: t.Card.RingFor, Tone: t.Ring, Since: s.leg.begun, Auto: s.answersItself(s.leg), Device: s.leg.device()}
}

// ringing says whether an offer waits for the agent.
func (s *session) ringing() bool {
	g := s.leg
	return g != nil && g.dir == calls.Outbound && (g.state == legOffered || g.state == legRinging) && !g.ended()
}

// onOffer finds the leg that a frame about an offer means. One that has gone is no error: frames cross.
func onOffer(act func(*session, *leg)) func(*session, frame) error {
	return func(s *session, f frame) error {
		d, err := decode[offerData](f)
		if err != nil {
			return err
		}
		if g := s.leg; g != nil && g.dir == calls.Outbound && g.target.Offer == d.Offer && !g.ended() {
			act(s, g)
			return nil
		}
		if f.Type == "offer.accept" {
			s.reply("offer.withdrawn", f.ID, withdrawnView{d.Offer, "caller_left"})
		}
		return nil
	}
}

func (s *session) acked(g *leg) {
	if g.elsewhere != nil { // its device says what rings
		return
	}
	if first := g.state == legOffered; g.move(stepAck) && first {
		s.hub.metrics.offers.WithLabelValues("ringing").Inc()
		g.tell(calls.LegRinging)
		if s.answersItself(g) {
			s.acceptOffer(g)
		}
	}
}

// answersItself says whether an offer is accepted without a click: only where the microphone is proven, or nobody would be heard (V2.6); or where the
// agent has clicked already, to call.
func (s *session) answersItself(g *leg) bool {
	return g.target.AutoAnswer && (s.proven || g.target.Card.Outbound) && g.elsewhere == nil
}

func (s *session) acceptOffer(g *leg) {
	if s.acked(g); g.elsewhere != nil || !g.move(stepAccept) {
		return
	}
	s.forgetOffer(g)
	if s.listening != nil {
		s.listening.finish(calls.CauseBusy)
	}
	g.since = time.Now()
	s.showCall(g, viewConnecting, "")
	s.accepted(g)
}

// accepted waits for the audio, which is mostly there already.
func (s *session) accepted(g *leg) {
	if g.dir == calls.Inbound && !g.move(stepAccept) {
		return
	}
	g.within(mediaWithin, func() {
		s.fail("", errNoMedia)
		g.finish(calls.CauseUnreachable)
	})
	s.connected()
}

var errNoMedia = fault.New(fault.Conflict, "media_not_connected", "Your audio is not connected; check the microphone and the network.")

// talkable begins the talk: audio flows both ways.
func (s *session) talkable(g *leg) {
	if !g.move(stepMedia) {
		return
	}
	s.negotiate(g)
	close(g.connected)
	if g.dir == calls.Outbound {
		g.tell(calls.LegAnswered)
	}
}

func (s *session) declined(g *leg) { g.finish(calls.CauseDeclined) }

// show follows the call.
func (s *session) show(g *leg, st calls.State) {
	if s.leg != g || g.ended() {
		return
	}
	state, stage := agentShows(st)
	if s.customer() {
		state, stage = customerShows(st)
	}
	if state == "" {
		return
	}
	if g.shown != st {
		g.since = time.Now()
	}
	g.shown = st
	if st == calls.StateTalking && g.bridge.IsZero() {
		g.bridge = g.since
	}
	s.showCall(g, state, stage)
}

// agentShows is what an agent's page shows of a call; nothing while it is offered, which is a frame of its own, and of its end, which the leg
// tells better.
func agentShows(st calls.State) (state viewState, stage string) {
	switch st {
	case calls.StateWhisper, calls.StateCountdown, calls.StateDialing:
		return viewConnecting, string(st)
	case calls.StateTalking:
		return viewTalking, ""
	case calls.StateHeld:
		return viewHeld, ""
	default:
		return "", ""
	}
}

// customerShows is the same for the page of a customer, who knows of no whisper.
func customerShows(st calls.State) (state viewState, stage string) {
	switch st {
	case calls.StateNew, calls.StateDialing:
		return viewConnecting, "dialing"
	case calls.StateMenu, calls.StatePlaying:
		return viewConnecting, string(st)
	case calls.StateWaiting, calls.StateOffering, calls.StateWhisper, calls.StateCountdown:
		return viewConnecting, "waiting"
	case calls.StateTalking, calls.StateBot:
		return viewTalking, ""
	case calls.StateHeld:
		return viewHeld, ""
	default:
		return "", ""
	}
}

func (s *session) showCall(g *leg, state viewState, stage string) {
	v := callView{ID: g.callID(), State: state, Stage: stage, Muted: g.muted, Held: state == viewHeld, Since: g.since, Device: g.device()}
	if g.dir == calls.Outbound {
		v.Card = &g.target.Card
	} else {
		v.Card = s.ownCard(g)
	}
	if !g.bridge.IsZero() {
		v.AnsweredAt = &g.bridge
	}
	v.Recording, v.PausedUntil, v.Transfer, v.Roster = g.recording, g.pausedUntil, g.transferred, g.roster
	v.Answerer, v.Beep = g.answerer.Who, g.answerer.Beep
	s.setView(v)
}

// ownCard is that of a call which the user of the page has begun.
func (s *session) ownCard(g *leg) *calls.Card {
	card := &calls.Card{Number: g.number, QueuePath: []string{}, Extension: g.reached != ""}
	if !s.customer() { // whom an agent has called
		card.Name = cmp.Or(g.reached, g.number)
	}
	return card
}

func (s *session) showColleague(g *leg, name string) {
	g.reached = name
	if s.leg == g && !g.ended() {
		v := s.view
		v.Card = s.ownCard(g)
		s.setView(v)
	}
}

// showRecording tells an agent's page whether what is said now is recorded.
func (s *session) showRecording(g *leg, recorded bool, pausedUntil *time.Time) {
	g.recording, g.pausedUntil = "", pausedUntil
	switch {
	case s.customer():
		return
	case recorded && pausedUntil != nil:
		g.recording = "paused"
	case recorded:
		g.recording = "on"
	}
	if s.leg != g || g.ended() {
		return
	}
	v := s.view
	v.Recording, v.PausedUntil = g.recording, g.pausedUntil
	s.setView(v)
}

func (s *session) showAnswerer(g *leg, who media.Answerer) {
	g.answerer = who
	if s.leg == g && !g.ended() {
		v := s.view
		v.Answerer, v.Beep = who.Who, who.Beep
		s.setView(v)
	}
}

func (s *session) setView(v callView) {
	s.view = v
	s.event("call", v.ID, v)
}

// legEnded tells the page that the call, or the offer, is over.
func (s *session) legEnded(g *leg) {
	if g.timer != nil {
		g.timer.Stop()
	}
	if s.listening == g {
		s.listenEnded(g)
	}
	if s.leg != g {
		return
	}
	s.leg = nil
	was := g.state
	g.state = legEnded
	switch {
	case g.dir == calls.Outbound && (was == legOffered || was == legRinging):
		s.forgetOffer(g)
		s.event("offer.withdrawn", g.callID(), withdrawnView{g.target.Offer, withdrawal(g.Cause())})
	case g.dir == calls.Outbound && (!g.bridge.IsZero() || g.shown == calls.StateDialing) && g.target.Supervision == nil:
		s.wrapUpOf(g)
	default:
		s.endView(g.Cause())
	}
	s.giveWay()
}

func (s *session) endView(cause calls.Cause) {
	v := s.view
	v.State, v.Stage, v.Held, v.Muted, v.Cause, v.Since, v.WrapUp, v.WrapUpUntil = viewEnded, "", false, false, cause, time.Now(), nil, nil
	v.Recording, v.PausedUntil, v.Roster = "", nil, nil
	s.setView(v)
}

func withdrawal(c calls.Cause) string {
	switch c {
	case calls.CauseNoAnswer:
		return "missed"
	case calls.CauseElsewhere:
		return "taken"
	case calls.CauseUnreachable:
		return "unreachable"
	case calls.CauseDeclined:
		return "declined"
	case calls.CauseEndedByUs:
		return "ended"
	case calls.CauseFailed, calls.CauseDraining:
		return "failed"
	default:
		return "caller_left"
	}
}

// forgetOffer takes an offer that is over out of what a resumed page is sent: it must not ring.
func (s *session) forgetOffer(g *leg) {
	id := g.callID().String()
	for i, f := range s.kept {
		if f.Type == "offer" && f.Call == id {
			// The place stays, so that sequence numbers have no gap.
			s.kept[i] = frame{V: version, Type: "offer.withdrawn", Call: id, Seq: f.Seq, Data: pack(withdrawnView{g.target.Offer, "over"})}
		}
	}
}

// live is the leg that a frame about the call means.
func (s *session) live() (*leg, error) {
	g := s.leg
	if g == nil || g.ended() || s.ringing() {
		return nil, errNoCall
	}
	return g, nil
}

func (s *session) gotHold(frame) error {
	g, err := s.own()
	if err == nil && g.shown == calls.StateTalking {
		g.tell(calls.LegAskHold)
	}
	return err
}

func (s *session) gotResume(frame) error {
	g, err := s.own()
	if err == nil && (g.shown == calls.StateHeld || g.transferred.underWay()) {
		g.tell(calls.LegAskTalk)
	}
	return err
}

func (s *session) gotRedact(f frame) error {
	d, err := decode[redactData](f)
	if err != nil {
		return err
	}
	g, err := s.own()
	switch {
	case err != nil:
		return err
	case g.recording == "":
		return calls.ErrNotRecorded
	case d.On:
		g.tell(calls.LegAskRedact)
	default:
		g.tell(calls.LegAskRecord)
	}
	return nil
}

func (s *session) gotMute(f frame) error {
	d, err := decode[mutedData](f)
	if err != nil {
		return err
	}
	g, err := s.live()
	if err != nil {
		return err
	}
	g.muted = d.Muted
	g.stream.SetMuted(d.Muted)
	v := s.view
	v.Muted = d.Muted
	s.setView(v)
	return nil
}

func (s *session) gotDigit(f frame) error {
	d, err := decode[digitData](f)
	if err != nil {
		return err
	}
	if len(d.Digit) != 1 || !strings.ContainsAny(d.Digit, "0123456789*#ABCD") {
		return errBadData
	}
	g, err := s.live()
	if err == nil {
		g.stream.InjectDigit(rune(d.Digit[0]))
	}
	return err
}

func (s *session) gotHangup(frame) error {
	g := s.leg
	switch {
	case g == nil:
	case g.dir == calls.Outbound && (s.ringing() || g.state == legAccepted):
		g.finish(calls.CauseDeclined)
	case g.roster != nil && g.roster.Leads: // the others stay
		g.tell(calls.LegAskLeave)
	default:
		g.finish(calls.CauseNormal)
	}
	return nil
}
