package sound

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"tandem/media/codec"
)

// Encoding is the sample format of a WAV file: its format tag (RFC 2361).
type Encoding uint16

// The encodings that Tandem writes.
const (
	PCM16 Encoding = 1
	ALaw  Encoding = 6
	MuLaw Encoding = 7
)

// Format describes the audio of a WAV file.
type Format struct {
	Encoding Encoding
	Rate     int // samples per second and channel
	Channels int
}

// unknownSize stands in the header while a file is being written, and in a file whose writer died.
const unknownSize = 0xFFFFFFFF

// ErrFormat says that a Format cannot be written.
var ErrFormat = errors.New("sound: WAV format must be PCM16, µ-law or A-law with 1 or 2 channels at 4000 to 192000 Hz")

func (f Format) check() error {
	ok := f.Encoding == PCM16 || f.Encoding == ALaw || f.Encoding == MuLaw
	if !ok || f.Channels < 1 || f.Channels > 2 || f.Rate < minRate || f.Rate > maxRate {
		return fmt.Errorf("%w: %+v", ErrFormat, f)
	}
	return nil
}

// BlockAlign is the size in bytes of one sample of all channels.
func (f Format) BlockAlign() int {
	if f.Encoding == PCM16 {
		return 2 * f.Channels
	}
	return f.Channels
}

// HeaderSize is the number of bytes before the payload: 44 for PCM16, 58 for the others, which need a longer format chunk and a fact
// chunk.
func (f Format) HeaderSize() int64 {
	if f.Encoding == PCM16 {
		return 44
	}
	return 58
}

// Header makes the file's header for a payload of the given size in bytes; negative means that the size is not known yet.
func (f Format) Header(payload int64) []byte {
	riff, data, frames := uint32(unknownSize), uint32(unknownSize), uint32(unknownSize)
	if payload >= 0 && payload+f.HeaderSize()-8 < unknownSize {
		riff, data, frames = uint32(payload+f.HeaderSize()-8), uint32(payload), uint32(payload/int64(f.BlockAlign()))
	}
	le := binary.LittleEndian
	b := make([]byte, 0, f.HeaderSize())
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, riff)
	b = append(b, "WAVEfmt "...)
	if f.Encoding == PCM16 {
		b = le.AppendUint32(b, 16)
	} else {
		b = le.AppendUint32(b, 18)
	}
	b = le.AppendUint16(b, uint16(f.Encoding))
	b = le.AppendUint16(b, uint16(f.Channels))
	b = le.AppendUint32(b, uint32(f.Rate))
	b = le.AppendUint32(b, uint32(f.Rate*f.BlockAlign()))
	b = le.AppendUint16(b, uint16(f.BlockAlign()))
	b = le.AppendUint16(b, uint16(8*f.BlockAlign()/f.Channels))
	if f.Encoding != PCM16 {
		b = le.AppendUint16(b, 0)
		b = append(b, "fact"...)
		b = le.AppendUint32(b, 4)
		b = le.AppendUint32(b, frames)
	}
	b = append(b, "data"...)
	return le.AppendUint32(b, data)
}

// PartPayload is the largest payload in bytes of a file that may have at most limit bytes, header included. It is 0 when not even one
// sample fits.
func (f Format) PartPayload(limit int64) int64 {
	block := int64(f.BlockAlign())
	return max(0, (limit-f.HeaderSize())/block*block)
}

// Split cuts a payload into the fewest parts whose files have at most limit bytes each, and returns the parts' payload sizes in order:
// all full but the last. An incomplete sample at the end is left out.
func (f Format) Split(payload, limit int64) ([]int64, error) {
	full := f.PartPayload(limit)
	if full == 0 {
		return nil, fmt.Errorf("split WAV: a limit of %d bytes holds no sample", limit)
	}
	payload -= payload % int64(f.BlockAlign())
	var parts []int64
	for ; payload > full; payload -= full {
		parts = append(parts, full)
	}
	if payload > 0 {
		parts = append(parts, payload)
	}
	return parts, nil
}

// Writer writes a WAV file as a stream: the header goes first with unknown sizes, so that a file cut at any point still opens.
type Writer struct {
	w       io.Writer
	format  Format
	payload int64
	buf     []byte
}

// NewWriter writes the header to w. Close does not close w.
func NewWriter(w io.Writer, f Format) (*Writer, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if _, err := w.Write(f.Header(-1)); err != nil {
		return nil, fmt.Errorf("write WAV header: %w", err)
	}
	return &Writer{w: w, format: f}, nil
}

// Write adds payload bytes that are encoded already: interleaved, whole samples.
func (w *Writer) Write(p []byte) (int, error) {
	if len(p)%w.format.BlockAlign() != 0 {
		return 0, fmt.Errorf("write WAV: %d bytes are no whole samples", len(p))
	}
	n, err := w.w.Write(p)
	w.payload += int64(n)
	if err != nil {
		return n, fmt.Errorf("write WAV: %w", err)
	}
	return n, nil
}

// WritePCM encodes interleaved samples and adds them.
func (w *Writer) WritePCM(pcm []int16) error {
	w.buf = appendEncoded(w.buf[:0], pcm, w.format.Encoding)
	_, err := w.Write(w.buf)
	return err
}

func appendEncoded(b []byte, pcm []int16, e Encoding) []byte {
	for _, s := range pcm {
		switch e {
		case MuLaw:
			b = append(b, codec.ToMu(s))
		case ALaw:
			b = append(b, codec.ToA(s))
		default:
			b = binary.LittleEndian.AppendUint16(b, uint16(s))
		}
	}
	return b
}

// Payload is the number of payload bytes written so far.
func (w *Writer) Payload() int64 { return w.payload }

// Close writes the true sizes into the header when the destination can seek (is an io.WriterAt, as files are); otherwise the sizes stay
// unknown, which every reader of Tandem and common players accept.
func (w *Writer) Close() error {
	at, ok := w.w.(io.WriterAt)
	if !ok {
		return nil
	}
	return PatchHeader(at, w.format, w.payload)
}

// PatchHeader writes a header with the true sizes at the start of a file: at the end of a recording, or when repairing one.
func PatchHeader(file io.WriterAt, f Format, payload int64) error {
	if _, err := file.WriteAt(f.Header(payload), 0); err != nil {
		return fmt.Errorf("patch WAV header: %w", err)
	}
	return nil
}

// WAV is the audio as a whole PCM16 file.
func (p PCM) WAV() []byte {
	f := Format{Encoding: PCM16, Rate: p.Rate, Channels: 1}
	return appendEncoded(f.Header(int64(2*len(p.Samples))), p.Samples, PCM16)
}
