package recording

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"tandem/media"
	"tandem/media/codec"
	"tandem/media/sound"
)

const (
	dejitter     = 500 * time.Millisecond // a packet may be this late and still be placed
	lateResync   = time.Second            // a source that is late for so long has changed its clock
	gapResync    = 60 * time.Millisecond  // after a pause in the packets, a deviation of this much means another clock
	driftWindow  = 100                    // packets over which the least delay is looked for
	driftAllowed = 5 * time.Millisecond   // deviation from the wall clock that is not corrected
)

// track is one side's way from packets to a place on the recording's wall clock. Positions count samples of the file from its start.
type track struct {
	format sound.Format // of the file, one channel
	sil    []byte       // one sample of silence
	queue  []queued     // packets not yet placed, by position
	free   [][]byte
	buf    []byte // encoded samples from position base on; what lies beyond is silence
	base   int64

	converting string        // codec that dec and table are for
	dec        codec.Decoder // nil: translate bytes
	table      *[256]byte    // nil: bytes are right as they are
	pcm        []int16
	out        []byte

	codec    codec.Codec
	anchored bool
	ssrc     uint32
	lastTS   uint32
	ts       int64 // lastTS without wrap-around
	anchor   int64 // position of timestamp 0
	lastAt   time.Duration
	lateFrom time.Duration // since when every packet was late; negative: none was
	minDelay int64
	seen     int
	slew     int64 // samples still to be corrected, one with every other packet
	end      int64 // position behind the last packet placed
	late     uint64
}

type queued struct {
	pos   int64
	span  int64 // samples
	bytes []byte
	codec codec.Codec
}

func newTrack(f sound.Format) *track {
	f.Channels = 1
	t := &track{format: f, lateFrom: -1}
	switch f.Encoding {
	case sound.MuLaw:
		t.sil = []byte{codec.MuLawSilence}
	case sound.ALaw:
		t.sil = []byte{codec.ALawSilence}
	default:
		t.sil = []byte{0, 0}
	}
	return t
}

// restart forgets the source: the next packet comes from another one, and is placed by its arrival.
func (t *track) restart() { t.anchored = false }

// add takes a packet that arrived at time at after the start of the recording.
func (t *track) add(p *media.Packet, c codec.Codec, at time.Duration) {
	if len(p.Payload) == 0 || c.ClockRate == 0 {
		return
	}
	arrival := t.samples(at)
	pos, span := t.place(p, c, at, arrival), t.span(p, c)
	if pos+span <= t.base {
		t.late++
		if t.lateFrom < 0 {
			t.lateFrom = at
		}
		if at-t.lateFrom < lateResync {
			return
		}
		t.anchorAt(p, c, arrival)
		pos = arrival
	}
	t.lateFrom = -1
	b := t.buffer(p.Payload)
	i, _ := slices.BinarySearchFunc(t.queue, pos, func(q queued, pos int64) int {
		if q.pos <= pos {
			return -1
		}
		return 1
	})
	t.queue = slices.Insert(t.queue, i, queued{pos: pos, span: span, bytes: b, codec: c})
}

func (t *track) samples(d time.Duration) int64 {
	return (int64(d)*int64(t.format.Rate) + int64(time.Second)/2) / int64(time.Second)
}

// span is how many samples a packet covers.
func (t *track) span(p *media.Packet, c codec.Codec) int64 {
	if c.Name == codec.Opus.Name {
		return t.samples(opusTime(p.Payload))
	}
	return int64(len(p.Payload)) * int64(t.format.Rate) / int64(c.ClockRate)
}

// opusTime is how long an Opus packet lasts, as its first bytes say (RFC 6716, 3.1 and 3.2).
func opusTime(payload []byte) time.Duration {
	toc := payload[0]
	frame := 2500 * time.Microsecond << (toc >> 3 & 3) // CELT
	switch {
	case toc>>3 < 12: // SILK
		frame = [...]time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond}[toc>>3&3]
	case toc>>3 < 16: // both
		frame = 10 * time.Millisecond << (toc >> 3 & 1)
	}
	switch {
	case toc&3 == 0:
		return frame
	case toc&3 < 3:
		return 2 * frame
	case len(payload) > 1:
		return time.Duration(payload[1]&0x3f) * frame
	}
	return 0
}

// whole is the position up to which there is no gap, at a time after the start. Who has been silent for long begins again at the time of arrival, give or
// take what a pause lets pass.
func (t *track) whole(now time.Duration) int64 {
	if len(t.queue) == 0 && now-t.lastAt > dejitter {
		return t.samples(now - 2*gapResync)
	}
	end := max(t.end, t.base)
	for _, q := range t.queue {
		if q.pos > end+1 { // one sample is what following a clock may leave free
			break
		}
		end = max(end, q.pos+q.span)
	}
	return end
}

func (t *track) anchorAt(p *media.Packet, c codec.Codec, pos int64) {
	t.anchored, t.ssrc, t.lastTS, t.ts = true, p.SSRC, p.Timestamp, 0
	t.codec = c
	t.anchor = pos
	t.seen, t.slew, t.minDelay = 0, 0, 0
}

// place gives a packet's position by its RTP timestamp, and watches how that compares with the wall clock: the least delay in a while
// is the true one, all others wait in queues of the network. A clock that drifts is followed one sample at a time.
func (t *track) place(p *media.Packet, c codec.Codec, at time.Duration, arrival int64) int64 {
	pause := at-t.lastAt > dejitter
	t.lastAt = at
	if !t.anchored || p.SSRC != t.ssrc || c.ClockRate != t.codec.ClockRate {
		t.anchorAt(p, c, arrival)
		return arrival
	}
	if d := int64(int32(p.Timestamp - t.lastTS)); d > 0 {
		t.lastTS, t.ts = p.Timestamp, t.ts+d
	}
	t.codec = c
	pos := t.anchor + (t.ts+int64(int32(p.Timestamp-t.lastTS)))*int64(t.format.Rate)/int64(c.ClockRate)
	delay := arrival - pos
	tooEarly := delay < -t.samples(dejitter)
	if tooEarly || pause && max(delay, -delay) > t.samples(gapResync) {
		t.anchorAt(p, c, arrival)
		return arrival
	}
	if t.seen == 0 || delay < t.minDelay {
		t.minDelay = delay
	}
	if t.seen++; t.seen == driftWindow {
		t.seen, t.slew = 0, 0
		if max(t.minDelay, -t.minDelay) > t.samples(driftAllowed) {
			t.slew = t.minDelay
		}
	}
	switch {
	case t.seen%2 == 0: // 25 samples a second at most: nobody hears that
	case t.slew > 0:
		t.slew--
		t.anchor++
	case t.slew < 0:
		t.slew++
		t.anchor--
	}
	return pos
}

func (t *track) buffer(payload []byte) []byte {
	var b []byte
	if n := len(t.free); n > 0 {
		b, t.free = t.free[n-1][:0], t.free[:n-1]
	}
	return append(b, payload...)
}

// settle places every packet that begins before the position until, in order.
func (t *track) settle(until int64) error {
	var first error
	n := 0
	for ; n < len(t.queue) && t.queue[n].pos < until; n++ {
		q := t.queue[n]
		if err := t.write(q); err != nil && first == nil {
			first = err
		}
		t.free = append(t.free, q.bytes)
	}
	t.queue = slices.Delete(t.queue, 0, n)
	return first
}

func (t *track) write(q queued) error {
	b, err := t.convert(q)
	if err != nil {
		return err
	}
	w := len(t.sil)
	pos := q.pos
	if pos < t.base {
		cut := min(int64(len(b)), (t.base-pos)*int64(w))
		b, pos = b[cut:], t.base
	}
	at := int(pos-t.base) * w
	t.extend(at + len(b))
	if pos == t.end+1 && at >= 2*w { // a drift correction left one sample free
		copy(t.buf[at-w:at], t.buf[at-2*w:at-w])
	}
	copy(t.buf[at:], b)
	t.end = pos + int64(len(b)/w)
	return nil
}

// extend makes the samples up to n bytes silence where there are none yet.
func (t *track) extend(n int) {
	at := len(t.buf)
	if n <= at {
		return
	}
	t.buf = slices.Grow(t.buf, n-at)[:n]
	silence := t.buf[at:]
	for done := copy(silence, t.sil); done < len(silence); done *= 2 {
		copy(silence[done:], silence[:done])
	}
}

// convert turns a payload into the file's encoding.
func (t *track) convert(q queued) ([]byte, error) {
	if q.codec.Name != t.converting {
		if err := t.use(q.codec); err != nil {
			return nil, err
		}
	}
	if t.dec == nil {
		if t.table != nil {
			for i, s := range q.bytes {
				q.bytes[i] = t.table[s]
			}
		}
		return q.bytes, nil
	}
	n, err := t.dec.Decode(t.pcm, q.bytes)
	if err != nil {
		return nil, fmt.Errorf("decode a packet for the recording: %w", err)
	}
	return t.encode(t.pcm[:n]), nil
}

// use prepares to convert from c. G.711 in a G.711 file is a table or nothing at all.
func (t *track) use(c codec.Codec) error {
	t.dec, t.table, t.converting = nil, nil, c.Name
	switch {
	case c.Name == codec.PCMU.Name && t.format.Encoding == sound.MuLaw, c.Name == codec.PCMA.Name && t.format.Encoding == sound.ALaw:
		return nil
	case c.Name == codec.PCMU.Name && t.format.Encoding == sound.ALaw:
		t.table = &codec.MuLawToALaw
		return nil
	case c.Name == codec.PCMA.Name && t.format.Encoding == sound.MuLaw:
		t.table = &codec.ALawToMuLaw
		return nil
	}
	dec, err := codec.NewDecoder(c, t.format.Rate)
	if err != nil {
		t.converting = ""
		return fmt.Errorf("record %s: %w", c.Name, err)
	}
	if t.pcm == nil {
		t.pcm = make([]int16, codec.MaxSamples)
	}
	t.dec = dec
	return nil
}

func (t *track) encode(pcm []int16) []byte {
	t.out = t.out[:0]
	for _, s := range pcm {
		switch t.format.Encoding {
		case sound.MuLaw:
			t.out = append(t.out, codec.ToMu(s))
		case sound.ALaw:
			t.out = append(t.out, codec.ToA(s))
		default:
			t.out = binary.LittleEndian.AppendUint16(t.out, uint16(s))
		}
	}
	return t.out
}

// interleave appends the samples of all tracks from base to until, and forgets them.
func interleave(dst []byte, until int64, tracks ...*track) []byte {
	base, w := tracks[0].base, len(tracks[0].sil)
	if until <= base {
		return dst
	}
	n, from := int(until-base)*w, len(dst)
	dst = slices.Grow(dst, n*len(tracks))[:from+n*len(tracks)]
	for i, t := range tracks {
		t.extend(n)
		spread(dst[from+i*w:], t.buf[:n], w, len(tracks))
		t.buf = append(t.buf[:0], t.buf[n:]...)
		t.base = until
	}
	return dst
}

// spread puts samples of w bytes at every step-th place.
func spread(dst, src []byte, w, step int) {
	if w == 1 {
		for i, b := range src {
			dst[i*step] = b
		}
		return
	}
	for i := 0; i < len(src); i += 2 {
		dst[i*step], dst[i*step+1] = src[i], src[i+1]
	}
}

// fileFormat is what a recording is written as: one G.711 law when only that is heard, without any conversion; both laws as µ-law;
// else linear, wideband only when everything heard is.
func fileFormat(channels int, heard []codec.Codec) sound.Format {
	f := sound.Format{Encoding: sound.PCM16, Rate: 8000, Channels: channels}
	mu, a, wide := 0, 0, 0
	for _, c := range heard {
		switch {
		case c.Name == codec.PCMU.Name:
			mu++
		case c.Name == codec.PCMA.Name:
			a++
		case c.SampleRate == 16000:
			wide++
		}
	}
	switch n := len(heard); {
	case n > 0 && a == n:
		f.Encoding = sound.ALaw
	case mu+a == n:
		f.Encoding = sound.MuLaw
	case wide == n:
		f.Rate = 16000
	}
	return f
}
