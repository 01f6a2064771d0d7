package sip

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"

	"tandem/calls"
	"tandem/media"
	"tandem/media/codec"
)

// RTP is what legs need for their audio.
type RTP struct {
	Ports  *media.RTPPorts
	Stream media.StreamConfig
}

// legs makes the legs of SIP dialogs.
type legs struct {
	stack *stack
	rtp   RTP
	log   *slog.Logger

	mu    sync.Mutex
	busy  map[uuid.UUID]int         // legs by trunk
	begun map[uuid.UUID][]time.Time // calls that went out in the last second, by trunk
	live  map[*leg]struct{}         // whose media runs
}

// occupy takes one of the calls a trunk may have at once; free gives it back.
func (l *legs) occupy(tr *Trunk) (free func(), ok bool) {
	if tr == nil || tr.MaxCalls == 0 {
		return func() {}, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[tr.ID] >= tr.MaxCalls {
		return nil, false
	}
	l.busy[tr.ID]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.busy[tr.ID]--
	}, true
}

// leg is a SIP dialog with its media, inbound or outbound. What the dialog tells (hooks) runs on the dialog's goroutine; everything
// else may be called from anywhere.
type leg struct {
	id     uuid.UUID
	dir    calls.Direction
	port   *media.RTPPort
	stream *media.Stream
	stop   context.CancelFunc // ends the stream
	free   func()             // tells that it has ended
	place  func()             // gives the trunk's place back; guarded by mu
	trunk  trunkMedia
	tenant uuid.UUID
	desk   desk

	// owned by the dialog's goroutine
	n       *negotiator
	offered bool // inbound without a description: the offer is ours
	local   []byte
	held    bool
	rang    bool

	asked bool // where it is, because nothing came of it; the watch's

	events    chan calls.LegEvent
	confirmed chan struct{}
	done      chan struct{}
	spoken    string // inbound: the codec of the answer, known before it is sent; "" when the offer is ours

	mu       sync.Mutex
	d        *dialog // another one once it was replaced (RFC 3891)
	cause    calls.Cause
	over     bool            // no more events
	status   int             // final, of the INVITE; 0: none came
	transfer *calls.Transfer // asked for, and not taken up yet
	branches *branches       // while several contacts ring; nil: d is all there is
	log      *slog.Logger
}

// desk is an agent's registered telephone, which may transfer the call it has; the zero value may not.
type desk struct {
	extension string
	at        netip.Addr
}

// dialog is the leg's dialog as it is now.
func (g *leg) dialog() *dialog {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.d
}

// trunkMedia is what a trunk's settings mean for a call that goes on.
type trunkMedia struct {
	nat        bool
	codecs     []string
	networks   []netip.Prefix
	encryption Encryption
	refer      bool
}

// security is what the trunk's audio must be on a way there or from there.
func (t trunkMedia) security(network string) security {
	return security{policy: t.encryption, private: isPrivate(network)}
}

func mediaOf(tr *Trunk) trunkMedia {
	if tr == nil {
		return trunkMedia{}
	}
	return trunkMedia{tr.NAT, tr.Codecs, tr.prefixes(), tr.Encryption, tr.Refer}
}

// maxEvents is more than a call sees; a peer that toggles hold faster than its call can follow loses events, not the call.
const maxEvents = 64

// newLeg opens the port and makes the stream for a peer as seen from its signalling address; others are whom it may be instead.
func (l *legs) newLeg(dir calls.Direction, h hop, t trunkMedia, others ...outgoing) (*leg, error) {
	port, err := l.rtp.Ports.Open(l.stack.t.serving(h, others))
	if err != nil {
		return nil, fmt.Errorf("open an RTP port: %w", err)
	}
	g := &leg{
		id: newLegID(), dir: dir, port: port, trunk: t, log: l.log, events: make(chan calls.LegEvent, maxEvents), confirmed: make(chan struct{}), done: make(chan struct{}),
		free: func() {}, place: func() {},
	}
	g.n = g.negotiator(t, h, l.stack.t)
	g.stream = media.NewStream(port, l.rtp.Stream)
	return g, nil
}

// negotiator begins the description of the leg's audio for a new dialog, as its trunk and the way to the peer allow.
func (g *leg) negotiator(m trunkMedia, h hop, t *transport) *negotiator {
	n := newNegotiator(t.announced(g.port, h.ip()), uint64(newLegID().Time()), speakable(m.codecs, codec.OpusEncoding()), m.security(h.network))
	n.fingerprint, n.web = g.port.Fingerprint(), isWeb(h.network) && n.security.certifies()
	return n
}

// speakable leaves out what this build cannot encode; none means all.
func speakable(names []string, opus bool) []string {
	if opus {
		return names
	}
	if len(names) == 0 {
		for _, f := range formats {
			names = append(names, f.name)
		}
	}
	kept := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "opus" })
	if len(kept) == 0 {
		return []string{"none"} // a trunk for Opus alone, in a build without it
	}
	return kept
}

// inbound makes the leg of an INVITE whose sender is known.
func (l *legs) inbound(req *gosip.Request, tx *gosip.ServerTx, by caller) (*leg, *refusal) {
	body, r := sdpBody(req)
	if r != nil {
		return nil, r
	}
	t := mediaOf(by.trunk)
	free, ok := l.occupy(by.trunk)
	if !ok {
		return nil, answerFor(calls.CauseCapacity)
	}
	g, err := l.newLeg(calls.Inbound, hop{req.Transport(), req.Source()}, t)
	if err != nil {
		free()
		l.log.Warn("no media for a call", "err", err)
		return nil, answerFor(calls.CauseCapacity)
	}
	g.place, g.tenant, g.desk = free, by.tenant(), by.desk(req)
	if err := g.prepare(body); err != nil {
		g.release()
		return nil, asRefusal(err)
	}
	user, _ := userPart(req.Recipient.User)
	d, err := l.stack.newUAS(req, tx, escapeUser(user), g.hooks())
	if err != nil {
		g.release()
		return nil, asRefusal(err)
	}
	if g.offered {
		d.opening = g.local
	}
	g.d, d.leg = d, g
	l.run(g)
	if !l.stack.start(d) {
		g.finish(end{status: 503, byUs: true})
		return nil, answerFor(calls.CauseCapacity)
	}
	return g, nil
}

// prepare answers the caller's offer, or makes ours when there is none. Media begins with the 2xx.
func (g *leg) prepare(offer []byte) (err error) {
	if s := g.n.security; s.required() && !s.encrypts() {
		return notAcceptable(302, "Encrypted audio needs TLS")
	}
	if len(offer) == 0 {
		g.offered = true
		g.local = g.n.makeOffer()
		return nil
	}
	g.local, err = g.n.answer(offer)
	g.spoken = g.n.now.codec.name
	return err
}

// run starts the leg's media; it ends with the leg, and then frees what the leg held.
func (l *legs) run(g *leg) {
	ctx, cancel := context.WithCancel(l.stack.ctx)
	g.stop = cancel
	started := l.stack.spawn(func() {
		defer g.release()
		defer l.watched(g)()
		if err := g.stream.Run(ctx); err != nil && ctx.Err() == nil {
			l.log.Warn("a leg's media failed", "leg", g.id, "err", err)
			g.Hangup(calls.CauseMediaLost)
		}
	})
	if !started {
		g.release()
	}
}

// watched has a leg looked after until the returned function is called.
func (l *legs) watched(g *leg) (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live[g] = struct{}{}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.live, g)
	}
}

const watchEvery = time.Second

// watch looks after all legs until ctx ends. One timer serves them all: each that fires wakes a processor.
func (l *legs) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l.mu.Lock()
		live := slices.Collect(maps.Keys(l.live))
		l.mu.Unlock()
		for _, g := range live {
			func() {
				defer l.stack.t.guard()
				g.watch()
			}()
		}
	}
}

// watch ends the leg when its peer has sent nothing for too long though it should, and before that does what may help.
func (g *leg) watch() {
	if g.answered() && g.stream.MediaLost() {
		g.Hangup(calls.CauseMediaLost)
	}
	g.asked = g.mend(g.stream.OneWay(), g.asked)
}

const relearnFor = 3 * time.Second

// mend tries to hear a peer again of which nothing comes: for a while it may send from elsewhere, then it is asked once where it is.
func (g *leg) mend(silent time.Duration, asked bool) bool {
	switch {
	case silent == 0 || !g.answered():
		return false
	case silent <= relearnFor:
		g.port.Relearn()
	case !asked:
		g.dialog().reoffer(true, func(err error) {
			if err != nil {
				g.log.Info("a peer that is not heard did not say where it is", "leg", g.id, "err", err)
			}
		})
	}
	return silent > relearnFor
}

// apply gives the port and the stream what was agreed.
func (g *leg) apply() {
	a := g.n.now
	f := media.Format{Codec: codecOf(a.codec.name), PayloadType: a.codec.pt, Ptime: a.packetDuration()}
	types := []uint8{a.codec.pt, a.recvPT, 13}
	if a.events != nil {
		f.EventType = a.events.pt
		types = append(types, a.events.pt)
	}
	if a.srtp != nil || a.dtls != nil && g.n.security.private {
		g.dialog().stayPrivate()
	}
	ice := a.ice.media()
	g.port.SetRemote(a.remote, media.RTPTrust{
		NAT: g.trunk.nat && ice == nil, Networks: g.trunk.networks, PayloadTypes: types, Mux: a.mux, Control: a.control(), SRTP: a.srtp, DTLS: a.dtls, ICE: ice,
	})
	g.stream.OnlyHearsKeys(!g.dialog().allows["INFO"])
	g.stream.Negotiate(f, a.direction())
	if held := g.n.held(); held != g.held {
		g.held = held
		if held {
			g.tell(calls.LegHeld)
		} else {
			g.tell(calls.LegResumed)
		}
	}
}
