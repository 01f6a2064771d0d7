// Package recordingtest speaks into recordings and reads them back, for tests.
package recordingtest

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"testing"
	"time"

	"tandem/media"
	"tandem/media/codec"
)

// Voice is a leg whose peer sends a tone in real time from the moment it is made until the test ends or Close.
type Voice struct {
	Stream *media.Stream
	codec  codec.Codec
	hz     func(second int) float64
	lose   func(n int) bool
	ssrc   uint32
	once   sync.Once
	closed chan struct{}
	done   chan struct{}
}

const frame = 20 * time.Millisecond

// NewVoice makes a leg with that codec and tone; packets for which lose says true never arrive (nil: none).
func NewVoice(t testing.TB, c codec.Codec, hz float64, lose func(n int) bool) *Voice {
	t.Helper()
	v := Speak(c, hz, lose)
	t.Cleanup(func() {
		_ = v.Close()
		<-v.done
	})
	return v
}

// Speak is NewVoice outside of a test; Close ends it.
func Speak(c codec.Codec, hz float64, lose func(n int) bool) *Voice {
	return SpeakSeconds(c, func(int) float64 { return hz }, lose)
}

// SpeakSeconds is Speak with a tone of its own for each second, in whole Hz.
func SpeakSeconds(c codec.Codec, hz func(second int) float64, lose func(n int) bool) *Voice {
	v := &Voice{codec: c, hz: hz, lose: lose, ssrc: uint32(hz(0)), closed: make(chan struct{}), done: make(chan struct{})}
	v.Stream = media.NewStream(v, media.StreamConfig{Clock: media.NewClock(), Log: slog.New(slog.DiscardHandler)})
	v.Stream.Negotiate(media.Format{Codec: c, PayloadType: c.PayloadType, Ptime: frame}, media.SendRecv)
	go func() {
		defer close(v.done)
		_ = v.Stream.Run(context.Background())
	}()
	return v
}

// Run sends the tone.
func (v *Voice) Run(ctx context.Context, recv func(*media.Packet)) error {
	enc, err := codec.NewEncoder(v.codec, v.codec.SampleRate)
	if err != nil {
		return err
	}
	tick := time.NewTicker(frame / 4)
	defer tick.Stop()
	pcm := make([]int16, v.codec.SampleRate/50)
	payload := make([]byte, codec.MaxPayload)
	began := media.Now()
	for n := 0; ; {
		for ; media.Now()-began >= time.Duration(n)*frame; n++ {
			hz := v.hz(n / 50)
			for i := range pcm {
				pcm[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(n*len(pcm)+i)/float64(v.codec.SampleRate)))
			}
			size, err := enc.Encode(payload, pcm)
			if err != nil {
				return err
			}
			if v.lose != nil && v.lose(n) {
				continue
			}
			recv(&media.Packet{
				PayloadType: v.codec.PayloadType, Sequence: uint16(n), Timestamp: uint32(n * v.codec.ClockRate / 50), SSRC: v.ssrc,
				Payload: payload[:size], Arrival: media.Now(),
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-v.closed:
			return nil
		case <-tick.C:
		}
	}
}

// Send throws away what the peer would hear.
func (v *Voice) Send(*media.Packet) error { return nil }

// Close ends the leg.
func (v *Voice) Close() error {
	v.once.Do(func() { close(v.closed) })
	return nil
}

// Level is the amplitude of a tone in samples, 0 to 32767: the mean over stretches of 100 ms, so that a recording which follows another
// clock, a sample now and then, is not taken for a silent one. hz is a multiple of 10.
func Level(pcm []int16, rate int, hz float64) float64 {
	sum, n := 0.0, 0
	for window := rate / 10; len(pcm) >= window; pcm = pcm[window:] {
		var re, im float64
		for i, s := range pcm[:window] {
			a := 2 * math.Pi * hz * float64(i) / float64(rate)
			re += float64(s) * math.Cos(a)
			im += float64(s) * math.Sin(a)
		}
		sum += 2 * math.Hypot(re, im) / float64(window)
		n++
	}
	return sum / float64(max(n, 1))
}
