package api

import (
	"context"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/auth"
	"tandem/mediastream"
)

func (s *Server) botRoutes() []route {
	return []route{
		on(s, "GET", "/bots", "read:bots", "list-bots", "Virtual agents", s.listBots),
		on(s, "POST", "/bots", "write:bots", "add-bot", "Make a virtual agent", s.addBot),
		on(s, "POST", "/bots/test", "write:bots", "test-bot", "Reach a virtual agent, stored or not, and tell what happens", s.testBot),
		on(s, "GET", "/bots/{id}", "read:bots", "get-bot", "One virtual agent", s.getBot),
		on(s, "PATCH", "/bots/{id}", "write:bots", "change-bot", "Change a virtual agent", s.changeBot),
		on(s, "DELETE", "/bots/{id}", "delete:bots", "delete-bot", "Remove a virtual agent; queues that name it go on with people", s.deleteBot),
		on(s, "GET", "/client-secret", "read:api-keys", "get-client-secret", "Whether there is a secret for signed customer data", s.getClientSecret),
		on(s, "POST", "/client-secret", "write:api-keys", "make-client-secret", "Make a new one; what the old one signed is worth nothing", s.makeClientSecret),
		on(s, "GET", "/calls/{id}/data", "read:calls", "get-call-data", "The profile flags and the data that a call carries", s.getCallData),
		on(s, "PATCH", "/calls/{id}/data", "write:calls", "change-call-data", "Change them while the call lasts; the agent's card shows it at once", s.changeCallData),
		on(s, "POST", "/calls/{id}/handover", "write:calls", "hand-over-call", "Take a call from its virtual agent; it waits for people", s.handOver),
	}
}

// BotInput is a virtual agent to be made.
type BotInput struct {
	Name           string            `json:"name" minLength:"1" maxLength:"80"`
	URL            string            `json:"url" minLength:"1" maxLength:"500" doc:"wss://…, where it takes media streams"`
	Token          string            `json:"token,omitempty" maxLength:"200" doc:"signs the handshake (X-Twilio-Signature); never shown again"`
	Parameters     map[string]string `json:"parameters,omitempty" doc:"customParameters of each stream"`
	ConnectSeconds *int              `json:"connect_seconds,omitempty" minimum:"1" maximum:"30"`
	SilenceSeconds *int              `json:"silence_seconds,omitempty" minimum:"0" maximum:"3600" doc:"0: for ever"`
}

func (s *Server) listBots(ctx context.Context, _ *struct{}) (*List[mediastream.Bot], error) {
	return whole(s.Bots.Bots(ctx, tenant(ctx)))
}

func (s *Server) getBot(ctx context.Context, in *ByID) (*One[mediastream.Bot], error) {
	return one(s.Bots.Bot(ctx, tenant(ctx), in.ID))
}

func (s *Server) addBot(ctx context.Context, in *With[BotInput]) (*One[mediastream.Bot], error) {
	b := in.Body
	return one(s.Bots.AddBot(ctx, tenant(ctx), mediastream.BotChange{
		Name: &b.Name, URL: &b.URL, Token: &b.Token, Parameters: &b.Parameters, ConnectSeconds: b.ConnectSeconds, SilenceSeconds: b.SilenceSeconds,
	}))
}

func (s *Server) changeBot(ctx context.Context, in *Change[mediastream.BotChange]) (*One[mediastream.Bot], error) {
	return one(s.Bots.ChangeBot(ctx, tenant(ctx), in.ID, in.Body))
}

func (s *Server) deleteBot(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Bots.DeleteBot(ctx, tenant(ctx), in.ID))
}

// BotTrial is a virtual agent to be tried: a stored one, with a change or without, or a new one.
type BotTrial struct {
	Bot    uuid.UUID             `json:"bot_id,omitempty"`
	Change mediastream.BotChange `json:"change,omitempty"`
}

// testBot answers 200 also when the bot is not there: the trial itself went well. What is wrong with the input is an error as ever.
func (s *Server) testBot(ctx context.Context, in *With[BotTrial]) (*One[mediastream.Trial], error) {
	return one(s.Bots.Try(ctx, tenant(ctx), in.Body.Bot, in.Body.Change))
}

func (s *Server) getCallData(ctx context.Context, in *ByID) (*One[calls.Data], error) {
	if _, err := s.call(ctx, in.ID); err != nil {
		return nil, err
	}
	return one(s.Calls.Data(ctx, tenant(ctx), in.ID))
}

func (s *Server) changeCallData(ctx context.Context, in *Change[calls.DataChange]) (*One[calls.Data], error) {
	if _, err := s.call(ctx, in.ID); err != nil {
		return nil, err
	}
	return one(s.Calls.ChangeData(ctx, tenant(ctx), in.ID, in.Body))
}

func (s *Server) handOver(ctx context.Context, in *Change[calls.HandOver]) (*Nothing, error) {
	if _, err := s.call(ctx, in.ID); err != nil {
		return nil, err
	}
	if err := s.knownQueue(ctx, in.Body.Queue); err != nil {
		return nil, err
	}
	return nothing(s.Calls.HandOver(ctx, tenant(ctx), in.ID, in.Body))
}

func (s *Server) getClientSecret(ctx context.Context, _ *struct{}) (*One[auth.ClientSecret], error) {
	return one(s.Auth.ClientSecret(ctx))
}

func (s *Server) makeClientSecret(ctx context.Context, _ *struct{}) (*One[auth.ClientSecret], error) {
	return one(s.Auth.MakeClientSecret(ctx))
}
