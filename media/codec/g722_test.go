package codec

import (
	"bytes"
	"encoding/binary"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// ffmpeg runs the reference implementation on raw bytes.
func ffmpeg(t *testing.T, in []byte, args string) []byte {
	t.Helper()
	cmd := exec.Command("ffmpeg", append([]string{"-v", "error"}, strings.Fields(args)...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg %s: %v: %s", args, err, stderr.Bytes())
	}
	return out
}

func toBytes(pcm []int16) []byte {
	b, _ := binary.Append(nil, binary.LittleEndian, pcm)
	return b
}

func fromBytes(b []byte) []int16 {
	pcm := make([]int16, len(b)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return pcm
}

func TestG722AgainstFFmpeg(t *testing.T) {
	const rate = 16000
	pcm := slices.Concat(speechLike(rate, rate), tone(rate, rate/2, 3000, 12000), tone(rate, rate/2, 6000, 8000),
		tone(rate, rate/4, 440, 32767), make([]int16, rate/4))
	theirs := ffmpeg(t, toBytes(pcm), "-f s16le -ar 16000 -ac 1 -i - -c:a g722 -f g722 -")
	enc, dec := pair(t, G722, rate)
	ours := make([]byte, 0, len(pcm)/2)
	buf := make([]byte, 160)
	for part := range slices.Chunk(pcm, 320) {
		n, err := enc.Encode(buf, part)
		if err != nil {
			t.Fatal(err)
		}
		ours = append(ours, buf[:n]...)
	}
	if len(theirs) < len(ours) {
		t.Fatalf("ffmpeg gave %d bytes for our %d", len(theirs), len(ours))
	}
	same := 0
	for i := range ours {
		if ours[i] == theirs[i] {
			same++
		}
	}
	t.Logf("encoder: %d of %d bytes equal", same, len(ours))

	decode := func(stream []byte) []int16 {
		var out []int16
		pcm := make([]int16, 320)
		for part := range slices.Chunk(stream, 160) {
			n, err := dec.Decode(pcm, part)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, pcm[:n]...)
		}
		return out
	}
	for name, stream := range map[string][]byte{"our stream": ours, "ffmpeg's stream": theirs} {
		_, dec = pair(t, G722, rate)
		want := fromBytes(ffmpeg(t, stream, "-f g722 -i - -f s16le -ar 16000 -ac 1 -"))
		got := decode(stream)
		if len(want) < len(got) {
			got = got[:len(want)]
		}
		if s := snr(want, got, rate, 2); s < 60 {
			t.Errorf("%s: our decoder differs from ffmpeg's: SNR %.1f dB", name, s)
		} else {
			t.Logf("%s: decoders agree to %.1f dB, equal: %t", name, s, slices.Equal(want[:len(got)], got))
		}
		q := snr(pcm, got, rate, 100)
		t.Logf("%s: quality %.1f dB", name, q)
		if q < 18 {
			t.Errorf("%s: SNR against the original %.1f dB", name, q)
		}
	}
}
