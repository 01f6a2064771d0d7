package api

import (
	"context"

	"tandem/calls"
)

func (s *Server) supervisionRoutes() []route {
	return []route{
		on(s, "POST", "/calls/{id}/supervision", "monitor:calls", "supervise-call", "Listen to a live call in one's own open browser session, or change the mode", s.supervise),
		on(s, "DELETE", "/calls/{id}/supervision", "monitor:calls", "stop-supervising-call", "Stop listening to a call", s.stopSupervising),
	}
}

// SupervisionOrder is how somebody wants to take part in another's call. Everything beyond monitor needs barge:calls.
type SupervisionOrder struct {
	Mode calls.SupervisionMode `json:"mode" enum:"monitor,coach,barge,take_over" doc:"monitor: nobody hears you; coach: the agent does; barge: both do; take_over: you talk on in the agent's place"`
	Why  string                `json:"why,omitempty" maxLength:"500" doc:"kept in the audit log"`
}

func (s *Server) supervise(ctx context.Context, in *Change[SupervisionOrder]) (*One[calls.Supervision], error) {
	return one(s.Calls.Supervise(ctx, in.ID, in.Body.Mode, in.Body.Why))
}

func (s *Server) stopSupervising(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Calls.StopSupervising(ctx, in.ID))
}
