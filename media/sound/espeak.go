package sound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tandem/internal/fault"
)

// Espeak speaks with espeak-ng as a subprocess: text by standard input, never through a shell, a bounded number at a time.
type Espeak struct {
	path    string
	timeout time.Duration
	slots   chan struct{}
}

// EspeakConfig configures Espeak; zero values mean the defaults.
type EspeakConfig struct {
	Path    string        // default "espeak-ng", looked up in PATH
	Timeout time.Duration // for one text, plus 5 ms a character; default 2 s
	Pool    int           // processes at a time; default 2
}

// NewEspeak makes the engine. That the program is there shows at the first Synthesize.
func NewEspeak(c EspeakConfig) *Espeak {
	if c.Path == "" {
		c.Path = "espeak-ng"
	}
	if c.Timeout <= 0 {
		c.Timeout = 2 * time.Second
	}
	if c.Pool <= 0 {
		c.Pool = 2
	}
	return &Espeak{path: c.Path, timeout: c.Timeout, slots: make(chan struct{}, c.Pool)}
}

// Voice is one that can be chosen.
type Voice struct {
	ID       string // for Synthesize
	Language string // BCP 47
	Name     string
}

// Voices lists the voices offered: English and Chinese. Other names of espeak-ng work too.
func (*Espeak) Voices() []Voice {
	return []Voice{
		{"en-us", "en-US", "American English, male"},
		{"en-us+f3", "en-US", "American English, female"},
		{"en-gb", "en-GB", "British English, male"},
		{"en-gb+f3", "en-GB", "British English, female"},
		{"cmn", "zh-CN", "Mandarin Chinese, male"},
		{"cmn+f3", "zh-CN", "Mandarin Chinese, female"},
		{"yue", "zh-HK", "Cantonese, male"},
	}
}

// voiceName keeps options and paths out of the command line.
var voiceName = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9-]{1,20})?(\+[a-z][a-z0-9]{0,11})?$`)

// espeakVoice works round espeak-ng 1.51, whose plain Mandarin voice turns characters into pinyin with tone numbers and then reads that
// as English ("san one"); its pinyin voice is right, and still reads Latin words as English (espeak-ng/espeak-ng#1236).
func espeakVoice(voice string) string {
	name, variant, _ := strings.Cut(voice, "+")
	if name == "cmn" || name == "zh" || name == "zh-cmn" {
		name = "cmn-latn-pinyin"
	}
	if variant != "" {
		return name + "+" + variant
	}
	return name
}

// wordsPerMinute is what espeak-ng calls speed; 175 is its normal one, and 80 its slowest.
func wordsPerMinute(speed float64) int { return int(math.Round(175 * speed)) }

// Synthesize speaks. Faults: tts_no_text, tts_text_too_long, tts_speed, tts_voice, tts_unavailable (no program, or it did not end in
// time).
func (e *Espeak) Synthesize(ctx context.Context, text, voice string, speed float64) (PCM, error) {
	text = strings.TrimSpace(strings.ToValidUTF8(text, " "))
	if err := checkSpeech(text, voice, speed); err != nil {
		return PCM{}, err
	}
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return PCM{}, fmt.Errorf("wait for a speech process: %w", ctx.Err())
	}
	limit, cancel := context.WithTimeout(ctx, e.timeout+time.Duration(len(text))*5*time.Millisecond)
	defer cancel()
	out, stderr, err := e.run(limit, text, voice, speed)
	switch {
	case ctx.Err() != nil:
		return PCM{}, fmt.Errorf("speak: %w", ctx.Err())
	case limit.Err() != nil:
		return PCM{}, fault.New(fault.Unavailable, "tts_unavailable", "Speech could not be made in time. Try again.").Because(limit.Err())
	case errors.Is(err, exec.ErrNotFound):
		return PCM{}, fault.New(fault.Unavailable, "tts_unavailable", "Speech cannot be made because espeak-ng is not installed on the server. Install it, or upload a recording.").Because(err)
	case strings.Contains(stderr, "voice"):
		return PCM{}, fault.New(fault.Invalid, "tts_voice", "There is no such voice. Choose one from the list.").WithField("voice")
	case err != nil:
		return PCM{}, fmt.Errorf("run espeak-ng: %w: %s", err, stderr)
	}
	p, err := readMono(out)
	if err != nil {
		return PCM{}, fmt.Errorf("read speech: %w", err)
	}
	return p, nil
}

func (e *Espeak) run(ctx context.Context, text, voice string, speed float64) (out []byte, stderr string, err error) {
	cmd := exec.CommandContext(ctx, e.path, "--stdin", "--stdout", "-b", "1", "-v", espeakVoice(voice), "-s", strconv.Itoa(wordsPerMinute(speed)))
	// "[[" would begin phoneme input.
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(text, "[[", "[ ["))
	var stdout, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &errs
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	return stdout.Bytes(), strings.ToLower(errs.String()), err
}
