package chat

import (
	"time"

	"tandem/queues"
)

// windowRule is how long, and how often, one may write after something that the customer did.
type windowRule struct {
	lasts time.Duration // 0: for ever
	sends int           // 0: as often as one likes
	human time.Duration // beyond lasts, for people only, with Tag: counted from the same instant
	tag   string
}

const (
	day = 24 * time.Hour
	// windowMargin is how much earlier we take a window to end: the platform's clock is not ours, and sending takes time.
	windowMargin  = 2 * time.Minute
	humanAgentTag = "HUMAN_AGENT"
)

// windowRules is the whole table of CH-3 (channels.md 1.1, 3.3, 4.2, 5, 6.2). A channel that is missing has no windows; a window that is
// missing of a channel opens nothing. Meta's day after an entry point is in entryWindow.
var windowRules = map[queues.Channel]map[Window]windowRule{
	WhatsApp:  {ByMessage: {lasts: day}, ByEntryPoint: {lasts: day}},
	Messenger: {ByMessage: {lasts: day, human: 7 * day, tag: humanAgentTag}, ByEntryPoint: {lasts: day, human: 7 * day, tag: humanAgentTag}},
	Instagram: {ByMessage: {lasts: day, human: 7 * day, tag: humanAgentTag}, ByEntryPoint: {lasts: day, human: 7 * day, tag: humanAgentTag}},
	WeChat:    {ByMessage: {lasts: 48 * time.Hour, sends: 5}, ByAction: {lasts: time.Minute, sends: 3}},
}

// entryWindow is how long WhatsApp's free entry point lasts from the customer's first message after an advertisement, when answered within a day.
const entryWindow = 72 * time.Hour

// standing is what is known of a customer when somebody wants to write to them.
type standing struct {
	channel   queues.Channel
	state     AccountState
	enabled   bool
	reachable bool
	consent   map[string]bool
	window    Window
	windowAt  *time.Time
	sends     int
	entryAt   *time.Time
	answered  bool // within a day after the entry point
	humanTag  bool // the account may use HUMAN_AGENT
	templates bool
}

// canSend says what may be written to a customer now, by whom (CH-3): one function for composer and outbox.
func canSend(st standing, author Author, now time.Time) Composer {
	c := Composer{}
	if st.templates {
		c.Offers = append(c.Offers, "template")
	}
	switch {
	case !st.enabled || st.state == AccountPaused:
		c.Why, c.Offers = VerdictPaused, nil
		return c
	case !st.consent["messages"] && has(st.consent, "messages"):
		c.Why, c.Offers = VerdictOptedOut, nil
		return c
	case !st.reachable:
		c.Why, c.Offers = VerdictUnreachable, nil
		return c
	}
	rules, windowed := windowRules[st.channel]
	if !windowed {
		c.Open = true
		return c
	}
	c.Why = VerdictWindow
	rule, ok := rules[st.window]
	if !ok || st.windowAt == nil {
		return c
	}
	until := st.windowAt.Add(rule.lasts)
	if st.channel == WhatsApp && st.entryAt != nil && st.answered && st.entryAt.Add(entryWindow).After(until) {
		until = st.entryAt.Add(entryWindow)
	}
	switch {
	case now.Before(until.Add(-marginOf(rule.lasts))):
		c.Open, c.Until, c.Why = true, &until, ""
	case rule.human > 0 && st.humanTag && author == ByAgent && now.Before(st.windowAt.Add(rule.human-windowMargin)):
		human := st.windowAt.Add(rule.human)
		c.Open, c.Until, c.Why, c.Tag = true, &human, "", rule.tag
		c.Offers = append(c.Offers, "tag")
	}
	if rule.sends > 0 && c.Open {
		left := max(0, rule.sends-st.sends)
		c.Left = &left
		if left == 0 {
			c.Open, c.Why = false, VerdictWindow
		}
	}
	return c
}

// marginOf keeps the margin small beside windows of a minute.
func marginOf(lasts time.Duration) time.Duration { return min(windowMargin, lasts/12) }

func has(m map[string]bool, key string) bool { _, ok := m[key]; return ok }
