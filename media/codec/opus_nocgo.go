//go:build !cgo

package codec

import (
	"fmt"

	"github.com/pion/opus"
)

// OpusEncoding tells whether this build can encode Opus.
func OpusEncoding() bool { return false }

// NewOpusEncoder always gives ErrNoEncoder: a build without cgo decodes Opus (to monitor and record) and speaks G.711.
func NewOpusEncoder(int, OpusSettings) (Encoder, error) { return nil, ErrNoEncoder }

type opusDecoder struct {
	dec opus.Decoder
	plc *concealer
}

func newOpusDecoder(rate int) (Decoder, error) {
	dec, err := opus.NewDecoderWithOutput(rate, 1)
	if err != nil {
		return nil, fmt.Errorf("make Opus decoder: %w", err)
	}
	return &opusDecoder{dec: dec, plc: newConcealer(rate)}, nil
}

func (d *opusDecoder) Decode(dst []int16, payload []byte) (n int, err error) {
	if len(payload) == 0 {
		return 0, ErrFrame
	}
	// The payload is from outside and the library is young: a panic in it costs one frame, not the process.
	defer func() {
		if r := recover(); r != nil {
			n, err = 0, fmt.Errorf("decode Opus packet of %d bytes: %v", len(payload), r)
		}
	}()
	n, err = d.dec.DecodeToInt16(payload, dst)
	if err != nil {
		return 0, fmt.Errorf("decode Opus packet of %d bytes: %w", len(payload), err)
	}
	d.plc.heard(dst[:n])
	return n, nil
}

func (d *opusDecoder) Conceal(dst []int16) (int, error) {
	d.plc.conceal(dst)
	return len(dst), nil
}
