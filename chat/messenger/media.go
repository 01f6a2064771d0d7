package messenger

import (
	"context"

	"tandem/chat"
)

// Fetch opens a file that a customer has sent.
func (c *channel) Fetch(ctx context.Context, ref chat.MediaRef) (chat.Media, error) {
	return c.page.Fetch(ctx, ref)
}
