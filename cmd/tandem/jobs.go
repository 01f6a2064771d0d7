package main

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tandem/internal/audit"
	"tandem/internal/storage"
)

type sweepSessions struct{}

// Kind implements storage.Job.
func (sweepSessions) Kind() string { return "sweep_sessions" }

type verifyAudit struct{}

// Kind implements storage.Job.
func (verifyAudit) Kind() string { return "verify_audit" }

// newJobs says what is done now and then, and what is done later, by one of all nodes.
func (a *app) newJobs(desk *queueDesk) (*storage.Jobs, error) {
	broken := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tandem_audit_broken_tenants", Help: "Tenants whose audit log was changed or cut, as of this node's last nightly check.",
	})
	a.metrics.MustRegister(broken)
	return storage.NewJobs(a.db, a.log,
		storage.Every(time.Minute, 0, func(ctx context.Context, _ sweepSessions) error { return a.auth.Sweep(ctx) }),
		storage.Every(24*time.Hour, 3*time.Hour, func(ctx context.Context, _ verifyAudit) error {
			n, err := a.verifyAudit(ctx)
			if err == nil {
				broken.Set(float64(n))
			}
			return err
		}),
		storage.Does(speaker{desk, a.prompts}.speak),
	)
}

// verifyAudit walks the audit log of every tenant and says how many are not whole.
func (a *app) verifyAudit(ctx context.Context) (broken int, err error) {
	tenants, err := a.auth.TenantIDs(ctx)
	if err != nil {
		return 0, fmt.Errorf("list the tenants: %w", err)
	}
	for _, t := range tenants {
		v, err := audit.Verify(ctx, a.db, t)
		if err != nil {
			return 0, err
		}
		if !v.OK {
			broken++
			a.log.Error("an audit log was changed or cut: restore it from a backup and look for who may write to the database", "tenant", t, "first_bad_row", v.Bad)
		}
	}
	return broken, nil
}
