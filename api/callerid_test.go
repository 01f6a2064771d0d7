package api

import (
	"context"
	"errors"
	"testing"

	"tandem/calls"
	"tandem/internal/auth"
	"tandem/internal/storage/storagetest"
	"tandem/queues"
)

// A caller id that cannot be looked up is not said to be somebody else's.
func TestCallerIDIsLookedUp(t *testing.T) {
	db := storagetest.New(t)
	s := &Server{Services: Services{Numbers: calls.NewNumbers(db, nil, nil, false)}}
	ctx := auth.With(t.Context(), auth.Actor{Tenant: storagetest.Tenant(t, db, "a")})
	away, cancel := context.WithCancel(ctx)
	cancel()
	own := queues.OwnSettings{Outbound: &queues.OutboundRule{Allowed: true, CallerID: "+4930123"}}
	if err := s.reachable(ctx, own); !errors.Is(err, errCallerID) {
		t.Errorf("a foreign number: %v", err)
	}
	if err := s.reachable(away, own); err == nil || errors.Is(err, errCallerID) {
		t.Errorf("a database that is away: %v", err)
	}
}
