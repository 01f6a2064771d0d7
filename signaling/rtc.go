package signaling

import (
	"context"
	"time"

	"github.com/pion/webrtc/v4"
	"golang.org/x/time/rate"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/media"
	"tandem/signaling/relay"
)

// peerState is what a session knows of its PeerConnection.
type peerState struct {
	met      bool         // a socket has been there
	built    *peer        // the rtc lane's: the newest PeerConnection
	peer     *peer        // the session's view of it: nil until it is answered
	up       bool         // it is connected
	format   media.Format // of the connection; zero until it is connected
	offers   *rate.Limiter
	watching *time.Timer
}

const (
	watchEvery = 100 * time.Millisecond
	// silence is how long a browser that is there sends nothing at most: it sends silence too.
	silence = 500 * time.Millisecond
	// customerGone is how long a customer's page without a socket may be silent before its call ends.
	customerGone = 3 * time.Second
	// customerMute is the same with a socket: the browser is looking for another path.
	customerMute = 30 * time.Second
	gatherWithin = 5 * time.Second
)

// Offers cost a connection each: one a second, after a burst.
const offerBurst = 10

var errOffers = fault.New(fault.TooMany, "too_many_offers", "The browser connects its audio too often; wait a moment.")

var errRTC = fault.New(fault.Invalid, "rtc_failed", "The browser's audio could not be connected; reload the page.")

// gotOffer answers the page's SDP: with the PeerConnection that is there when the certificate is the same (an ICE restart), else with a
// new one (a page that was loaded again).
func (s *session) gotOffer(f frame) error {
	d, err := decode[sdpData](f)
	if err != nil {
		return err
	}
	if !s.offers.Allow() {
		return errOffers
	}
	s.later(s.rtc, f.ID, func(ctx context.Context) func() {
		ctx, cancel := context.WithTimeout(ctx, gatherWithin)
		defer cancel()
		answer, err := s.answer(ctx, d.SDP)
		p := s.built
		if err != nil {
			s.hub.log.Info("a browser's offer is not answered", "err", err)
			return func() { s.setPeer(p); s.fail(f.ID, errRTC.Because(err)) }
		}
		return func() { s.setPeer(p); s.reply("rtc.answer", f.ID, sdpData{answer}) }
	})
	return nil
}

// answer runs on the rtc lane.
func (s *session) answer(ctx context.Context, offer string) (string, error) {
	if p := s.built; p != nil && p.fingerprint != "" && p.fingerprint == fingerprintOf(offer) && p.pc.ConnectionState() != webrtc.PeerConnectionStateClosed {
		return p.answer(ctx, offer)
	}
	s.closePeer()
	p, answer, err := s.hub.engine.newPeer(ctx, offer, s.line, peerEvents{
		made:   func(p *peer) { s.loop.do(func() { s.setPeer(p) }) },
		state:  func(p *peer, st webrtc.PeerConnectionState) { s.loop.do(func() { s.connection(p, st) }) },
		format: func(p *peer, f media.Format) { s.loop.do(func() { s.negotiated(p, f) }) },
	}, s.hub.log)
	if err != nil {
		return "", err
	}
	s.hub.metrics.peers.Inc()
	s.built = p
	s.loop.do(func() { s.setPeer(p) }) // before anything that it tells
	return answer, nil
}

// closePeer runs on the rtc lane, or when that has ended.
func (s *session) closePeer() {
	if s.built != nil {
		s.built.close()
		s.built = nil
		s.hub.metrics.peers.Dec()
	}
}

func (s *session) setPeer(p *peer) {
	if s.peer != p {
		s.peer, s.up, s.format = p, false, media.Format{}
	}
}

func (s *session) gotCandidate(f frame) error {
	d, err := decode[candidateData](f)
	if err != nil {
		return err
	}
	s.later(s.rtc, f.ID, func(context.Context) func() {
		if s.built != nil {
			s.built.add(d.Candidate)
		}
		return nil
	})
	return nil
}

// connection follows the state of the PeerConnection.
func (s *session) connection(p *peer, st webrtc.PeerConnectionState) {
	if s.peer != p {
		return
	}
	s.up = st == webrtc.PeerConnectionStateConnected
	if st == webrtc.PeerConnectionStateFailed && s.sock != nil {
		s.reply("negotiate", "", nil)
	}
	s.connected()
	s.watch()
}

// negotiated follows the codec of the PeerConnection.
func (s *session) negotiated(p *peer, f media.Format) {
	if s.peer != p || s.format == f {
		return
	}
	s.format = f
	if s.listening != nil {
		s.listening.stream.Negotiate(f, media.SendRecv)
	}
	if s.leg != nil && s.leg.elsewhere == nil && (s.listening == nil || !s.ringing()) {
		s.leg.stream.Negotiate(f, media.SendRecv)
	}
	s.connected()
}

// connected lets what waited for audio go on.
func (s *session) connected() {
	if !s.up || s.format.Codec.Name == "" {
		return
	}
	s.startWaiting()
	if g := s.leg; g != nil && g.state == legAccepted {
		s.talkable(g)
	}
	s.listens()
	s.confirmMicrophone()
}

// here says whether the browser is there with everything: socket, connection, and packets that arrive.
func (s *session) here() bool { return s.sock != nil && s.up && s.line.silentFor() < silence }

// gone says whether the browser has left. A socket that is lost while packets still arrive is only a socket, and so is a connection that looks
// for another path.
func (s *session) gone() bool { return (s.sock == nil || !s.up) && s.line.silentFor() > silence }

// watch looks after a call whose browser may be away, as long as it takes.
func (s *session) watch() {
	if s.watching != nil {
		s.watching.Stop()
		s.watching = nil
	}
	g := s.leg
	if g == nil || g.ended() || g.elsewhere != nil {
		return
	}
	quiet := min(s.line.silentFor(), time.Since(g.begun)) // a call in its first moments has heard nothing yet
	switch {
	case s.customer():
		if s.sock == nil && quiet > customerGone {
			g.finish(calls.CauseNormal)
			return
		}
		if g.state == legConnected && !s.up && quiet > customerMute {
			g.finish(calls.CauseMediaLost)
			return
		}
	case g.state == legConnected && s.gone():
		if g.move(stepLose) {
			s.hub.metrics.lost.Inc()
			g.tell(calls.LegLost)
		}
	case g.state == legAway && s.here():
		if g.move(stepReturn) {
			g.tell(calls.LegBack)
		}
	}
	if s.sock == nil || !s.up || g.state == legAway {
		s.watching = time.AfterFunc(watchEvery, func() { s.loop.do(s.watch) })
	}
}

// gotStats notes what the browser says of the packets that it gets.
func (s *session) gotStats(f frame) error {
	d, err := decode[statsData](f)
	if err != nil {
		return err
	}
	g := s.leg
	if g == nil || g.ended() || g.elsewhere != nil || d.Lost < 0 || d.Received < 0 {
		return nil
	}
	g.lost += uint64(min(d.Lost, 1e9))
	r := media.PeerReport{
		Lost: g.lost, Jitter: time.Duration(min(max(d.JitterMS, 0), 1e5) * float64(time.Millisecond)),
		RoundTrip: time.Duration(min(max(d.RoundTrip, 0), 1e5) * float64(time.Millisecond)),
	}
	if all := d.Lost + d.Received; all > 0 {
		r.LossShare = d.Lost / all
	}
	g.stream.PeerReport(r)
	return nil
}

// iceServers are the TURN servers with credentials that are good for a while; the page is told of fresh ones in time, because it may have to look for another
// path at any moment.
func (s *session) iceServers() []relay.ICEServer {
	r := s.hub.engine.relay
	servers := r.Servers(s.relay)
	if s.fresh != nil {
		s.fresh.Stop()
	}
	if servers != nil {
		s.fresh = time.AfterFunc(r.Lifetime()/2, func() {
			s.loop.do(func() {
				if s.sock != nil {
					s.reply("rtc.servers", "", serversData{s.iceServers()})
				}
			})
		})
	}
	return servers
}
