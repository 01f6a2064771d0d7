package analytics

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Question is what a report is asked. From and To are as people write them; To is not part of the time.
type Question struct {
	From, To string
	Interval Interval
	Zone     string      // IANA name; "": the tenant's
	Queues   []uuid.UUID // nil: all
	Agents   []uuid.UUID // nil: all
}

// Frame is the time that a report covers, as it was understood.
type Frame struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Zone     string    `json:"zone"`
	Interval Interval  `json:"interval" enum:"15m,30m,1h,1d,total"`
}

// QueueRow is what happened in a queue in an interval.
type QueueRow struct {
	Start time.Time `json:"start"`
	Queue uuid.UUID `json:"queue_id" doc:"the nil UUID: calls that reached no queue"`
	Name  string    `json:"queue"`
	QueueCounts
	QueueFigures
}

// QueueReport are the queues' rows that have something to show, by time and name, and all of them together.
type QueueReport struct {
	Frame
	Items  []QueueRow  `json:"items"`
	Totals QueueTotals `json:"totals"`
}

// QueueTotals are all rows of a report together.
type QueueTotals struct {
	QueueCounts
	QueueFigures
}

// AgentRow is what an agent did in an interval.
type AgentRow struct {
	Start time.Time `json:"start"`
	Agent uuid.UUID `json:"agent_id"`
	Name  string    `json:"agent"`
	AgentCounts
	AgentFigures
	Reasons []ReasonTime `json:"reasons" doc:"time in each presence, by reason"`
}

// ReasonTime is time spent in a presence for a reason.
type ReasonTime struct {
	Presence string  `json:"presence"`
	Reason   string  `json:"reason,omitempty"`
	Seconds  float64 `json:"seconds"`
}

// AgentReport are the agents' rows that have something to show, by time and name, and all of them together.
type AgentReport struct {
	Frame
	Items  []AgentRow  `json:"items"`
	Totals AgentTotals `json:"totals"`
}

// AgentTotals are all rows of a report together.
type AgentTotals struct {
	AgentCounts
	AgentFigures
}

// ErrReportLarge says that an answer would be too long to be read in one piece.
var ErrReportLarge = fault.New(fault.Invalid, "report_too_large", "The report has more than 20,000 rows: choose a longer interval, a shorter period or fewer queues, or fetch it as CSV.").WithField("interval")

const (
	mostRows = 20_000
	// queryLimit is how long the database may work on a report.
	queryLimit = 30 * time.Second
)

func (s *Service) frame(ctx context.Context, tenant uuid.UUID, q Question) (Frame, period, error) {
	zone, err := s.zone(ctx, tenant, q.Zone)
	if err != nil {
		return Frame{}, period{}, err
	}
	from, err := instant(q.From, zone)
	if err != nil {
		return Frame{}, period{}, err
	}
	to, err := instant(q.To, zone)
	if err != nil {
		return Frame{}, period{}, err
	}
	p, err := newPeriod(from, to, q.Interval, zone)
	if err != nil {
		return Frame{}, period{}, err
	}
	return Frame{From: p.starts[0].In(zone), To: p.end.In(zone), Zone: zone.String(), Interval: q.Interval}, p, nil
}

// Frame says what time a question is about, or what is wrong with it.
func (s *Service) Frame(ctx context.Context, tenant uuid.UUID, q Question) (Frame, error) {
	f, _, err := s.frame(ctx, tenant, q)
	return f, err
}

// QueueReport reports on queues.
func (s *Service) QueueReport(ctx context.Context, tenant uuid.UUID, q Question) (QueueReport, error) {
	r := QueueReport{Items: []QueueRow{}}
	err := s.EachQueueRow(ctx, tenant, q, func(f Frame) error { r.Frame = f; return nil }, func(row QueueRow) error {
		if len(r.Items) == mostRows {
			return ErrReportLarge
		}
		r.Items = append(r.Items, row)
		add(&r.Totals.QueueCounts, row.QueueCounts)
		return nil
	})
	r.Totals.QueueFigures = r.Totals.Figures()
	return r, err
}

// EachQueueRow calls begin once the question is understood, and then row for each row of the report, in order, as the database sends them.
func (s *Service) EachQueueRow(ctx context.Context, tenant uuid.UUID, q Question, begin func(Frame) error, row func(QueueRow) error) error {
	f, p, err := s.frame(ctx, tenant, q)
	if err != nil {
		return err
	}
	names, err := s.cfg.Queues.Names(ctx, tenant)
	if err != nil {
		return err
	}
	if err := begin(f); err != nil {
		return err
	}
	zone := f.From.Location()
	err = s.read(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT width_bucket(start, $4) AS bucket, queue_id, `+sums(columns[QueueCounts]())+`
			FROM report_queue_intervals WHERE tenant_id = $1 AND start >= $2 AND start < $3 AND ($5::uuid[] IS NULL OR queue_id = ANY ($5))
			GROUP BY 1, 2 ORDER BY 1, 2`, tenant, p.starts[0], p.end, p.starts, q.Queues)
		if err != nil {
			return err
		}
		var bucket int
		var c QueueCounts
		var r QueueRow
		_, err = pgx.ForEachRow(rows, append([]any{&bucket, &r.Queue}, pointers(&c)...), func() error {
			r.Start, r.Name, r.QueueCounts, r.QueueFigures = p.starts[bucket-1].In(zone), names.Queues[r.Queue], c, c.Figures()
			return row(r)
		})
		return err
	})
	return wrap("report on queues", err)
}

// AgentReport reports on agents.
func (s *Service) AgentReport(ctx context.Context, tenant uuid.UUID, q Question) (AgentReport, error) {
	r := AgentReport{Items: []AgentRow{}}
	err := s.EachAgentRow(ctx, tenant, q, func(f Frame) error { r.Frame = f; return nil }, func(row AgentRow) error {
		if len(r.Items) == mostRows {
			return ErrReportLarge
		}
		r.Items = append(r.Items, row)
		add(&r.Totals.AgentCounts, row.AgentCounts)
		return nil
	})
	r.Totals.AgentFigures = r.Totals.Figures()
	return r, err
}

// EachAgentRow is EachQueueRow for agents. What is still going on counts up to now.
func (s *Service) EachAgentRow(ctx context.Context, tenant uuid.UUID, q Question, begin func(Frame) error, row func(AgentRow) error) error {
	f, p, err := s.frame(ctx, tenant, q)
	if err != nil {
		return err
	}
	names, err := s.cfg.Queues.Names(ctx, tenant)
	if err != nil {
		return err
	}
	if err := begin(f); err != nil {
		return err
	}
	zone := f.From.Location()
	err = s.read(ctx, tenant, func(tx *storage.Tx) error {
		open, err := openTime(ctx, tx, p, q)
		if err != nil {
			return err
		}
		// Rows of two tables and of what goes on meet here, one interval after another.
		reasons, err := readReasons(ctx, tx, p, q, open)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			SELECT width_bucket(start, $4) AS bucket, agent_id, `+sums(columns[AgentCounts]())+`
			FROM report_agent_intervals WHERE tenant_id = $1 AND start >= $2 AND start < $3
			  AND ($5::uuid[] IS NULL OR agent_id = ANY ($5)) AND ($6::uuid[] IS NULL OR queue_id = ANY ($6))
			GROUP BY 1, 2 ORDER BY 1, 2`, tenant, p.starts[0], p.end, p.starts, q.Agents, q.Queues)
		if err != nil {
			return err
		}
		var bucket int
		var agent uuid.UUID
		var c AgentCounts
		emit := func(k agentKey, c AgentCounts) error {
			return row(AgentRow{
				Start: p.starts[k.bucket].In(zone), Agent: k.agent, Name: names.Agents[k.agent], AgentCounts: c, AgentFigures: c.Figures(),
				Reasons: append([]ReasonTime{}, reasons[k]...),
			})
		}
		if _, err = pgx.ForEachRow(rows, append([]any{&bucket, &agent}, pointers(&c)...), func() error {
			k := agentKey{bucket - 1, agent}
			for _, before := range open.before(k) {
				if err := emit(before, open.take(before)); err != nil {
					return err
				}
			}
			sum := c
			add(&sum, open.take(k))
			return emit(k, sum)
		}); err != nil {
			return err
		}
		for _, k := range open.before(agentKey{bucket: len(p.starts)}) {
			if err := emit(k, open.take(k)); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("report on agents", err)
}

// read runs a report's query with a limit of its own: a question for years must not hold a connection for ever.
func (s *Service) read(ctx context.Context, tenant uuid.UUID, f func(*storage.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		// With PostgreSQL's 4 MB, years of many queues would be sorted on disk.
		if _, err := tx.Exec(ctx, `SET LOCAL work_mem = '64MB'`); err != nil {
			return err
		}
		return f(tx)
	})
}

// sums are the columns of facts, summed.
func sums(names []string) string {
	var all []string
	for _, c := range names {
		if c == greatest {
			all = append(all, "max("+c+")")
		} else if strings.HasSuffix(c, "_seconds") {
			all = append(all, "sum("+c+")")
		} else {
			all = append(all, "sum("+c+")::bigint")
		}
	}
	return strings.Join(all, ", ")
}

func collectCounts(rows pgx.Rows) (map[uuid.UUID]QueueCounts, error) {
	all := map[uuid.UUID]QueueCounts{}
	var id uuid.UUID
	var c QueueCounts
	_, err := pgx.ForEachRow(rows, append([]any{&id}, pointers(&c)...), func() error { all[id] = c; return nil })
	return all, err
}

func wrap(doing string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
