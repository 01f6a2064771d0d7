package attach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
)

// Rule is what a platform takes of one kind of file.
type Rule struct {
	Bytes int64 // 0: as many as there are
	Types []string
}

// takes says whether a type goes; no types, or */*, stand for all.
func (r Rule) takes(mime string) bool {
	return len(r.Types) == 0 || slices.Contains(r.Types, mime) || slices.Contains(r.Types, "*/*")
}

// Fits says whether a file goes as it is.
func (r Rule) Fits(mime string, bytes int64) bool {
	return r.takes(mime) && (r.Bytes == 0 || bytes <= r.Bytes)
}

// Fit converts a clean file to what a platform takes; ErrNoFit when that cannot be done. Its result may be the file that was given.
func (c *Cleaner) Fit(ctx context.Context, src Clean, rule Rule) (out Clean, err error) {
	switch {
	case rule.Fits(src.MIME, src.Bytes):
		out = src
	case src.Kind == Image:
		out, err = c.fitImage(ctx, src, rule)
	case src.Kind == Video && rule.takes(MP4.MIME), src.Kind == Audio:
		out, err = c.fitSound(ctx, src, rule)
	default:
		err = ErrNoFit
	}
	if err != nil {
		return Clean{}, err
	}
	_, err = out.File.Seek(0, io.SeekStart)
	return out, err
}

// fitImage tries smaller and smaller pictures.
func (c *Cleaner) fitImage(ctx context.Context, src Clean, rule Rule) (Clean, error) {
	to := JPEG
	if !rule.takes(JPEG.MIME) {
		if to = PNG; !rule.takes(PNG.MIME) {
			return Clean{}, ErrNoFit
		}
	}
	done, err := c.begin(ctx)
	if err != nil {
		return Clean{}, err
	}
	defer done()
	m, err := decode(ctx, src.File, src.Bytes, src.Type)
	if err != nil {
		return Clean{}, err
	}
	for _, try := range []struct{ side, quality int }{{keptSide, 88}, {2560, 85}, {1920, 80}, {1280, 75}, {960, 70}, {640, 60}, {320, 50}} {
		m = shrink(m, try.side, keptPixels)
		out := Clean{Type: to, Width: m.Bounds().Dx(), Height: m.Bounds().Dy(), Preview: src.Preview}
		if out.File, out.Bytes, err = c.spooled(func(w io.Writer) error { return encode(w, m, to, try.quality) }); err != nil {
			return Clean{}, err
		}
		if rule.Fits(to.MIME, out.Bytes) {
			return out, nil
		}
		if err := out.File.Close(); err != nil {
			return Clean{}, fmt.Errorf("close a temporary file: %w", err)
		}
	}
	return Clean{}, ErrNoFit
}

// sounds are what sound is converted to, the best first, and how FFmpeg is asked for it.
var sounds = []struct {
	Type
	args []string
	rate float64 // bit/s
}{
	{M4A, []string{"-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart", "-f", "ipod"}, 64_000},
	{Type{"audio/mp4", ".m4a", Audio, true}, []string{"-c:a", "aac", "-b:a", "24k", "-ac", "1", "-movflags", "+faststart", "-f", "ipod"}, 24_000},
	{Type{"audio/x-m4a", ".m4a", Audio, true}, []string{"-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart", "-f", "ipod"}, 64_000},
	{Ogg, []string{"-c:a", "libopus", "-b:a", "24k", "-ac", "1", "-f", "ogg"}, 24_000},
	{MP3, []string{"-c:a", "libmp3lame", "-b:a", "48k", "-f", "mp3"}, 48_000},
	{AAC, []string{"-c:a", "aac", "-b:a", "64k", "-f", "adts"}, 64_000},
}

// fitSound converts films and sound.
func (c *Cleaner) fitSound(ctx context.Context, src Clean, rule Rule) (Clean, error) {
	if c.cfg.FFmpeg == "" || demuxer(src.Type) == "" {
		return Clean{}, ErrNoFit
	}
	limit := rule.Bytes
	if limit == 0 {
		limit = 1 << 30
	}
	if src.Kind == Video {
		bits := int64(2_000_000)
		if src.Seconds > 0 {
			bits = min(bits, int64(float64(limit)*7.5/src.Seconds)-96_000) // what the size leaves, and some for the boxes
		}
		if bits < 100_000 { // nobody could see anything
			return Clean{}, ErrNoFit
		}
		rate := strconv.FormatInt(bits, 10)
		return c.run(ctx, src, MP4, rule, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-vf", "scale='min(1280,iw)':-2",
			"-b:v", rate, "-maxrate", rate, "-bufsize", rate, "-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart", "-f", "mp4")
	}
	for _, s := range sounds {
		if !rule.takes(s.MIME) || src.Seconds*s.rate/8 > float64(limit) {
			continue
		}
		out, err := c.run(ctx, src, s.Type, rule, append([]string{"-vn"}, s.args...)...)
		if !errors.Is(err, ErrNoFit) {
			return out, err
		}
	}
	return Clean{}, ErrNoFit
}

func (c *Cleaner) run(ctx context.Context, src Clean, to Type, rule Rule, args ...string) (Clean, error) {
	f, err := c.Spool()
	if err != nil {
		return Clean{}, err
	}
	out := Clean{Type: to, File: f, Width: src.Width, Height: src.Height, Seconds: src.Seconds, Preview: src.Preview}
	if err := c.ffmpeg(ctx, src.File, src.Type, f, args...); err != nil {
		return Clean{}, errors.Join(err, f.Close())
	}
	if out.Bytes, err = f.Seek(0, io.SeekEnd); err != nil {
		return Clean{}, errors.Join(fmt.Errorf("measure the file: %w", err), f.Close())
	}
	if out.Bytes == 0 || !rule.Fits(to.MIME, out.Bytes) {
		return Clean{}, errors.Join(ErrNoFit, f.Close())
	}
	if to.boxes() {
		if m, err := walkMovie(f, out.Bytes); err == nil {
			out.Width, out.Height, out.Seconds = m.width, m.height, m.seconds
		}
	}
	return out, nil
}

// demuxer is FFmpeg's name of a type. It is told, never left to guess: some of its formats are lists of other files to open.
func demuxer(t Type) string {
	if t.boxes() {
		return "mov"
	}
	return map[string]string{
		Ogg.MIME: "ogg", MP3.MIME: "mp3", AMR.MIME: "amr", WAV.MIME: "wav", AAC.MIME: "aac", WebM.MIME: "matroska", "audio/flac": "flac",
	}[t.MIME]
}

// limits run a program with at most 1 GiB of address space, no core, and processor time that its own clock cuts even where ours is held up.
const limits = `ulimit -v 1048576; ulimit -c 0; ulimit -t "$0"; exec "$@"`

// ffmpeg converts src into dst, both open here: it is given no names, no environment and no network.
func (c *Cleaner) ffmpeg(ctx context.Context, src *os.File, t Type, dst *os.File, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Convert)
	defer cancel()
	all := append([]string{
		"-c", limits, strconv.Itoa(int(c.cfg.Convert.Seconds()) + 1), c.cfg.FFmpeg, "-hide_banner", "-loglevel", "error", "-nostdin",
		"-y", "-threads", "1", "-filter_threads", "1", "-protocol_whitelist", "file,pipe", "-f", demuxer(t), "-i", "file:/dev/fd/3",
		"-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn", "-threads", "1",
	}, args...)
	cmd := exec.CommandContext(ctx, "/bin/sh", append(all, "-protocol_whitelist", "file,pipe", "file:/dev/fd/4")...)
	cmd.ExtraFiles = []*os.File{src, dst}
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	cmd.Dir = "/"
	var said bytes.Buffer
	cmd.Stderr = &firstBytes{&said}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.As(err, &exit):
		return ErrNoFit.Because(fmt.Errorf("ffmpeg: %w: %s", err, said.Bytes()))
	}
	return fmt.Errorf("start ffmpeg: %w", err)
}

// firstBytes keeps a program's first words and drops the rest.
type firstBytes struct{ b *bytes.Buffer }

func (f *firstBytes) Write(p []byte) (int, error) {
	f.b.Write(p[:min(len(p), max(0, 500-f.b.Len()))])
	return len(p), nil
}

// still is the preview of a film: its first picture, or a drawn one where that cannot be had.
func (c *Cleaner) still(ctx context.Context, film *os.File, t Type) []byte {
	if c.cfg.FFmpeg != "" {
		if b, err := c.firstPicture(ctx, film, t); err == nil {
			return b
		}
	}
	const w, h = 480, 270
	m := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			// A triangle that points to the right.
			if across := x - (w/2 - 30); across >= 0 && across <= 60 && 2*max(y-h/2, h/2-y) <= 60-across {
				m.SetGray(x, y, color.Gray{0xff})
			} else {
				m.SetGray(x, y, color.Gray{0x40})
			}
		}
	}
	b, err := preview(m)
	if err != nil {
		return nil
	}
	return b
}

func (c *Cleaner) firstPicture(ctx context.Context, film *os.File, t Type) ([]byte, error) {
	f, err := c.Spool()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := c.ffmpeg(ctx, film, t, f, "-frames:v", "1", "-an", "-vf", "scale='min(640,iw)':-2", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-f", "image2pipe"); err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("measure a picture: %w", err)
	}
	m, err := decode(ctx, f, size, JPEG)
	if err != nil {
		return nil, err
	}
	return preview(m)
}
