package sound

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/internal/fault"
)

func TestImportReadsWhatPeopleUpload(t *testing.T) {
	src := sine(44100, 700*time.Millisecond, 600, 6000).WAV()
	for _, args := range []string{
		"-c:a libmp3lame -b:a 64k -f mp3", "-ac 2 -c:a libmp3lame -b:a 128k -f mp3", "-ar 16000 -c:a libmp3lame -b:a 32k -f mp3",
		"-ar 24000 -c:a libmp3lame -q:a 4 -f mp3", "-c:a libmp3lame -write_id3v2 1 -metadata title=hello -f mp3",
		"-f wav", "-ac 2 -ar 48000 -f wav", "-ar 8000 -c:a pcm_mulaw -f wav", "-c:a pcm_s24le -f wav", "-ac 2 -c:a pcm_f32le -f wav",
	} {
		data := run(t, src, "ffmpeg -v error -i - "+args+" -")
		p, err := Import(bytes.NewReader(data), DefaultLimits)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if p.Rate != 16000 && p.Rate != 8000 {
			t.Errorf("%s: rate %d", args, p.Rate)
		}
		if d := p.Duration(); d < 690*time.Millisecond || d > 850*time.Millisecond {
			t.Errorf("%s: length %s", args, d)
		}
		body := PCM{p.Rate, p.Samples[p.Rate/5 : p.Rate/2]}
		if l := toDB(rms(body.Samples)); math.Abs(l-targetRMS) > 1.5 {
			t.Errorf("%s: loudness %.1f dB", args, l)
		}
		if share := level(body, 600) / math.Sqrt2 / rms(body.Samples); share < 0.95 {
			t.Errorf("%s: the tone is %.2f of the sound", args, share)
		}
	}
}

func TestImportExplainsWhatItRefuses(t *testing.T) {
	long := make([]byte, 0, 400000)
	long = append(append(long, Format{MuLaw, 8000, 1}.Header(-1)...), make([]byte, 300000)...)
	mp3 := run(t, sine(44100, 3*time.Second, 600, 6000).WAV(), "ffmpeg -v error -i - -f mp3 -")
	lim := Limits{Bytes: 350000, Duration: 2 * time.Second}
	for _, tc := range []struct {
		name string
		data string
		kind fault.Kind
		code string
		says string
	}{
		{"empty", "", fault.Invalid, "empty_audio", "empty"},
		{"png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", fault.Invalid, "not_audio", "PNG image"},
		{"jpeg", "\xFF\xD8\xFF\xE0 JFIF", fault.Invalid, "not_audio", "JPEG image"},
		{"pdf", "%PDF-1.7", fault.Invalid, "not_audio", "PDF document"},
		{"word", "PK\x03\x04 word/document.xml", fault.Invalid, "not_audio", "ZIP archive or Office document"},
		{"html", "<!DOCTYPE html><html>", fault.Invalid, "not_audio", "web page"},
		{"text", "hello, please play this\n", fault.Invalid, "not_audio", "text"},
		{"junk", "\x01\x02\x03\xFE\x00\x88", fault.Invalid, "not_audio", "WAV or MP3"},
		{"ogg", "OggS\x00\x02", fault.Invalid, "unsupported_audio", "Ogg"},
		{"m4a", "\x00\x00\x00\x20ftypM4A ", fault.Invalid, "unsupported_audio", "MPEG-4"},
		{"aac", "\xFF\xF1\x50\x80\x00\x1F\xFC", fault.Invalid, "unsupported_audio", "AAC"},
		{"wav without data", "RIFF\x00\x00\x00\x00WAVEfmt ", fault.Invalid, "broken_audio", "WAV"},
		{"wav of nothing", string(Format{PCM16, 8000, 1}.Header(0)), fault.Invalid, "empty_audio", "no sound"},
		{"only a tag", "ID3\x04\x00\x00\x7f\x7f\x7f\x7f", fault.Invalid, "broken_audio", "MP3"},
		{"long wav", string(long), fault.TooLarge, "audio_too_long", "2s"},
		{"long mp3", string(mp3), fault.TooLarge, "audio_too_long", "2s"},
		{"big", strings.Repeat("RIFF", 100000), fault.TooLarge, "audio_too_large", "larger"},
	} {
		_, err := Import(strings.NewReader(tc.data), lim)
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != tc.kind || f.Code != tc.code || !strings.Contains(f.Message, tc.says) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestImportSurvivesDamage(t *testing.T) {
	mp3 := run(t, sine(44100, time.Second, 600, 6000).WAV(), "ffmpeg -v error -i - -b:a 64k -f mp3 -")
	for i := range 60 {
		data := slices.Clone(mp3)
		for j := i * 37; j < len(data); j += 101 + i {
			data[j] ^= byte(i + 1)
		}
		p, err := Import(bytes.NewReader(data[:len(data)-i*17]), DefaultLimits)
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Fatalf("damage %d: %v", i, err)
		}
		if err == nil && p.Duration() > 5*time.Second {
			t.Fatalf("damage %d: a second became %s", i, p.Duration())
		}
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte("ID3\x04\x00\x00\x00\x00\x00\x00\xFF\xFB\x90\x64"))
	f.Add([]byte("\xFF\xFB\x90\x64" + strings.Repeat("\x00", 417) + "\xFF\xFB\x90\x64" + strings.Repeat("U", 417)))
	f.Add([]byte("\xFF\xF3\x40\xC0" + strings.Repeat("\xAA", 500)))
	f.Add(sine(8000, 30*time.Millisecond, 500, 5000).WAV())
	f.Add(run(f, sine(16000, 200*time.Millisecond, 500, 5000).WAV(), "ffmpeg -v error -i - -b:a 32k -f mp3 -"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Import(bytes.NewReader(data), Limits{Bytes: 1 << 20, Duration: 10 * time.Second})
		switch {
		case err != nil:
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.TooLarge {
				t.Fatalf("error %v", err)
			}
		case p.Rate < minRate || p.Rate > wideband || p.Duration() > 10*time.Second:
			t.Fatalf("%d samples at %d Hz", len(p.Samples), p.Rate)
		}
	})
}
