package api

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/auth"
	"tandem/queues"
)

func (s *Server) callRoutes() []route {
	return []route{
		on(s, "GET", "/calls", "read:calls", "list-calls", "Calls, the newest first", s.listCalls),
		on(s, "POST", "/calls", "dial:calls", "dial-number", "Have an agent call a number", s.dialNumber),
		on(s, "GET", "/queues/outbound", "dial:calls", "list-outbound-queues", "Queues on whose behalf an agent may call", s.outboundQueues),
		on(s, "GET", "/calls/{id}", "read:calls", "get-call", "One call with its legs and their quality", s.getCall),
		on(s, "GET", "/calls/{id}/decisions", "read:calls", "list-call-decisions", "Why which agent was chosen", s.listDecisions),
		on(s, "POST", "/calls/{id}/end", "end:calls", "end-call", "End a queued or connected call", s.endCall),
		on(s, "PUT", "/calls/{id}/redaction", "write:calls", "set-call-redaction", "Pause a call's recording, or let it go on", s.setRedaction),
		on(s, "PUT", "/calls/{id}/priority", "assign:calls", "set-call-priority", "Change a waiting call's priority", s.setPriority),
		on(s, "PUT", "/calls/{id}/wrap-up", "write:calls", "wrap-up-call", "Disposition and notes of an own call; ends the wrap-up", s.wrapUp),
	}
}

type callFilter struct {
	Paging
	State  string    `query:"state" enum:"all,live,queued,connected,ended" default:"all" doc:"queued: waits for an agent, up to the end of the countdown; connected: talking or held"`
	Queue  uuid.UUID `query:"queue" format:"uuid"`
	Agent  uuid.UUID `query:"agent" format:"uuid"`
	Search string    `query:"search" maxLength:"100" doc:"part of the caller's number"`
}

func (s *Server) listCalls(ctx context.Context, in *callFilter) (*List[calls.CallRow], error) {
	f := calls.Filter{Agent: in.Agent, Queue: in.Queue, Text: in.Search}
	switch in.State {
	case "live":
		f.Live = true
	case "queued":
		f.Live, f.States = true, []calls.State{calls.StateWaiting, calls.StateOffering, calls.StateWhisper, calls.StateCountdown}
	case "connected":
		f.Live, f.States = true, []calls.State{calls.StateTalking, calls.StateHeld}
	case "ended":
		f.States = []calls.State{calls.StateEnded}
	}
	return s.pageCalls(ctx, f, in.Paging)
}

func (s *Server) pageCalls(ctx context.Context, f calls.Filter, p Paging) (*List[calls.CallRow], error) {
	var err error
	if f.Before, err = p.after(); err != nil {
		return nil, err
	}
	if f.Agents, f.Queues, err = s.callReach(ctx); err != nil {
		return nil, err
	}
	f.Limit = p.Limit + 1
	rows, err := s.Calls.List(ctx, tenant(ctx), f)
	return page(rows, p.Limit, func(c calls.CallRow) uuid.UUID { return c.ID }, err)
}

// callReach returns the agents and queues whose calls the scope reaches, nil and nil for all: a team's calls are those of its members
// and those that wait where they serve.
func (s *Server) callReach(ctx context.Context) (agents, served []uuid.UUID, err error) {
	agents, all, err := s.Auth.Within(ctx, scope(ctx))
	if err != nil || all {
		return nil, nil, err
	}
	if scope(ctx) == auth.ScopeTeam {
		served, err = s.Queues.ServedBy(ctx, tenant(ctx), agents)
	}
	return agents, served, err
}

// call returns a call within reach, else ErrCallNotFound.
func (s *Server) call(ctx context.Context, id uuid.UUID) (calls.CallRow, error) {
	c, err := s.Calls.Get(ctx, tenant(ctx), id)
	if err != nil {
		return c, err
	}
	agents, served, err := s.callReach(ctx)
	if err != nil {
		return c, err
	}
	serves := func(agent uuid.UUID) bool { return slices.Contains(agents, agent) }
	if scope(ctx) == auth.ScopeAll || c.Agent != nil && serves(*c.Agent) || slices.ContainsFunc(c.Serving(), serves) || c.Queue != nil && slices.Contains(served, *c.Queue) {
		return c, nil
	}
	return c, calls.ErrCallNotFound
}

func (s *Server) getCall(ctx context.Context, in *ByID) (*One[calls.CallRow], error) {
	c, err := s.call(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if c.EndedAt == nil {
		if _, err := auth.From(ctx).Allow("monitor", "calls"); err == nil {
			c.Supervisors = s.Calls.Supervisions(ctx, c.ID)
		}
	}
	return one(c, nil)
}

func (s *Server) listDecisions(ctx context.Context, in *ByID) (*List[queues.Decision], error) {
	if _, err := s.call(ctx, in.ID); err != nil {
		return nil, err
	}
	return whole(s.Queues.Decisions(ctx, tenant(ctx), in.ID))
}

// EndReason is why somebody ends another's call.
type EndReason struct {
	Reason string `json:"reason,omitempty" maxLength:"500"`
}

type endInput struct {
	ByID
	Body *EndReason
}

func (s *Server) endCall(ctx context.Context, in *endInput) (*Nothing, error) {
	if _, err := s.call(ctx, in.ID); err != nil {
		return nil, err
	}
	why := ""
	if in.Body != nil {
		why = in.Body.Reason
	}
	return nothing(s.Calls.End(ctx, tenant(ctx), in.ID, why))
}

// RedactionOrder is whether the recording of a call is paused.
type RedactionOrder struct {
	On bool `json:"on"`
}

func (s *Server) setRedaction(ctx context.Context, in *Change[RedactionOrder]) (*Nothing, error) {
	if _, err := s.call(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Calls.Redact(ctx, tenant(ctx), in.ID, in.Body.On))
}

// Priority orders those who wait: higher goes first.
type Priority struct {
	Priority int `json:"priority" minimum:"-1000" maximum:"1000"`
}

func (s *Server) setPriority(ctx context.Context, in *Change[Priority]) (*Nothing, error) {
	if _, err := s.call(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Queues.SetPriority(ctx, tenant(ctx), in.ID, in.Body.Priority))
}

// WrapUpNote is what an agent writes after a call.
type WrapUpNote struct {
	Disposition string `json:"disposition,omitempty" maxLength:"200" doc:"one of the queue's dispositions"`
	Notes       string `json:"notes,omitempty" maxLength:"10000"`
}

// wrapUp ends the wrap-up, if the timer was not quicker, and keeps what the agent wrote.
func (s *Server) wrapUp(ctx context.Context, in *Change[WrapUpNote]) (*Nothing, error) {
	me := auth.From(ctx)
	c, err := s.Calls.Get(ctx, me.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	if c.Agent == nil || *c.Agent != me.User {
		return nil, calls.ErrCallNotFound
	}
	note := queues.WrapUpNote{Disposition: in.Body.Disposition, Notes: in.Body.Notes}
	if c.Offer != nil {
		note.Offer = *c.Offer
		if _, err := s.Queues.FinishWrapUp(ctx, me.Tenant, me.User, note); err != nil && !errors.Is(err, queues.ErrNoWrapUp) {
			return nil, err
		}
	}
	return nothing(s.Calls.WriteNotes(ctx, me.Tenant, me.User, calls.WrapUp{Call: in.ID, Disposition: in.Body.Disposition, Notes: in.Body.Notes}))
}
