package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"tandem/analytics"
	"tandem/internal/auth"
	"tandem/internal/fault"
)

func (s *Server) reportRoutes() []route {
	return []route{
		on(s, "GET", "/queues/live", "read:reports", "get-live-queues", "The wall board: each queue now, today and in the last minutes", s.liveQueues),
		report[analytics.QueueReport](on(s, "GET", "/reports/queues", "read:reports", "get-queue-report", "What happened in queues, by interval", s.queueReport)),
		report[analytics.AgentReport](on(s, "GET", "/reports/agents", "read:reports", "get-agent-report", "What agents did, by interval", s.agentReport)),
		on(s, "POST", "/reports/rebuild", "write:reports", "rebuild-reports", "Have all reports made anew from the event log; they show the old ones until then", s.rebuildReports),
	}
}

// report documents what a route answers that writes its answer by itself: JSON, or the same as CSV.
func report[T any](r route) route {
	bind := r.bind
	r.bind = func(api huma.API, op huma.Operation) {
		schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
		op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			"application/json": {Schema: schema}, "text/csv": {Schema: &huma.Schema{Type: huma.TypeString}},
		}}}
		bind(api, op)
	}
	return r
}

func (s *Server) liveQueues(ctx context.Context, _ *struct{}) (*One[analytics.Live], error) {
	_, served, err := s.reportReach(ctx)
	if err != nil {
		return nil, err
	}
	return one(s.Analytics.Live(ctx, tenant(ctx), served))
}

// reportReach returns the agents and queues that the scope reaches, nil and nil for all: the queues are those that the agents serve.
func (s *Server) reportReach(ctx context.Context) (agents, served []uuid.UUID, err error) {
	agents, all, err := s.Auth.Within(ctx, scope(ctx))
	if err != nil || all {
		return nil, nil, err
	}
	served, err = s.Queues.ServedBy(ctx, tenant(ctx), agents)
	return agents, append([]uuid.UUID{}, served...), err
}

// Period is the time that a report covers, and the form in which it is wanted.
type Period struct {
	From   string `query:"from" required:"true" maxLength:"40" doc:"a date, a local time such as 2026-03-29T08:00, or an instant; taken back to a quarter of an hour"`
	To     string `query:"to" required:"true" maxLength:"40" doc:"where the period ends; not part of it"`
	Zone   string `query:"zone" maxLength:"100" doc:"IANA time zone; the tenant's when left out"`
	Format string `query:"format" enum:"json,csv" doc:"what Accept: text/csv does, for links"`
	Accept string `header:"Accept"`
}

// ReportQuestion is how a report is asked for.
type ReportQuestion struct {
	Period
	Interval analytics.Interval `query:"interval" enum:"15m,30m,1h,1d,total" default:"1d" doc:"the length of the rows, as clocks in the zone show it; total: one row for each queue or agent"`
	Queue    []string           `query:"queue" maxItems:"500" doc:"ids, with commas between; all when left out"`
}

type agentQuestion struct {
	ReportQuestion
	Agent []string `query:"agent" maxItems:"500" doc:"ids, with commas between; all when left out"`
}

func (in *Period) csv() bool {
	return in.Format == "csv" || in.Format == "" && strings.HasPrefix(strings.TrimSpace(in.Accept), "text/csv")
}

func (in *ReportQuestion) question() (analytics.Question, error) {
	q := analytics.Question{From: in.From, To: in.To, Interval: in.Interval, Zone: in.Zone}
	var err error
	q.Queues, err = ids("queue", in.Queue)
	return q, err
}

// ids reads a list of ids; none is nil, which stands for all.
func ids(field string, texts []string) ([]uuid.UUID, error) {
	var all []uuid.UUID
	for _, text := range texts {
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, fault.New(fault.Invalid, "id_invalid", "Give ids as UUIDs, with commas between.").WithField(field)
		}
		all = append(all, id)
	}
	return all, nil
}

// within narrows what is asked for to what is in reach; nil is all.
func within(asked, reach []uuid.UUID) []uuid.UUID {
	switch {
	case reach == nil:
		return asked
	case asked == nil:
		return reach
	}
	return slices.DeleteFunc(append([]uuid.UUID{}, asked...), func(id uuid.UUID) bool { return !slices.Contains(reach, id) })
}

func (s *Server) queueReport(ctx context.Context, in *ReportQuestion) (*huma.StreamResponse, error) {
	q, err := in.question()
	if err != nil {
		return nil, err
	}
	_, served, err := s.reportReach(ctx)
	if err != nil {
		return nil, err
	}
	q.Queues = within(q.Queues, served)
	if in.csv() {
		return s.csv(ctx, "queues", q, func(_ analytics.Frame, w io.Writer) error { return s.Analytics.WriteQueueCSV(ctx, tenant(ctx), q, w) })
	}
	return answer(s.Analytics.QueueReport(ctx, tenant(ctx), q))
}

func (s *Server) agentReport(ctx context.Context, in *agentQuestion) (*huma.StreamResponse, error) {
	q, err := in.question()
	if err != nil {
		return nil, err
	}
	if q.Agents, err = ids("agent", in.Agent); err != nil {
		return nil, err
	}
	reach, _, err := s.Auth.Within(ctx, scope(ctx))
	if err != nil {
		return nil, err
	}
	if scope(ctx) != auth.ScopeAll {
		q.Agents = within(q.Agents, append([]uuid.UUID{}, reach...))
	}
	if in.csv() {
		return s.csv(ctx, "agents", q, func(_ analytics.Frame, w io.Writer) error { return s.Analytics.WriteAgentCSV(ctx, tenant(ctx), q, w) })
	}
	return answer(s.Analytics.AgentReport(ctx, tenant(ctx), q))
}

func (s *Server) rebuildReports(ctx context.Context, _ *struct{}) (*Nothing, error) {
	if scope(ctx) != auth.ScopeAll {
		return nil, auth.ErrForbidden
	}
	return nothing(s.Analytics.RebuildLater(ctx, tenant(ctx)))
}

// answer sends a report whole.
func answer[T any](v T, err error) (*huma.StreamResponse, error) {
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", "application/json")
		_, _ = hc.BodyWriter().Write(body) // the client may be gone
	}}, nil
}

// csv sends a report as it comes out of the database. Once it has begun, an error can only cut it off.
func (s *Server) csv(ctx context.Context, what string, q analytics.Question, write func(analytics.Frame, io.Writer) error) (*huma.StreamResponse, error) {
	f, err := s.Analytics.Frame(ctx, tenant(ctx), q)
	if err != nil {
		return nil, err
	}
	name := what + "-" + f.From.Format("20060102T1504") + "-" + f.To.Format("20060102T1504") + ".csv"
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		w.Header().Set("Cache-Control", "private, no-store")
		if err := write(f, w); err != nil {
			if ctx.Err() == nil {
				s.log.Error("a report was cut off", "report", what, "err", err)
			}
			panic(http.ErrAbortHandler)
		}
	}}, nil
}
