package api

import (
	"context"

	"tandem/crm"
)

func (s *Server) listTicketTypes(ctx context.Context, _ *struct{}) (*List[crm.TicketType], error) {
	all, err := s.CRM.TicketTypes(ctx, tenant(ctx))
	return whole(all, err)
}

func (s *Server) putTicketType(ctx context.Context, in *With[crm.TicketType]) (*One[crm.TicketType], error) {
	return one(s.CRM.SetTicketType(ctx, tenant(ctx), in.Body))
}

// TicketTypeInput is a type of one's own to be made.
type TicketTypeInput struct {
	Name   string      `json:"name" minLength:"1" maxLength:"60"`
	Fields []crm.Field `json:"fields,omitempty" maxItems:"50"`
}

func (s *Server) addTicketType(ctx context.Context, in *With[TicketTypeInput]) (*One[crm.TicketType], error) {
	return one(s.CRM.AddTicketType(ctx, tenant(ctx), in.Body.Name, in.Body.Fields))
}

func (s *Server) deleteTicketType(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.CRM.RemoveTicketType(ctx, tenant(ctx), crm.Type(in.ID.String())))
}
