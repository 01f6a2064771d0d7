//go:build cgo

package codec

import "testing"

func TestOpusFECRecoversALostFrame(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		enc, err := NewOpusEncoder(rate, Lossy)
		if err != nil {
			t.Fatal(err)
		}
		pcm, frame := speechLike(rate, rate), rate/50
		var packets [][]byte
		for i := 0; i+frame <= len(pcm); i += frame {
			buf := make([]byte, MaxPayload)
			n, err := enc.Encode(buf, pcm[i:i+frame])
			if err != nil {
				t.Fatal(err)
			}
			packets = append(packets, buf[:n])
		}
		// Every tenth packet is lost; the whole is compared with the same stream without loss.
		receive := func(fill func(d Decoder, dst []int16, next []byte) error) []int16 {
			dec, err := NewDecoder(Opus, rate)
			if err != nil {
				t.Fatal(err)
			}
			out := make([]int16, len(packets)*frame)
			for i, p := range packets {
				dst := out[i*frame : (i+1)*frame]
				if fill != nil && i%10 == 5 {
					if err := fill(dec, dst, packets[i+1]); err != nil {
						t.Fatal(err)
					}
				} else if _, err := dec.Decode(dst, p); err != nil {
					t.Fatal(err)
				}
			}
			return out
		}
		whole := receive(nil)
		fec := receive(func(d Decoder, dst []int16, next []byte) error {
			_, err := d.(FECDecoder).DecodeFEC(dst, next)
			return err
		})
		plc := receive(func(d Decoder, dst []int16, _ []byte) error {
			_, err := d.Conceal(dst)
			return err
		})
		withFEC, withPLC := snr(whole, fec, rate, 0), snr(whole, plc, rate, 0)
		t.Logf("%d Hz: SNR with FEC %.1f dB, with concealment %.1f dB", rate, withFEC, withPLC)
		if withFEC < withPLC+2 {
			t.Errorf("%d Hz: FEC gives %.1f dB, concealment alone %.1f dB", rate, withFEC, withPLC)
		}
	}
}
