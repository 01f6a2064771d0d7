package api

import (
	"context"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/media/sound"
	"tandem/queues"
)

// WhisperTrial is a whisper and a countdown to listen to before they are saved; what is left out is as saved.
type WhisperTrial struct {
	Whisper   *queues.Whisper `json:"whisper,omitempty"`
	Countdown *bool           `json:"countdown,omitempty"`
}

func (s *Server) queueWhisper(ctx context.Context, in *ByID) (*audio, error) {
	return s.tryWhisper(ctx, &Change[WhisperTrial]{ByID: *in})
}

// tryWhisper plays what a queue's agents hear between accepting and the bridge, made by the code that makes it for a call.
func (s *Server) tryWhisper(ctx context.Context, in *Change[WhisperTrial]) (*audio, error) {
	set, err := s.Queues.Effective(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	q, err := s.Queues.Queue(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return s.prelude(ctx, in.Body, set.Whisper.Value, set.Countdown.Value, q.Name)
}

// tryGlobalWhisper is tryWhisper for the settings above all queues, with the organisation's name in place of a queue's.
func (s *Server) tryGlobalWhisper(ctx context.Context, in *With[WhisperTrial]) (*audio, error) {
	set, err := s.Queues.Defaults(ctx, tenant(ctx))
	if err != nil {
		return nil, err
	}
	t, err := s.Auth.Tenant(ctx, tenant(ctx))
	if err != nil {
		return nil, err
	}
	return s.prelude(ctx, in.Body, set.Whisper.Value, set.Countdown.Value, t.Name)
}

func (s *Server) prelude(ctx context.Context, trial WhisperTrial, w queues.Whisper, countdown bool, name string) (*audio, error) {
	if err := s.known(ctx, queues.OwnSettings{Whisper: trial.Whisper}); err != nil {
		return nil, err
	}
	if trial.Whisper != nil {
		w = *trial.Whisper
	}
	if err := w.Validate(); err != nil {
		return nil, err
	}
	if trial.Countdown != nil {
		countdown = *trial.Countdown
	}
	t, err := s.Auth.Tenant(ctx, tenant(ctx))
	if err != nil {
		return nil, err
	}
	words := w.Words(name, t.Locale)
	pcm, err := s.Prompts.PreludeSound(ctx, tenant(ctx), calls.Plan{
		Language: t.Locale, Countdown: countdown, Whisper: calls.Whisper{Say: calls.Say{Prompt: words.ID, Text: words.Text}, Speed: w.Speed},
	})
	if err != nil {
		return nil, err
	}
	if len(pcm.Samples) == 0 { // neither whisper nor countdown: a player wants some sound all the same
		pcm = sound.Silence(previewRate, sound.FrameTime)
	}
	return &audio{ContentType: "audio/wav", Body: pcm.WAV()}, nil
}

// knownTone refuses a setting that names another tenant's ring tone.
func (s *Server) knownTone(ctx context.Context, t queues.Tone) error {
	if !uploaded(t) {
		return nil
	}
	_, err := s.Notify.Tone(ctx, tenant(ctx), uuid.MustParse(t.Tone))
	return err
}

// uploaded says that a tone is not one of the built-in ones, whose names the setting's own check knows.
func uploaded(t queues.Tone) bool { return uuid.Validate(t.Tone) == nil }
