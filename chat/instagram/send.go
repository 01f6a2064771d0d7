package instagram

import (
	"context"

	"tandem/chat"
)

// Send sends a message; one with a Tag under that tag.
func (c *channel) Send(ctx context.Context, m chat.Outgoing) (chat.Sent, error) {
	return c.page.Send(ctx, m)
}

// Signal tells the customer that somebody types, has stopped, or has read.
func (c *channel) Signal(ctx context.Context, s chat.Signal) error { return c.page.Signal(ctx, s) }
