package api

import (
	"context"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/auth"
	"tandem/queues"
)

// DialOrder is a call that an agent is to make.
type DialOrder struct {
	Queue  uuid.UUID         `json:"queue_id" format:"uuid" doc:"on whose behalf: one that the agent serves, whose settings allow it"`
	Number string            `json:"number" minLength:"2" maxLength:"60" doc:"as people write it; what may be called, the outbound rules say"`
	Agent  uuid.UUID         `json:"agent_id,omitempty" format:"uuid" doc:"who is to call; left out: who asks"`
	Name   string            `json:"name,omitempty" maxLength:"200" doc:"the customer's"`
	Data   map[string]string `json:"data,omitempty" doc:"custom data of the call"`
}

type dialInput struct {
	Body DialOrder
	Key  string `header:"Idempotency-Key" maxLength:"200" doc:"of your choice: the same order under the same key is carried out once"`
}

// dialNumber has the agent's device ring, or their page call at once where they ask there themselves; the customer is called when it is answered.
func (s *Server) dialNumber(ctx context.Context, in *dialInput) (*One[calls.Ordered], error) {
	me, b := auth.From(ctx), in.Body
	if b.Agent == uuid.Nil {
		b.Agent = me.User
	}
	if err := s.reachAgent(ctx, b.Agent); err != nil {
		return nil, err
	}
	key := ""
	if in.Key != "" {
		key = me.User.String() + " " + in.Key // nobody else's orders
	}
	return one(s.Calls.Dial(ctx, me.Tenant, calls.Order{
		Agent: b.Agent, Queue: b.Queue, Number: b.Number, Name: b.Name, Data: b.Data, Self: b.Agent == me.User && me.Session != uuid.Nil, Key: key,
	}))
}

type dialFilter struct {
	Agent uuid.UUID `query:"agent" format:"uuid" doc:"left out: who asks"`
}

func (s *Server) outboundQueues(ctx context.Context, in *dialFilter) (*List[queues.OutboundQueue], error) {
	agent := in.Agent
	if agent == uuid.Nil {
		agent = auth.From(ctx).User
	}
	if err := s.reachAgent(ctx, agent); err != nil {
		return nil, err
	}
	return whole(s.Queues.OutboundQueues(ctx, tenant(ctx), agent))
}
