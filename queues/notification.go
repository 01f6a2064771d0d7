package queues

import (
	"slices"

	"github.com/google/uuid"
)

// Tone is what an agent's browser plays: the name of a built-in tone, the id of an uploaded one, or nothing for silence.
type Tone struct {
	Tone         string `json:"tone" doc:"a built-in tone, the id of an uploaded one, or empty for silence"`
	EverySeconds int    `json:"every_seconds" doc:"again so often until answered or withdrawn; 0: once"`
}

// Texting says when an agent's mobile telephone is sent a text message (V2.2).
type Texting string

// When agents are sent text messages.
const (
	TextOff     Texting = "off"
	TextOffered Texting = "offered" // it rings
	TextMissed  Texting = "missed"  // it rang to the end, or was declined
	TextBoth    Texting = "both"
)

// Notification is how agents are told of what waits for them (V2.2, IN-5): the tones of a call, a new chat and a new message, and text
// messages to those who have given a mobile number.
type Notification struct {
	Call    Tone    `json:"call"`
	Chat    Tone    `json:"chat"`
	Message Tone    `json:"message"`
	Text    Texting `json:"text"`
}

// Texts says whether agents are sent a text message of an offer (missed: of one that was missed).
func (n Notification) Texts(missed bool) bool {
	return n.Text == TextBoth || n.Text == TextMissed && missed || n.Text == TextOffered && !missed
}

// BuiltinTones are the tones that every browser can make by itself; web/src/phone/tones.ts has their notes.
func BuiltinTones() []string {
	return []string{"classic", "telephone", "bell", "marimba", "pulse", "drop"}
}

// longestRepeat is the longest pause between two rings, in seconds.
const longestRepeat = 60

func defaultNotification() Notification {
	return Notification{
		Call: Tone{Tone: "classic", EverySeconds: 3}, Chat: Tone{Tone: "bell", EverySeconds: 10}, Message: Tone{Tone: "drop"}, Text: TextOff,
	}
}

func (n Notification) validate() error {
	for _, t := range []Tone{n.Call, n.Chat, n.Message} {
		if t.EverySeconds < 0 || t.EverySeconds > longestRepeat {
			return invalid("notification", "A tone can be repeated every 1 to %d seconds; 0 plays it once.", longestRepeat)
		}
		if _, err := uuid.Parse(t.Tone); err != nil && t.Tone != "" && !slices.Contains(BuiltinTones(), t.Tone) {
			return invalid("notification", "There is no tone %q.", t.Tone)
		}
	}
	switch n.Text {
	case TextOff, TextOffered, TextMissed, TextBoth:
		return nil
	}
	return invalid("notification", "Text messages are off, offered, missed or both.")
}
