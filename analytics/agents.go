package analytics

import (
	"time"

	"github.com/google/uuid"

	"tandem/internal/events"
	"tandem/queues"
)

// agent is somebody as the log last showed them: a row of report_agents. Up to Since their time is in the facts.
type agent struct {
	Tenant     uuid.UUID       `json:"tenant_id"`
	ID         uuid.UUID       `json:"agent_id"`
	Presence   queues.Presence `json:"presence"` // "" while the log has not said
	Reason     string          `json:"reason"`
	Productive bool            `json:"productive"`
	Barred     queues.State    `json:"barred"`
	Handling   int             `json:"handling"`      // items from the acceptance to the end of wrap-up
	Chats      int             `json:"conversations"` // of them
	Since      time.Time       `json:"since"`
}

// has counts an item more or less that the agent is busy with.
func (a *agent) has(kind queues.Kind, n int) {
	if a.Handling = max(0, a.Handling+n); kind == queues.Chat {
		a.Chats = max(0, a.Chats+n)
	}
}

func (p *projection) presenceChanged(e events.Event, c *queues.PresenceChanged) {
	a := p.agentAt(e, c.Agent)
	a.Presence, a.Reason = c.Presence, c.Reason
	a.Productive = c.Presence == queues.Available || c.Productive
}

// agentAt returns an agent whose time up to the event is booked.
func (p *projection) agentAt(e events.Event, id uuid.UUID) *agent {
	a := p.agents[id]
	if a == nil {
		a = &agent{ID: id, Tenant: e.Tenant, Since: e.At}
		p.agents[id] = a
	}
	p.book(a, e.At)
	return a
}

// book adds an agent's time up to until to the facts, split at the quarters of the hour.
func (p *projection) book(a *agent, until time.Time) {
	from := a.Since
	if until.After(from) {
		a.Since = until
	}
	if a.Presence == "" || a.Presence == queues.Offline {
		return
	}
	each(from, until, func(start time.Time, s float64) {
		c := p.facts.agent(a.Tenant, a.ID, uuid.Nil, start)
		c.Login += s
		if a.Chats > 0 {
			c.Conversing += s
			c.Conversation += s * float64(a.Chats)
		}
		switch a.Presence {
		case queues.Available:
			c.Available += s
		case queues.Away:
			c.Away += s
		case queues.Busy:
			c.Busy += s
		}
		switch {
		case a.Handling > 0:
			c.Handling += s
		case a.Presence == queues.Available && a.Barred != "":
			c.Barred += s
		case a.Presence == queues.Available:
			c.Ready += s
		}
		if a.Handling > 0 || a.Productive && a.Barred == "" {
			c.Productive += s
		}
		p.reasons[reasonSlot{a.Tenant, a.ID, start, string(a.Presence), a.Reason}] += s
	})
}
