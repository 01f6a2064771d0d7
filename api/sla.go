package api

import (
	"context"

	"tandem/crm"
	"tandem/internal/fault"
)

func (s *Server) slaRoutes() []route {
	return []route{
		on(s, "GET", "/sla-policies", "read:sla", "list-sla-policies", "What is promised for tickets, by priority", s.listPolicies),
		on(s, "PUT", "/sla-policies", "write:sla", "put-sla-policy", "Change what is promised for new tickets of a priority", s.putPolicy),
	}
}

func (s *Server) listPolicies(ctx context.Context, _ *struct{}) (*List[crm.Policy], error) {
	all, err := s.CRM.Policies(ctx, tenant(ctx))
	return whole(all, err)
}

func (s *Server) putPolicy(ctx context.Context, in *With[crm.Policy]) (*Nothing, error) {
	if to := in.Body.EscalateTo; to != nil {
		switch ok, err := s.Auth.Exists(ctx, *to); {
		case err != nil:
			return nil, err
		case !ok:
			return nil, fault.New(fault.Invalid, "assignee_unknown", "There is no such person.").WithField("escalate_to")
		}
	}
	return nothing(s.CRM.SetPolicy(ctx, tenant(ctx), in.Body))
}
