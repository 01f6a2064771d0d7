package instagram

import (
	"time"

	"tandem/chat"
	"tandem/chat/meta"
)

// privateReply is how long a comment may be answered in private, once.
const privateReply = 7 * 24 * time.Hour

// Decode reads everything of a request: messages, and comments in either of their two places.
func (c *channel) Decode(h chat.Hook) ([]chat.Event, error) {
	entries, err := meta.Entries(h.Body, "instagram")
	if err != nil {
		return nil, err
	}
	own := c.account.Settings["ig_id"]
	var events []chat.Event
	for _, e := range entries {
		events = append(events, meta.Thread{Account: own}.Messages(e)...)
		if e.ID == "0" {
			continue // the console's test
		}
		var comments []chat.Event
		for _, change := range append(e.Changes, e.Change) {
			comments = append(comments, comment(e, change)...)
		}
		events = append(events, meta.Thread{ID: string(e.ID), Account: own}.To(comments)...)
	}
	return events, nil
}

// comment reads a comment on a post. It opens no window; its id is the token of the one private answer that it allows.
func comment(e meta.Entry, change meta.Change) []chat.Event {
	if change.Field != "comments" && change.Field != "live_comments" {
		return nil
	}
	var v struct {
		ID     meta.Text `json:"id"`
		Parent meta.Text `json:"parent_id"`
		Text   string    `json:"text"`
		From   struct {
			ID       meta.Text `json:"id"`
			Username string    `json:"username"`
		} `json:"from"`
		Media struct {
			ID      meta.Text `json:"id"`
			Product string    `json:"media_product_type"`
		} `json:"media"`
	}
	if meta.Lenient(change.Value, &v) != nil || v.ID == "" || v.From.ID == "" || v.From.ID == e.ID {
		return nil // nobody's, or our own
	}
	at := e.Time.Seconds()
	if e.Time.Int() > 1e11 { // Instagram writes seconds here and milliseconds there
		at = e.Time.Milliseconds()
	}
	in := &chat.Incoming{
		ID: string(v.ID), Kind: chat.Text, Text: v.Text, Quote: string(v.Parent),
		Body:  chat.Body{Referral: map[string]string{"type": "comment", "comment_id": string(v.ID)}},
		Reply: string(v.ID),
	}
	if !at.IsZero() {
		in.ReplyUntil = at.Add(privateReply)
	}
	for name, value := range map[string]string{"media_id": string(v.Media.ID), "media_product_type": v.Media.Product} {
		if value != "" {
			in.Body.Referral[name] = value
		}
	}
	if v.Text == "" {
		in = meta.Unknown(string(v.ID), "comment", change.Value)
	}
	return []chat.Event{{
		Key: "comment:" + string(v.ID), At: at, From: chat.Person{ID: string(v.From.ID), Username: v.From.Username}, Message: in,
	}}
}
