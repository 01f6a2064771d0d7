package api

import (
	"context"

	"github.com/google/uuid"

	"tandem/crm"
	"tandem/internal/auth"
)

// ListViewInput is what a list of tickets or contacts shows, to be kept under a name.
type ListViewInput struct {
	Name   string            `json:"name" minLength:"1" maxLength:"60"`
	Shared bool              `json:"shared,omitempty" doc:"for all who see the list"`
	Filter map[string]string `json:"filter,omitempty" doc:"what the list's address says of it"`
}

func (in ListViewInput) view(id uuid.UUID) crm.View {
	return crm.View{ID: id, Name: in.Name, Shared: in.Shared, Filter: in.Filter}
}

func (s *Server) listViews(of crm.ViewOf) func(context.Context, *struct{}) (*List[crm.View], error) {
	return func(ctx context.Context, _ *struct{}) (*List[crm.View], error) {
		return whole(s.CRM.Views(ctx, tenant(ctx), auth.From(ctx).User, of))
	}
}

func (s *Server) addView(of crm.ViewOf) func(context.Context, *With[ListViewInput]) (*One[crm.View], error) {
	return func(ctx context.Context, in *With[ListViewInput]) (*One[crm.View], error) {
		return one(s.CRM.AddView(ctx, tenant(ctx), auth.From(ctx).User, of, in.Body.view(uuid.Nil)))
	}
}

func (s *Server) putView(of crm.ViewOf) func(context.Context, *Change[ListViewInput]) (*One[crm.View], error) {
	return func(ctx context.Context, in *Change[ListViewInput]) (*One[crm.View], error) {
		return one(s.CRM.ChangeView(ctx, tenant(ctx), auth.From(ctx).User, of, in.Body.view(in.ID)))
	}
}

func (s *Server) deleteView(of crm.ViewOf) func(context.Context, *ByID) (*Nothing, error) {
	return func(ctx context.Context, in *ByID) (*Nothing, error) {
		return nothing(s.CRM.RemoveView(ctx, tenant(ctx), auth.From(ctx).User, of, in.ID))
	}
}
