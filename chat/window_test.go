package chat

import (
	"testing"
	"time"

	"tandem/queues"
)

// What may be written when, to the second (channels.md 13.6). The platform's window ends windowMargin after ours.
func TestWindows(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	const second = time.Second
	meta := func(c queues.Channel, tag bool) standing {
		return standing{channel: c, window: ByMessage, humanTag: tag}
	}
	wechat := func(w Window, sends int) standing { return standing{channel: WeChat, window: w, sends: sends} }
	entry := func(answered bool) standing {
		return standing{channel: WhatsApp, window: ByEntryPoint, entryAt: &at, answered: answered, templates: true}
	}
	sms := func(consent map[string]bool) standing { return standing{channel: SMS, consent: consent} }
	for _, tc := range []struct {
		name   string
		st     standing
		author Author
		after  time.Duration
		open   bool
		tag    string
		why    Verdict
	}{
		{"WhatsApp at once", meta(WhatsApp, false), ByAgent, 0, true, "", ""},
		{"WhatsApp before the margin", meta(WhatsApp, false), ByAgent, day - windowMargin - second, true, "", ""},
		{"WhatsApp in the margin", meta(WhatsApp, false), ByAgent, day - windowMargin, false, "", VerdictWindow},
		{"WhatsApp 23:59:59", meta(WhatsApp, false), ByAgent, day - second, false, "", VerdictWindow},
		{"WhatsApp 24:00:00", meta(WhatsApp, false), ByAgent, day, false, "", VerdictWindow},
		{"WhatsApp 24:00:01", meta(WhatsApp, false), ByAgent, day + second, false, "", VerdictWindow},
		{"WhatsApp has no human tag", meta(WhatsApp, true), ByAgent, 2 * day, false, "", VerdictWindow},
		{"Messenger 23:57", meta(Messenger, true), ByAgent, day - 3*time.Minute, true, "", ""},
		{"Messenger 24:00:01", meta(Messenger, true), ByAgent, day + second, true, humanAgentTag, ""},
		{"Messenger 24:00:01, not approved", meta(Messenger, false), ByAgent, day + second, false, "", VerdictWindow},
		{"Messenger 24:00:01, bot", meta(Messenger, true), ByBot, day + second, false, "", VerdictWindow},
		{"Messenger 24:00:01, system", meta(Messenger, true), BySystem, day + second, false, "", VerdictWindow},
		{"Instagram 6 d 23:57", meta(Instagram, true), ByAgent, 7*day - 3*time.Minute, true, humanAgentTag, ""},
		{"Instagram 6 d 23:59, in the margin", meta(Instagram, true), ByAgent, 7*day - time.Minute, false, "", VerdictWindow},
		{"Instagram 7 d", meta(Instagram, true), ByAgent, 7 * day, false, "", VerdictWindow},
		{"a bot is never tagged", meta(Instagram, true), ByBot, 7*day - time.Hour, false, "", VerdictWindow},
		{"WeChat 5th", wechat(ByMessage, 4), ByAgent, time.Hour, true, "", ""},
		{"WeChat 6th", wechat(ByMessage, 5), ByAgent, time.Hour, false, "", VerdictWindow},
		{"WeChat 48 h", wechat(ByMessage, 0), ByAgent, 48 * time.Hour, false, "", VerdictWindow},
		{"WeChat 47:57", wechat(ByMessage, 0), ByAgent, 48*time.Hour - 3*time.Minute, true, "", ""},
		{"WeChat, a click's 3rd", wechat(ByAction, 2), ByAgent, 30 * second, true, "", ""},
		{"WeChat, a click's 4th", wechat(ByAction, 3), ByAgent, 30 * second, false, "", VerdictWindow},
		{"WeChat, a click's minute", wechat(ByAction, 0), ByAgent, time.Minute, false, "", VerdictWindow},
		{"text message", sms(nil), ByAgent, 900 * day, true, "", ""},
		{"text message after STOP", sms(map[string]bool{"messages": false}), ByAgent, second, false, "", VerdictOptedOut},
		{"text message after START", sms(map[string]bool{"messages": true}), ByAgent, second, true, "", ""},
		{"advertisement, 71 h", entry(true), ByAgent, 71 * time.Hour, true, "", ""},
		{"advertisement, 71 h, not answered within a day", entry(false), ByAgent, 71 * time.Hour, false, "", VerdictWindow},
		{"advertisement, 72 h", entry(true), ByAgent, 72 * time.Hour, false, "", VerdictWindow},
		{"never written", standing{channel: WhatsApp}, ByAgent, 0, false, "", VerdictWindow},
		{"LINE has no window", standing{channel: LINE}, ByAgent, 900 * day, true, "", ""},
	} {
		st := tc.st
		st.state, st.enabled, st.reachable = AccountOK, true, true
		if st.window != NoWindow {
			st.windowAt = &at
		}
		c := canSend(st, tc.author, at.Add(tc.after))
		if c.Open != tc.open || c.Tag != tc.tag || c.Why != tc.why {
			t.Errorf("%s: open %t, tag %q, why %q", tc.name, c.Open, c.Tag, c.Why)
		}
		if c.Open && c.Until != nil && !c.Until.After(at.Add(tc.after)) {
			t.Errorf("%s: open until %s, which is over", tc.name, c.Until)
		}
	}
}

// What is worse than a closed window comes first; an account that waits for its administrator takes messages on.
func TestWindowOrder(t *testing.T) {
	t.Parallel()
	good := standing{channel: Telegram, state: AccountOK, enabled: true, reachable: true, templates: true}
	for _, tc := range []struct {
		name   string
		change func(*standing)
		open   bool
		why    Verdict
		offers int
	}{
		{"good", func(*standing) {}, true, "", 1},
		{"switched off", func(s *standing) { s.enabled, s.reachable = false, false }, false, VerdictPaused, 0},
		{"paused", func(s *standing) { s.state = AccountPaused }, false, VerdictPaused, 0},
		{"needs a token", func(s *standing) { s.state = AccountReauthorise }, true, "", 1},
		{"opted out and blocked", func(s *standing) { s.consent, s.reachable = map[string]bool{"messages": false}, false }, false, VerdictOptedOut, 0},
		{"marketing only", func(s *standing) { s.consent = map[string]bool{"marketing": false} }, true, "", 1},
		{"blocked", func(s *standing) { s.reachable = false }, false, VerdictUnreachable, 0},
		{"outside the window", func(s *standing) { s.channel = WhatsApp }, false, VerdictWindow, 1},
	} {
		st := good
		tc.change(&st)
		if c := canSend(st, ByAgent, time.Now()); c.Open != tc.open || c.Why != tc.why || len(c.Offers) != tc.offers {
			t.Errorf("%s: %+v", tc.name, c)
		}
	}
}
