package api

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/internal/fault"
	"tandem/queues"
	"tandem/sip"
)

func (s *Server) deviceRoutes() []route {
	return []route{
		on(s, "GET", "/me/device", self, "get-own-device", "What the signed-in agent takes calls on", s.ownDevice),
		on(s, "PUT", "/me/device", self, "put-own-device", "Take calls on another device, from the next call on", s.putOwnDevice),
		on(s, "GET", "/me/phone", self, "get-own-phone", "The signed-in agent's SIP telephone, and where it is registered", s.ownPhone),
		on(s, "POST", "/me/phone/secret", self, "renew-own-phone-secret", "Give the own SIP telephone a new secret, which is shown this once", s.renewOwnPhone),
		on(s, "GET", "/agents/{id}/device", "read:agents", "get-agent-device", "What an agent takes calls on", s.agentDevice),
		on(s, "PUT", "/agents/{id}/device", "write:agents", "put-agent-device", "Let an agent take calls on another device, from the next call on", s.putAgentDevice),
		on(s, "GET", "/agents/{id}/phone", "read:agents", "get-agent-phone", "An agent's SIP telephone, and where it is registered", s.agentPhone),
		on(s, "POST", "/agents/{id}/phone/secret", "write:agents", "renew-agent-phone-secret", "Give an agent's SIP telephone a new secret, which is shown this once", s.renewAgentPhone),
	}
}

// AgentDevice is what an agent takes calls on.
type AgentDevice struct {
	Kind        string `json:"kind" enum:"browser,phone,number,sip" doc:"the page, their SIP telephone, a telephone number, or (by administrators) a SIP address"`
	Number      string `json:"number,omitempty" maxLength:"32" doc:"of a number, in E.164"`
	Address     string `json:"address,omitempty" maxLength:"200" doc:"of a SIP address, as sip:user@host:port"`
	RingSeconds int    `json:"ring_seconds,omitempty" minimum:"0" maximum:"120" doc:"how long it rings, 10 at least; left out or 0: as long as the queue says"`
}

var (
	errNoPhone  = fault.New(fault.Conflict, "phone_missing", "There is no SIP telephone yet: make its secret first.").WithField("kind")
	errSIPByOwn = fault.New(fault.Forbidden, "device_not_own", "Only an administrator can choose a SIP address.").WithField("kind")
)

func (s *Server) ownDevice(ctx context.Context, _ *struct{}) (*One[AgentDevice], error) {
	return s.deviceOf(ctx, auth.From(ctx).User)
}

func (s *Server) putOwnDevice(ctx context.Context, in *With[AgentDevice]) (*One[AgentDevice], error) {
	if in.Body.Kind == "sip" {
		return nil, errSIPByOwn
	}
	return s.chooseDevice(ctx, auth.From(ctx).User, in.Body)
}

func (s *Server) agentDevice(ctx context.Context, in *ByID) (*One[AgentDevice], error) {
	if err := s.reachAgent(ctx, in.ID); err != nil {
		return nil, err
	}
	return s.deviceOf(ctx, in.ID)
}

func (s *Server) putAgentDevice(ctx context.Context, in *Change[AgentDevice]) (*One[AgentDevice], error) {
	if err := s.reachAgent(ctx, in.ID); err != nil {
		return nil, err
	}
	return s.chooseDevice(ctx, in.ID, in.Body)
}

func (s *Server) deviceOf(ctx context.Context, agent uuid.UUID) (*One[AgentDevice], error) {
	d, err := s.Queues.DeviceOf(ctx, tenant(ctx), agent)
	kind, rest, _ := strings.Cut(d.Address, ":")
	out := AgentDevice{Kind: kind, RingSeconds: d.RingSeconds}
	switch kind {
	case "number":
		out.Number = rest
	case "sip":
		out.Address = d.Address
	}
	return one(out, err)
}

func (s *Server) chooseDevice(ctx context.Context, agent uuid.UUID, in AgentDevice) (*One[AgentDevice], error) {
	d := queues.Device{Address: in.Kind, RingSeconds: in.RingSeconds, There: true}
	switch in.Kind {
	case "phone":
		t, err := s.Trunks.Telephone(ctx, tenant(ctx), agent)
		if err != nil {
			return nil, err
		}
		if t.Username == "" {
			return nil, errNoPhone
		}
		d.Address, d.There = queues.PhoneDevice+t.Username, len(t.Contacts) > 0
	case "number":
		number, err := s.Trunks.Permitted(ctx, tenant(ctx), in.Number)
		if err != nil {
			return nil, err
		}
		d.Address = queues.NumberDevice + number
	case "sip":
		d.Address = in.Address
	}
	if err := s.Queues.ChooseDevice(ctx, tenant(ctx), agent, d); err != nil {
		return nil, err
	}
	return s.deviceOf(ctx, agent)
}

// permittedDevice refuses a telephone number that the outbound rules would.
func (s *Server) permittedDevice(ctx context.Context, device string) error {
	number, ok := strings.CutPrefix(device, queues.NumberDevice)
	if !ok {
		return nil
	}
	_, err := s.Trunks.Permitted(ctx, tenant(ctx), number)
	return err
}

func (s *Server) ownPhone(ctx context.Context, _ *struct{}) (*One[sip.Telephone], error) {
	return one(s.Trunks.Telephone(ctx, tenant(ctx), auth.From(ctx).User))
}

func (s *Server) agentPhone(ctx context.Context, in *ByID) (*One[sip.Telephone], error) {
	if err := s.reachKnownAgent(ctx, in.ID); err != nil {
		return nil, err
	}
	return one(s.Trunks.Telephone(ctx, tenant(ctx), in.ID))
}

func (s *Server) renewOwnPhone(ctx context.Context, _ *struct{}) (*One[sip.PhoneAccount], error) {
	a := auth.From(ctx)
	if _, err := s.Queues.DeviceOf(ctx, a.Tenant, a.User); err != nil {
		return nil, err
	}
	return one(s.Trunks.RenewSecret(ctx, a.Tenant, a.User, a.Extension))
}

func (s *Server) renewAgentPhone(ctx context.Context, in *ByID) (*One[sip.PhoneAccount], error) {
	if err := s.reachKnownAgent(ctx, in.ID); err != nil {
		return nil, err
	}
	u, err := s.Auth.User(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return one(s.Trunks.RenewSecret(ctx, tenant(ctx), in.ID, u.Extension))
}

// reachKnownAgent is reachAgent that wants an agent of this tenant even where the scope reaches all.
func (s *Server) reachKnownAgent(ctx context.Context, id uuid.UUID) error {
	if err := s.reachAgent(ctx, id); err != nil {
		return err
	}
	_, err := s.Queues.DeviceOf(ctx, tenant(ctx), id)
	return err
}
