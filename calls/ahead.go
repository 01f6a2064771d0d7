package calls

import (
	"context"
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

// QueueAhead makes what a queue's callers and agents will hear, as far as its settings say it: greeting, whisper, countdown, music, and
// what its deflections say.
func (p *Prompts) QueueAhead(ctx context.Context, tenant uuid.UUID, plan Plan) error {
	sayings := []Whisper{{Say: plan.Greeting, Speed: 1}, {Say: plan.Music, Speed: 1}, plan.Whisper}
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

func (p *Prompts) ahead(ctx context.Context, tenant uuid.UUID, what Whisper, language string) error {
	if what.Say.IsZero() {
		return nil
	}
	_, err := p.Resolve(ctx, tenant, what.Say, language, what.Speed)
	return err
}
