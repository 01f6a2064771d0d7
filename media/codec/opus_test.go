package codec

import "testing"

func TestOpusDecoderTakesWhatBrowsersSend(t *testing.T) {
	// Stereo, 48 kHz, 60 ms: made by ffmpeg, taken out of its Ogg pages.
	in := speechLike(16000, 16000)
	ogg := ffmpeg(t, toBytes(in), "-f s16le -ar 16000 -ac 1 -i - -ac 2 -ar 48000 -c:a libopus -b:a 48k -frame_duration 60 -f ogg -")
	packets := oggPackets(ogg)[2:] // without the two headers
	for _, rate := range []int{8000, 16000} {
		dec, err := NewDecoder(Opus, rate)
		if err != nil {
			t.Fatal(err)
		}
		buf, total := make([]int16, MaxSamples), 0
		for _, p := range packets {
			n, err := dec.Decode(buf, p)
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
		if total < rate || total > rate*11/10 {
			t.Errorf("%d Hz: %d samples for one second", rate, total)
		}
	}
}

// oggPackets takes the packets out of an Ogg stream (RFC 3533).
func oggPackets(data []byte) [][]byte {
	var packets [][]byte
	var open []byte
	for len(data) >= 27 {
		lacing := data[27 : 27+int(data[26])]
		data = data[27+len(lacing):]
		for _, n := range lacing {
			open = append(open, data[:n]...)
			data = data[n:]
			if n < 255 {
				packets, open = append(packets, open), nil
			}
		}
	}
	return packets
}
