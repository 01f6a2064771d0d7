package crm

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// TicketFigures are the figures of tickets in a period (TK-7). Times are averages in seconds; what nothing was measured of is left out.
type TicketFigures struct {
	Created       int64    `json:"created" db:"created" doc:"made in the period"`
	Resolved      int64    `json:"resolved" db:"resolved" doc:"resolved in the period, and still so"`
	Escalated     int64    `json:"escalated" db:"escalated" doc:"of those, after an escalation"`
	Broken        int64    `json:"broken" db:"broken" doc:"of those, with a broken promise"`
	FirstResponse *float64 `json:"first_response_seconds,omitempty" db:"first_response" doc:"from making to the first answer, of those made in the period that were answered"`
	Resolution    *float64 `json:"resolution_seconds,omitempty" db:"resolution" doc:"from making to resolving, of those resolved"`
	FirstContact  *float64 `json:"first_contact_resolution,omitempty" db:"first_contact" doc:"FCR: resolved without escalation ÷ resolved; the target is 0.7"`
	Rated         int64    `json:"rated" db:"rated" doc:"customers' answers in the period"`
	Satisfied     *float64 `json:"satisfied,omitempty" db:"satisfied" doc:"CSAT: scores 4 and 5 ÷ answers; the target is 0.8"`
}

// TicketRow are the figures of a type or an agent.
type TicketRow struct {
	Type  *Type      `json:"type,omitempty" db:"type"`
	Name  string     `json:"type_name,omitempty" db:"-" doc:"of a type of the tenant's own"`
	Agent *uuid.UUID `json:"agent_id,omitempty" db:"assignee" doc:"who has the tickets; left out for those of nobody"`
	TicketFigures
}

// TicketDay is the volume of a day.
type TicketDay struct {
	Day      string `json:"day" db:"day" format:"date"`
	Created  int64  `json:"created" db:"created"`
	Resolved int64  `json:"resolved" db:"resolved"`
}

// TicketReport is what happened with tickets in a period.
type TicketReport struct {
	Days   []TicketDay   `json:"days"`
	Types  []TicketRow   `json:"types"`
	Agents []TicketRow   `json:"agents"`
	Totals TicketFigures `json:"totals"`
}

// figures is the whole report in one query: tickets that were made or resolved in the period, and answers that came in it.
const figures = `
WITH touched AS (
	SELECT ticket_id FROM tickets WHERE merged_into IS NULL AND created_at >= $1 AND created_at < $2
	UNION SELECT ticket_id FROM tickets WHERE merged_into IS NULL AND resolved_at >= $1 AND resolved_at < $2
	UNION SELECT ticket_id FROM ticket_surveys WHERE answered_at >= $1 AND answered_at < $2
), answers AS (
	SELECT ticket_id, count(*) AS rated, count(*) FILTER (WHERE score >= 4) AS positive FROM ticket_surveys WHERE answered_at >= $1 AND answered_at < $2 GROUP BY 1
), facts AS (
	SELECT type, assignee, created_at >= $1 AND created_at < $2 AS made, coalesce(resolved_at >= $1 AND resolved_at < $2, false) AS done, escalated_at IS NOT NULL AS escalated,
		sla = 'breached' AS broken, extract(epoch FROM answered_at - created_at) AS response, extract(epoch FROM resolved_at - created_at) AS resolution,
		coalesce(rated, 0) AS rated, coalesce(positive, 0) AS positive
	FROM touched JOIN tickets USING (ticket_id) LEFT JOIN answers USING (ticket_id) WHERE $3::uuid[] IS NULL OR assignee = ANY($3)
)
SELECT grouping(type, assignee) AS level, type, assignee, count(*) FILTER (WHERE made) AS created, count(*) FILTER (WHERE done) AS resolved,
	count(*) FILTER (WHERE done AND escalated) AS escalated, count(*) FILTER (WHERE done AND broken) AS broken,
	(avg(response) FILTER (WHERE made))::float8 AS first_response, (avg(resolution) FILTER (WHERE done))::float8 AS resolution,
	(count(*) FILTER (WHERE done AND NOT escalated))::float8 / nullif(count(*) FILTER (WHERE done), 0) AS first_contact,
	coalesce(sum(rated), 0)::bigint AS rated, (sum(positive) / nullif(sum(rated), 0))::float8 AS satisfied
FROM facts GROUP BY GROUPING SETS ((), (type), (assignee)) ORDER BY created DESC, resolved DESC, type, assignee`

const daily = `
SELECT day::date::text AS day, coalesce(c.n, 0) AS created, coalesce(r.n, 0) AS resolved
FROM generate_series(($1::timestamptz AT TIME ZONE $4)::date, (($2::timestamptz - interval '1 microsecond') AT TIME ZONE $4)::date, interval '1 day') day
LEFT JOIN (SELECT (created_at AT TIME ZONE $4)::date AS day, count(*) AS n FROM tickets
	WHERE merged_into IS NULL AND created_at >= $1 AND created_at < $2 AND ($3::uuid[] IS NULL OR assignee = ANY($3)) GROUP BY 1) c USING (day)
LEFT JOIN (SELECT (resolved_at AT TIME ZONE $4)::date AS day, count(*) AS n FROM tickets
	WHERE merged_into IS NULL AND resolved_at >= $1 AND resolved_at < $2 AND ($3::uuid[] IS NULL OR assignee = ANY($3)) GROUP BY 1) r USING (day)
ORDER BY 1`

// TicketReport reports on tickets from one instant to another, by the days of a time zone (IANA); agents narrows it to theirs, nil is all.
func (s *Service) TicketReport(ctx context.Context, tenant uuid.UUID, from, to time.Time, zone string, agents []uuid.UUID) (r TicketReport, err error) {
	r = TicketReport{Types: []TicketRow{}, Agents: []TicketRow{}}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, daily, from, to, agents, zone)
		if err != nil {
			return fmt.Errorf("count tickets by day: %w", err)
		}
		if r.Days, err = pgx.CollectRows(rows, pgx.RowToStructByName[TicketDay]); err != nil {
			return fmt.Errorf("count tickets by day: %w", err)
		}
		return r.figures(ctx, tx, from, to, agents)
	})
	return r, err
}

func (r *TicketReport) figures(ctx context.Context, tx *storage.Tx, from, to time.Time, agents []uuid.UUID) error {
	types, err := ticketTypes(ctx, tx)
	if err != nil {
		return err
	}
	names := map[Type]string{}
	for _, t := range types {
		names[t.Type] = t.Name
	}
	rows, err := tx.Query(ctx, figures, from, to, agents)
	if err != nil {
		return fmt.Errorf("report on tickets: %w", err)
	}
	type grouped struct {
		Level int `db:"level"`
		TicketRow
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[grouped])
	if err != nil {
		return fmt.Errorf("report on tickets: %w", err)
	}
	for _, g := range all {
		switch g.Level {
		case 1: // not by assignee
			g.Name = names[*g.Type]
			r.Types = append(r.Types, g.TicketRow)
		case 2:
			r.Agents = append(r.Agents, g.TicketRow)
		default:
			r.Totals = g.TicketFigures
		}
	}
	return nil
}

// Table is the report as rows of text, the first of which names the columns. What is not measured of a row is empty. nameOf tells the name of
// an agent.
func (r TicketReport) Table(nameOf func(uuid.UUID) string) [][]string {
	table := [][]string{{"of", "id", "name", "created", "resolved", "escalated", "broken", "first_response_seconds", "resolution_seconds", "first_contact_resolution", "rated", "satisfied"}}
	for _, d := range r.Days {
		table = append(table, []string{"day", d.Day, "", strconv.FormatInt(d.Created, 10), strconv.FormatInt(d.Resolved, 10), "", "", "", "", "", "", ""})
	}
	add := func(of, id, name string, f TicketFigures) {
		row := []string{of, id, name}
		for _, n := range []int64{f.Created, f.Resolved, f.Escalated, f.Broken} {
			row = append(row, strconv.FormatInt(n, 10))
		}
		row = append(row, decimal(f.FirstResponse), decimal(f.Resolution), decimal(f.FirstContact), strconv.FormatInt(f.Rated, 10), decimal(f.Satisfied))
		table = append(table, row)
	}
	for _, t := range r.Types {
		add("type", string(*t.Type), t.Name, t.TicketFigures)
	}
	for _, a := range r.Agents {
		if a.Agent == nil {
			add("agent", "", "", a.TicketFigures)
			continue
		}
		add("agent", a.Agent.String(), nameOf(*a.Agent), a.TicketFigures)
	}
	add("total", "", "", r.Totals)
	return table
}

func decimal(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(math.Round(*x*10000)/10000, 'f', -1, 64)
}
