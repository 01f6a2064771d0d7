package calls

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"

	"tandem/media/sound"
)

// Menu is the sound of a menu: its prompt, or else its choices read out.
func (p *Prompts) Menu(ctx context.Context, tenant uuid.UUID, m Menu) (*sound.Asset, error) {
	if !m.Prompt.IsZero() {
		return p.Resolve(ctx, tenant, m.Prompt, m.Language, 1)
	}
	var text strings.Builder
	for _, ch := range m.Choices {
		text.WriteString(choiceSentence(m.Language, ch.Name, ch.Key))
		text.WriteByte(' ')
	}
	return p.Say(ctx, text.String(), m.Language, 1)
}

// MenuAhead makes the sounds of a menu, so that its first caller does not wait for the speech engine.
func (p *Prompts) MenuAhead(ctx context.Context, tenant uuid.UUID, m Menu) error {
	if _, err := p.Menu(ctx, tenant, m); err != nil {
		return err
	}
	for _, ch := range m.Choices {
		if err := p.ahead(ctx, tenant, Whisper{Say: ch.Message, Speed: 1}, m.Language); err != nil {
			return err
		}
	}
	return nil
}

// QueueAhead makes what a queue's callers and agents will hear, as far as its settings say it: announcements with the greeting, whisper, countdown,
// music, and what its deflections say.
func (p *Prompts) QueueAhead(ctx context.Context, tenant uuid.UUID, plan Plan) error {
	sayings := []Whisper{{Say: plan.Music, Speed: 1}, plan.Whisper}
	for _, what := range plan.Sayings {
		sayings = append(sayings, Whisper{Say: what, Speed: 1})
	}
	for _, what := range sayings {
		if err := p.ahead(ctx, tenant, what, plan.Language); err != nil {
			return err
		}
	}
	if plan.Countdown {
		_, err := p.Countdown(ctx, plan.Language, 1)
		return err
	}
	return nil
}

// Prelude is what an agent alone hears from accepting until the bridge opens: the whisper, then the countdown up to its mark, each nil
// where the plan has none. With an error, what could be made is there.
func (p *Prompts) Prelude(ctx context.Context, tenant uuid.UUID, plan Plan) (whisper, countdown *sound.Asset, err error) {
	var noWhisper, noCountdown error
	if !plan.Whisper.IsZero() {
		whisper, noWhisper = p.Resolve(ctx, tenant, plan.Whisper.Say, plan.Language, plan.Whisper.Speed)
	}
	if plan.Countdown {
		countdown, noCountdown = p.Countdown(ctx, plan.Language, 1)
	}
	return whisper, countdown, errors.Join(noWhisper, noCountdown)
}

// PreludeSound is the prelude as one sound, for listening to it beforehand.
func (p *Prompts) PreludeSound(ctx context.Context, tenant uuid.UUID, plan Plan) (sound.PCM, error) {
	const rate = 16000
	whisper, countdown, err := p.Prelude(ctx, tenant, plan)
	if err != nil {
		return sound.PCM{}, err
	}
	out := sound.PCM{Rate: rate}
	if whisper != nil {
		out.Samples = append(out.Samples, whisper.PCM(rate)...)
	}
	if countdown != nil {
		all := countdown.PCM(rate)
		if at, ok := countdown.Mark(sound.MarkBridge); ok {
			all = all[:min(len(all), int(at.Seconds()*rate))]
		}
		out.Samples = append(out.Samples, all...)
	}
	return out, nil
}

func (p *Prompts) ahead(ctx context.Context, tenant uuid.UUID, what Whisper, language string) error {
	if what.Say.IsZero() {
		return nil
	}
	_, err := p.Resolve(ctx, tenant, what.Say, language, what.Speed)
	return err
}
