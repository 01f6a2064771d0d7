package api

import (
	"context"

	"github.com/google/uuid"

	"tandem/crm"
	"tandem/internal/fault"
)

func (s *Server) slaRoutes() []route {
	return []route{
		on(s, "GET", "/sla-policies", "read:sla", "list-sla-policies", "What is promised for tickets, by priority", s.listPolicies),
		on(s, "PUT", "/sla-policies/{priority}", "write:sla", "put-sla-policy", "Change what is promised for new tickets of a priority", s.putPolicy),
	}
}

func (s *Server) listPolicies(ctx context.Context, _ *struct{}) (*List[crm.Policy], error) {
	all, err := s.CRM.Policies(ctx, tenant(ctx))
	return whole(all, err)
}

// PolicyInput is what is to be promised. 0 promises nothing.
type PolicyInput struct {
	Response   int64      `json:"response_seconds" minimum:"0" maximum:"31536000"`
	Resolution int64      `json:"resolution_seconds" minimum:"0" maximum:"31536000"`
	Hours      *uuid.UUID `json:"hours_id,omitempty" doc:"only time within these opening hours counts; without it, all"`
	EscalateTo *uuid.UUID `json:"escalate_to,omitempty" doc:"who gets a ticket whose promise is broken"`
}

type policyInput struct {
	Priority crm.Priority `path:"priority" enum:"urgent,high,medium,low"`
	Body     PolicyInput
}

func (s *Server) putPolicy(ctx context.Context, in *policyInput) (*Nothing, error) {
	if to := in.Body.EscalateTo; to != nil {
		switch ok, err := s.Auth.Exists(ctx, *to); {
		case err != nil:
			return nil, err
		case !ok:
			return nil, fault.New(fault.Invalid, "assignee_unknown", "There is no such person.").WithField("escalate_to")
		}
	}
	return nothing(s.CRM.SetPolicy(ctx, tenant(ctx), crm.Policy{
		Priority: in.Priority, Response: in.Body.Response, Resolution: in.Body.Resolution, Hours: in.Body.Hours, EscalateTo: in.Body.EscalateTo,
	}))
}
