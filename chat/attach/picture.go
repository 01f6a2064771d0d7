package attach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"runtime"

	"golang.org/x/image/draw"
	"golang.org/x/image/math/f64"
	"golang.org/x/image/webp"
)

// What pictures may cost. Decoded they hold up to maxMemory; beside them there is only the picture as it is kept.
const (
	maxPixels   = 40_000_000
	maxMemory   = 160 << 20
	keptPixels  = 12_000_000 // larger ones are made smaller
	keptSide    = 4096
	previewSide = 640
	maxPasses   = 250_000_000 // pixels that the scans of a progressive JPEG go over, all together
)

// measured is what a picture's header says of it.
type measured struct {
	width, height int
	memory        int64 // that decoding takes, in bytes
	turn          int   // EXIF orientation, 1 to 8
	scans         int   // of a progressive JPEG
}

func (m measured) check() error {
	pixels := int64(m.width) * int64(m.height)
	switch {
	case m.width <= 0 || m.height <= 0 || m.width > 1<<16 || m.height > 1<<16:
		return ErrDamaged
	case pixels > maxPixels || m.memory > maxMemory || pixels*int64(m.scans) > maxPasses:
		return ErrDamaged.Because(fmt.Errorf("%d by %d pixels in %d scans are more than is decoded", m.width, m.height, m.scans))
	}
	return nil
}

// cleanImage encodes a picture anew, upright and without anything that is not picture.
func (c *Cleaner) cleanImage(ctx context.Context, src *os.File, size int64, found Type) (Clean, error) {
	done, err := c.begin(ctx)
	if err != nil {
		return Clean{}, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Limit)
	defer cancel()
	if found == GIF {
		if out, err := c.cleanAnimation(ctx, src, size); err == nil || !errors.Is(err, errLongAnimation) {
			return out, err
		}
	}
	m, err := decode(ctx, src, size, found)
	if err != nil {
		return Clean{}, err
	}
	out := Clean{Type: PNG, Width: m.Bounds().Dx(), Height: m.Bounds().Dy()}
	if found == JPEG || found == WebP && opaque(m) {
		out.Type = JPEG
	}
	if out.Preview, err = preview(m); err != nil {
		return Clean{}, err
	}
	out.File, out.Bytes, err = c.spooled(func(w io.Writer) error { return encode(w, m, out.Type, 88) })
	return out, err
}

// begin waits for the turn to hold a whole picture in memory.
func (c *Cleaner) begin(ctx context.Context) (done func(), err error) {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return func() { <-c.turn }, nil
}

// decode reads a picture, bounded by ctx, turns it upright and makes it as small as it is kept.
func decode(ctx context.Context, src io.ReaderAt, size int64, found Type) (m image.Image, err error) {
	read := func() io.Reader { return &bounded{ctx, io.NewSectionReader(src, 0, size)} }
	var h measured
	switch found {
	case JPEG:
		if h, err = measureJPEG(read()); err == nil {
			var c image.Config
			if c, err = jpeg.DecodeConfig(read()); err == nil && (c.Width != h.width || c.Height != h.height) {
				err = errors.New("two readers of the header disagree")
			}
		}
	case PNG:
		h, err = measurePNG(read(), src)
	case GIF:
		h, err = measureGIF(read())
	case WebP:
		h, err = measureWebP(read())
	default:
		err = errors.New("no decoder")
	}
	if err == nil {
		err = h.check()
	}
	if err != nil {
		return nil, damaged(ctx, err)
	}
	if h.memory > maxMemory/4 {
		runtime.GC() // what the last large picture has left would count as well
	}
	switch found {
	case JPEG:
		m, err = jpeg.Decode(read())
	case PNG:
		m, err = png.Decode(read())
	case GIF:
		m, err = gif.Decode(read())
	case WebP:
		m, err = webp.Decode(read())
	}
	if err != nil {
		return nil, damaged(ctx, err)
	}
	return upright(shrink(m, keptSide, keptPixels), h.turn), nil
}

// damaged says why a picture cannot be had; the end of ctx's parent is no fault of the picture.
func damaged(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	return ErrDamaged.Because(err)
}

// bounded ends a decoder that goes on for too long: each reads on from time to time.
type bounded struct {
	ctx context.Context
	r   io.Reader
}

func (b *bounded) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.r.Read(p)
}

func measurePNG(r io.Reader, src io.ReaderAt) (measured, error) {
	c, err := png.DecodeConfig(r)
	if err != nil {
		return measured{}, err
	}
	each := int64(4)
	switch c.ColorModel {
	case color.GrayModel:
		each = 1
	case color.Gray16Model:
		each = 2
	case color.RGBA64Model, color.NRGBA64Model:
		each = 8
	}
	if _, ok := c.ColorModel.(color.Palette); ok {
		each = 1
	}
	m := measured{width: c.Width, height: c.Height, memory: each * int64(c.Width) * int64(c.Height)}
	var interlace [1]byte
	if _, err := src.ReadAt(interlace[:], 28); err != nil {
		return m, err
	}
	if interlace[0] != 0 {
		m.memory += m.memory / 2 // each pass is a picture of its own before it is sorted in
	}
	return m, nil
}

func measureGIF(r io.Reader) (measured, error) {
	c, err := gif.DecodeConfig(r)
	return measured{width: c.Width, height: c.Height, memory: int64(c.Width) * int64(c.Height)}, err
}

func measureWebP(r io.Reader) (measured, error) {
	c, err := webp.DecodeConfig(r)
	// Lossless ones are decoded in two steps of four bytes each.
	return measured{width: c.Width, height: c.Height, memory: 8 * int64(c.Width) * int64(c.Height)}, err
}

// opaque says whether nothing shines through.
func opaque(m image.Image) bool {
	o, ok := m.(interface{ Opaque() bool })
	return ok && o.Opaque()
}

// shrink makes a picture small enough. Halving averages four pixels into one; one step to a much smaller size would skip most.
func shrink(m image.Image, side, pixels int) image.Image {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	dw, dh := w, h
	if longest := max(dw, dh); longest > side {
		dw, dh = dw*side/longest, dh*side/longest
	}
	for dw*dh > pixels {
		dw, dh = dw*15/16, dh*15/16
	}
	dw, dh = max(dw, 1), max(dh, 1)
	for w > dw || h > dh {
		w, h = max(w/2, dw), max(h/2, dh)
		small := image.NewRGBA(image.Rect(0, 0, w, h))
		draw.ApproxBiLinear.Scale(small, small.Bounds(), m, m.Bounds(), draw.Src, nil)
		m = small
	}
	return m
}

// upright turns a picture as its camera was held (EXIF 2.32, 4.6.4, orientation).
func upright(m image.Image, turn int) image.Image {
	w, h := float64(m.Bounds().Dx()), float64(m.Bounds().Dy())
	// Where a pixel of the picture goes: x' = a·x + b·y + c, y' = d·x + e·y + f.
	to := map[int]f64.Aff3{
		2: {-1, 0, w, 0, 1, 0}, 3: {-1, 0, w, 0, -1, h}, 4: {1, 0, 0, 0, -1, h},
		5: {0, 1, 0, 1, 0, 0}, 6: {0, -1, h, 1, 0, 0}, 7: {0, -1, h, -1, 0, w}, 8: {0, 1, 0, -1, 0, w},
	}
	a, ok := to[turn]
	if !ok {
		return m
	}
	if turn >= 5 {
		w, h = h, w
	}
	turned := image.NewRGBA(image.Rect(0, 0, int(w), int(h)))
	a[2] -= a[0]*float64(m.Bounds().Min.X) + a[1]*float64(m.Bounds().Min.Y)
	a[5] -= a[3]*float64(m.Bounds().Min.X) + a[4]*float64(m.Bounds().Min.Y)
	draw.NearestNeighbor.Transform(turned, a, m, m.Bounds(), draw.Src, nil)
	return turned
}

// encode writes a picture; what shines through a JPEG is white.
func encode(w io.Writer, m image.Image, t Type, quality int) error {
	if t == PNG {
		e := png.Encoder{CompressionLevel: png.BestSpeed}
		if err := e.Encode(w, m); err != nil {
			return fmt.Errorf("encode a picture: %w", err)
		}
		return nil
	}
	if !opaque(m) {
		flat := image.NewRGBA(image.Rect(0, 0, m.Bounds().Dx(), m.Bounds().Dy()))
		draw.Draw(flat, flat.Bounds(), image.White, image.Point{}, draw.Src)
		draw.Draw(flat, flat.Bounds(), m, m.Bounds().Min, draw.Over)
		m = flat
	}
	if err := jpeg.Encode(w, m, &jpeg.Options{Quality: quality}); err != nil {
		return fmt.Errorf("encode a picture: %w", err)
	}
	return nil
}

func preview(m image.Image) ([]byte, error) {
	var b bytes.Buffer
	err := encode(&b, shrink(m, previewSide, previewSide*previewSide), JPEG, 80)
	return b.Bytes(), err
}
