package attach

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
)

// movie is what a walk over the boxes of a film has found (ISO 14496-12).
type movie struct {
	width, height int
	seconds       float64
	video, audio  bool
	end           int64          // where the film ends; what follows is none of it
	blank         []box          // what is to be emptied: places, names and what nobody needs
	tops          map[string]int // boxes of the file itself, by kind
}

type inside struct{ box, parent string }

// box is one box: its header begins at start, what it holds at body.
type box struct {
	kind             string
	start, body, end int64
}

const (
	maxBoxes = 20_000
	maxDepth = 5
)

// topBoxes may stand in the file itself; a part of them is emptied.
var topBoxes = []string{"ftyp", "moov", "mdat", "moof", "mfra", "sidx", "ssix", "styp", "pdin", "prft", "emsg", "free", "skip", "wide", "uuid", "udta", "meta"}

// dropped are boxes that hold anything: comments, places, programs' own data.
var dropped = []string{"free", "skip", "uuid", "udta", "meta"}

// descend are the boxes that are looked into, by the one that they are in.
var descend = map[inside]bool{{"moov", ""}: true, {"trak", "moov"}: true, {"mdia", "trak"}: true}

// walkMovie reads the boxes' headers, and little else, of a file of size bytes.
func walkMovie(r io.ReaderAt, size int64) (movie, error) {
	m := movie{tops: map[string]int{}}
	type level struct {
		name    string
		at, end int64
	}
	levels := []level{{"", 0, size}}
	for boxes := 0; len(levels) > 0; boxes++ {
		in := &levels[len(levels)-1]
		if in.at == in.end {
			levels = levels[:len(levels)-1]
			continue
		}
		if boxes > maxBoxes {
			return m, errors.New("a film of too many boxes")
		}
		b, err := readBox(r, in.at, in.end, in.name == "")
		if in.name == "" && (err != nil || !slices.Contains(topBoxes, b.kind)) {
			break // no film any more
		}
		if err != nil {
			return m, err
		}
		in.at = b.end
		if in.name == "" {
			m.end = b.end
		}
		if err := m.look(r, b, in.name); err != nil {
			return m, err
		}
		if descend[inside{b.kind, in.name}] {
			if len(levels) == maxDepth {
				return m, errors.New("a film of too many levels")
			}
			levels = append(levels, level{b.kind, b.body, b.end})
		}
	}
	return m, m.whole()
}

// readBox reads the header of the box at at, in one that ends at end.
func readBox(r io.ReaderAt, at, end int64, top bool) (box, error) {
	var h [16]byte
	have := min(int64(len(h)), end-at)
	if have < 8 {
		return box{}, errors.New("a box without room for its header")
	}
	if _, err := r.ReadAt(h[:have], at); err != nil && !errors.Is(err, io.EOF) {
		return box{}, fmt.Errorf("read a box: %w", err)
	}
	b := box{kind: string(h[4:8]), start: at, body: at + 8}
	length := uint64(binary.BigEndian.Uint32(h[:4]))
	switch {
	case length == 1 && have == 16:
		length, b.body = binary.BigEndian.Uint64(h[8:]), at+16
	case length == 0 && top:
		length = uint64(end - at)
	}
	// Compared before anything is added: lengths are of 64 bits and may be lies.
	if length < uint64(b.body-at) || length > uint64(end-at) {
		return box{}, fmt.Errorf("a box %q of %d bytes where there are %d", b.kind, length, end-at)
	}
	b.end = at + int64(length)
	return b, nil
}

// look takes from a box what is wanted, and says whether it may be there.
func (m *movie) look(r io.ReaderAt, b box, in string) error {
	if (in == "" || in == "moov" || in == "trak") && slices.Contains(dropped, b.kind) {
		m.blank = append(m.blank, b)
		return nil
	}
	if b.kind == "ftyp" && b.start != 0 {
		return errors.New("a file type in the middle of a film")
	}
	if in == "" {
		m.tops[b.kind]++
	}
	var buf [96]byte
	d := buf[:min(int64(len(buf)), b.end-b.body)]
	switch (inside{b.kind, in}) {
	case inside{"mvhd", "moov"}, inside{"tkhd", "trak"}, inside{"hdlr", "mdia"}:
		if n, err := r.ReadAt(d, b.body); n < len(d) {
			return fmt.Errorf("read a box: %w", err)
		}
	}
	switch b.kind {
	case "mvhd":
		m.seconds = movieSeconds(d)
	case "tkhd":
		if len(d) >= 84 { // 16.16 fixed point, at the end of a header of version 0 or 1
			at := 76
			if d[0] == 1 && len(d) >= 96 {
				at = 88
			}
			w, h := int(binary.BigEndian.Uint32(d[at:])>>16), int(binary.BigEndian.Uint32(d[at+4:])>>16)
			m.width, m.height = max(m.width, w), max(m.height, h)
		}
	case "hdlr":
		if len(d) >= 12 {
			m.video = m.video || string(d[8:12]) == "vide"
			m.audio = m.audio || string(d[8:12]) == "soun"
		}
	}
	return nil
}

// whole says whether the boxes make a film.
func (m *movie) whole() error {
	switch {
	case m.tops["ftyp"] != 1 || m.tops["moov"] != 1 || m.tops["mdat"] == 0:
		return errors.New("a film without its parts")
	case !m.video && !m.audio:
		return errors.New("a film of nothing")
	}
	return nil
}

func movieSeconds(d []byte) float64 {
	var scale uint32
	var length uint64
	switch {
	case len(d) >= 32 && d[0] == 1:
		scale, length = binary.BigEndian.Uint32(d[20:]), binary.BigEndian.Uint64(d[24:])
	case len(d) >= 20 && d[0] == 0:
		scale, length = binary.BigEndian.Uint32(d[12:]), uint64(binary.BigEndian.Uint32(d[16:]))
	}
	s := float64(length) / float64(scale)
	if scale == 0 || math.IsNaN(s) || s > 7*24*3600 {
		return 0
	}
	return s
}

// cleanMovie copies a film without what is not film.
func (c *Cleaner) cleanMovie(ctx context.Context, src *os.File, size int64, found Type) (Clean, error) {
	m, err := walkMovie(src, size)
	if err != nil {
		return Clean{}, ErrDamaged.Because(err)
	}
	if endsAsZIP(io.NewSectionReader(src, 0, m.end), m.end) {
		return Clean{}, ErrDamaged.Because(errors.New("it is a ZIP archive at the same time"))
	}
	out := Clean{Type: found, Width: m.width, Height: m.height, Seconds: m.seconds}
	if !m.video {
		out.Type, out.Width, out.Height = M4A, 0, 0
	} else if found == M4A {
		out.Type = MP4
	}
	out.File, out.Bytes, err = c.spooled(func(w io.Writer) error { return m.copy(ctx, w, src) })
	if err != nil {
		return Clean{}, err
	}
	if out.Kind == Video {
		out.Preview = c.still(ctx, out.File, out.Type)
	}
	return out, nil
}

// copy writes the film; emptied boxes keep their length, because films point at their parts by where they are.
func (m *movie) copy(ctx context.Context, w io.Writer, src io.ReaderAt) error {
	at := int64(0)
	copyTo := func(end int64) error {
		_, err := io.Copy(w, &bounded{ctx, io.NewSectionReader(src, at, end-at)})
		at = end
		return err
	}
	for _, b := range m.blank {
		if err := copyTo(b.start + 4); err != nil {
			return fmt.Errorf("copy a film: %w", err)
		}
		if _, err := io.WriteString(w, "free"); err != nil {
			return fmt.Errorf("copy a film: %w", err)
		}
		at += 4
		if err := copyTo(b.body); err != nil {
			return fmt.Errorf("copy a film: %w", err)
		}
		if _, err := io.CopyN(w, zeros{}, b.end-b.body); err != nil {
			return fmt.Errorf("copy a film: %w", err)
		}
		at = b.end
	}
	if err := copyTo(m.end); err != nil {
		return fmt.Errorf("copy a film: %w", err)
	}
	return nil
}

// zeros yields zeros without end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
