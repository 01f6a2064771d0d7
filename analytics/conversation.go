package analytics

import (
	"time"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/internal/events"
)

// conversation is what is read of the events of conversations. All that is counted is in the event itself, so that a recount finds the same
// however long ago the conversation began.
type conversation struct {
	Queue   uuid.UUID        `json:"queue"`
	Agent   uuid.UUID        `json:"agent"`
	Reason  chat.CloseReason `json:"reason"`
	Measure *measure         `json:"measure"`
	More    struct {
		Opened time.Time `json:"opened_at"`
	} `json:"more"`
}

// measure is what chat measures of a message, or of a conversation that went back to its queue.
type measure struct {
	Said     chat.Direction   `json:"said"`
	Enquiry  bool             `json:"enquiry"`
	By       uuid.UUID        `json:"by"`
	Waited   *float64         `json:"waited"` // seconds
	First    bool             `json:"first"`
	Failed   bool             `json:"failed"`
	Returned chat.CloseReason `json:"returned"`
}

// rating is what a customer says of a conversation that has ended.
type rating struct {
	Score int       `json:"score"`
	Queue uuid.UUID `json:"queue"`
	Agent uuid.UUID `json:"agent"`
	Again bool      `json:"again"`
}

func (p *projection) conversation(e events.Event, c *conversation) {
	switch m := c.Measure; {
	case e.Type == "conversation.closed":
		p.closed(e, c)
	case m.Said == chat.In:
		q := p.queue(e.Tenant, c.Queue, e.At)
		q.MessagesIn++
		if m.Enquiry {
			q.Enquiries++
		}
	case m.Said == chat.Out:
		p.said(e, c)
	case m.Failed:
		p.queue(e.Tenant, c.Queue, e.At).MessagesFailed++
	case m.Returned == chat.ClosedAgentSilent:
		p.queue(e.Tenant, c.Queue, e.At).ReturnedAgentSilent++
		p.facts.agent(e.Tenant, m.By, c.Queue, e.At).ReturnedAgentSilent++
	}
}

// said counts a message of ours; how long the customer waited for it counts where it was given.
func (p *projection) said(e events.Event, c *conversation) {
	q, m := p.queue(e.Tenant, c.Queue, e.At), c.Measure
	q.MessagesOut++
	if m.By == uuid.Nil {
		return
	}
	a := p.facts.agent(e.Tenant, m.By, c.Queue, e.At)
	a.MessagesOut++
	if m.Waited == nil {
		return
	}
	q.Responses, a.Responses = q.Responses+1, a.Responses+1
	q.Response, a.Response = q.Response+*m.Waited, a.Response+*m.Waited
	if m.First {
		q.FirstResponses, a.FirstResponses = q.FirstResponses+1, a.FirstResponses+1
		q.FirstResponse, a.FirstResponse = q.FirstResponse+*m.Waited, a.FirstResponse+*m.Waited
	}
}

// closed counts the end of a conversation; one whose messages went to another one has not ended.
func (p *projection) closed(e events.Event, c *conversation) {
	if c.Reason == chat.ClosedMerged {
		return
	}
	q := p.queue(e.Tenant, c.Queue, e.At)
	a := &AgentCounts{} // of nobody
	if c.Agent != uuid.Nil {
		a = p.facts.agent(e.Tenant, c.Agent, c.Queue, e.At)
	}
	q.Closed, a.Closed = q.Closed+1, a.Closed+1
	q.Resolution += max(0, e.At.Sub(c.More.Opened).Seconds())
	switch c.Reason {
	case chat.ClosedCustomerSilent:
		q.ClosedCustomerSilent, a.ClosedCustomerSilent = q.ClosedCustomerSilent+1, a.ClosedCustomerSilent+1
	case chat.ClosedNeverWrote:
		q.ClosedNeverWrote++
	}
}

func (p *projection) rated(e events.Event, r *rating) {
	if r.Again {
		return
	}
	satisfied := int64(0)
	if r.Score >= 4 {
		satisfied = 1
	}
	q := p.queue(e.Tenant, r.Queue, e.At)
	q.Rated, q.Satisfied, q.Score = q.Rated+1, q.Satisfied+satisfied, q.Score+int64(r.Score)
	if r.Agent != uuid.Nil {
		a := p.facts.agent(e.Tenant, r.Agent, r.Queue, e.At)
		a.Rated, a.Satisfied, a.Score = a.Rated+1, a.Satisfied+satisfied, a.Score+int64(r.Score)
	}
}
