package calls

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/google/uuid"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/media/sound"
)

// Prompt is something that callers or agents hear: an uploaded file, a text spoken by the TTS engine, or hold music.
type Prompt struct {
	ID       uuid.UUID `json:"id" db:"prompt_id"`
	Name     string    `json:"name" db:"name"`
	Kind     string    `json:"kind" db:"kind"` // "upload", "speech" or "music" (the built-in hold music)
	Text     string    `json:"text" db:"text"`
	Language string    `json:"language" db:"language"`
	Speed    float64   `json:"speed" db:"speed"` // reading speed, 0.5–2.0
	Blob     string    `json:"-" db:"blob"`
	Seconds  float64   `json:"seconds" db:"seconds"`
	// Of is the prompt that this one says in another language: whoever chose that language hears this one wherever settings name the other.
	Of *uuid.UUID `json:"translation_of,omitempty" db:"translation_of"`
}

// ErrPromptNotFound is the answer to an id that is no prompt of the tenant.
var ErrPromptNotFound = fault.New(fault.NotFound, "prompt_not_found", "There is no such prompt.")

// Limits of an uploaded prompt.
const (
	maxPromptBytes = 20 << 20
	maxSpeech      = 2000 // characters
)

// Prompts makes prompts into sound that is ready to send, and keeps it.
type Prompts struct {
	db    *storage.DB
	blobs storage.Blobs
	tts   sound.TTS
	log   *events.Log

	mu     sync.Mutex
	assets map[string]*sound.Asset
}

// NewPrompts returns the library of prompts.
func NewPrompts(db *storage.DB, blobs storage.Blobs, tts sound.TTS, log *events.Log) *Prompts {
	return &Prompts{db: db, blobs: blobs, tts: tts, log: log, assets: map[string]*sound.Asset{}}
}

// holdMusic is composed once; that takes a second, which no caller is to wait.
var holdMusic = sync.OnceValues(func() (*sound.Asset, error) { return sound.NewLoop(sound.HoldMusic()) })

// Music is the built-in hold music.
func (p *Prompts) Music() (*sound.Asset, error) { return holdMusic() }

// Say speaks a text; language is "en" or "zh".
func (p *Prompts) Say(ctx context.Context, text, language string, speed float64) (*sound.Asset, error) {
	if speed == 0 {
		speed = 1
	}
	return p.cached(fmt.Sprintf("say/%s/%.2f/%s", language, speed, text), func() (*sound.Asset, error) {
		pcm, err := p.tts.Synthesize(ctx, text, voiceOf(language), speed)
		if err != nil {
			return nil, fmt.Errorf("speak a prompt: %w", err)
		}
		return sound.NewAsset(pcm.Normalized(), nil)
	})
}

// Countdown is what the agent hears before the bridge opens (V2.4); its mark "bridge" is the end of "1".
func (p *Prompts) Countdown(ctx context.Context, language string, speed float64) (*sound.Asset, error) {
	return p.cached(fmt.Sprintf("countdown/%s/%.2f", language, speed), func() (*sound.Asset, error) {
		return sound.Countdown(ctx, p.tts, language, voiceOf(language), speed)
	})
}

// Tone is a short built-in tone, such as the beep before a voicemail.
func (p *Prompts) Tone(name string, pcm func() sound.PCM) (*sound.Asset, error) {
	return p.cached("tone/"+name, func() (*sound.Asset, error) { return sound.NewAsset(pcm(), nil) })
}

// Load is the sound of a prompt, in the language asked for where it has a translation.
func (p *Prompts) Load(ctx context.Context, tenant, id uuid.UUID, language string) (*sound.Asset, error) {
	pr, err := p.translated(ctx, tenant, id, language)
	if err != nil {
		return nil, err
	}
	switch pr.Kind {
	case "music":
		return p.Music()
	case "speech":
		return p.Say(ctx, pr.Text, pr.Language, pr.Speed)
	default:
		// The blob's name changes with its content, so the cache never plays an old recording.
		return p.cached(pr.Blob, func() (*sound.Asset, error) { return p.fromBlob(ctx, pr.Blob) })
	}
}

// Resolve is the sound of something to say.
func (p *Prompts) Resolve(ctx context.Context, tenant uuid.UUID, what Say, language string, speed float64) (*sound.Asset, error) {
	if what.Prompt != uuid.Nil {
		return p.Load(ctx, tenant, what.Prompt, language)
	}
	return p.Say(ctx, what.Text, language, speed)
}

func (p *Prompts) fromBlob(ctx context.Context, key string) (*sound.Asset, error) {
	r, err := p.blobs.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("read a prompt: %w", err)
	}
	defer r.Close()
	pcm, err := sound.Import(r, sound.DefaultLimits)
	if err != nil {
		return nil, fmt.Errorf("decode a prompt: %w", err)
	}
	return sound.NewAsset(pcm, nil)
}

func (p *Prompts) cached(key string, load func() (*sound.Asset, error)) (*sound.Asset, error) {
	p.mu.Lock()
	a, ok := p.assets[key]
	p.mu.Unlock()
	if ok {
		return a, nil
	}
	a, err := load()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.assets) >= 1000 {
		clear(p.assets) // far more than an installation has; simplest is to begin again
	}
	p.assets[key] = a
	return a, nil
}

func voiceOf(language string) string {
	if strings.HasPrefix(language, "zh") {
		return "cmn"
	}
	return "en"
}

// Upload stores a WAV or MP3 file as a prompt. What is not audio is refused with a sentence that says so.
func (p *Prompts) Upload(ctx context.Context, tenant uuid.UUID, name, language string, of *uuid.UUID, file io.Reader) (Prompt, error) {
	data, err := io.ReadAll(io.LimitReader(file, maxPromptBytes+1))
	if err != nil {
		return Prompt{}, fmt.Errorf("receive the prompt: %w", err)
	}
	if len(data) > maxPromptBytes {
		return Prompt{}, fault.New(fault.TooLarge, "prompt_too_large", "A prompt may have 20 MB at most; shorten it or save it as MP3.").WithField("file")
	}
	pcm, err := sound.Import(bytes.NewReader(data), sound.DefaultLimits)
	if err != nil {
		return Prompt{}, err
	}
	pr := Prompt{ID: storage.NewID(), Name: name, Kind: "upload", Language: language, Of: of, Speed: 1, Seconds: pcm.Duration().Seconds()}
	pr.Blob = "prompts/" + tenant.String() + "/" + pr.ID.String() + ".wav"
	if _, err := p.blobs.Put(ctx, pr.Blob, bytes.NewReader(pcm.Normalized().WAV())); err != nil {
		return Prompt{}, fmt.Errorf("store the prompt: %w", err)
	}
	return pr, p.insert(ctx, tenant, pr)
}

// AddSpeech makes a prompt from text.
func (p *Prompts) AddSpeech(ctx context.Context, tenant uuid.UUID, name, text, language string, of *uuid.UUID, speed float64) (Prompt, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "" || len([]rune(text)) > maxSpeech:
		return Prompt{}, fault.Newf(fault.Invalid, "prompt_text", "Give the text to be spoken, %d characters at most.", maxSpeech).WithField("text")
	case speed < 0.5 || speed > 2:
		return Prompt{}, fault.New(fault.Invalid, "prompt_speed", "The reading speed lies between 0.5 and 2.0.").WithField("speed")
	}
	a, err := p.Say(ctx, text, language, speed)
	if err != nil {
		return Prompt{}, err
	}
	pr := Prompt{ID: storage.NewID(), Name: name, Kind: "speech", Text: text, Language: language, Of: of, Speed: speed, Seconds: a.Duration().Seconds()}
	return pr, p.insert(ctx, tenant, pr)
}
