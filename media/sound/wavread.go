package sound

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"tandem/media/codec"
)

// What a file may be to be read at all.
const (
	minRate     = 4000
	maxRate     = 192000
	maxChannels = 8
)

const (
	tagFloat      = 3      // IEEE float
	tagExtensible = 0xFFFE // the true tag is in the sub-format
)

// ErrNotWAV says that the bytes are no WAV file that can be read; the text says why.
var ErrNotWAV = errors.New("sound: not a readable WAV file")

// Reader reads a WAV file from a stream. It accepts files that were cut off or whose sizes were never filled in: they end where the
// bytes end, at the last whole sample.
type Reader struct {
	r        io.Reader // payload only
	format   Format
	float    bool
	width    int // bytes per sample and channel
	declared int64
	buf      []byte
}

// NewReader reads up to the first byte of the payload. It reads PCM of 8, 16, 24 and 32 bits, 32-bit float, µ-law and A-law, with up to
// eight channels.
func NewReader(r io.Reader) (*Reader, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, fmt.Errorf("%w: no RIFF header", ErrNotWAV)
	}
	w := &Reader{}
	for {
		var chunk [8]byte
		if _, err := io.ReadFull(r, chunk[:]); err != nil {
			return nil, fmt.Errorf("%w: no data chunk", ErrNotWAV)
		}
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		switch string(chunk[:4]) {
		case "fmt ":
			if err := w.readFormat(r, size); err != nil {
				return nil, err
			}
		case "data":
			if w.width == 0 {
				return nil, fmt.Errorf("%w: data before format", ErrNotWAV)
			}
			w.r, w.declared = r, -1
			if size != 0 && size < unknownSize-0xFFFF { // streaming writers leave 0 or nearly the greatest number
				w.r, w.declared = io.LimitReader(r, size), size
			}
			return w, nil
		default:
			if _, err := io.CopyN(io.Discard, r, size+size&1); err != nil {
				return nil, fmt.Errorf("%w: cut off in chunk %q", ErrNotWAV, chunk[:4])
			}
		}
	}
}

func (w *Reader) readFormat(r io.Reader, size int64) error {
	if size < 16 || size > 4096 {
		return fmt.Errorf("%w: format chunk of %d bytes", ErrNotWAV, size)
	}
	b := make([]byte, size+size&1)
	if _, err := io.ReadFull(r, b); err != nil {
		return fmt.Errorf("%w: cut off in the format chunk", ErrNotWAV)
	}
	le := binary.LittleEndian
	tag, bits := le.Uint16(b), int(le.Uint16(b[14:]))
	if tag == tagExtensible && size >= 26 {
		tag = le.Uint16(b[24:])
	}
	w.format = Format{Rate: int(le.Uint32(b[4:])), Channels: int(le.Uint16(b[2:]))}
	switch {
	case tag == uint16(PCM16) && (bits == 8 || bits == 16 || bits == 24 || bits == 32):
		w.format.Encoding = PCM16
	case tag == tagFloat && bits == 32:
		w.format.Encoding, w.float = PCM16, true
	case (tag == uint16(MuLaw) || tag == uint16(ALaw)) && bits == 8:
		w.format.Encoding = Encoding(tag)
	default:
		return fmt.Errorf("%w: format %#x with %d bits", ErrNotWAV, tag, bits)
	}
	w.width = bits / 8
	if w.format.Channels < 1 || w.format.Channels > maxChannels || w.format.Rate < minRate || w.format.Rate > maxRate {
		return fmt.Errorf("%w: %d channels at %d Hz", ErrNotWAV, w.format.Channels, w.format.Rate)
	}
	return nil
}

// Format is what ReadPCM delivers: Encoding PCM16 also stands for files with more or fewer bits.
func (w *Reader) Format() Format { return w.format }

// Declared is the payload size in bytes that the header claims, or -1 when it does not know.
func (w *Reader) Declared() int64 { return w.declared }

// Payload reads the undecoded bytes. Use either it or ReadPCM.
func (w *Reader) Payload() io.Reader { return w.r }

// ReadPCM decodes whole blocks into dst, interleaved, and returns the number of samples; io.EOF at the end, after the last whole block.
func (w *Reader) ReadPCM(dst []int16) (int, error) {
	block := w.width * w.format.Channels
	want := len(dst) / w.format.Channels * block
	if want == 0 {
		return 0, io.ErrShortBuffer
	}
	if len(w.buf) < want {
		w.buf = make([]byte, want)
	}
	n, err := io.ReadFull(w.r, w.buf[:want])
	n -= n % block
	if n == 0 {
		if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		return 0, err
	}
	count := n / w.width
	for i := range count {
		dst[i] = w.sample(w.buf[i*w.width:])
	}
	return count, nil
}

func (w *Reader) sample(b []byte) int16 {
	le := binary.LittleEndian
	switch {
	case w.format.Encoding == MuLaw:
		return codec.MuLawToPCM[b[0]]
	case w.format.Encoding == ALaw:
		return codec.ALawToPCM[b[0]]
	case w.float:
		v := float64(math.Float32frombits(le.Uint32(b)))
		if v != v {
			return 0
		}
		return int16(min(max(v*32768, -32768), 32767))
	case w.width == 1:
		return int16(b[0])<<8 ^ -32768
	}
	return int16(le.Uint16(b[w.width-2:])) // the upper 16 bits
}
