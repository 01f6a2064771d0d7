package sound

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tandem/media/codec"
)

var formats = []Format{
	{PCM16, 8000, 1},
	{PCM16, 16000, 2},
	{MuLaw, 8000, 1},
	{MuLaw, 8000, 2},
	{ALaw, 8000, 2},
}

// run pipes bytes through an outside program.
func run(t testing.TB, in []byte, args string) []byte {
	t.Helper()
	a := strings.Fields(args)
	cmd := exec.Command(a[0], a[1:]...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", args, err, stderr.Bytes())
	}
	return out
}

func readAll(t *testing.T, data []byte) ([]int16, Format) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var all []int16
	buf := make([]int16, 1000)
	for {
		n, err := r.ReadPCM(buf)
		all = append(all, buf[:n]...)
		if errors.Is(err, io.EOF) {
			return all, r.Format()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWAVFilesAreWholeAndOthersReadThem(t *testing.T) {
	for _, f := range formats {
		path := filepath.Join(t.TempDir(), "a.wav")
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := NewWriter(file, f)
		if err != nil {
			t.Fatal(err)
		}
		pcm := sine(f.Rate, time.Second, 440, 8000).Samples
		if f.Channels == 2 {
			for i := range pcm { // right channel silent
				if i%2 == 1 {
					pcm[i] = 0
				}
			}
		}
		if err := w.WritePCM(pcm); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Close(), file.Close()); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(data)) != f.HeaderSize()+w.Payload() || !bytes.HasPrefix(data, f.Header(w.Payload())) {
			t.Errorf("%+v: %d bytes", f, len(data))
		}
		got, gotFormat := readAll(t, data)
		if gotFormat != f || len(got) != len(pcm) {
			t.Errorf("%+v came back as %+v with %d samples", f, gotFormat, len(got))
		}
		theirs := run(t, nil, "ffmpeg -v error -i "+path+" -f s16le -")
		if len(theirs) != 2*len(got) {
			t.Fatalf("%+v: ffmpeg reads %d bytes", f, len(theirs))
		}
		for i, s := range got {
			if v := int16(binary.LittleEndian.Uint16(theirs[2*i:])); v != s {
				t.Fatalf("%+v: sample %d is %d, for ffmpeg %d", f, i, s, v)
			}
		}
	}
}

func TestWAVCutAnywhereStillOpens(t *testing.T) {
	for _, f := range formats {
		var b bytes.Buffer
		w, err := NewWriter(&b, f)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WritePCM(make([]int16, 1000*f.Channels)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil { // a stream: sizes stay unknown
			t.Fatal(err)
		}
		for _, cut := range []int64{0, 1, 7, 1001, w.Payload()} {
			got, _ := readAll(t, b.Bytes()[:f.HeaderSize()+cut])
			if want := cut / int64(f.BlockAlign()) * int64(f.Channels); int64(len(got)) != want {
				t.Errorf("%+v cut at %d: %d samples, want %d", f, cut, len(got), want)
			}
		}
		// A header that promises more than there is.
		lying := append(f.Header(1<<20), b.Bytes()[f.HeaderSize():]...)
		if got, _ := readAll(t, lying); len(got) != 1000*f.Channels {
			t.Errorf("%+v with a lying header: %d samples", f, len(got))
		}
	}
}

func TestSplitIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(formats).Draw(t, "format")
		limit := rapid.Int64Range(60, 5000).Draw(t, "limit")
		payload := rapid.Int64Range(0, 20000).Draw(t, "payload")
		parts, err := f.Split(payload, limit)
		if limit < f.HeaderSize()+int64(f.BlockAlign()) {
			if err == nil {
				t.Fatal("a limit without room for a sample must fail")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for i, p := range parts {
			sum += p
			file := f.HeaderSize() + p
			if file > limit || p <= 0 || p%int64(f.BlockAlign()) != 0 {
				t.Fatalf("part %d of %d bytes", i, p)
			}
			if i < len(parts)-1 && file+int64(f.BlockAlign()) <= limit {
				t.Fatalf("part %d is not full", i)
			}
		}
		if sum != payload-payload%int64(f.BlockAlign()) {
			t.Fatalf("parts hold %d of %d", sum, payload)
		}
	})
}

func TestWriterRefuses(t *testing.T) {
	for _, f := range []Format{{PCM16, 0, 1}, {PCM16, 8000, 3}, {Encoding(2), 8000, 1}, {MuLaw, 8000, 0}} {
		if _, err := NewWriter(io.Discard, f); !errors.Is(err, ErrFormat) {
			t.Errorf("%+v gives %v", f, err)
		}
	}
	w, err := NewWriter(io.Discard, Format{PCM16, 8000, 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 6)); err == nil {
		t.Error("half a sample is accepted")
	}
}

func TestReaderReadsOtherWidths(t *testing.T) {
	pcm := sine(16000, 200*time.Millisecond, 440, 8000)
	for _, name := range []string{"pcm_u8", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_mulaw", "pcm_alaw"} {
		data := run(t, pcm.WAV(), "ffmpeg -v error -i - -c:a "+name+" -f wav -")
		got, f := readAll(t, data)
		if len(got) != len(pcm.Samples) || f.Rate != 16000 || f.Channels != 1 {
			t.Fatalf("%s: %d samples, %+v", name, len(got), f)
		}
		for i, s := range got {
			if math.Abs(float64(s)-float64(pcm.Samples[i])) > 300 {
				t.Fatalf("%s: sample %d is %d, want %d", name, i, s, pcm.Samples[i])
			}
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, format := range formats {
		f.Add(append(format.Header(40), make([]byte, 40)...))
		f.Add(append(format.Header(-1), make([]byte, 33)...))
	}
	f.Add([]byte("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\xfe\xff\x02\x00\x40\x1f\x00\x00\x00\x00\x00\x00\x04\x00\x20\x00LIST\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := NewReader(bytes.NewReader(data))
		if err != nil {
			if !errors.Is(err, ErrNotWAV) {
				t.Fatalf("error %v", err)
			}
			return
		}
		buf, total := make([]int16, 64), 0
		for {
			n, err := r.ReadPCM(buf)
			total += n
			if err != nil {
				break
			}
			if n == 0 || n%r.Format().Channels != 0 {
				t.Fatalf("%d samples without an error", n)
			}
		}
		if total > len(data) {
			t.Fatalf("%d samples from %d bytes", total, len(data))
		}
	})
}

func BenchmarkWriterMuLawStereo(b *testing.B) {
	w, err := NewWriter(io.Discard, Format{MuLaw, 8000, 2})
	if err != nil {
		b.Fatal(err)
	}
	pcm := slices.Repeat([]int16{1000, -1000}, 160)
	b.ReportAllocs()
	for b.Loop() {
		if err := w.WritePCM(pcm); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewAsset(b *testing.B) {
	p := sine(16000, time.Second, 440, 8000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewAsset(p, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(codec.Available())), "codecs")
}
