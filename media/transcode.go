package media

import (
	"log/slog"
	"time"

	"tandem/media/codec"
)

// maxConceal is the most that is invented for lost packets; a longer gap is left as one.
const maxConceal = 100 * time.Millisecond

// transcoder turns one codec into another, or packets of one length into those of another, for one listener. It adds no delay: what a packet
// completes is sent at once, what was lost before it is concealed first.
type transcoder struct {
	from codec.Codec
	rate int // of the PCM between
	dec  codec.Decoder
	enc  codec.Encoder

	live   bool
	source uint32
	epoch  uint32
	ext    uint64 // next expected
	ts     uint32 // next expected
	usual  int    // samples in a packet

	pcm     [3 * codec.MaxSamples]int16 // decoded, not yet encoded
	n       int
	payload [codec.MaxPayload]byte
}

// newTranscoder gives nil when this build has not both codecs; the listener then hears silence.
func newTranscoder(from, to codec.Codec, log *slog.Logger) *transcoder {
	t := &transcoder{from: from, rate: min(from.SampleRate, to.SampleRate)}
	var err error
	if t.dec, err = codec.NewDecoder(from, t.rate); err == nil {
		t.enc, err = codec.NewEncoder(to, t.rate)
	}
	if err != nil {
		log.Error("cannot transcode", "from", from.Name, "to", to.Name, "error", err)
		return nil
	}
	return t
}

// recv decodes a packet and sends the frames that are complete.
func (t *transcoder) recv(f *forward, e *egress, h *heard, sess *session) {
	metrics := f.to.cfg.Metrics
	if t.live && h.source == t.source && h.ext < t.ext {
		metrics.drop(dropLate)
		return
	}
	t.gap(f, e, h, sess)
	n, err := t.dec.Decode(t.pcm[t.n:], h.Payload)
	if err != nil {
		metrics.drop(dropCodec)
		if n = t.usual; t.conceal(n) == 0 {
			return
		}
	} else {
		t.n += n
	}
	t.usual = n
	t.live, t.source, t.epoch = true, h.source, h.epoch
	t.ext, t.ts = h.ext+1, h.Timestamp+t.ticks(n)
	t.send(f, e, sess, h.Arrival)
}

// gap deals with what is missing between the last packet and h: concealed when it was lost, left out when it was never sent (DTX).
func (t *transcoder) gap(f *forward, e *egress, h *heard, sess *session) {
	missing := int32(h.Timestamp - t.ts)
	switch {
	case !t.live || h.source != t.source:
		t.n = 0
		return
	case missing == 0:
		return
	case missing < 0 || h.ext == t.ext || h.epoch != t.epoch || missing > int32(ticksIn(maxConceal, t.from.ClockRate)):
		t.flush(f, e, sess, h.Arrival)
		return
	}
	// A whole number of the usual frames; the decoder's redundancy is for the last of them.
	for left := t.samples(uint32(missing)); left > 0 && t.usual > 0; left -= t.usual {
		fec, ok := t.dec.(codec.FECDecoder)
		if ok && left <= t.usual && len(t.pcm)-t.n >= t.usual {
			if n, err := fec.DecodeFEC(t.pcm[t.n:t.n+t.usual], h.Payload); err == nil {
				t.n += n
			}
		} else {
			t.conceal(t.usual)
		}
		t.send(f, e, sess, h.Arrival)
	}
}

// conceal appends n invented samples, and returns how many it did.
func (t *transcoder) conceal(n int) int {
	if n == 0 || n > len(t.pcm)-t.n {
		return 0
	}
	n, err := t.dec.Conceal(t.pcm[t.n : t.n+n])
	if err != nil {
		return 0
	}
	t.n += n
	return n
}

// flush ends what was before a pause: the incomplete frame is filled up, and time is looked at anew.
func (t *transcoder) flush(f *forward, e *egress, sess *session, now time.Duration) {
	if frame := t.rate / 50; t.n > 0 {
		clear(t.pcm[t.n:frame])
		t.n = frame
		t.send(f, e, sess, now)
	}
	if e.by == f {
		e.by = nil
	}
}

// send encodes and sends each whole frame.
func (t *transcoder) send(f *forward, e *egress, sess *session, now time.Duration) {
	frame, done := t.rate/50, 0
	for ; t.n-done >= frame; done += frame {
		n, err := t.enc.Encode(t.payload[:], t.pcm[done:done+frame])
		if err != nil {
			f.to.cfg.Metrics.drop(dropCodec)
			continue
		}
		e.frame(f, sess, t.payload[:n], now)
	}
	t.n = copy(t.pcm[:], t.pcm[done:t.n])
}

// ticks and samples convert between the PCM and the speaker's RTP clock.
func (t *transcoder) ticks(samples int) uint32 {
	return uint32(samples * t.from.ClockRate / t.rate)
}

func (t *transcoder) samples(ticks uint32) int { return int(ticks) * t.rate / t.from.ClockRate }
