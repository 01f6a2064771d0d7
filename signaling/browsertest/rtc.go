package browsertest

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"tandem/media/codec"
)

// RTC is a page's PeerConnection, as web/src/phone makes it: one audio line for calls, one that only listens. It sends one codec, G.711 (µ-law) unless
// another is asked for: a tone, or silence.
type RTC struct {
	t     testing.TB
	pc    *webrtc.PeerConnection
	codec codec.Codec // that is sent
	track *webrtc.TrackLocalStaticSample
	stop  chan struct{}
	work  sync.WaitGroup
	once  sync.Once

	mu    sync.Mutex
	hz    float64
	mute  bool // sends nothing at all
	heard []int16
	trace []Arrival
	told  []rtcp.ReceptionReport // by the server, of what it hears
	up    chan struct{}
}

// Arrival is an RTP packet as it came.
type Arrival struct {
	At        time.Time
	SSRC      uint32
	Sequence  uint16
	Timestamp uint32
	Loud      bool // it is not silence
}

const (
	sampleRate = 8000
	frameSize  = 160
	loud       = 1000
	window     = sampleRate * 3 / 10 // samples that Hears looks at
)

// Connect makes the PeerConnection, sends the offer and waits until audio is connected.
func (p *Page) Connect() *RTC {
	p.t.Helper()
	return p.ConnectWith(codec.PCMU)
}

// ConnectWith is Connect with a page that sends a codec. One that sends Opus knows no other.
func (p *Page) ConnectWith(c codec.Codec) *RTC {
	p.t.Helper()
	p.RTC = newRTC(p.t, c)
	return p.connect(func(sdp string) string { return sdp })
}

// ConnectAsServer is Connect with a page that insists on being the server of the DTLS handshake.
func (p *Page) ConnectAsServer() *RTC {
	p.t.Helper()
	p.RTC = newRTC(p.t, codec.PCMU)
	return p.connect(func(sdp string) string { return strings.ReplaceAll(sdp, "a=setup:actpass", "a=setup:passive") })
}

func (p *Page) connect(change func(sdp string) string) *RTC {
	p.t.Helper()
	p.offer(nil, change)
	select {
	case <-p.RTC.up:
	case <-time.After(Patience):
		p.t.Fatal("audio does not connect")
	}
	return p.RTC
}

// Offer makes an offer, with fresh ICE credentials for a restart, and takes the answer.
func (p *Page) Offer(restart bool) {
	p.t.Helper()
	p.offer(&webrtc.OfferOptions{ICERestart: restart}, func(sdp string) string { return sdp })
}

func (p *Page) offer(options *webrtc.OfferOptions, change func(sdp string) string) {
	p.t.Helper()
	pc := p.RTC.pc
	offer, err := pc.CreateOffer(options)
	if err != nil {
		p.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		p.t.Fatal(err)
	}
	<-gathered
	p.Send("rtc.offer", map[string]string{"sdp": change(pc.LocalDescription().SDP)})
	answer := p.Wait("rtc.answer").Get("sdp")
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		p.t.Fatalf("the answer: %v\n%s", err, answer)
	}
}

// Adopt moves another page's PeerConnection here: the socket was lost, the page was not.
func (p *Page) Adopt(other *Page) { p.RTC, other.RTC = other.RTC, nil }

func newRTC(t testing.TB, c codec.Codec) *RTC {
	t.Helper()
	var set webrtc.SettingEngine
	set.SetIncludeLoopbackCandidate(true)
	set.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	var m webrtc.MediaEngine
	sends := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: sampleRate}
	register := m.RegisterDefaultCodecs
	if c == codec.Opus {
		sends = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
		register = func() error {
			return m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: sends, PayloadType: 111}, webrtc.RTPCodecTypeAudio)
		}
	}
	if err := register(); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(set), webrtc.WithMediaEngine(&m)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	track, err := webrtc.NewTrackLocalStaticSample(sends, "mic", "page")
	if err != nil {
		t.Fatal(err)
	}
	r := &RTC{t: t, pc: pc, codec: c, track: track, stop: make(chan struct{}), up: make(chan struct{})}
	sender, err := pc.AddTrack(track)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(r.up) })
		}
	})
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { r.work.Go(func() { r.listen(tr) }) })
	r.work.Go(r.talk)
	r.work.Go(func() { r.readReports(sender) })
	t.Cleanup(r.Close)
	return r
}

// Codecs are the codecs of the answer's first audio line, in order.
func (r *RTC) Codecs() (names []string) {
	for _, c := range r.pc.GetSenders()[0].GetParameters().Codecs {
		names = append(names, c.MimeType)
	}
	return names
}

// Say plays a tone from now on; 0 is silence.
func (r *RTC) Say(hz float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hz = hz
}

// Mute stops sending altogether, as a page does that has gone to sleep.
func (r *RTC) Mute(mute bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mute = mute
}

func (r *RTC) talk() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	enc, err := codec.NewEncoder(r.codec, sampleRate)
	if err != nil {
		r.t.Error(err)
		return
	}
	pcm, buf := make([]int16, frameSize), make([]byte, 1500)
	for n := 0; ; n++ {
		select {
		case <-r.stop:
			return
		case <-tick.C:
		}
		r.mu.Lock()
		hz, mute := r.hz, r.mute
		r.mu.Unlock()
		if mute {
			continue
		}
		for i := range pcm {
			pcm[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(n*frameSize+i)/sampleRate))
		}
		size, err := enc.Encode(buf, pcm)
		if err != nil {
			r.t.Error(err)
			return
		}
		_ = r.track.WriteSample(media.Sample{Data: buf[:size], Duration: 20 * time.Millisecond}) // not connected yet, or any more
	}
}

func (r *RTC) readReports(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		r.mu.Lock()
		for _, p := range packets {
			switch p := p.(type) {
			case *rtcp.ReceiverReport:
				r.told = append(r.told, p.Reports...)
			case *rtcp.SenderReport:
				r.told = append(r.told, p.Reports...)
			}
		}
		r.mu.Unlock()
	}
}

// Reports are the server's reception reports of what it hears of the page.
func (r *RTC) Reports() []rtcp.ReceptionReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.told)
}

func (r *RTC) listen(tr *webrtc.TrackRemote) {
	known, ok := codec.ByName(tr.Codec().MimeType[len("audio/"):])
	if !ok {
		return
	}
	dec, err := codec.NewDecoder(known, sampleRate)
	if err != nil {
		r.t.Error(err)
		return
	}
	pcm := make([]int16, codec.MaxSamples)
	for {
		packet, _, err := tr.ReadRTP()
		if err != nil {
			return
		}
		n, err := dec.Decode(pcm, packet.Payload)
		if err != nil {
			continue
		}
		r.mu.Lock()
		r.trace = append(r.trace, Arrival{time.Now(), packet.SSRC, packet.SequenceNumber, packet.Timestamp, n > 0 && slices.Max(pcm[:n]) > loud})
		r.heard = append(r.heard, pcm[:n]...)
		if len(r.heard) > window {
			r.heard = r.heard[len(r.heard)-window:]
		}
		r.mu.Unlock()
	}
}

// Hears says whether the last 300 ms that came are a tone of that frequency; 0 asks for silence.
func (r *RTC) Hears(hz float64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.heard) < window {
		return false
	}
	all, re, im := 0.0, 0.0, 0.0
	for i, s := range r.heard {
		v, a := float64(s), 2*math.Pi*hz*float64(i)/sampleRate
		all += v * v
		re, im = re+v*math.Cos(a), im+v*math.Sin(a)
	}
	loud := math.Sqrt(all/window) > 500
	if hz == 0 {
		return !loud
	}
	// A pure tone has all its energy in this one bin.
	return loud && 2*(re*re+im*im)/window > 0.9*all
}

// Strength is the amplitude of a tone in the last 300 ms that came; 0 while less has come.
func (r *RTC) Strength(hz float64) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.heard) < window {
		return 0
	}
	re, im := 0.0, 0.0
	for i, s := range r.heard {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / sampleRate)
		re, im = re+float64(s)*cos, im+float64(s)*sin
	}
	return 2 * math.Hypot(re, im) / window
}

// Forget empties the ear and the trace.
func (r *RTC) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard, r.trace = nil, nil
}

// Trace is every packet since the last Forget.
func (r *RTC) Trace() []Arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Arrival(nil), r.trace...)
}

// Await waits until the page hears the tone.
func (r *RTC) Await(hz float64) {
	r.t.Helper()
	r.mu.Lock()
	r.heard = nil
	r.mu.Unlock()
	Eventually(r.t, "the tone arrives", func() bool { return r.Hears(hz) })
}

// State is the connection's state.
func (r *RTC) State() webrtc.PeerConnectionState { return r.pc.ConnectionState() }

// Close ends the connection.
func (r *RTC) Close() {
	r.once.Do(func() {
		close(r.stop)
		_ = r.pc.GracefulClose()
		r.work.Wait()
	})
}

// Eventually polls a condition until it holds, or the test fails.
func Eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	limit := time.NewTimer(Patience)
	defer limit.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("never: %s", what)
		}
	}
}
