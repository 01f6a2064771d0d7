package attach

import (
	"bytes"
	"encoding/binary"
	"io"
)

// soundSeconds is how long a recording lasts, where that is told cheaply; 0: it is not known.
func soundSeconds(r io.ReaderAt, size int64, t Type) float64 {
	switch t {
	case Ogg:
		return oggSeconds(r, size)
	case AMR:
		return amrSeconds(io.NewSectionReader(r, 0, min(size, maxAMR)))
	case WAV:
		return wavSeconds(r, size)
	}
	return 0
}

// oggSeconds reads the position that the last page ends at (RFC 3533, RFC 7845: samples at 48 kHz).
func oggSeconds(r io.ReaderAt, size int64) float64 {
	head := make([]byte, min(size, 512))
	tail := make([]byte, min(size, 64<<10))
	if n, _ := r.ReadAt(head, 0); n < len(head) {
		return 0
	}
	if n, _ := r.ReadAt(tail, size-int64(len(tail))); n < len(tail) {
		return 0
	}
	page := bytes.LastIndex(tail, []byte("OggS"))
	if page < 0 || len(tail) < page+14 {
		return 0
	}
	samples, rate := int64(binary.LittleEndian.Uint64(tail[page+6:])), int64(48000)
	if at := bytes.Index(head, []byte("OpusHead")); at >= 0 && len(head) >= at+12 {
		samples -= int64(binary.LittleEndian.Uint16(head[at+10:])) // skipped at the start
	} else if at := bytes.Index(head, []byte("\x01vorbis")); at >= 0 && len(head) >= at+16 {
		rate = int64(binary.LittleEndian.Uint32(head[at+12:]))
	} else {
		return 0
	}
	if samples <= 0 || rate <= 0 || samples/rate > 24*3600 {
		return 0
	}
	return float64(samples) / float64(rate)
}

const maxAMR = 4 << 20 // an hour and more

// amrSeconds counts frames of 20 ms (RFC 4867, 5).
func amrSeconds(r *io.SectionReader) float64 {
	data, err := io.ReadAll(r)
	if err != nil {
		return 0
	}
	lengths := [16]int{12, 13, 15, 17, 19, 20, 26, 31, 5, 0, 0, 0, 0, 0, 0, 0}
	rest, ok := bytes.CutPrefix(data, []byte("#!AMR\n"))
	if !ok {
		if rest, ok = bytes.CutPrefix(data, []byte("#!AMR-WB\n")); !ok {
			return 0
		}
		lengths = [16]int{17, 23, 32, 36, 40, 46, 50, 58, 60, 5}
	}
	frames := 0
	for len(rest) > 0 {
		n := 1 + lengths[rest[0]>>3&15]
		if n > len(rest) {
			break
		}
		rest, frames = rest[n:], frames+1
	}
	return float64(frames) * 0.02
}

// wavSeconds divides the length of the samples by that of a second.
func wavSeconds(r io.ReaderAt, size int64) float64 {
	var h [12]byte
	rate := uint32(0)
	for at := int64(12); at+8 <= size && at < 1<<20; {
		if n, _ := r.ReadAt(h[:8], at); n < 8 {
			return 0
		}
		length := int64(binary.LittleEndian.Uint32(h[4:]))
		switch string(h[:4]) {
		case "fmt ":
			if n, _ := r.ReadAt(h[:], at+8); n < len(h) {
				return 0
			}
			rate = binary.LittleEndian.Uint32(h[8:])
		case "data":
			if rate == 0 {
				return 0
			}
			return float64(min(length, size-at-8)) / float64(rate)
		}
		at += 8 + length + length&1
	}
	return 0
}
