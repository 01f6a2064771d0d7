// Package codec turns linear PCM into RTP payloads and back: G.711 µ-law and A-law, G.722 at 64 kbit/s and Opus. Encoders and decoders are
// made once per leg and direction, keep their state between frames, allocate nothing per frame and are not safe for concurrent use.
//
// PCM is 16 bit, mono, 8000 or 16000 samples per second. Every codec works at both rates: a codec whose own rate differs is wrapped in the
// 2:1 Resampler of this package; Opus runs natively at either rate.
package codec

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Codec names one RTP payload format as it stands in SDP (RFC 3551, RFC 7587).
type Codec struct {
	Name        string // encoding name of rtpmap: "PCMU", "PCMA", "G722", "opus"
	PayloadType uint8  // static payload type, or the number Tandem offers for a dynamic one
	ClockRate   int    // RTP clock in Hz; G.722 says 8000 although it samples at 16000 (RFC 3551 section 4.5.2)
	SampleRate  int    // natural PCM rate inside Tandem in Hz: 8000 or 16000
	Channels    int    // channel count of rtpmap; always 2 for Opus, even when mono is sent (RFC 7587 section 7)
}

// The codecs that Tandem knows.
var (
	PCMU = Codec{Name: "PCMU", PayloadType: 0, ClockRate: 8000, SampleRate: 8000, Channels: 1}
	PCMA = Codec{Name: "PCMA", PayloadType: 8, ClockRate: 8000, SampleRate: 8000, Channels: 1}
	G722 = Codec{Name: "G722", PayloadType: 9, ClockRate: 8000, SampleRate: 16000, Channels: 1}
	Opus = Codec{Name: "opus", PayloadType: 111, ClockRate: 48000, SampleRate: 16000, Channels: 2}
)

// Errors of this package. A buffer that is too small gives io.ErrShortBuffer.
var (
	// ErrUnknown says that the codec is none of ours.
	ErrUnknown = errors.New("codec: unknown codec")
	// ErrRate says that the PCM rate is neither 8000 nor 16000 Hz.
	ErrRate = errors.New("codec: PCM rate must be 8000 or 16000 Hz")
	// ErrNoEncoder says that this build cannot encode Opus (it was made without cgo); use G.711.
	ErrNoEncoder = errors.New("codec: this build has no Opus encoder")
	// ErrFrame says that a frame has a length the codec cannot carry.
	ErrFrame = errors.New("codec: bad frame length")
)

// MaxSamples is the longest frame that a decoder returns: 120 ms at 16 kHz. A destination of this size always suffices.
const MaxSamples = 1920

// MaxPayload is the longest payload that an encoder writes for frames up to 60 ms, in bytes.
const MaxPayload = 960

// Encoder turns PCM into payloads.
type Encoder interface {
	// Encode encodes one frame of 10 to 60 ms (Opus: 10, 20, 40 or 60 ms) into dst and returns the payload's length in bytes.
	Encode(dst []byte, pcm []int16) (int, error)
}

// Decoder turns payloads into PCM and fills in for those that never came.
type Decoder interface {
	// Decode decodes one payload into dst and returns the number of samples. The first 5 ms after a concealed frame are cross-faded.
	Decode(dst []int16, payload []byte) (int, error)
	// Conceal fills dst, whose length is that of the lost frame in samples (a multiple of 2.5 ms), with a continuation of what was
	// heard before. Repeated calls fade; after 60 ms G.711 and G.722 are silent. It returns len(dst).
	Conceal(dst []int16) (int, error)
}

// FECDecoder is a Decoder that can recover a lost frame from the redundancy in the packet after it (Opus in-band FEC). Only the Opus
// decoder of a cgo build is one; callers ask with a type assertion.
type FECDecoder interface {
	Decoder
	// DecodeFEC fills dst, whose length is that of the lost frame, from the packet that follows it; without redundancy in next it
	// conceals. The packet itself must still be decoded afterwards.
	DecodeFEC(dst []int16, next []byte) (int, error)
}

// ByName finds a codec by its encoding name, which SDP compares without regard to case.
func ByName(name string) (Codec, bool) {
	for _, c := range [...]Codec{PCMU, PCMA, G722, Opus} {
		if strings.EqualFold(c.Name, name) {
			return c, true
		}
	}
	return Codec{}, false
}

// Available lists the codecs that this build can encode and decode, cheapest first.
func Available() []Codec {
	list := []Codec{PCMU, PCMA, G722}
	if OpusEncoding() {
		list = append(list, Opus)
	}
	return list
}

// NewEncoder makes an encoder that takes PCM at rate Hz. Opus gets the settings of LowDelay.
func NewEncoder(c Codec, rate int) (Encoder, error) {
	if rate != 8000 && rate != 16000 {
		return nil, fmt.Errorf("%w: %d", ErrRate, rate)
	}
	switch c.Name {
	case PCMU.Name:
		return encoderAt(muLaw{}, 8000, rate), nil
	case PCMA.Name:
		return encoderAt(aLaw{}, 8000, rate), nil
	case G722.Name:
		return encoderAt(newG722Encoder(), 16000, rate), nil
	case Opus.Name:
		return NewOpusEncoder(rate, LowDelay)
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknown, c.Name)
}

// NewDecoder makes a decoder that gives PCM at rate Hz.
func NewDecoder(c Codec, rate int) (Decoder, error) {
	if rate != 8000 && rate != 16000 {
		return nil, fmt.Errorf("%w: %d", ErrRate, rate)
	}
	switch c.Name {
	case PCMU.Name:
		return decoderAt(&g711Decoder{table: &MuLawToPCM, plc: newConcealer(8000)}, 8000, rate), nil
	case PCMA.Name:
		return decoderAt(&g711Decoder{table: &ALawToPCM, plc: newConcealer(8000)}, 8000, rate), nil
	case G722.Name:
		return decoderAt(newG722Decoder(), 16000, rate), nil
	case Opus.Name:
		return newOpusDecoder(rate)
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknown, c.Name)
}

// resamplingEncoder feeds an encoder whose own rate is not the caller's.
type resamplingEncoder struct {
	inner Encoder
	rs    *Resampler
	buf   [MaxSamples]int16
}

func encoderAt(e Encoder, own, rate int) Encoder {
	if own == rate {
		return e
	}
	return &resamplingEncoder{inner: e, rs: newHalfband(rate, own)}
}

func (e *resamplingEncoder) Encode(dst []byte, pcm []int16) (int, error) {
	if len(pcm) > e.rs.maxInput(len(e.buf)) {
		return 0, ErrFrame
	}
	n := e.rs.Process(e.buf[:], pcm)
	return e.inner.Encode(dst, e.buf[:n])
}

// resamplingDecoder reads a decoder whose own rate is not the caller's.
type resamplingDecoder struct {
	inner Decoder
	rs    *Resampler
	buf   [MaxSamples]int16
}

func decoderAt(d Decoder, own, rate int) Decoder {
	if own == rate {
		return d
	}
	return &resamplingDecoder{inner: d, rs: newHalfband(own, rate)}
}

func (d *resamplingDecoder) Decode(dst []int16, payload []byte) (int, error) {
	n, err := d.inner.Decode(d.buf[:], payload)
	if err != nil {
		return 0, err
	}
	if n > d.rs.maxInput(len(dst)) {
		return 0, io.ErrShortBuffer
	}
	return d.rs.Process(dst, d.buf[:n]), nil
}

func (d *resamplingDecoder) Conceal(dst []int16) (int, error) {
	n := d.rs.maxInput(len(dst))
	if n > len(d.buf) {
		return 0, ErrFrame
	}
	if _, err := d.inner.Conceal(d.buf[:n]); err != nil {
		return 0, err
	}
	return d.rs.Process(dst, d.buf[:n]), nil
}
