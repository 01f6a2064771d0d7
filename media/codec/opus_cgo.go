//go:build cgo

package codec

/*
#cgo pkg-config: opus
#include <opus.h>

// A frame that is encoded or decoded; result is what libopus answered.
struct frame {
	void *state;
	opus_int16 *pcm;
	int samples;
	unsigned char *data;
	opus_int32 size;
	int fec;
	int result;
};

static void encode(void *p) {
	struct frame *f = p;
	f->result = opus_encode(f->state, f->pcm, f->samples, f->data, f->size);
}

static void decode(void *p) {
	struct frame *f = p;
	f->result = opus_decode(f->state, f->data, f->size, f->pcm, f->samples, f->fec);
}

static void *encode_at(void) { return encode; }
static void *decode_at(void) { return decode; }

// Go cannot call functions with variable arguments.
static int set(OpusEncoder *e, int complexity, int bitrate, int fec, int loss) {
	int failed = opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(complexity));
	if (!failed) failed = opus_encoder_ctl(e, OPUS_SET_BITRATE(bitrate));
	if (!failed) failed = opus_encoder_ctl(e, OPUS_SET_INBAND_FEC(fec));
	if (!failed) failed = opus_encoder_ctl(e, OPUS_SET_PACKET_LOSS_PERC(loss));
	return failed;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"io"
	"unsafe"

	"tandem/media/codec/ccall"
)

// OpusEncoding tells whether this build can encode Opus.
func OpusEncoding() bool { return true }

// libopus is the state of an encoder or a decoder, in memory of Go's so that nobody has to free it, and the frame it is at (docs/adr/0009).
type libopus struct {
	state []uint64
	frame C.struct_frame
}

func newLibopus(size C.int) libopus { return libopus{state: make([]uint64, (size+7)/8)} }

func (o *libopus) at() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(o.state)) }

var encodeAt, decodeAt = C.encode_at(), C.decode_at()

// encode and decode return what libopus does: bytes or samples, or an error.
func (o *libopus) encode(pcm []int16, data []byte) (int, error) {
	o.set(pcm, data, 0)
	if f := &o.frame; ccall.Enabled {
		ccall.Do(encodeAt, unsafe.Pointer(f))
	} else {
		f.result = C.opus_encode((*C.OpusEncoder)(f.state), f.pcm, f.samples, f.data, f.size)
	}
	return o.result()
}

func (o *libopus) decode(pcm []int16, data []byte, fec C.int) (int, error) {
	o.set(pcm, data, fec)
	if f := &o.frame; ccall.Enabled {
		ccall.Do(decodeAt, unsafe.Pointer(f))
	} else {
		f.result = C.opus_decode((*C.OpusDecoder)(f.state), f.data, f.size, f.pcm, f.samples, f.fec)
	}
	return o.result()
}

func (o *libopus) set(pcm []int16, data []byte, fec C.int) {
	o.frame = C.struct_frame{
		state: o.at(), fec: fec,
		pcm: (*C.opus_int16)(unsafe.SliceData(pcm)), samples: C.int(len(pcm)),
		data: (*C.uchar)(unsafe.SliceData(data)), size: C.opus_int32(len(data)),
	}
}

func (o *libopus) result() (int, error) {
	n := o.frame.result
	o.frame = C.struct_frame{} // keeps nobody's buffers
	return int(n), opusError(min(n, 0))
}

func opusError(n C.int) error {
	if n == C.OPUS_OK {
		return nil
	}
	return errors.New("libopus: " + C.GoString(C.opus_strerror(n)))
}

type opusEncoder struct{ libopus }

// NewOpusEncoder makes an Opus encoder that runs libopus at rate Hz (8000 or 16000), mono.
func NewOpusEncoder(rate int, s OpusSettings) (Encoder, error) {
	if rate != 8000 && rate != 16000 {
		return nil, fmt.Errorf("%w: %d", ErrRate, rate)
	}
	application, fec := C.int(C.OPUS_APPLICATION_RESTRICTED_LOWDELAY), C.int(0)
	if s.Voice {
		application = C.OPUS_APPLICATION_VOIP
	}
	if s.Voice && s.LossPct > 0 {
		fec = 1
	}
	e := &opusEncoder{newLibopus(C.opus_encoder_get_size(1))}
	at := (*C.OpusEncoder)(e.at())
	if err := opusError(C.opus_encoder_init(at, C.opus_int32(rate), 1, application)); err != nil {
		return nil, fmt.Errorf("make an Opus encoder: %w", err)
	}
	if err := opusError(C.set(at, C.int(s.Complexity), C.int(s.Bitrate), fec, C.int(s.LossPct))); err != nil {
		return nil, fmt.Errorf("set up an Opus encoder as %+v: %w", s, err)
	}
	return e, nil
}

func (e *opusEncoder) Encode(dst []byte, pcm []int16) (int, error) {
	if len(dst) == 0 {
		return 0, io.ErrShortBuffer
	}
	if len(pcm) == 0 {
		return 0, ErrFrame
	}
	n, err := e.encode(pcm, dst)
	if err != nil {
		return 0, fmt.Errorf("encode Opus frame of %d samples: %w", len(pcm), err)
	}
	return n, nil
}

type opusDecoder struct {
	libopus
	unit int // samples in 2.5 ms
}

func newOpusDecoder(rate int) (Decoder, error) {
	d := &opusDecoder{libopus: newLibopus(C.opus_decoder_get_size(1)), unit: rate / 400}
	if err := opusError(C.opus_decoder_init((*C.OpusDecoder)(d.at()), C.opus_int32(rate), 1)); err != nil {
		return nil, fmt.Errorf("make an Opus decoder: %w", err)
	}
	return d, nil
}

func (d *opusDecoder) Decode(dst []int16, payload []byte) (int, error) {
	if len(payload) == 0 {
		return 0, ErrFrame
	}
	if len(dst) == 0 {
		return 0, io.ErrShortBuffer
	}
	n, err := d.decode(dst, payload, 0)
	if err != nil {
		return 0, fmt.Errorf("decode Opus packet of %d bytes: %w", len(payload), err)
	}
	return n, nil
}

func (d *opusDecoder) Conceal(dst []int16) (int, error) {
	if err := d.checkLost(dst); err != nil {
		return 0, err
	}
	if _, err := d.decode(dst, nil, 0); err != nil {
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
	if _, err := d.decode(dst, next, 1); err != nil {
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
