package codec

import (
	"testing"
)

// FuzzDecoders feeds payloads from outside to every decoder, with a loss in between: no panic, no sample out of the destination, and a
// decoder that goes on working.
func FuzzDecoders(f *testing.F) {
	f.Add([]byte{}, uint8(0))
	f.Add([]byte{0xFF, 0x7F, 0, 0x80}, uint8(1))
	for _, c := range Available() {
		enc, err := NewEncoder(c, 8000)
		if err != nil {
			f.Fatal(err)
		}
		buf := make([]byte, MaxPayload)
		n, err := enc.Encode(buf, speechLike(8000, 160))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(buf[:n], uint8(40))
	}
	f.Add([]byte{0xFC, 0xFF, 0xFE}, uint8(10)) // Opus: stereo CELT, code 0
	f.Add([]byte{0x0B, 0x83, 1, 2, 3}, uint8(3))
	f.Add([]byte{0x78, 0x01, 0x02, 0x03, 0x04}, uint8(200))
	f.Fuzz(func(t *testing.T, payload []byte, cut uint8) {
		for _, c := range []Codec{PCMU, PCMA, G722, Opus} {
			for _, rate := range []int{8000, 16000} {
				dec, err := NewDecoder(c, rate)
				if err != nil {
					t.Fatal(err)
				}
				guard := make([]int16, MaxSamples+8)
				for _, p := range [][]byte{payload, payload[min(int(cut), len(payload)):], payload} {
					n, err := dec.Decode(guard[:MaxSamples], p)
					if err == nil && (n < 0 || n > MaxSamples) {
						t.Fatalf("%s: %d samples", c.Name, n)
					}
					if n, err := dec.Conceal(guard[:rate/50]); err != nil || n != rate/50 {
						t.Fatalf("%s: conceal gives %d, %v", c.Name, n, err)
					}
					if fec, ok := dec.(FECDecoder); ok {
						_, _ = fec.DecodeFEC(guard[:rate/50], p) // may refuse, must not crash
					}
					small := rate / 400 * int(cut%9)
					if n, err := dec.Decode(guard[:small], p); err == nil && n > small {
						t.Fatalf("%s: %d samples into %d", c.Name, n, small)
					}
				}
				for _, s := range guard[MaxSamples:] {
					if s != 0 {
						t.Fatalf("%s wrote behind the destination", c.Name)
					}
				}
			}
		}
	})
}
