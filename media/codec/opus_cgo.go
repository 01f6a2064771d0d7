//go:build cgo

package codec

import (
	"fmt"
	"io"

	"github.com/hraban/opus"
)

// OpusEncoding tells whether this build can encode Opus.
func OpusEncoding() bool { return true }

type opusEncoder struct{ enc *opus.Encoder }

// NewOpusEncoder makes an Opus encoder that runs libopus at rate Hz (8000 or 16000), mono.
func NewOpusEncoder(rate int, s OpusSettings) (Encoder, error) {
	if rate != 8000 && rate != 16000 {
		return nil, fmt.Errorf("%w: %d", ErrRate, rate)
	}
	app := opus.AppRestrictedLowdelay
	if s.Voice {
		app = opus.AppVoIP
	}
	enc, err := opus.NewEncoder(rate, 1, app)
	if err != nil {
		return nil, fmt.Errorf("make Opus encoder: %w", err)
	}
	if err := enc.SetComplexity(s.Complexity); err != nil {
		return nil, fmt.Errorf("set Opus complexity %d: %w", s.Complexity, err)
	}
	if err := enc.SetBitrate(s.Bitrate); err != nil {
		return nil, fmt.Errorf("set Opus bit rate %d: %w", s.Bitrate, err)
	}
	if err := enc.SetInBandFEC(s.Voice && s.LossPct > 0); err != nil {
		return nil, fmt.Errorf("set Opus FEC: %w", err)
	}
	if err := enc.SetPacketLossPerc(s.LossPct); err != nil {
		return nil, fmt.Errorf("set Opus loss %d: %w", s.LossPct, err)
	}
	return &opusEncoder{enc: enc}, nil
}

func (e *opusEncoder) Encode(dst []byte, pcm []int16) (int, error) {
	if len(dst) == 0 {
		return 0, io.ErrShortBuffer
	}
	if len(pcm) == 0 {
		return 0, ErrFrame
	}
	n, err := e.enc.Encode(pcm, dst[:len(dst):len(dst)]) // the library writes up to cap
	if err != nil {
		return 0, fmt.Errorf("encode Opus frame of %d samples: %w", len(pcm), err)
	}
	return n, nil
}

type opusDecoder struct {
	dec  *opus.Decoder
	unit int // samples in 2.5 ms
}

func newOpusDecoder(rate int) (Decoder, error) {
	dec, err := opus.NewDecoder(rate, 1)
	if err != nil {
		return nil, fmt.Errorf("make Opus decoder: %w", err)
	}
	return &opusDecoder{dec: dec, unit: rate / 400}, nil
}

func (d *opusDecoder) Decode(dst []int16, payload []byte) (int, error) {
	if len(payload) == 0 {
		return 0, ErrFrame
	}
	if len(dst) == 0 {
		return 0, io.ErrShortBuffer
	}
	n, err := d.dec.Decode(payload, dst[:len(dst):len(dst)])
	if err != nil {
		return 0, fmt.Errorf("decode Opus packet of %d bytes: %w", len(payload), err)
	}
	return n, nil
}

func (d *opusDecoder) Conceal(dst []int16) (int, error) {
	if err := d.checkLost(dst); err != nil {
		return 0, err
	}
	if err := d.dec.DecodePLC(dst[:len(dst):len(dst)]); err != nil {
		return 0, fmt.Errorf("conceal Opus frame of %d samples: %w", len(dst), err)
	}
	return len(dst), nil
}

func (d *opusDecoder) DecodeFEC(dst []int16, next []byte) (int, error) {
	if err := d.checkLost(dst); err != nil {
		return 0, err
	}
	if len(next) == 0 {
		return d.Conceal(dst)
	}
	if err := d.dec.DecodeFEC(next, dst[:len(dst):len(dst)]); err != nil {
		return 0, fmt.Errorf("recover Opus frame of %d samples: %w", len(dst), err)
	}
	return len(dst), nil
}

// checkLost keeps libopus from being asked for a gap that is no multiple of 2.5 ms, which it refuses.
func (d *opusDecoder) checkLost(dst []int16) error {
	if len(dst) == 0 || len(dst)%d.unit != 0 {
		return ErrFrame
	}
	return nil
}
