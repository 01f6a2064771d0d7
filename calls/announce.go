package calls

import (
	"context"
	"time"

	"tandem/media/sound"
)

// announcer plays what a waiting caller hears (Q3.7): the parts of the plan in their order, the music between them, and asks in between
// whether the queue still lets the call wait. It belongs to the call's owner, and uses the call's timer.
type announcer struct {
	c      *Call
	parts  []Announcement
	at     int // the part that comes next
	round  int
	music  bool // it plays until partDue, for ever when that is zero
	told   bool // the offer of a callback, in this round
	part   time.Time
	ask    time.Time // when to ask how the call stands
	waited func() time.Duration
}

func newAnnouncer(c *Call) *announcer {
	began := time.Now()
	return &announcer{
		c: c, parts: c.plan.Announcements.Order, ask: began.Add(StandingEvery),
		waited: func() time.Duration { return time.Since(began) },
	}
}

// next plays the next part that there is something to say of.
func (a *announcer) next(ctx context.Context) {
	if a.offerCallback(ctx) {
		return
	}
	for range len(a.parts) {
		if a.at == len(a.parts) {
			a.at, a.told = 0, false
			a.round++
		}
		if most := a.c.plan.Announcements.Max; most > 0 && a.round >= most {
			break
		}
		part := a.parts[a.at]
		a.at++
		if part.Kind == AnnounceMusic {
			a.playMusic(ctx, a.c.plan.Announcements.Every)
			return
		}
		if sound := a.sound(ctx, part); sound != nil {
			a.speak(sound)
			return
		}
	}
	a.playMusic(ctx, 0)
}

// playMusic plays for a time, for ever when it is 0.
func (a *announcer) playMusic(ctx context.Context, d time.Duration) {
	a.music, a.part = true, time.Time{}
	if d > 0 {
		a.part = time.Now().Add(d)
	}
	a.c.playMusic(ctx)
	a.set()
}

func (a *announcer) speak(what *sound.Asset) {
	a.music, a.part = false, time.Time{}
	a.c.play(a.c.customer, what, "announced")
	a.set()
}

// set sets the timer for what comes first.
func (a *announcer) set() {
	due := a.ask
	if a.music && !a.part.IsZero() && a.part.Before(due) {
		due = a.part
	}
	a.c.timer.Reset(max(0, time.Until(due)))
}

// again goes on after an agent did not take the call: music plays.
func (a *announcer) again() {
	a.music, a.part = true, time.Now().Add(max(a.c.plan.Announcements.Every, time.Second))
	a.set()
}

// resume goes on after a talk with the caller about something else.
func (a *announcer) resume(ctx context.Context) {
	a.playMusic(ctx, max(a.c.plan.Announcements.Every, time.Second))
}

// due does what the timer was set for; a reason means that the queue does not let the call wait any longer.
func (a *announcer) due(ctx context.Context) Reason {
	now := time.Now()
	if !now.Before(a.ask) {
		a.ask = now.Add(StandingEvery)
		if to := a.standing(ctx).Instead; to != nil {
			return a.c.deflect(ctx, *to)
		}
	}
	if a.music && (!a.part.IsZero() && !now.Before(a.part) || a.callbackDue()) {
		a.next(ctx)
		return ""
	}
	a.set()
	return ""
}

// callbackDue says whether the caller is to hear of callbacks now.
func (a *announcer) callbackDue() bool {
	o := a.c.plan.Callback
	return o.Key != 0 && !a.told && a.waited() >= o.After
}

func (a *announcer) offerCallback(ctx context.Context) bool {
	if !a.callbackDue() || a.at == 0 && a.round == 0 { // the greeting first
		return false
	}
	a.told = true
	language := a.c.plan.Language
	what, err := a.c.sb.prompts.Say(ctx, callbackOfferSentence(language, a.c.plan.Callback.Key), language, 1)
	if err != nil {
		a.c.log.Error("the offer of a callback could not be spoken", "err", err)
		return false
	}
	a.speak(what)
	return true
}

// standing is how the call stands; nothing is known when the queues cannot tell.
func (a *announcer) standing(ctx context.Context) Standing {
	now, err := a.c.place.Standing(ctx)
	if err != nil {
		a.c.log.Error("the position in the queue is not known", "err", err)
		return Standing{}
	}
	return now
}

// sound is what a part says now, nil when it says nothing.
func (a *announcer) sound(ctx context.Context, part Announcement) *sound.Asset {
	what := part.Say
	language := a.c.plan.Language
	switch part.Kind {
	case AnnounceGreeting:
		if a.round > 0 {
			return nil
		}
	case AnnouncePosition:
		if n := a.standing(ctx).Position; n > 0 {
			what = Say{Text: positionSentence(language, n)}
		}
	case AnnounceWait:
		if d := a.standing(ctx).Wait; d != nil {
			what = Say{Text: waitSentence(language, *d)}
		}
	default:
	}
	if what.IsZero() {
		return nil
	}
	made, err := a.c.sb.prompts.Resolve(ctx, a.c.record.Tenant, what, language, 1)
	if err != nil {
		a.c.log.Error("an announcement is missing", "part", part.Kind, "err", err)
		return nil
	}
	return made
}
