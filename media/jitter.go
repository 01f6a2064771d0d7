package media

import (
	"time"

	"tandem/media/codec"
)

const (
	jitterSlots = 32                     // packets
	minDelay    = 40 * time.Millisecond  // of the jitter buffer
	maxDelay    = 240 * time.Millisecond // more jitter is concealed
	starveAfter = 60 * time.Millisecond  // of invented sound the buffer begins anew
	staleAfter  = 200 * time.Millisecond // what waited longer was meant for a listener who has gone
	fadeIn      = 5 * time.Millisecond
)

// jitter turns one speaker's packets, as they come, into frames, as they are due: in order, with lost ones concealed, pauses left silent, and
// the difference between the sender's clock and ours made good. Whoever sums calls it at each frame, from one goroutine at a time.
type jitter struct {
	rate  int // of the PCM
	codec codec.Codec
	dec   codec.Decoder // nil: this build cannot read the codec

	slots   [jitterSlots]jitterSlot
	held    int // packets in slots
	begun   bool
	playing bool
	ssrc    uint32
	highest uint64 // extended sequence number
	next    uint64 // to be decoded next
	nextTS  uint32
	usual   int // samples in a packet

	transit  int32
	variance float64 // RFC 3550's interarrival jitter, in RTP ticks

	pcm    [3 * codec.MaxSamples]int16 // decoded, not yet due
	n      int
	owed   int           // samples that were invented because nothing had come
	off    int           // the buffer is too deep (1) or too shallow (-1)
	offFor time.Duration // so long
	noise  int32         // peak of the comfort noise that is heard where nothing else is
	random uint32        // the noise's last sample

	lost, late, cuts, stretches uint64
}

type jitterSlot struct {
	full    bool
	ext     uint64
	ts      uint32
	arrival time.Duration
	payload []byte
}

func (j *jitter) begin(rate int) {
	j.rate = rate
	slab := make([]byte, jitterSlots*tapCell)
	for i := range j.slots {
		j.slots[i].payload = slab[i*tapCell : i*tapCell : (i+1)*tapCell]
	}
}

// retune changes the rate of the PCM; what was decoded is lost.
func (j *jitter) retune(rate int) {
	if rate != j.rate {
		j.rate, j.codec, j.dec, j.n, j.usual = rate, codec.Codec{}, nil, 0, 0
		j.reset()
	}
}

// reset forgets all packets: another timeline begins.
func (j *jitter) reset() {
	for i := range j.slots {
		j.slots[i].full = false
	}
	j.begun, j.playing, j.held, j.n, j.owed, j.off, j.variance = false, false, 0, 0, 0, 0, 0
}

// put takes a packet in.
func (j *jitter) put(p *Packet, f Format, now time.Duration) {
	if now-p.Arrival > staleAfter {
		return
	}
	if f.Codec != j.codec {
		j.codec, j.usual = f.Codec, j.rate/50
		j.dec, _ = codec.NewDecoder(f.Codec, j.rate) // nil is silence
		j.reset()
	}
	ext := j.highest + uint64(int64(int16(p.Sequence-uint16(j.highest))))
	if !j.begun || p.SSRC != j.ssrc || ext > j.highest+uint64(maxGap/frameTime) || ext+uint64(maxGap/frameTime) < j.highest {
		j.reset()
		ext = 1<<16 + uint64(p.Sequence)
		j.begun, j.ssrc, j.highest, j.next, j.nextTS = true, p.SSRC, ext, ext, p.Timestamp
		j.transit = int32(ticksIn(p.Arrival, f.Codec.ClockRate)) - int32(p.Timestamp)
	}
	j.measure(p)
	if !j.playing && ext < j.next && j.next-ext < jitterSlots { // out of order at the beginning
		j.next, j.nextTS = ext, p.Timestamp
	}
	if ext < j.next {
		j.late++
		return
	}
	for ext-j.next >= jitterSlots {
		j.forget()
	}
	s := &j.slots[ext%jitterSlots]
	if s.full {
		return
	}
	s.full, s.ext, s.ts, s.arrival, s.payload = true, ext, p.Timestamp, p.Arrival, append(s.payload[:0], p.Payload...)
	j.held++
	j.highest = max(j.highest, ext)
}

// forget passes over the next packet.
func (j *jitter) forget() {
	s := &j.slots[j.next%jitterSlots]
	if s.full && s.ext == j.next {
		s.full = false
		j.held--
		j.nextTS = s.ts
	}
	j.next++
	j.nextTS += j.ticks(j.usual)
}

// measure keeps the interarrival jitter (RFC 3550 section 6.4.1).
func (j *jitter) measure(p *Packet) {
	transit := int32(ticksIn(p.Arrival, j.codec.ClockRate)) - int32(p.Timestamp)
	d := transit - j.transit
	if d < 0 {
		d = -d
	}
	if int(d) < j.codec.ClockRate { // a pause or a restart is no jitter
		j.variance += (float64(d) - j.variance) / 16
	}
	j.transit = transit
}

// target is how much the buffer is to hold, in samples.
func (j *jitter) target() int {
	var spread time.Duration
	if j.codec.ClockRate > 0 {
		spread = time.Duration(j.variance / float64(j.codec.ClockRate) * float64(time.Second))
	}
	return int(bufferDelay(spread)) * j.rate / int(time.Second)
}

// bufferDelay is how deep a jitter buffer is to be: a frame, and what nearly all packets are later than the average one.
func bufferDelay(jitter time.Duration) time.Duration {
	return min(max(frameTime+3*jitter, minDelay), maxDelay)
}

// depth is how much sound there is up to the newest packet. The missing ones count: they will take as long to be heard.
func (j *jitter) depth() int { return int(j.highest+1-j.next)*j.usual + j.n }

// frame fills dst with the speaker's next 20 ms.
func (j *jitter) frame(dst []int16, now time.Duration) {
	fresh := !j.playing
	if fresh && !j.start(now) {
		j.rest(dst)
		return
	}
	j.adjust(len(dst))
	for j.n < len(dst) && j.more(dst) {
		continue
	}
	k := copy(dst, j.pcm[:min(j.n, len(dst))])
	j.rest(dst[k:])
	j.n = copy(j.pcm[:], j.pcm[k:j.n])
	if fresh {
		ramp := int(fadeIn) * j.rate / int(time.Second)
		for i := range min(ramp, len(dst)) {
			dst[i] = int16(int(dst[i]) * i / ramp)
		}
	}
}

// rest fills dst for a speaker who says nothing: with the noise that their telephone says is there, else with silence.
func (j *jitter) rest(dst []int16) {
	if j.noise == 0 {
		clear(dst)
		return
	}
	for i := range dst {
		j.random = j.random*1664525 + 1013904223
		dst[i] = int16(int64(int32(j.random)) * int64(j.noise) >> 31)
	}
}

// start says whether enough has come to begin, or the little that has come has waited long enough.
func (j *jitter) start(now time.Duration) bool {
	if j.held == 0 {
		return false
	}
	for s := &j.slots[j.next%jitterSlots]; !s.full || s.ext != j.next; s = &j.slots[j.next%jitterSlots] {
		j.next++
	}
	first := &j.slots[j.next%jitterSlots]
	waited := int(now-first.arrival) * j.rate / int(time.Second)
	if j.depth() < j.target() && waited < j.target() {
		return false
	}
	for j.depth() > int(maxDelay)*j.rate/int(time.Second) && j.held > 1 {
		j.forget()
	}
	for s := &j.slots[j.next%jitterSlots]; !s.full || s.ext != j.next; s = &j.slots[j.next%jitterSlots] {
		j.next++
	}
	j.nextTS, j.playing, j.owed, j.off = j.slots[j.next%jitterSlots].ts, true, 0, 0
	return true
}

// more decodes the next packet, or invents what is missing; false: there is nothing to invent from any more.
func (j *jitter) more(dst []int16) bool {
	s := &j.slots[j.next%jitterSlots]
	switch {
	case s.full && s.ext == j.next:
		j.decode(s)
	case j.held > 0 && (j.depth() >= j.target() || j.starved()):
		j.conceal()
	case j.starved():
		j.playing, j.owed = false, 0
		return false
	default: // nothing has come, or it may yet come and the delay is to grow
		k := len(dst)
		if j.dec == nil || k > len(j.pcm)-j.n {
			j.playing = false
			return false
		}
		if _, err := j.dec.Conceal(j.pcm[j.n : j.n+k]); err != nil {
			clear(j.pcm[j.n : j.n+k])
		}
		j.n += k
		j.owed += k
	}
	return true
}

// starved says that as much was invented as may be.
func (j *jitter) starved() bool { return j.owed >= int(starveAfter)*j.rate/int(time.Second) }

func (j *jitter) decode(s *jitterSlot) {
	// Numbers without a gap and times with one: the sender was silent (DTX). What was invented meanwhile stood for it.
	if pause := j.samples(s.ts-j.nextTS) - j.owed; int32(s.ts-j.nextTS) > 0 && pause > 0 && pause <= j.rate/5 {
		k := min(pause, len(j.pcm)-j.n-codec.MaxSamples)
		clear(j.pcm[j.n : j.n+k])
		j.n += k
	}
	j.owed = 0
	k, err := 0, error(nil)
	if j.dec != nil {
		k, err = j.dec.Decode(j.pcm[j.n:], s.payload)
	}
	if err != nil || k == 0 {
		k = j.usual
		clear(j.pcm[j.n : j.n+k])
	}
	j.n += k
	j.usual = k
	s.full = false
	j.held--
	j.next, j.nextTS = j.next+1, s.ts+j.ticks(k)
}

// conceal stands in for a packet that was lost, unless that was done when it did not come in time.
func (j *jitter) conceal() {
	j.lost++
	following := &j.slots[(j.next+1)%jitterSlots]
	k := j.usual
	switch fec, ok := j.dec.(codec.FECDecoder); {
	case j.owed >= k:
		j.owed -= k
		k = 0
	case j.dec == nil || k > len(j.pcm)-j.n:
		k = 0
	case ok && following.full && following.ext == j.next+1:
		if _, err := fec.DecodeFEC(j.pcm[j.n:j.n+k], following.payload); err != nil {
			clear(j.pcm[j.n : j.n+k])
		}
	default:
		if _, err := j.dec.Conceal(j.pcm[j.n : j.n+k]); err != nil {
			clear(j.pcm[j.n : j.n+k])
		}
	}
	j.n += k
	j.next, j.nextTS = j.next+1, j.nextTS+j.ticks(j.usual)
}

func (j *jitter) ticks(samples int) uint32 { return uint32(samples * j.codec.ClockRate / j.rate) }
func (j *jitter) samples(ticks uint32) int { return int(int32(ticks)) * j.rate / j.codec.ClockRate }
