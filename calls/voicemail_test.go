package calls

import (
	"testing"
	"time"
)

func TestVoicemailStates(t *testing.T) {
	steps := []MailStep{MailListen, MailAssign, MailGive, MailFinish, MailReopen}
	// One row a state, one column a step, in the order above; "-" is refused.
	for from, row := range map[VoicemailState][]VoicemailState{
		MailUnread:   {MailRead, MailAssigned, "-", MailDone, "-"},
		MailRead:     {MailRead, MailAssigned, "-", MailDone, "-"},
		MailAssigned: {MailAssigned, MailAssigned, MailRead, MailDone, "-"},
		MailDone:     {MailDone, "-", "-", "-", MailRead},
	} {
		for i, step := range steps {
			got, err := from.Next(step)
			switch want := row[i]; {
			case want == "-" && (err == nil || got != from):
				t.Errorf("%s + %s = %s, %v; want an error", from, step, got, err)
			case want != "-" && (err != nil || got != want):
				t.Errorf("%s + %s = %s, %v; want %s", from, step, got, err, want)
			}
		}
	}
}

func TestSentencesOfWaiting(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{positionSentence("en", 1), "You are next in line."},
		{positionSentence("en", 12), "You are number 12 in line."},
		{positionSentence("zh", 3), "您排在第3位。"},
		{waitSentence("en", 40*time.Second), "The estimated wait is less than a minute."},
		{waitSentence("en", 61*time.Second), "The estimated wait is about 2 minutes."},
		{waitSentence("zh", 5*time.Minute), "预计等待时间约5分钟。"},
		{callbackOfferSentence("en", '7'), "To keep your place and be called back, press 7."},
		{callbackConfirmSentence("en", "+4930"), "We will call you back. The number is 4 9 3 0. Press 1 to confirm, or 2 for another number."},
		{digitsSentence("zh", "030"), "号码是 0 3 0。"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	for what := sayComfort; what <= sayNoCallback; what++ {
		if english[what] == "" || chinese[what] == "" {
			t.Errorf("sentence %d is missing in a language", what)
		}
	}
}
