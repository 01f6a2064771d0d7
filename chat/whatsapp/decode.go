package whatsapp

import (
	"encoding/json"
	"strings"

	"tandem/chat"
	"tandem/chat/meta"
)

// Decode reads everything of a request: all entries, all their changes, and all that those hold.
func (c *channel) Decode(h chat.Hook) ([]chat.Event, error) {
	entries, err := meta.Entries(h.Body, "whatsapp_business_account")
	if err != nil {
		return nil, err
	}
	var events []chat.Event
	for _, e := range entries {
		for _, change := range e.Changes {
			events = append(events, c.change(e, change)...)
		}
	}
	return events, nil
}

// value is what a change of a message field holds.
type value struct {
	Metadata struct {
		PhoneNumberID meta.Text `json:"phone_number_id"`
	} `json:"metadata"`
	Contacts    []contact         `json:"contacts"`
	Messages    []json.RawMessage `json:"messages"`
	Echoes      []json.RawMessage `json:"message_echoes"`
	Statuses    []json.RawMessage `json:"statuses"`
	Preferences []preference      `json:"user_preferences"`
	Errors      []meta.Failure    `json:"errors"`
}

type contact struct {
	WaID    meta.Text `json:"wa_id"`
	UserID  meta.Text `json:"user_id"`
	Profile struct {
		Name     string `json:"name"`
		Username string `json:"username"`
	} `json:"profile"`
}

func (c *channel) change(e meta.Entry, change meta.Change) []chat.Event {
	switch field := string(change.Field); field {
	case "messages", "smb_message_echoes", "user_preferences":
		var v value
		if meta.Lenient(change.Value, &v) != nil {
			return nil // Entries has read the body, so there is no value at all
		}
		return c.messages(e, &v)
	default:
		return events(e, field, change.Value)
	}
}

func (c *channel) messages(e meta.Entry, v *value) []chat.Event {
	var all []chat.Event
	for _, raw := range v.Messages {
		all = append(all, v.message(raw, false)...)
	}
	for _, raw := range v.Echoes {
		all = append(all, v.message(raw, true)...)
	}
	for _, raw := range v.Statuses {
		all = append(all, v.status(raw)...)
	}
	for _, p := range v.Preferences {
		all = append(all, v.preference(p))
	}
	for _, f := range v.Errors {
		all = append(all, failure(e, f))
	}
	// An application has one hook for all its numbers.
	if to := string(v.Metadata.PhoneNumberID); to != c.account.Settings["phone_number_id"] {
		for i := range all {
			all[i].To = to
		}
	}
	return all
}

// person is who has number and user id; either may be missing. The hook's contacts know the rest.
func (v *value) person(number, userID string) chat.Person {
	p := chat.Person{ID: digits(number), Alias: userID}
	for _, k := range v.Contacts {
		id, alias := digits(string(k.WaID)), string(k.UserID)
		same := p.ID != "" && id == p.ID || p.Alias != "" && alias == p.Alias || p.ID == "" && p.Alias == "" && len(v.Contacts) == 1
		if !same {
			continue
		}
		if p.ID == "" {
			p.ID = id
		}
		if p.Alias == "" {
			p.Alias = alias
		}
		p.Name, p.Username = k.Profile.Name, k.Profile.Username
		break
	}
	if p.ID != "" {
		p.Phone = "+" + p.ID
	}
	p.Country = country(p.Alias)
	return p
}

// digits is a number as the platform's ids write it; "" if s is none.
func digits(s string) string {
	s = strings.TrimPrefix(s, "+")
	if len(s) > 20 || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return s
}

// country is the one that a user id begins with.
func country(userID string) string {
	c, _, ok := strings.Cut(userID, ".")
	if !ok || len(c) != 2 || c[0] < 'A' || c[0] > 'Z' || c[1] < 'A' || c[1] > 'Z' {
		return ""
	}
	return c
}
