package codec

import (
	"fmt"
	"testing"
)

// All per frame of 20 ms.

func BenchmarkEncode(b *testing.B) {
	for _, c := range Available() {
		for _, rate := range []int{8000, 16000} {
			b.Run(fmt.Sprintf("%s/%d", c.Name, rate), func(b *testing.B) {
				enc, err := NewEncoder(c, rate)
				if err != nil {
					b.Fatal(err)
				}
				pcm, buf := speechLike(rate, rate), make([]byte, MaxPayload)
				benchFrames(b, len(pcm)/(rate/50), func(i int) error {
					_, err := enc.Encode(buf, pcm[i*rate/50:(i+1)*rate/50])
					return err
				})
			})
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range Available() {
		for _, rate := range []int{8000, 16000} {
			b.Run(fmt.Sprintf("%s/%d", c.Name, rate), func(b *testing.B) {
				enc, dec := pair(b, c, rate)
				pcm := speechLike(rate, rate)
				var frames [][]byte
				for i := 0; i < len(pcm); i += rate / 50 {
					buf := make([]byte, MaxPayload)
					n, err := enc.Encode(buf, pcm[i:i+rate/50])
					if err != nil {
						b.Fatal(err)
					}
					frames = append(frames, buf[:n])
				}
				out := make([]int16, MaxSamples)
				benchFrames(b, len(frames), func(i int) error {
					_, err := dec.Decode(out, frames[i])
					return err
				})
			})
		}
	}
}

func benchFrames(b *testing.B, count int, f func(i int) error) {
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := f(i % count); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkConceal loses every second frame, the costly case: the pitch is searched each time.
func BenchmarkConceal(b *testing.B) {
	for _, rate := range []int{8000, 16000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			c, pcm := newConcealer(rate), speechLike(rate, rate)
			buf := make([]int16, rate/50)
			benchFrames(b, 50, func(i int) error {
				copy(buf, pcm[i*len(buf):])
				c.heard(buf)
				c.conceal(buf)
				return nil
			})
		})
	}
}

func BenchmarkResample(b *testing.B) {
	for _, r := range [][2]int{{8000, 16000}, {16000, 8000}} {
		b.Run(fmt.Sprintf("%d-%d", r[0], r[1]), func(b *testing.B) {
			rs, err := NewResampler(r[0], r[1])
			if err != nil {
				b.Fatal(err)
			}
			in, out := speechLike(r[0], r[0]/50), make([]int16, r[1]/50)
			benchFrames(b, 1, func(int) error {
				rs.Process(out, in)
				return nil
			})
		})
	}
}

func BenchmarkMuLawToALaw(b *testing.B) {
	frame := make([]byte, 160)
	b.ReportAllocs()
	for b.Loop() {
		for i, v := range frame {
			frame[i] = MuLawToALaw[v]
		}
	}
}
