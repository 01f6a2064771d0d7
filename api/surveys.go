package api

import (
	"context"
	"io"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"tandem/analytics"
	"tandem/crm"
)

func (s *Server) getTicketSettings(ctx context.Context, _ *struct{}) (*One[crm.TicketSettings], error) {
	return one(s.CRM.TicketSettings(ctx, tenant(ctx)))
}

func (s *Server) putTicketSettings(ctx context.Context, in *With[crm.TicketSettings]) (*Nothing, error) {
	return nothing(s.CRM.SetTicketSettings(ctx, tenant(ctx), in.Body))
}

// SurveyToken names a question to a customer by the secret in its link.
type SurveyToken struct {
	Token string `path:"token" maxLength:"64"`
}

func (s *Server) openSurvey(ctx context.Context, in *SurveyToken) (*One[crm.Question], error) {
	return one(s.CRM.Question(ctx, in.Token))
}

// SurveyAnswer is what a customer says.
type SurveyAnswer struct {
	Score   int    `json:"score" minimum:"1" maximum:"5" doc:"faces: 5 satisfied, 3 neutral, 1 dissatisfied"`
	Comment string `json:"comment,omitempty" maxLength:"1000"`
}

type surveyAnswer struct {
	SurveyToken
	Body SurveyAnswer
}

func (s *Server) answerSurvey(ctx context.Context, in *surveyAnswer) (*Nothing, error) {
	return nothing(s.CRM.Answer(ctx, in.Token, in.Body.Score, in.Body.Comment))
}

// TicketReport is a report on tickets with the time that it covers.
type TicketReport struct {
	analytics.Frame
	crm.TicketReport
}

func (s *Server) ticketReport(ctx context.Context, in *Period) (*huma.StreamResponse, error) {
	agents, all, err := s.Auth.Within(ctx, scope(ctx))
	if err != nil {
		return nil, err
	}
	if all {
		agents = nil
	}
	q := analytics.Question{From: in.From, To: in.To, Zone: in.Zone, Interval: analytics.Total}
	if in.csv() {
		return s.csv(ctx, "tickets", q, func(f analytics.Frame, w io.Writer) error { return s.writeTicketCSV(ctx, f, agents, w) })
	}
	f, err := s.Analytics.Frame(ctx, tenant(ctx), q)
	if err != nil {
		return nil, err
	}
	r, err := s.CRM.TicketReport(ctx, tenant(ctx), f.From, f.To, f.Zone, agents)
	return answer(TicketReport{f, r}, err)
}

func (s *Server) writeTicketCSV(ctx context.Context, f analytics.Frame, agents []uuid.UUID, w io.Writer) error {
	r, err := s.CRM.TicketReport(ctx, tenant(ctx), f.From, f.To, f.Zone, agents)
	if err != nil {
		return err
	}
	names, err := s.Auth.Names(ctx)
	if err != nil {
		return err
	}
	return analytics.WriteTable(w, r.Table(func(id uuid.UUID) string { return names[id] }))
}
