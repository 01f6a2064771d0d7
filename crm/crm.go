// Package crm holds contacts and tickets: Tandem's own CRM, for teams that have no other. Every method works for one tenant; who may see
// and change what is the API's to decide.
package crm

import (
	"context"
	"log/slog"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Config of a Service.
type Config struct {
	DB     *storage.DB
	Events *events.Log
	Bus    *events.Bus
	Keys   *storage.Keys
	Blobs  storage.Blobs
	// Hours is the calendar of opening hours; an error of kind NotFound when there are none of that id.
	Hours func(ctx context.Context, tx *storage.Tx, id uuid.UUID) (Calendar, error)
	// Ask sends a question to a customer; nil: nobody is asked.
	Ask   func(ctx context.Context, tenant uuid.UUID, q Ask) error
	Mails bool // Ask can send e-mail
	// Said is the text of a customer's message; empty: it has none. nil: keywords make no tickets.
	Said    func(ctx context.Context, tx *storage.Tx, message uuid.UUID) (string, error)
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Holders []Holder // what others have of contacts, and must go along when two become one
	Region  string   // ISO 3166 country whose national numbers callers may have; default "US"
}

// Service is contacts and tickets.
type Service struct {
	cfg      Config
	promises *prometheus.CounterVec
	surveys  *prometheus.CounterVec
	contacts *prometheus.CounterVec
	keywords prometheus.Counter
}

// New makes a Service; nothing runs until Run.
func New(cfg Config) *Service {
	if cfg.Region == "" {
		cfg.Region = "US"
	}
	count := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		if cfg.Metrics != nil {
			cfg.Metrics.MustRegister(v)
		}
		return v
	}
	return &Service{
		cfg,
		count("tandem_ticket_sla_total", "Tickets' promises that were warned of (at_risk) or broken (breached), by kind: response, resolution.", "kind", "result"),
		count("tandem_ticket_surveys_total", "Questions to customers after a resolve, by what came of sending them: sent, retry, failed.", "result"),
		count("tandem_contacts_total", "What became of contacts: made, merged, separated.", "result"),
		count("tandem_keyword_tickets_total", "Tickets that were made because of a customer's words.").WithLabelValues(),
	}
}

// Page is one page of a list. Next is the cursor of the following page, empty on the last.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next_cursor,omitempty"`
}

// Errors for people.
var (
	ErrCursor = fault.New(fault.Invalid, "bad_cursor", "The cursor is not one that this list has given out.").WithField("cursor")
)

const (
	defaultLimit = 50
	maxLimit     = 200
)

// window turns a request's cursor and limit into an id to start below and a number of rows. Ids sort by time; lists begin with the newest.
func window(cursor string, limit int) (below uuid.UUID, n int, err error) {
	below, n = uuid.Max, defaultLimit
	if cursor != "" {
		if below, err = uuid.Parse(cursor); err != nil {
			return below, 0, ErrCursor
		}
	}
	if limit > 0 {
		n = min(limit, maxLimit)
	}
	return below, n, nil
}

// page cuts rows, of which one more than n was asked for, into a page.
func page[T any](rows []T, n int, id func(T) uuid.UUID) Page[T] {
	if len(rows) <= n {
		return Page[T]{Items: rows}
	}
	return Page[T]{Items: rows[:n], Next: id(rows[n-1]).String()}
}

func (s *Service) tell(ctx context.Context, tx *storage.Tx, typ string, subject uuid.UUID, data any) error {
	return s.cfg.Events.AppendFor(ctx, tx, tx.Tenant, typ, subject, data)
}
