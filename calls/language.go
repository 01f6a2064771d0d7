package calls

import (
	"context"
	"fmt"
	"strings"

	"tandem/media"
	"tandem/media/sound"
)

// MenuLanguage is a language that callers of a menu may choose (V1.4).
type MenuLanguage struct {
	Key      rune
	Language string // "en", "zh"
}

// chooseLanguage asks for the caller's language where a menu has several. Who presses no key of it hears the first.
func (c *Call) chooseLanguage(ctx context.Context, m Menu) Reason {
	if len(m.Languages) < 2 {
		return ""
	}
	c.record.Language = m.Languages[0].Language
	question, err := c.sb.prompts.Languages(ctx, m.Languages)
	if err != nil {
		return c.failed("ask for the language", err)
	}
	c.step(StepMenu, "")
	defer c.timer.Stop()
	c.play(c.customer, question, "asked")
	for {
		h := c.next(ctx)
		switch h.kind {
		case callerPressed:
			c.customer.Stream().Play(media.Silence())
			for _, l := range m.Languages {
				if l.Key == h.key {
					c.record.Language = l.Language
				}
			}
			return ""
		case soundReached:
			c.timer.Reset(m.Wait)
		case timeUp:
			return ""
		default:
			if why := c.common(h); why != "" {
				return why
			}
		}
	}
}

// Languages is the question for the language, each in its own.
func (p *Prompts) Languages(ctx context.Context, choices []MenuLanguage) (*sound.Asset, error) {
	var parts []*sound.Asset
	var key strings.Builder
	for _, l := range choices {
		a, err := p.Say(ctx, languageSentence(l), l.Language, 1)
		if err != nil {
			return nil, err
		}
		parts = append(parts, a)
		fmt.Fprintf(&key, "/%c%s", l.Key, l.Language)
	}
	return p.cached("languages"+key.String(), func() (*sound.Asset, error) { return sound.Concat(parts...) })
}

func languageSentence(l MenuLanguage) string {
	if isChinese(l.Language) {
		return fmt.Sprintf("普通话请按%c。", l.Key)
	}
	return fmt.Sprintf("For English, press %c.", l.Key)
}
