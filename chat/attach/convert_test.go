package attach

import (
	"encoding/binary"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// tone is a WAV file of a second at 8 kHz.
func tone() []byte {
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x80\x3e\x00\x00")
	for i := range 8000 {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(8000*math.Sin(float64(i)/4))))
	}
	return b
}

func TestFitSound(t *testing.T) {
	cl := cleaner(t)
	clean, err := cl.Clean(t.Context(), file(t, cl, tone()), FromAgent)
	if err != nil || clean.Seconds != 1 {
		t.Fatalf("%v s, %v", clean.Seconds, err)
	}
	for _, c := range []struct {
		rule Rule
		want Type
		err  error
	}{
		{Rule{1 << 20, []string{"audio/mp4"}}, M4A, nil},
		{Rule{1 << 20, []string{"audio/ogg"}}, Ogg, nil},
		{Rule{1 << 20, []string{"audio/mpeg"}}, MP3, nil},
		{Rule{100, []string{"audio/mp4", "audio/ogg"}}, Type{}, ErrNoFit},
		{Rule{1 << 20, []string{"audio/amr"}}, Type{}, ErrNoFit},
	} {
		out, err := cl.Fit(t.Context(), clean, c.rule)
		if !errors.Is(err, c.err) || out.Type != c.want {
			t.Errorf("%+v: %s, %v", c.rule, out.MIME, err)
			continue
		}
		if err != nil {
			continue
		}
		again, err := cl.Clean(t.Context(), out.File, FromAgent)
		if err != nil || again.Type != c.want || c.want != MP3 && (again.Seconds < 0.9 || again.Seconds > 1.2) {
			t.Errorf("what came out is %s of %v s, %v", again.MIME, again.Seconds, err)
		}
		out.File.Close()
	}
}

// A film that is too large is made smaller; its preview is its own picture.
func TestFitFilm(t *testing.T) {
	cl := cleaner(t)
	name := t.TempDir() + "/film.mp4"
	made := exec.Command("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "mandelbrot=size=640x360:rate=10", "-t", "2", "-c:v", "libx264", "-preset", "ultrafast", "-b:v", "4M",
		"-pix_fmt", "yuv420p", "-metadata", "location=+52.5200+013.4050/", name)
	if out, err := made.CombinedOutput(); err != nil {
		t.Fatalf("make a film: %v: %s", err, out)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	clean, err := cl.Clean(t.Context(), file(t, cl, data), FromWidget)
	if err != nil {
		t.Fatal(err)
	}
	defer clean.File.Close()
	if clean.Type != MP4 || clean.Width != 640 || clean.Height != 360 || clean.Seconds < 1.9 || clean.Seconds > 2.2 || len(clean.Preview) == 0 {
		t.Fatalf("%+v", clean)
	}
	if strings.Contains(string(content(t, clean.File)), "+52.52") {
		t.Error("the film still tells where it was taken")
	}
	out, err := cl.Fit(t.Context(), clean, Rule{clean.Bytes / 3, []string{"video/mp4"}})
	if err != nil {
		t.Fatal(err)
	}
	defer out.File.Close()
	if out.Bytes > clean.Bytes/3 || out.Seconds < 1.9 {
		t.Errorf("%d bytes of %d, %v s", out.Bytes, clean.Bytes, out.Seconds)
	}
	if _, err := cl.Fit(t.Context(), clean, Rule{1000, []string{"video/mp4"}}); !errors.Is(err, ErrNoFit) {
		t.Errorf("two seconds in a thousand bytes: %v", err)
	}
}

// A playlist opens nothing, whatever it is said to be.
func TestPlaylist(t *testing.T) {
	var hits atomic.Int64
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer canary.Close()
	secret := t.TempDir() + "/secret.wav"
	if err := os.WriteFile(secret, tone(), 0o600); err != nil {
		t.Fatal(err)
	}
	cl := cleaner(t)
	for _, list := range []string{
		"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.0,\n" + canary.URL + "/a.ts\n#EXT-X-ENDLIST\n",
		"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.0,\nfile://" + secret + "\n#EXT-X-ENDLIST\n",
		"ffconcat version 1.0\nfile " + secret + "\n",
	} {
		for _, pretended := range []Type{MOV, Ogg, MP3, AAC, WAV, AMR, WebM} {
			src := Clean{Type: pretended, File: file(t, cl, []byte(list)), Bytes: int64(len(list))}
			if out, err := cl.Fit(t.Context(), src, Rule{1 << 20, []string{"video/mp4", "audio/mp4", "x/" + strconv.Itoa(len(list))}}); err == nil && out.File != src.File {
				t.Errorf("a playlist as %s became %d bytes of %s", pretended.MIME, out.Bytes, out.MIME)
			}
		}
	}
	if hits.Load() > 0 {
		t.Errorf("%d requests were made", hits.Load())
	}
}
