package attach

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"image/gif"
	"io"
	"os"
)

// What moving pictures may cost; of longer ones the first frame stays.
const (
	maxFrames      = 500
	maxFramePixels = 20_000_000 // of all frames together
)

var errLongAnimation = errors.New("the animation is too long to be encoded anew")

// cleanAnimation encodes a GIF anew with all its frames. errLongAnimation says that it is to be treated as one picture.
func (c *Cleaner) cleanAnimation(ctx context.Context, src *os.File, size int64) (Clean, error) {
	read := func() io.Reader { return &bounded{ctx, io.NewSectionReader(src, 0, size)} }
	h, err := measureGIF(read())
	if err == nil {
		err = h.check()
	}
	if err != nil {
		return Clean{}, damaged(ctx, err)
	}
	frames, pixels, err := countFrames(read())
	if err != nil {
		return Clean{}, damaged(ctx, err)
	}
	if frames > maxFrames || pixels > maxFramePixels {
		return Clean{}, errLongAnimation
	}
	all, err := gif.DecodeAll(read())
	if err != nil {
		return Clean{}, damaged(ctx, err)
	}
	out := Clean{Type: GIF, Width: all.Config.Width, Height: all.Config.Height}
	if out.Preview, err = preview(all.Image[0]); err != nil {
		return Clean{}, err
	}
	out.File, out.Bytes, err = c.spooled(func(w io.Writer) error { return gif.EncodeAll(w, all) })
	if err != nil {
		return Clean{}, damaged(ctx, err)
	}
	return out, nil
}

// countFrames walks the blocks of a GIF (GIF89a specification) without decoding one, and stops where there are too many.
func countFrames(r io.Reader) (frames, pixels int, err error) {
	in := bufio.NewReader(r)
	var screen [13]byte
	if _, err := io.ReadFull(in, screen[:]); err != nil {
		return 0, 0, err
	}
	if err := skipColours(in, screen[10]); err != nil {
		return 0, 0, err
	}
	for frames <= maxFrames && pixels <= maxFramePixels {
		kind, err := in.ReadByte()
		if err != nil {
			return frames, pixels, err
		}
		switch kind {
		case 0x3b: // the end
			return frames, pixels, nil
		case 0x21: // an extension
			if _, err = in.Discard(1); err == nil {
				err = skipBlocks(in)
			}
		case 0x2c: // a frame
			var d [9]byte
			if _, err = io.ReadFull(in, d[:]); err != nil {
				return frames, pixels, err
			}
			frames++
			pixels += int(binary.LittleEndian.Uint16(d[4:])) * int(binary.LittleEndian.Uint16(d[6:]))
			if err = skipColours(in, d[8]); err == nil {
				if _, err = in.Discard(1); err == nil { // the code size
					err = skipBlocks(in)
				}
			}
		default:
			err = errors.New("an unknown GIF block")
		}
		if err != nil {
			return frames, pixels, err
		}
	}
	return frames, pixels, nil
}

func skipColours(in *bufio.Reader, flags byte) error {
	if flags&0x80 == 0 {
		return nil
	}
	_, err := in.Discard(3 << (flags&7 + 1))
	return err
}

func skipBlocks(in *bufio.Reader) error {
	for {
		n, err := in.ReadByte()
		if err != nil || n == 0 {
			return err
		}
		if _, err := in.Discard(int(n)); err != nil {
			return err
		}
	}
}
