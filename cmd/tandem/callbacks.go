package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/queues"
)

// callbackDesk is the queues' callbacks as calls see them.
type callbackDesk struct{ queues *queues.Service }

// Request implements calls.Callbacks.
func (d callbackDesk) Request(ctx context.Context, tenant uuid.UUID, r calls.CallbackRequest) (uuid.UUID, error) {
	c, err := d.queues.RequestCallback(ctx, tenant, queues.NewCallback{
		Queue: r.Queue, Number: r.Number, Name: r.Name, Language: r.Language, Since: r.Since, Call: r.Call,
	})
	return c.ID, err
}

// Claim implements calls.Callbacks.
func (d callbackDesk) Claim(ctx context.Context, n int) ([]calls.Callback, error) {
	held, err := d.queues.ClaimCallbacks(ctx, n)
	all := make([]calls.Callback, len(held))
	for i, h := range held {
		all[i] = calls.Callback{
			ID: h.ID, Tenant: h.Tenant, Queue: h.Queue, Number: h.Number, Name: h.Name, Language: h.Language, Priority: h.Priority, Since: h.EnqueuedAt,
			Attempt: h.Attempts + 1, RingFor: h.RingFor, Epoch: h.Epoch,
		}
	}
	return all, err
}

// Renew implements calls.Callbacks.
func (d callbackDesk) Renew(ctx context.Context, held []calls.Callback) ([]uuid.UUID, error) {
	epochs := make(map[uuid.UUID]int64, len(held))
	for _, c := range held {
		epochs[c.ID] = c.Epoch
	}
	return d.queues.RenewCallbacks(ctx, epochs)
}

// Report implements calls.Callbacks.
func (d callbackDesk) Report(ctx context.Context, c calls.Callback, step calls.CallbackStep, call uuid.UUID) error {
	err := d.report(ctx, c, step, call)
	if errors.Is(err, queues.ErrCallbackGone) {
		return calls.ErrCallbackGone
	}
	return err
}

func (d callbackDesk) report(ctx context.Context, c calls.Callback, step calls.CallbackStep, call uuid.UUID) error {
	held := queues.HeldCallback{Callback: queues.Callback{ID: c.ID, Tenant: c.Tenant}, Epoch: c.Epoch}
	switch step {
	case calls.CallbackReady:
		return d.queues.CallbackReady(ctx, c.Tenant, c.ID)
	case calls.CallbackDialing:
		return d.queues.CallbackDialing(ctx, held, call)
	case calls.CallbackConnected:
		return d.queues.CallbackConnected(ctx, held, call)
	case calls.CallbackMissed:
		return d.queues.CallbackMissed(ctx, held, call)
	case calls.CallbackReleased:
		return d.queues.CallbackReleased(ctx, held)
	default:
		return fmt.Errorf("there is no callback step %q", step)
	}
}
