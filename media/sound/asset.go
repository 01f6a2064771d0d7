package sound

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"tandem/media/codec"
)

// FrameTime is the playing time of one frame of an Asset.
const FrameTime = 20 * time.Millisecond

// MarkBridge is the mark of a countdown at which the call begins.
const MarkBridge = "bridge"

// Asset is audio ready to be sent: encoded once in every codec, in frames of 20 ms. It is immutable and safe for concurrent use.
type Asset struct {
	samples int // at 8 kHz, a whole number of frames
	pcm     map[int][]int16
	frames  map[string]func() [][]byte
	marks   map[string]time.Duration
}

// NewAsset encodes audio in every codec of this build. The end is padded with silence to a whole frame. Marks name positions in it.
func NewAsset(p PCM, marks map[string]time.Duration) (*Asset, error) {
	return build(p, marks, false)
}

// NewLoop encodes audio that is played over and over, such as hold music: the encoders run through it twice and the second pass is kept,
// so that the first frame follows the last without a click. The length should be a whole number of frames.
func NewLoop(p PCM) (*Asset, error) {
	return build(p, nil, true)
}

func build(p PCM, marks map[string]time.Duration, loop bool) (*Asset, error) {
	if p.Rate < minRate || p.Rate > maxRate || len(p.Samples) == 0 {
		return nil, fmt.Errorf("make asset: %d samples at %d Hz", len(p.Samples), p.Rate)
	}
	a := &Asset{marks: maps.Clone(marks), pcm: map[int][]int16{}, frames: map[string]func() [][]byte{}}
	count := 0
	for _, rate := range []int{8000, 16000} {
		s := p.at(rate, loop)
		frame := rate / 50
		if count == 0 {
			count = (len(s) + frame - 1) / frame
		}
		s = append(s, make([]int16, max(0, count*frame-len(s)))...)
		a.pcm[rate] = s[:count*frame]
	}
	a.samples = len(a.pcm[8000])
	for _, c := range codec.Available() {
		frames, err := encode(c, a.pcm[c.SampleRate], loop)
		if err != nil {
			return nil, fmt.Errorf("make asset: %w", err)
		}
		a.frames[c.Name] = func() [][]byte { return frames }
	}
	return a, nil
}

// at resamples into a new slice; a loop is resampled as if it had gone on before and after.
func (p PCM) at(rate int, loop bool) []int16 {
	margin := p.Rate / 10
	if !loop || p.Rate == rate || len(p.Samples) < margin {
		return append([]int16(nil), p.At(rate).Samples...)
	}
	around := append([]int16(nil), p.Samples[len(p.Samples)-margin:]...)
	around = append(append(around, p.Samples...), p.Samples[:margin]...)
	out := codec.Resample(around, p.Rate, rate)
	return out[rate/10 : len(out)-rate/10]
}

func encode(c codec.Codec, pcm []int16, twice bool) ([][]byte, error) {
	enc, err := codec.NewEncoder(c, c.SampleRate)
	if err != nil {
		return nil, err
	}
	frame := c.SampleRate / 50
	buf := make([]byte, codec.MaxPayload)
	if twice {
		for i := 0; i < len(pcm); i += frame {
			if _, err := enc.Encode(buf, pcm[i:i+frame]); err != nil {
				return nil, err
			}
		}
	}
	frames := make([][]byte, 0, len(pcm)/frame)
	for i := 0; i < len(pcm); i += frame {
		n, err := enc.Encode(buf, pcm[i:i+frame])
		if err != nil {
			return nil, err
		}
		frames = append(frames, append([]byte(nil), buf[:n]...))
	}
	return frames, nil
}

// Frames are the payloads in order, one each 20 ms; nil for a codec this build cannot encode. Callers must not change them.
func (a *Asset) Frames(c codec.Codec) [][]byte {
	if f := a.frames[c.Name]; f != nil {
		return f()
	}
	return nil
}

// PCM is the audio at 8000 or 16000 Hz, for mixing; nil for other rates. Callers must not change it.
func (a *Asset) PCM(rate int) []int16 { return a.pcm[rate] }

// Duration is the playing time, a multiple of FrameTime.
func (a *Asset) Duration() time.Duration { return samplesToTime(a.samples, 8000) }

// Mark gives the position of a named mark.
func (a *Asset) Mark(name string) (time.Duration, bool) {
	d, ok := a.marks[name]
	return d, ok
}

// Concat plays assets one after the other: for announcements put together at call time, such as numbers. G.711 frames are taken as they
// are. G.722 and Opus remember what came before and would click at the joints, so they are encoded anew, when they are first asked for
// (about 2 ms for each 2 s of audio: not in a media goroutine). Of two marks with one name the later stays.
func Concat(assets ...*Asset) (*Asset, error) {
	if len(assets) == 0 {
		return nil, errors.New("concatenate assets: none given")
	}
	out := &Asset{pcm: map[int][]int16{}, frames: map[string]func() [][]byte{}, marks: map[string]time.Duration{}}
	for _, a := range assets {
		for name, d := range a.marks {
			out.marks[name] = out.Duration() + d
		}
		for rate, s := range a.pcm {
			out.pcm[rate] = append(out.pcm[rate], s...)
		}
		out.samples += a.samples
	}
	for _, c := range codec.Available() {
		out.frames[c.Name] = sync.OnceValue(func() [][]byte { return joined(c, out.pcm[c.SampleRate], assets) })
	}
	return out, nil
}

func joined(c codec.Codec, pcm []int16, assets []*Asset) [][]byte {
	var frames [][]byte
	if c == codec.PCMU || c == codec.PCMA {
		for _, a := range assets {
			frames = append(frames, a.Frames(c)...)
		}
		return frames
	}
	frames, err := encode(c, pcm, false)
	if err != nil {
		return nil // as for a codec that this build lacks; the assets themselves were encoded before
	}
	return frames
}
