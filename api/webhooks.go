package api

import (
	"context"

	"github.com/google/uuid"

	"tandem/webhooks"
)

func (s *Server) webhookRoutes() []route {
	return []route{
		on(s, "GET", "/webhooks", "read:webhooks", "list-webhooks", "Endpoints that hear of events, the oldest first", s.listWebhooks),
		on(s, "POST", "/webhooks", "write:webhooks", "add-webhook", "Make an endpoint; its secret is shown this once", s.addWebhook),
		on(s, "GET", "/webhooks/{id}", "read:webhooks", "get-webhook", "One endpoint", s.getWebhook),
		on(s, "PATCH", "/webhooks/{id}", "write:webhooks", "change-webhook", "Change an endpoint, switch it off or on", s.changeWebhook),
		on(s, "DELETE", "/webhooks/{id}", "delete:webhooks", "delete-webhook", "Remove an endpoint with its deliveries", s.deleteWebhook),
		on(s, "POST", "/webhooks/{id}/secret", "write:webhooks", "rotate-webhook-secret", "Make a new secret; the one before signs too for a day", s.rotateWebhook),
		on(s, "POST", "/webhooks/{id}/ping", "write:webhooks", "ping-webhook", "Send webhook.ping", s.pingWebhook),
		on(s, "GET", "/webhooks/{id}/deliveries", "read:webhooks", "list-webhook-deliveries", "What was sent, and what waits, the newest first", s.listDeliveries),
		on(s, "GET", "/webhooks/{id}/deliveries/{delivery}", "read:webhooks", "get-webhook-delivery", "One delivery with its tries, and what is sent while it is kept", s.getDelivery),
		on(s, "POST", "/webhooks/{id}/deliveries/{delivery}/replay", "write:webhooks", "replay-webhook-delivery", "Send it again, with the same webhook-id", s.replayDelivery),
		on(s, "POST", "/webhooks/{id}/replay", "write:webhooks", "replay-webhook-failed", "Send all again that failed", s.replayFailed),
		on(s, "GET", "/webhook-types", "read:webhooks", "list-webhook-types", "The types of events that endpoints can ask for", s.listWebhookTypes),
	}
}

func (s *Server) listWebhooks(ctx context.Context, _ *struct{}) (*List[webhooks.Endpoint], error) {
	return whole(s.Webhooks.Endpoints(ctx, tenant(ctx)))
}

func (s *Server) getWebhook(ctx context.Context, in *ByID) (*One[webhooks.Endpoint], error) {
	return one(s.Webhooks.Endpoint(ctx, tenant(ctx), in.ID))
}

// WebhookInput is an endpoint to be made.
type WebhookInput struct {
	URL         string   `json:"url" minLength:"1" maxLength:"2000" doc:"https://…; redirects are not followed"`
	Description string   `json:"description,omitempty" maxLength:"200"`
	Events      []string `json:"events" minItems:"1" maxItems:"100" doc:"of /webhook-types"`
	Personal    bool     `json:"personal_data,omitempty" doc:"whether numbers and names of customers and what agents wrote are told too"`
}

func (s *Server) addWebhook(ctx context.Context, in *With[WebhookInput]) (*One[webhooks.Endpoint], error) {
	b := in.Body
	return one(s.Webhooks.AddEndpoint(ctx, tenant(ctx), webhooks.EndpointChange{URL: &b.URL, Description: &b.Description, Events: &b.Events, Personal: &b.Personal}))
}

func (s *Server) changeWebhook(ctx context.Context, in *Change[webhooks.EndpointChange]) (*One[webhooks.Endpoint], error) {
	return one(s.Webhooks.ChangeEndpoint(ctx, tenant(ctx), in.ID, in.Body))
}

func (s *Server) deleteWebhook(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Webhooks.DeleteEndpoint(ctx, tenant(ctx), in.ID))
}

func (s *Server) rotateWebhook(ctx context.Context, in *ByID) (*One[webhooks.Endpoint], error) {
	return one(s.Webhooks.Rotate(ctx, tenant(ctx), in.ID))
}

func (s *Server) pingWebhook(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Webhooks.Ping(ctx, tenant(ctx), in.ID))
}

type deliveryFilter struct {
	ByID
	Paging
	State webhooks.State `query:"state" enum:"waiting,delivered,failed"`
}

func (s *Server) listDeliveries(ctx context.Context, in *deliveryFilter) (*List[webhooks.Delivery], error) {
	before, err := in.after()
	if err != nil {
		return nil, err
	}
	all, err := s.Webhooks.Deliveries(ctx, tenant(ctx), in.ID, in.State, before, in.Limit+1)
	return page(all, in.Limit, func(d webhooks.Delivery) uuid.UUID { return d.ID }, err)
}

type deliveryID struct {
	ByID
	Delivery uuid.UUID `path:"delivery" format:"uuid"`
}

func (s *Server) getDelivery(ctx context.Context, in *deliveryID) (*One[webhooks.Details], error) {
	return one(s.Webhooks.Delivery(ctx, tenant(ctx), in.ID, in.Delivery))
}

func (s *Server) replayDelivery(ctx context.Context, in *deliveryID) (*Nothing, error) {
	return nothing(s.Webhooks.Replay(ctx, tenant(ctx), in.ID, in.Delivery))
}

// Replayed says how many deliveries are sent again.
type Replayed struct {
	Deliveries int64 `json:"deliveries"`
}

func (s *Server) replayFailed(ctx context.Context, in *ByID) (*One[Replayed], error) {
	n, err := s.Webhooks.ReplayFailed(ctx, tenant(ctx), in.ID)
	return one(Replayed{n}, err)
}

func (s *Server) listWebhookTypes(context.Context, *struct{}) (*List[string], error) {
	return whole(webhooks.Types(), nil)
}
