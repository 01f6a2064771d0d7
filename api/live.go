package api

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/auth"
	"tandem/queues"
)

// The live lists are whole and without pages: a page watches the same by the WebSocket (live.subscribe), which tells differences.
func (s *Server) liveRoutes() []route {
	return []route{
		on(s, "GET", "/live/calls", "read:calls", "list-live-calls", "Calls that have not ended, on all nodes, the oldest first", s.listLiveCalls),
		on(s, "GET", "/live/items", "read:calls", "list-live-items", "What waits in queues, longest first", s.listLiveItems),
		on(s, "POST", "/items/{id}/assign", "assign:calls", "assign-item", "Offer what waits to one agent, whoever is next", s.assignItem),
	}
}

func (s *Server) listLiveCalls(ctx context.Context, _ *struct{}) (*List[calls.LiveCall], error) {
	sees, err := s.liveReach(ctx)
	if err != nil {
		return nil, err
	}
	found, err := s.Calls.Live(ctx, tenant(ctx), nil)
	return whole(slices.DeleteFunc(found, func(c calls.LiveCall) bool { return !sees(deref(c.Agent), deref(c.Queue)) }), err)
}

func (s *Server) listLiveItems(ctx context.Context, _ *struct{}) (*List[queues.QueuedItem], error) {
	sees, err := s.liveReach(ctx)
	if err != nil {
		return nil, err
	}
	found, err := s.Queues.LiveItems(ctx, tenant(ctx), nil)
	return whole(slices.DeleteFunc(found, func(q queues.QueuedItem) bool { return !sees(q.Agent, q.Queue) }), err)
}

// liveReach says whether the scope reaches what an agent has, or what is in a queue.
func (s *Server) liveReach(ctx context.Context) (func(agent, queue uuid.UUID) bool, error) {
	agents, served, err := s.callReach(ctx)
	all := scope(ctx) == auth.ScopeAll
	return func(agent, queue uuid.UUID) bool {
		return all || slices.Contains(agents, agent) || slices.Contains(served, queue)
	}, err
}

func deref(id *uuid.UUID) uuid.UUID {
	if id == nil {
		return uuid.Nil
	}
	return *id
}

// Assignment names the agent who is to have what waits.
type Assignment struct {
	Agent uuid.UUID `json:"agent" format:"uuid"`
}

func (s *Server) assignItem(ctx context.Context, in *Change[Assignment]) (*Nothing, error) {
	if _, err := s.call(ctx, in.ID); err != nil {
		return nil, err
	}
	if err := s.reachAgent(ctx, in.Body.Agent); err != nil {
		return nil, err
	}
	return nothing(s.Queues.Assign(ctx, tenant(ctx), in.ID, in.Body.Agent))
}
