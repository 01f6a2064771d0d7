package media

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"tandem/media/codec"
)

const (
	recent    = 4          // frames kept for listeners that are a little later than the first; a power of two
	maxFrame  = 16000 / 50 // samples in 20 ms
	softLimit = 24000      // sums are exact below, and bent from here on
	headroom  = 32767 - softLimit
	longPause = 25 // frames that nobody listened to: the speakers' buffers begin anew
)

// nothing is what a ring holds before its first frame.
var nothing = [recent]int64{math.MinInt64, math.MinInt64, math.MinInt64, math.MinInt64}

// Mixer makes the sums of one call: for those who must hear more than one party. Each speaker is decoded once, from a tap, so that its own legs
// are not touched; each sum is made once and encoded once in each codec, however many listeners share it. What the first listener of a
// frame makes, the others copy.
type Mixer struct {
	mu       sync.Mutex
	rate     int // of all PCM: 16000 where any speaker is better than a telephone
	speakers map[*Stream]*speaker
	sums     []*sum
}

// NewMixer makes a mixer. It holds nothing while nobody listens.
func NewMixer() *Mixer { return &Mixer{rate: 8000, speakers: map[*Stream]*speaker{}} }

// Sum lets the peer hear several others at once, 40 to 240 ms later than they speak (the jitter buffer). Whoever is in another sum already is
// heard without a gap; a new speaker is heard as soon as their buffer has filled, and faded in.
func (m *Mixer) Sum(speakers ...*Stream) Source {
	set := slices.Clone(speakers)
	slices.SortFunc(set, func(a, b *Stream) int { return cmp.Compare(a.id, b.id) })
	set = slices.Compact(set)
	return sourceFunc(func(*Stream) feed { return &sumFeed{mixer: m, sum: m.listen(set)} })
}

// Primed says whether a sum that has these speakers would begin without a gap: the buffers of all of them play, or have nothing to play.
func (m *Mixer) Primed(speakers ...*Stream) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range speakers {
		sp := m.speakers[s]
		if sp == nil || !sp.in.playing && (sp.frames == 0 || sp.in.held > 0) {
			return false
		}
	}
	return true
}

// speaker is one party, decoded for all sums that it is in.
type speaker struct {
	stream *Stream
	refs   int // sums
	tap    *Tap
	untap  func()
	in     jitter
	frames int   // were made
	last   int64 // the newest
	pcm    [recent][maxFrame]int16
}

// sum is what one set of speakers sounds like together.
type sum struct {
	set       []*Stream
	speakers  []*speaker
	listeners int
	fresh     bool // nothing was made yet
	last      int64
	made      [recent]int64 // the frame that is in pcm
	acc       [maxFrame]int32
	pcm       [recent][maxFrame]int16
	outs      []*encoded
}

// encoded is a sum in one codec.
type encoded struct {
	codec   codec.Codec
	enc     codec.Encoder // nil: this build has none
	last    int64
	made    [recent]int64
	buf     [recent][codec.MaxPayload]byte
	payload [recent][]byte
}

// listen finds or makes the sum of a set, for one listener more.
func (m *Mixer) listen(set []*Stream) *sum {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sums {
		if slices.Equal(s.set, set) {
			s.listeners++
			return s
		}
	}
	s := &sum{set: set, listeners: 1, fresh: true, made: nothing}
	for _, stream := range set {
		sp := m.speakers[stream]
		if sp == nil {
			sp = &speaker{stream: stream, tap: NewTap(64)}
			sp.in.begin(m.rate)
			sp.untap = stream.AddTap(sp.tap)
			m.speakers[stream] = sp
		}
		sp.refs++
		s.speakers = append(s.speakers, sp)
	}
	m.sums = append(m.sums, s)
	return s
}

func (m *Mixer) leave(s *sum) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.listeners--; s.listeners > 0 {
		return
	}
	m.sums = slices.DeleteFunc(m.sums, func(x *sum) bool { return x == s })
	for _, sp := range s.speakers {
		if sp.refs--; sp.refs == 0 {
			sp.untap()
			delete(m.speakers, sp.stream)
		}
	}
}

// sumFeed is one listener of a sum.
type sumFeed struct {
	mixer *Mixer
	sum   *sum
	buf   [codec.MaxPayload]byte
}

func (f *sumFeed) release()    { f.mixer.leave(f.sum) }
func (f *sumFeed) due() func() { return nil }
func (f *sumFeed) frame(e *egress, sess *session, b beat) {
	payload := f.mixer.frame(f.sum, sess.Codec, b, f.buf[:])
	if payload == nil {
		payload = sess.silence
	}
	e.frame(f, sess, payload, b.now)
}

// frame copies a frame of a sum into buf; nil is silence. Listeners are on several goroutines of the clock, and one may be later than another.
func (m *Mixer) frame(s *sum, c codec.Codec, b beat, buf []byte) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.fresh || b.frame > s.last {
		m.tune()
		s.mix(b, m.rate/50)
	}
	i := slices.IndexFunc(s.outs, func(o *encoded) bool { return o.codec == c })
	if i < 0 {
		o := &encoded{codec: c, last: s.last - recent, made: nothing}
		o.enc, _ = codec.NewEncoder(c, m.rate) // nil is silence
		i, s.outs = len(s.outs), append(s.outs, o)
	}
	o := s.outs[i]
	at := b.frame & (recent - 1)
	if o.made[at] == b.frame {
		return buf[:copy(buf, o.payload[at])]
	}
	if o.enc == nil || s.made[at] != b.frame || b.frame < o.last {
		return nil
	}
	n, err := o.enc.Encode(o.buf[at][:], s.pcm[at][:m.rate/50])
	if err != nil {
		return nil
	}
	o.payload[at], o.made[at], o.last = o.buf[at][:n], b.frame, b.frame
	return buf[:copy(buf, o.payload[at])]
}

// tune follows the speakers' codecs: they may change at any offer.
func (m *Mixer) tune() {
	rate := 8000
	for s := range m.speakers {
		if sess := s.session.Load(); sess != nil {
			rate = max(rate, sess.Codec.SampleRate)
		}
	}
	if rate == m.rate {
		return
	}
	m.rate = rate
	for _, sp := range m.speakers {
		sp.in.retune(rate)
		sp.pcm = [recent][maxFrame]int16{}
	}
	for _, s := range m.sums {
		s.outs, s.made = nil, nothing
	}
}

// mix makes the frame that is due.
func (s *sum) mix(b beat, n int) {
	acc := s.acc[:n]
	clear(acc)
	for _, sp := range s.speakers {
		for i, v := range sp.frame(b, n) {
			acc[i] += int32(v)
		}
	}
	out := s.pcm[b.frame&(recent-1)][:n]
	for i, v := range acc {
		out[i] = limit(v)
	}
	if s.fresh {
		ramp := n / int(frameTime/fadeIn)
		for i := range ramp {
			out[i] = int16(int(out[i]) * i / ramp)
		}
	}
	s.fresh, s.last, s.made[b.frame&(recent-1)] = false, b.frame, b.frame
}

// limit bends what is too loud for 16 bits, without an edge.
func limit(v int32) int16 {
	switch {
	case v > softLimit:
		over := v - softLimit
		return int16(softLimit + int64(headroom)*int64(over)/int64(over+headroom))
	case v < -softLimit:
		return -limit(-v)
	}
	return int16(v)
}

// frame is a speaker's frame, made by whichever sum needs it first.
func (sp *speaker) frame(b beat, n int) []int16 {
	if sp.frames > 0 && b.frame <= sp.last {
		if sp.last-b.frame >= recent {
			return nil
		}
		return sp.pcm[b.frame&(recent-1)][:n]
	}
	if sp.frames == 0 || b.frame-sp.last > longPause {
		sp.last = b.frame - 1
	}
	sp.tap.Read(func(p *Packet, f Format) { sp.in.put(p, f, b.now) })
	sp.in.noise = 0
	if !sp.stream.muted.Load() {
		sp.in.noise = sp.stream.in.comfort.Load()
	}
	var out []int16
	for sp.last < b.frame { // frames that the clock left out pass unheard
		sp.last++
		out = sp.pcm[sp.last&(recent-1)][:n]
		sp.in.frame(out, b.now)
	}
	sp.frames++
	return out
}
