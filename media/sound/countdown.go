package sound

import (
	"context"
	"fmt"
	"time"
)

// countdownText is what an agent hears before the call begins.
type countdownText struct {
	intro string
	count []string
}

func countdownIn(language string) countdownText {
	if language == "zh" {
		return countdownText{"轮到您了。通话即将开始", []string{"三", "二", "一"}}
	}
	return countdownText{"It's your turn. The call starts in", []string{"three", "two", "one"}}
}

// Countdown makes "It's your turn. The call starts in 3, 2, 1" in English ("en") or Chinese ("zh"), the numbers one second apart. The
// mark MarkBridge is where the sound of "1" ends; the call is joined there.
func Countdown(ctx context.Context, tts TTS, language, voice string, speed float64) (*Asset, error) {
	const rate = 16000
	text := countdownIn(language)
	say := func(s string) (PCM, error) {
		p, err := tts.Synthesize(ctx, s, voice, speed)
		if err != nil {
			return PCM{}, fmt.Errorf("speak %q of the countdown: %w", s, err)
		}
		return p.At(rate).Trim(), nil
	}
	out, err := say(text.intro)
	if err != nil {
		return nil, err
	}
	out = Join(out, Silence(rate, 300*time.Millisecond))
	for i, s := range text.count {
		number, err := say(s)
		if err != nil {
			return nil, err
		}
		out = Join(out, number)
		if i < len(text.count)-1 {
			seconds := len(number.Samples)/rate + 1 // one, unless the number is spoken very slowly
			out = Join(out, Silence(rate, time.Duration(seconds)*time.Second-number.Duration()))
		}
	}
	return NewAsset(out.Normalized(), map[string]time.Duration{MarkBridge: out.Duration()})
}
