package metatest

import (
	"fmt"
	"strings"

	"tandem/chat"
)

// Short is an event of Messenger or Instagram in one line, for tests to compare: its key, the customer, and what it says.
func Short(e chat.Event) string {
	s := e.Key + " " + e.From.ID + " "
	switch {
	case e.Message != nil:
		return s + message(e.Message)
	case e.Receipt != nil:
		at := int64(0)
		if w := e.Receipt.Watermark; !w.IsZero() {
			at = w.UnixMilli()
		}
		return s + fmt.Sprintf("receipt %s %s %d", e.Receipt.ID, e.Receipt.Status, at)
	case e.Reaction != nil:
		return s + "reaction " + e.Reaction.To + " " + e.Reaction.Emoji
	case e.Edit != nil:
		return s + fmt.Sprintf("edit %s %q %d", e.Edit.Of, e.Edit.Text, e.Edit.Number)
	case e.Unsend != nil:
		return s + "unsend " + e.Unsend.Of
	case e.Account != nil:
		return s + fmt.Sprintf("account %s %s", e.Account.State, e.Account.Reason)
	}
	return s + "nothing"
}

func message(m *chat.Incoming) string {
	s := []string{fmt.Sprintf("%s %q", m.Kind, m.Text)}
	add := func(when bool, format string, values ...any) {
		if when {
			s = append(s, fmt.Sprintf(format, values...))
		}
	}
	add(m.Window != "", "%s", m.Window)
	add(m.Echo, "echo=%s %s", m.Via, m.EchoOf)
	add(m.Quote != "", "q=%s", m.Quote)
	for _, f := range m.Media {
		add(true, "[%s %s %v]", f.Kind, f.URL, f.Extra)
	}
	if m.Body.Choice != nil {
		add(true, "choice=%s", m.Body.Choice.ID)
	}
	if m.Body.Link != nil {
		add(true, "link=%s", m.Body.Link.Title)
	}
	add(m.Body.Type != "", "type=%s", m.Body.Type)
	add(m.Body.Data != nil, "data=%v", m.Body.Data)
	add(m.Body.Referral != nil, "referral=%v", m.Body.Referral)
	add(m.Standby, "standby")
	add(m.Raw != nil, "raw")
	return strings.Join(s, " ")
}
