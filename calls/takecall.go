package calls

import (
	"context"
	"sync/atomic"
	"time"

	"tandem/media"
	"tandem/media/sound"
)

// takePause is between two askings.
const takePause = 2 * time.Second

// AskToTake is what agents at a telephone number hear until they take the call; queue may be empty.
func (p *Prompts) AskToTake(ctx context.Context, language, queue string) (*sound.Asset, error) {
	asks, err := p.Say(ctx, takeSentence(language, queue), language, 1)
	if err != nil {
		return nil, err
	}
	pause, err := p.Tone("take_pause", func() sound.PCM { return sound.Silence(8000, takePause) })
	if err != nil {
		return nil, err
	}
	return sound.Concat(asks, pause)
}

// taken is a leg that counts as answered once its callee has pressed 1: whatever else picks up at a telephone number, like a mailbox, gets no call.
type taken struct {
	Leg
	asks   *sound.Asset
	events chan LegEvent
	done   chan struct{}
	took   atomic.Bool
}

// maxTakenEvents is more than a call reads late.
const maxTakenEvents = 64

// AskFirst returns leg as one that is answered when its callee presses 1. Until then they hear asks, again and again.
func AskFirst(leg Leg, asks *sound.Asset) Leg {
	t := &taken{Leg: leg, asks: asks, events: make(chan LegEvent, maxTakenEvents), done: make(chan struct{})}
	go t.run() // whoever waits for Done waits for it
	return t
}

// run ends with the leg, whether or not anybody reads the events.
func (t *taken) run() {
	defer close(t.events)
	defer close(t.done)
	var keys <-chan media.Digit
	for {
		select {
		case e, open := <-t.Leg.Events():
			switch {
			case !open:
				return
			case e == LegAnswered:
				keys = t.Stream().Digits()
				t.Stream().Play(media.Sound(t.asks, media.SoundOptions{Loop: true}))
			case e == LegAskTransfer && !t.took.Load(): // of a call that is not theirs yet
				declineTransfer(t.Leg)
			default:
				t.tell(e)
			}
		case k := <-keys:
			if k.Key == '1' {
				keys = nil
				t.took.Store(true)
				t.Stream().Play(media.Silence())
				t.tell(LegAnswered)
			}
		}
	}
}

// tell hands an event to the call, never waiting for it.
func (t *taken) tell(e LegEvent) {
	select {
	case t.events <- e:
	default:
	}
}

// SendDigit passes a key on, as the leg takes it.
func (t *taken) SendDigit(key rune) { press(t.Leg, key) }

// Events implements Leg.
func (t *taken) Events() <-chan LegEvent { return t.events }

// Done implements Leg.
func (t *taken) Done() <-chan struct{} { return t.done }

// Transfer is the leg's own: a carrier that may refer does.
func (t *taken) Transfer() (Transfer, bool) { return transferOf(t.Leg) }

// Cause implements Leg: who hangs up without having taken the call has not answered it.
func (t *taken) Cause() Cause {
	cause := t.Leg.Cause()
	if cause == CauseNormal && !t.took.Load() {
		return CauseNoAnswer
	}
	return cause
}
