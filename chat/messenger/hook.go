package messenger

import (
	"tandem/chat"
	"tandem/chat/meta"
)

// Accept verifies a request as all of Meta's hooks are.
func (c *channel) Accept(h chat.Hook) (chat.Answer, error) { return meta.Accept(h, c.account) }
