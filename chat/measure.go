package chat

import (
	"context"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// measure is what reports count of an event. The event itself says all of it, so that counting a day again needs none of what came before.
type measure struct {
	Said     Direction `json:"said,omitempty"`     // a message that is new: in, out
	Enquiry  bool      `json:"enquiry,omitempty"`  // the customer's first since the conversation was opened
	By       uuid.UUID `json:"by,omitzero"`        // the agent who wrote it, or who had the conversation
	Waited   *float64  `json:"waited,omitempty"`   // seconds in the queue's hours since the customer's first message that nobody had answered
	First    bool      `json:"first,omitempty"`    // no agent had written since the conversation was opened
	Failed   bool      `json:"failed,omitempty"`   // a message of ours could not be delivered
	Returned string    `json:"returned,omitempty"` // why it went back to its queue
}

// heard measures a message of the customer's; c is as it was before.
func (c *row) heard(m *newMessage) *measure {
	if m.author != ByCustomer || m.kind == Begin {
		return nil
	}
	return &measure{Said: In, Enquiry: c.customerAt == nil || c.customerAt.Before(c.openedAt)}
}

// answered measures a message of ours; c is as it was before.
func (s *Service) answered(ctx context.Context, tx *storage.Tx, c *row, m *newMessage) (*measure, error) {
	if m.author == BySystem {
		return nil, nil
	}
	out := &measure{Said: Out}
	if m.author != ByAgent || m.authorID == nil {
		return out, nil
	}
	out.By = *m.authorID
	if c.unansweredSince == nil {
		return out, nil
	}
	open := tx.Now.Sub(*c.unansweredSince)
	if c.queue != nil {
		var err error
		if open, err = s.cfg.Queues.OpenTime(ctx, tx, *c.queue, c.channel, c.language, *c.unansweredSince, tx.Now); err != nil {
			return nil, err
		}
	}
	out.Waited, out.First = new(open.Seconds()), !c.responded
	return out, nil
}
