package sound

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"

	"tandem/internal/fault"
)

// TTS turns text into speech. Voice is a name the engine knows; speed is 0.5 to 2.0, 1 being normal.
type TTS interface {
	Synthesize(ctx context.Context, text, voice string, speed float64) (PCM, error)
}

// MaxTextRunes is the longest text that is spoken.
const MaxTextRunes = 4000

// Reading speed.
const (
	MinSpeed = 0.5
	MaxSpeed = 2.0
)

// Store keeps synthesised speech by key. Get returns an error that is fs.ErrNotExist when there is none.
type Store interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key string, data []byte) error
}

// CachedTTS asks an engine only for what its store does not hold.
type CachedTTS struct {
	engine TTS
	name   string
	store  Store
	log    *slog.Logger
}

// NewCachedTTS caches the speech of engine in store. The name tells engines apart and must change when their sound does. A store that
// fails is logged and otherwise does without: people hear their texts, later.
func NewCachedTTS(engine TTS, name string, store Store, log *slog.Logger) *CachedTTS {
	return &CachedTTS{engine: engine, name: name, store: store, log: log}
}

// Key is the name of a text's speech in the store: sha-256 over text, voice, speed and engine, in hex, with ".wav".
func (c *CachedTTS) Key(text, voice string, speed float64) string {
	h := sha256.New()
	for _, part := range []string{text, voice, strconv.FormatFloat(speed, 'f', 3, 64), c.name} {
		fmt.Fprintf(h, "%d:%s,", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)) + ".wav"
}

// Synthesize returns stored speech, or makes and stores it. Errors are those of the engine.
func (c *CachedTTS) Synthesize(ctx context.Context, text, voice string, speed float64) (PCM, error) {
	key := c.Key(text, voice, speed)
	data, err := c.store.Get(ctx, key)
	if err == nil {
		var p PCM
		if p, err = readMono(data); err == nil {
			return p, nil
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		c.log.Warn("speech cache cannot be read", "key", key, "error", err)
	}
	p, err := c.engine.Synthesize(ctx, text, voice, speed)
	if err != nil {
		return PCM{}, err
	}
	if err := c.store.Put(ctx, key, p.WAV()); err != nil {
		c.log.Warn("speech cannot be cached", "key", key, "error", err)
	}
	return p, nil
}

// readMono decodes a WAV file of ours.
func readMono(data []byte) (PCM, error) {
	r, err := NewReader(bytes.NewReader(data))
	if err != nil {
		return PCM{}, err
	}
	f := r.Format()
	p := PCM{Rate: f.Rate}
	buf := make([]int16, len(data)/f.Channels*f.Channels)
	n, err := r.ReadPCM(buf)
	if err != nil {
		return PCM{}, fmt.Errorf("%w: no samples", ErrNotWAV)
	}
	p.Samples = appendMono(make([]int16, 0, n/f.Channels), buf[:n], f.Channels)
	return p, nil
}

func checkSpeech(text, voice string, speed float64) error {
	switch {
	case text == "":
		return fault.New(fault.Invalid, "tts_no_text", "There is no text to speak. Enter a text.").WithField("text")
	case len(text) > 4*MaxTextRunes || len([]rune(text)) > MaxTextRunes:
		return fault.Newf(fault.TooLarge, "tts_text_too_long", "The text is longer than %d characters. Shorten it.", MaxTextRunes).WithField("text")
	case !(speed >= MinSpeed && speed <= MaxSpeed):
		return fault.Newf(fault.Invalid, "tts_speed", "The reading speed must be between %.1f and %.1f.", MinSpeed, MaxSpeed).WithField("speed")
	case !voiceName.MatchString(voice):
		return fault.New(fault.Invalid, "tts_voice", "There is no such voice. Choose one from the list.").WithField("voice")
	}
	return nil
}
