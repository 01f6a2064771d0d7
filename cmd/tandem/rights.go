package main

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/queues"
)

// rights is what calls know of those who supervise them.
type rights struct {
	auth   *auth.Service
	queues *queues.Service
}

// Renew implements calls.Rights.
func (r rights) Renew(ctx context.Context, a auth.Actor) (auth.Actor, error) {
	return r.auth.Renew(ctx, a)
}

// Reaches implements calls.Rights: a team's calls are those of its members, and those in queues that they serve.
func (r rights) Reaches(ctx context.Context, a auth.Actor, scope auth.Scope, agent, queue *uuid.UUID) (bool, error) {
	users, all, err := r.auth.Within(auth.With(ctx, a), scope)
	if err != nil || all || agent != nil && slices.Contains(users, *agent) {
		return err == nil, err
	}
	if scope != auth.ScopeTeam || queue == nil {
		return false, nil
	}
	served, err := r.queues.ServedBy(ctx, a.Tenant, users)
	return slices.Contains(served, *queue), err
}
