package messenger

import (
	"tandem/chat"
	"tandem/chat/meta"
)

// Decode reads everything of a request. What people write on the Page itself is no message, and left alone.
func (c *channel) Decode(h chat.Hook) ([]chat.Event, error) {
	entries, err := meta.Entries(h.Body, "page")
	if err != nil {
		return nil, err
	}
	var events []chat.Event
	for _, e := range entries {
		events = append(events, meta.Thread{Account: c.account.Settings["page_id"]}.Messages(e)...)
	}
	return events, nil
}
