package queues

import "github.com/google/uuid"

// BotRule puts a virtual agent before the people of a queue (Q5.1).
type BotRule struct {
	Bot      uuid.UUID `json:"bot,omitzero"`       // none: people only
	When     BotWhen   `json:"when"`               // it works
	HandOver uuid.UUID `json:"hand_over,omitzero"` // the queue whose people go on; none: this queue's
}

// BotWhen is when a virtual agent works.
type BotWhen string

// When virtual agents work.
const (
	BotAlways  BotWhen = "always"
	BotInHours BotWhen = "hours" // while the queue is open
)

// Works says whether the virtual agent takes calls of a queue that is open, or is not.
func (r BotRule) Works(open bool) bool { return r.Bot != uuid.Nil && (open || r.When == BotAlways) }

func (r BotRule) validate() error {
	if r.When != BotAlways && r.When != BotInHours {
		return invalid("bot", "A virtual agent works always or in the queue's hours.")
	}
	return nil
}
