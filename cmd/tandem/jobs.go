package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
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

type purgeQueues struct{}

// Kind implements storage.Job.
func (purgeQueues) Kind() string { return "purge_queues" }

type purgeTenants struct{}

// Kind implements storage.Job.
func (purgeTenants) Kind() string { return "purge_tenants" }

type sweepReports struct{}

// Kind implements storage.Job.
func (sweepReports) Kind() string { return "sweep_reports" }

type verifyReports struct{}

// Kind implements storage.Job.
func (verifyReports) Kind() string { return "verify_reports" }

type rebuildReports struct{ Tenant uuid.UUID }

// Kind implements storage.Job.
func (rebuildReports) Kind() string { return "rebuild_reports" }

// newJobs says what is done now and then, and what is done later, by one of all nodes.
func (a *app) newJobs(desk *queueDesk) (*storage.Jobs, error) {
	broken := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tandem_audit_broken_tenants", Help: "Tenants whose audit log was changed or cut, as of this node's last nightly check.",
	})
	differ := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tandem_report_differing_tenants", Help: "Tenants whose reports of a day are not what the event log says, as of this node's last nightly recount.",
	})
	a.metrics.MustRegister(broken, differ)
	return storage.NewJobs(a.db, a.log,
		storage.Every(time.Minute, 0, func(ctx context.Context, _ sweepSessions) error { return a.auth.Sweep(ctx) }),
		storage.Every(24*time.Hour, 3*time.Hour, func(ctx context.Context, _ verifyAudit) error {
			n, err := a.verifyAudit(ctx)
			if err == nil {
				broken.Set(float64(n))
			}
			return err
		}),
		storage.Every(24*time.Hour, 4*time.Hour, func(ctx context.Context, _ purgeQueues) error {
			gone, err := a.queues.Purge(ctx)
			if gone > 0 {
				a.log.Info("what queues keep of the past was purged", "rows", gone)
			}
			return err
		}),
		storage.Every(24*time.Hour, 5*time.Hour, func(ctx context.Context, _ purgeTenants) error { return a.recording.PurgeDeleted(ctx) }),
		storage.Every(24*time.Hour, 4*time.Hour, func(ctx context.Context, _ sweepReports) error {
			const day = 24 * time.Hour
			return a.analytics.Sweep(ctx, time.Duration(a.cfg.Reports.KeepDays)*day, time.Duration(a.cfg.Reports.KeepWaitsDays)*day)
		}),
		storage.Every(24*time.Hour, 2*time.Hour, func(ctx context.Context, _ verifyReports) error {
			n, err := a.verifyReports(ctx)
			if err == nil {
				differ.Set(float64(n))
			}
			return err
		}),
		storage.Does(func(ctx context.Context, j rebuildReports) error { return a.analytics.Rebuild(ctx, j.Tenant) }),
		storage.Does(speaker{desk, a.prompts}.speak),
		storage.Does(a.notify.DoPush),
		storage.Does(a.notify.DoText),
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

// verifyReports counts the last whole day (UTC) of every tenant anew and says whose reports differ.
func (a *app) verifyReports(ctx context.Context) (differ int, err error) {
	tenants, err := a.auth.TenantIDs(ctx)
	if err != nil {
		return 0, fmt.Errorf("list the tenants: %w", err)
	}
	to := a.db.Now().Truncate(24 * time.Hour)
	for _, t := range tenants {
		same, err := a.analytics.Verify(ctx, t, to.Add(-24*time.Hour), to)
		if err != nil {
			return 0, err
		}
		if !same {
			differ++
			a.log.Error("reports are not what the event log says: have them made anew (POST /api/v1/reports/rebuild)", "tenant", t, "day", to.Add(-24*time.Hour).Format(time.DateOnly))
		}
	}
	return differ, nil
}
