package sound

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tandem/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// espeak has time enough for a machine that is busy with other tests.
func espeak() *Espeak { return NewEspeak(EspeakConfig{Timeout: time.Minute}) }

func speak(t *testing.T, text, voice string, speed float64) PCM {
	t.Helper()
	p, err := espeak().Synthesize(t.Context(), text, voice, speed)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEspeakSpeaks(t *testing.T) {
	for _, v := range espeak().Voices() {
		text := "The call may be recorded."
		if strings.HasPrefix(v.Language, "zh") {
			text = "通话可能会被录音。"
		}
		p := speak(t, text, v.ID, 1).Trim()
		if d := p.Duration(); d < 800*time.Millisecond || d > 5*time.Second || rms(p.Samples) < 300 {
			t.Errorf("%s: %s at level %.0f", v.ID, d, rms(p.Samples))
		}
	}
	slow, normal, fast := speak(t, "one two three four five", "en-us", 0.5), speak(t, "one two three four five", "en-us", 1), speak(t, "one two three four five", "en-us", 2)
	if s, n, f := slow.Duration(), normal.Duration(), fast.Duration(); s < n*3/2 || f > n*2/3 {
		t.Errorf("lengths at speeds 0.5, 1 and 2: %s, %s, %s", s, n, f)
	}
}

// Characters must be one syllable each, not pinyin read as English with the tone number behind.
func TestMandarinIsNotReadAsEnglish(t *testing.T) {
	want := speak(t, "san1", "cmn-latn-pinyin", 1)
	for _, voice := range []string{"cmn", "zh"} {
		if got := speak(t, "三", voice, 1); !slices.Equal(got.Samples, want.Samples) {
			t.Errorf("%s: 三 sounds for %s, the syllable san1 for %s", voice, got.Duration(), want.Duration())
		}
	}
}

func TestEspeakRefuses(t *testing.T) {
	for _, tc := range []struct {
		text, voice string
		speed       float64
		code        string
	}{
		{" ", "en-us", 1, "tts_no_text"},
		{"hello", "en-us", 0.4, "tts_speed"},
		{"hello", "en-us", math.NaN(), "tts_speed"},
		{"hello", "--help", 1, "tts_voice"},
		{"hello", "../../etc/passwd", 1, "tts_voice"},
		{"hello", "xx-nowhere", 1, "tts_voice"},
		{strings.Repeat("很", MaxTextRunes+1), "cmn", 1, "tts_text_too_long"},
	} {
		_, err := espeak().Synthesize(t.Context(), tc.text, tc.voice, tc.speed)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != tc.code {
			t.Errorf("%.20q in %s at %v: %v", tc.text, tc.voice, tc.speed, err)
		}
	}
	_, err := NewEspeak(EspeakConfig{Path: "no-such-program"}).Synthesize(t.Context(), "hello", "en-us", 1)
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("without the program: %v", err)
	}
	// Text is data: nothing in it is run or read as an option or a phoneme.
	if d := speak(t, "--version $(id) `id` ; [[ a < b", "en-us", 1).Duration(); d < time.Second {
		t.Errorf("hostile text is spoken in %s", d)
	}
}

// script makes an engine out of a shell script that stands for a program gone wrong.
func script(t *testing.T, body string, timeout time.Duration) *Espeak {
	t.Helper()
	path := filepath.Join(t.TempDir(), "speaker")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o700); err != nil {
		t.Fatal(err)
	}
	return NewEspeak(EspeakConfig{Path: path, Timeout: timeout, Pool: 1})
}

func TestEspeakTimeoutAndPool(t *testing.T) {
	if _, err := script(t, "exec sleep 60", 50*time.Millisecond).Synthesize(t.Context(), "x", "en", 1); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a program that hangs: %v", err)
	}
	if _, err := script(t, "echo no sound", time.Minute).Synthesize(t.Context(), "x", "en", 1); !errors.Is(err, ErrNotWAV) {
		t.Errorf("a program that writes no sound: %v", err)
	}
	stuck := script(t, "exec sleep 60", time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 { // the second waits for the only slot
		wg.Go(func() {
			if _, err := stuck.Synthesize(ctx, "x", "en", 1); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		})
	}
	cancel()
	wg.Wait()
}

func TestCachedTTSSpeaksOnce(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	tts := NewCachedTTS(espeak(), "espeak-ng 1", dirStore(filepath.Join(dir, "tts")), log)
	first, err := tts.Synthesize(t.Context(), "Please wait.", "en-us", 1)
	if err != nil {
		t.Fatal(err)
	}
	// The engine is gone; what is stored remains.
	broken := NewEspeak(EspeakConfig{Path: "no-such-program"})
	again, err := NewCachedTTS(broken, "espeak-ng 1", dirStore(filepath.Join(dir, "tts")), log).Synthesize(t.Context(), "Please wait.", "en-us", 1)
	if err != nil || len(again.Samples) != len(first.Samples) || again.Rate != first.Rate {
		t.Fatalf("from the store: %d samples, %v", len(again.Samples), err)
	}
	keys := map[string]bool{}
	for _, k := range []string{
		tts.Key("a", "b", 1), tts.Key("a", "c", 1), tts.Key("ab", "", 1), tts.Key("a", "b", 1.1),
		NewCachedTTS(broken, "other", dirStore(dir), log).Key("a", "b", 1),
	} {
		keys[k] = true
	}
	if len(keys) != 5 {
		t.Error("different speech must have different keys")
	}

	// A damaged entry is made anew, a store that fails does no harm.
	key := tts.Key("Please wait.", "en-us", 1)
	if err := os.WriteFile(filepath.Join(dir, "tts", key), []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := tts.Synthesize(t.Context(), "Please wait.", "en-us", 1); err != nil || len(p.Samples) != len(first.Samples) {
		t.Errorf("after damage: %v", err)
	}
	var said bytes.Buffer
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	bad := NewCachedTTS(espeak(), "e", dirStore(file), slog.New(slog.NewTextHandler(&said, nil)))
	if _, err := bad.Synthesize(t.Context(), "Secret words.", "en-us", 1); err != nil {
		t.Errorf("with a store that fails: %v", err)
	}
	if !strings.Contains(said.String(), "cannot be cached") || strings.Contains(said.String(), "Secret") {
		t.Errorf("logged: %s", said.String())
	}
}

// dirStore is a Store in a folder, one file per key.
type dirStore string

func (d dirStore) Get(_ context.Context, key string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(d), key))
}

func (d dirStore) Put(_ context.Context, key string, data []byte) error {
	return errors.Join(os.MkdirAll(string(d), 0o700), os.WriteFile(filepath.Join(string(d), key), data, 0o600))
}

func TestCountdownEndsWithTheSoundOfOne(t *testing.T) {
	for _, tc := range []struct {
		language, voice string
		speed           float64
	}{{"en", "en-us", 1}, {"en", "en-gb", 0.5}, {"en", "en-us", 2}, {"zh", "cmn", 1}} {
		a, err := Countdown(t.Context(), espeak(), tc.language, tc.voice, tc.speed)
		if err != nil {
			t.Fatal(err)
		}
		bridge, ok := a.Mark(MarkBridge)
		if !ok || a.Duration()-bridge >= FrameTime || a.Duration() < bridge {
			t.Fatalf("%s: mark at %s of %s", tc.language, bridge, a.Duration())
		}
		pcm := a.PCM(8000)
		at := timeToSamples(bridge, 8000)
		if peak(pcm[at:]) > 0 {
			t.Errorf("%s: sound after the mark", tc.language)
		}
		if rms(pcm[at-400:at]) < 20 {
			t.Errorf("%s: silence in the 50 ms before the mark", tc.language)
		}
		// Sound at the start of each second, pauses before: 3, 2, 1.
		starts := onsets(PCM{8000, pcm})
		if len(starts) < 3 {
			t.Fatalf("%s: onsets at %v", tc.language, starts)
		}
		s := starts[len(starts)-3:]
		for i := 1; i < 3; i++ {
			if d := s[i] - s[i-1]; (d < 950*time.Millisecond || d > 1050*time.Millisecond) && tc.speed >= 1 {
				t.Errorf("%s: numbers begin at %v", tc.language, s)
			}
		}
	}
}

// onsets finds where sound begins after at least 200 ms of silence.
func onsets(p PCM) []time.Duration {
	var out []time.Duration
	win := p.Rate / 100
	quiet := 20
	for i := 0; i+win <= len(p.Samples); i += win {
		if rms(p.Samples[i:i+win]) < 60 {
			quiet++
			continue
		}
		if quiet >= 20 {
			out = append(out, samplesToTime(i, p.Rate))
		}
		quiet = 0
	}
	return out
}

// speechMinute is a minute of talk, about numbers among other things.
func speechMinute(t *testing.T) PCM {
	t.Helper()
	texts := map[string]string{
		"en-us":    "Good morning, this is the support line. Your order number is one two three four five six seven eight nine zero. We see that the parcel left our warehouse on Tuesday evening.",
		"en-gb":    "I am really sorry to hear that. Could you please read me the number on the back of the device, letter by letter? A, B, C, D, seven, seven, two, nine.",
		"en-us+f3": "Yes of course. The whole thing started about three weeks ago, when we moved the office. Ever since then it beeps, and beeps, and beeps, whoo, whee, every few seconds.",
		"cmn":      "您好，这里是客户服务中心。您的订单号是一二三四五六七八九零。请问还有什么可以帮您的吗？我们会在三个工作日之内给您回复。",
		"cmn+f3":   "好的，没有问题。我姓王，电话号码稍后发给您。昨天下午我已经打过一次电话，可是没有人接。",
	}
	var p PCM
	for _, voice := range []string{"en-us", "en-gb", "en-us+f3", "cmn", "cmn+f3"} {
		for _, speed := range []float64{1, 1.3} {
			p = Join(p.orAt(8000), speak(t, texts[voice], voice, speed).At(8000))
		}
	}
	return p.Normalized()
}

// orAt gives an empty PCM its rate.
func (p PCM) orAt(rate int) PCM {
	if p.Rate == 0 {
		return PCM{Rate: rate}
	}
	return p
}

func TestNoDigitsInSpeech(t *testing.T) {
	p := speechMinute(t)
	if p.Duration() < time.Minute {
		t.Fatalf("only %s of speech", p.Duration())
	}
	for _, rate := range []int{8000, 16000} {
		if got := detect(p.At(rate)); got != "" {
			t.Errorf("%d Hz: %q heard in %s of speech", rate, got, p.Duration())
		}
	}
	// Digits over speech 20 dB weaker are still heard.
	digits := dial(8000, "159D", 80*time.Millisecond, 80*time.Millisecond, -12, -12, 0)
	for i := range digits.Samples {
		digits.Samples[i] += p.Samples[i+8000] / 10
	}
	if got := detect(digits); got != "159D" {
		t.Errorf("over speech: %q", got)
	}

	var v VAD
	speech := 0
	for i := 0; i+160 <= len(p.Samples); i += 160 {
		if v.Speech(p.Samples[i : i+160]) {
			speech++
		}
	}
	if share := float64(speech) / float64(len(p.Samples)/160); share < 0.6 {
		t.Errorf("speech found in %.2f of it", share)
	}
}
