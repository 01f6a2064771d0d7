package api

import (
	"context"

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

type ticketQuestion struct {
	From string `query:"from" required:"true" maxLength:"40" doc:"a date, a local time or an instant; taken back to a quarter of an hour"`
	To   string `query:"to" required:"true" maxLength:"40" doc:"where the period ends; not part of it"`
	Zone string `query:"zone" maxLength:"100" doc:"IANA time zone; the tenant's when left out"`
}

func (s *Server) ticketReport(ctx context.Context, in *ticketQuestion) (*One[TicketReport], error) {
	f, err := s.Analytics.Frame(ctx, tenant(ctx), analytics.Question{From: in.From, To: in.To, Zone: in.Zone, Interval: analytics.Total})
	if err != nil {
		return nil, err
	}
	agents, all, err := s.Auth.Within(ctx, scope(ctx))
	if err != nil {
		return nil, err
	}
	if all {
		agents = nil
	}
	r, err := s.CRM.TicketReport(ctx, tenant(ctx), f.From, f.To, agents)
	return one(TicketReport{f, r}, err)
}
