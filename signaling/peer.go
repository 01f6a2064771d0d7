package signaling

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"tandem/media"
	"tandem/media/codec"
)

// peer is one PeerConnection of a session. The browser makes the offers; a page that was reloaded makes a new PeerConnection, which is
// told apart from an ICE restart by its DTLS certificate. Its methods are for one goroutine at a time.
type peer struct {
	pc          *webrtc.PeerConnection
	sender      *webrtc.RTPSender
	fingerprint string
	log         *slog.Logger
	readers     sync.WaitGroup
	pages       *pages
	way         way // of what the page sends
	keys        handshakeKeys

	mu      sync.Mutex
	common  []webrtc.RTPCodecParameters // what offer and we have in common
	closing bool                        // no more readers
}

// peerEvents are the callbacks of a peer; they come from pion's goroutines and must not wait for the peer.
type peerEvents struct {
	made   func(*peer) // before all others: some come while the first answer is still being made
	state  func(*peer, webrtc.PeerConnectionState)
	format func(*peer, media.Format) // what is sent both ways from now on
}

var errNoAudio = errors.New("the offer has no audio that we speak")

func fingerprintOf(sdp string) string {
	for line := range strings.Lines(sdp) {
		if f, ok := strings.CutPrefix(line, "a=fingerprint:"); ok {
			return strings.TrimSpace(f)
		}
	}
	return ""
}

// newPeer answers a first offer: its first audio line is the call, further ones only listen.
func (e *engine) newPeer(ctx context.Context, offer string, l *line, on peerEvents, log *slog.Logger) (*peer, string, error) {
	p := &peer{fingerprint: fingerprintOf(offer), log: log, pages: &e.pages}
	pc, err := e.connection(offer, &p.keys)
	if err != nil {
		return nil, "", fmt.Errorf("make a PeerConnection: %w", err)
	}
	p.pc = pc
	on.made(p)
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { on.state(p, s) })
	told := func(c webrtc.RTPCodecParameters) {
		if f, ok := p.formatOf(c); ok {
			on.format(p, f)
		}
	}
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		told(t.Codec())
		in := p.newInbound(t, l, e)
		p.way.in.Store(in)
		p.spawn(func() { in.read(t, told) })
		p.spawn(func() { in.answerReports(r, pc.WriteRTCP) })
	})
	answer, err := p.answerFirst(ctx, offer, &localTrack{line: l, told: told, to: func(w webrtc.TrackLocalWriter, ssrc webrtc.SSRC) *outbound { return p.newOutbound(w, ssrc, e.metrics) }})
	if err != nil {
		p.close()
		return nil, "", err
	}
	return p, answer, nil
}

// newInbound makes ready for what a track receives; its first packet has come, and has shown that the handshake is done.
func (p *peer) newInbound(t *webrtc.TrackRemote, l *line, e *engine) *inbound {
	c := t.Codec()
	in := &inbound{
		line: l, ssrc: uint32(t.SSRC()), format: uint8(c.PayloadType), rate: int(c.ClockRate), apart: true, doubt: maxDoubt,
		drops: e.drops, direct: e.metrics.packets.WithLabelValues("direct"), pion: e.metrics.packets.WithLabelValues("connection"),
	}
	p.mu.Lock()
	for _, c := range p.common {
		if codecName(c) == eventName {
			in.events = append(in.events, uint8(c.PayloadType))
		}
	}
	p.mu.Unlock()
	in.srtp = p.srtp()
	return in
}

// newOutbound makes ready for sending; the handshake may be still to come.
func (p *peer) newOutbound(w webrtc.TrackLocalWriter, ssrc webrtc.SSRC, m *metrics) *outbound {
	return &outbound{
		writer: w, way: &p.way, ssrc: uint32(ssrc), keys: p.srtp, direct: m.sent.WithLabelValues("direct"), pion: m.sent.WithLabelValues("connection"),
	}
}

// srtp makes ready for the direct path, in one direction; nil: there is none.
func (p *peer) srtp() *media.SRTP {
	s, err := p.keys.srtp()
	if err != nil {
		p.log.Info("a page's audio takes the long way", "err", err)
	}
	return s
}

// spawn runs f, which ends with the connection; close waits for it.
func (p *peer) spawn(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closing {
		p.readers.Go(f)
	}
}

func (p *peer) answerFirst(ctx context.Context, offer string, track *localTrack) (string, error) {
	// The transceiver is there before the offer, so that the offer's first audio line takes it.
	sender, err := p.pc.AddTrack(track)
	if err != nil {
		return "", fmt.Errorf("add the audio track: %w", err)
	}
	p.sender = sender
	sender.Transport().ICETransport().OnSelectedCandidatePairChange(func(pair *webrtc.ICECandidatePair) { p.pages.moved(&p.way, pair) })
	p.spawn(func() { drainRTCP(sender.Read) })
	return p.answer(ctx, offer)
}

// answer answers an offer, the first or one that restarts ICE.
func (p *peer) answer(ctx context.Context, offer string) (string, error) {
	if !strings.Contains(offer, "m=audio") {
		return "", errNoAudio
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", fmt.Errorf("take the browser's offer: %w", err)
	}
	if err := p.prefer(); err != nil {
		return "", err
	}
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("answer the browser's offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(answer); err != nil {
		return "", fmt.Errorf("set the answer: %w", err)
	}
	// The addresses are those of the shared sockets: they are known at once and ride in the answer.
	select {
	case <-gathered:
		return p.pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", fmt.Errorf("gather our addresses: %w", context.Cause(ctx))
	}
}

// preference is the order in which codecs stand in our answers; browsers send the first. G.711 first: it is what trunks speak, and then packets
// pass untouched.
var preference = []string{codec.PCMU.Name, codec.PCMA.Name, codec.Opus.Name, codec.G722.Name}

func rank(c webrtc.RTPCodecParameters) int {
	name := codecName(c)
	if i := slices.IndexFunc(preference, func(known string) bool { return strings.EqualFold(known, name) }); i >= 0 {
		return i
	}
	return len(preference)
}

// prefer orders the codecs that offer and we have in common; pion would answer in the offer's order.
func (p *peer) prefer() error {
	for _, t := range p.pc.GetTransceivers() {
		if t.Sender() != p.sender {
			continue
		}
		common := slices.Clone(p.sender.GetParameters().Codecs)
		slices.SortStableFunc(common, func(a, b webrtc.RTPCodecParameters) int { return rank(a) - rank(b) })
		if len(common) == 0 || rank(common[0]) == len(preference) {
			return errNoAudio
		}
		if err := t.SetCodecPreferences(common); err != nil {
			return fmt.Errorf("order the codecs of the answer: %w", err)
		}
		p.mu.Lock()
		p.common = common
		p.mu.Unlock()
	}
	return nil
}

// add takes a candidate of the browser; an unusable one only costs that path.
func (p *peer) add(c *candidate) {
	var init webrtc.ICECandidateInit // the zero value ends the candidates
	if c != nil {
		init = webrtc.ICECandidateInit{Candidate: c.Candidate, SDPMid: c.SDPMid, SDPMLineIndex: c.SDPMLineIndex, UsernameFragment: c.UsernameFragment}
	}
	if err := p.pc.AddICECandidate(init); err != nil {
		p.log.Debug("a candidate is of no use", "err", err)
	}
}

// closeLimit is how long closing a PeerConnection may take; pion has been seen to hang.
const closeLimit = 10 * time.Second

func (p *peer) close() {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	p.pages.left(&p.way)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := p.pc.GracefulClose(); err != nil {
			p.log.Debug("closing a PeerConnection", "err", err)
		}
		p.readers.Wait()
	}()
	limit := time.NewTimer(closeLimit)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
		p.log.Error("a PeerConnection does not close; its goroutines are lost")
	}
}

// drainRTCP keeps the interceptors moving: they work only while somebody reads.
func drainRTCP[A any](read func([]byte) (int, A, error)) {
	buf := make([]byte, 1500)
	for {
		if _, _, err := read(buf); err != nil {
			return
		}
	}
}

// eventName is the codec of pressed keys (RFC 4733).
const eventName = "telephone-event"

func codecName(c webrtc.RTPCodecParameters) string {
	_, name, _ := strings.Cut(c.MimeType, "/")
	return name
}

// formatOf is the media format of a negotiated codec.
func (p *peer) formatOf(c webrtc.RTPCodecParameters) (media.Format, bool) {
	known, ok := codec.ByName(codecName(c))
	if !ok {
		return media.Format{}, false
	}
	f := media.Format{Codec: known, PayloadType: uint8(c.PayloadType), Ptime: 20 * time.Millisecond}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, other := range p.common {
		if codecName(other) == eventName && int(other.ClockRate) == known.ClockRate {
			f.EventType = uint8(other.PayloadType)
		}
	}
	return f, true
}

// localTrack sends what the line is given, with whatever negotiated payload type.
type localTrack struct {
	line *line
	told func(webrtc.RTPCodecParameters)
	to   func(webrtc.TrackLocalWriter, webrtc.SSRC) *outbound
}

// Bind implements webrtc.TrackLocal. pion calls it when the connection is up.
func (l *localTrack) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codecs := slices.Clone(ctx.CodecParameters())
	slices.SortStableFunc(codecs, func(a, b webrtc.RTPCodecParameters) int { return rank(a) - rank(b) })
	if len(codecs) == 0 || rank(codecs[0]) == len(preference) {
		return webrtc.RTPCodecParameters{}, errNoAudio
	}
	l.line.connect(l.to(ctx.WriteStream(), ctx.SSRC()), int(codecs[0].ClockRate))
	l.told(codecs[0])
	return codecs[0], nil
}

// Unbind implements webrtc.TrackLocal.
func (l *localTrack) Unbind(ctx webrtc.TrackLocalContext) error {
	l.line.disconnect(ctx.WriteStream())
	return nil
}

// ID implements webrtc.TrackLocal.
func (*localTrack) ID() string { return "call" }

// RID implements webrtc.TrackLocal.
func (*localTrack) RID() string { return "" }

// StreamID implements webrtc.TrackLocal.
func (*localTrack) StreamID() string { return "tandem" }

// Kind implements webrtc.TrackLocal.
func (*localTrack) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }
