package api

import (
	"context"

	"tandem/chat/web"
)

func (s *Server) widgetRoutes() []route {
	return []route{
		on(s, "GET", "/channels/{id}/widget", "read:channels", "get-widget", "What the widget of a web account looks like and may do", s.getWidget),
		on(s, "PUT", "/channels/{id}/widget", "write:channels", "put-widget", "Change the widget", s.putWidget),
		on(s, "POST", "/channels/{id}/widget/secret", "write:channels", "make-widget-secret", "Make a new secret by which the site's server signs its customers' ids", s.makeWidgetSecret),
	}
}

func (s *Server) getWidget(ctx context.Context, in *ByID) (*One[web.View], error) {
	return one(s.Widgets.Settings(ctx, tenant(ctx), in.ID))
}

func (s *Server) putWidget(ctx context.Context, in *Change[web.Settings]) (*One[web.View], error) {
	return one(s.Widgets.SetSettings(ctx, tenant(ctx), in.ID, in.Body))
}

func (s *Server) makeWidgetSecret(ctx context.Context, in *ByID) (*One[web.View], error) {
	return one(s.Widgets.MakeSecret(ctx, tenant(ctx), in.ID))
}
