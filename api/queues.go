package api

import (
	"context"

	"github.com/google/uuid"

	"tandem/queues"
)

func (s *Server) queueRoutes() []route {
	return []route{
		on(s, "GET", "/queues", "read:queues", "list-queues", "The tree of queues, parents before children", s.listQueues),
		on(s, "POST", "/queues", "write:queues", "add-queue", "Make a queue", s.addQueue),
		on(s, "GET", "/queue-settings", "read:queues", "get-queue-globals", "Settings above all queues", s.getGlobals),
		on(s, "PATCH", "/queue-settings", "write:queues", "change-queue-globals", "Change the settings above all queues", s.changeGlobals),
		on(s, "POST", "/queue-settings/whisper-preview", "write:queues", "try-global-whisper", "What agents hear before the bridge, with settings that need not be saved", s.tryGlobalWhisper),
		on(s, "GET", "/queue-counters", "read:queues", "list-queue-counters", "Live figures of each queue that takes callers", s.listCounters),
		on(s, "GET", "/queues/{id}", "read:queues", "get-queue", "One queue", s.getQueue),
		on(s, "PATCH", "/queues/{id}", "write:queues", "change-queue", "Change a queue: place, name, key, pause, own settings, settings to inherit again", s.changeQueue),
		on(s, "DELETE", "/queues/{id}", "delete:queues", "archive-queue", "Archive a queue", s.archiveQueue),
		on(s, "POST", "/queues/{id}/copy", "write:queues", "copy-queue", "Copy a queue", s.copyQueue),
		on(s, "GET", "/queues/{id}/settings", "read:queues", "get-queue-settings", "Every setting in force, with its origin", s.queueSettings),
		on(s, "GET", "/queues/{id}/whisper-preview", "read:queues", "get-queue-whisper", "What the queue's agents hear before the bridge, as WAV", s.queueWhisper),
		on(s, "POST", "/queues/{id}/whisper-preview", "write:queues", "try-queue-whisper", "The same with settings that are not saved yet", s.tryWhisper),
		on(s, "GET", "/queues/{id}/menu", "read:queues", "get-queue-menu", "The menu that callers hear at this node", s.queueMenu),
		on(s, "GET", "/queues/{id}/members", "read:queues", "get-queue-members", "The queue's agents", s.queueMembers),
		on(s, "PUT", "/queues/{id}/members", "write:queues", "put-queue-members", "Set the queue's agents", s.setMembers),
		on(s, "GET", "/hours", "read:hours", "list-hours", "Opening hours", s.listHours),
		on(s, "POST", "/hours", "write:hours", "add-hours", "Make opening hours", s.addHours),
		on(s, "GET", "/hours/{id}", "read:hours", "get-hours", "One plan of opening hours", s.getHours),
		on(s, "PUT", "/hours/{id}", "write:hours", "put-hours", "Change opening hours", s.putHours),
		on(s, "DELETE", "/hours/{id}", "delete:hours", "delete-hours", "Remove opening hours that no queue uses", s.deleteHours),
	}
}

// NewQueue is a queue to be made.
type NewQueue struct {
	Parent   uuid.UUID          `json:"parent,omitzero" format:"uuid"`
	Kind     queues.QueueKind   `json:"kind,omitempty" enum:"queue,message"`
	Name     string             `json:"name" minLength:"1" maxLength:"200"`
	Key      int                `json:"key,omitempty" minimum:"0" maximum:"9" doc:"0: hidden"`
	Off      []queues.Channel   `json:"off,omitempty"`
	Settings queues.OwnSettings `json:"settings,omitempty"`
}

// QueueChange is what is to become of a queue; what is left out stays.
type QueueChange struct {
	Parent *uuid.UUID         `json:"parent,omitempty" format:"uuid" doc:"the nil UUID moves it to the top"`
	Name   *string            `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Key    *int               `json:"key,omitempty" minimum:"0" maximum:"9"`
	Off    *[]queues.Channel  `json:"off,omitempty"`
	Paused *bool              `json:"paused,omitempty"`
	Set    queues.OwnSettings `json:"set,omitempty" doc:"own values from now on"`
	Reset  []string           `json:"reset,omitempty" doc:"names of settings to inherit again"`
}

func (s *Server) listQueues(ctx context.Context, _ *struct{}) (*List[queues.Queue], error) {
	return whole(s.Queues.Queues(ctx, tenant(ctx)))
}

func (s *Server) getQueue(ctx context.Context, in *ByID) (*One[queues.Queue], error) {
	return one(s.Queues.Queue(ctx, tenant(ctx), in.ID))
}

func (s *Server) addQueue(ctx context.Context, in *With[NewQueue]) (*One[queues.Queue], error) {
	n := in.Body
	if err := s.known(ctx, n.Settings); err != nil {
		return nil, err
	}
	return one(s.Queues.CreateQueue(ctx, tenant(ctx), queues.NewQueue(n)))
}

func (s *Server) changeQueue(ctx context.Context, in *Change[QueueChange]) (*One[queues.Queue], error) {
	if err := s.known(ctx, in.Body.Set); err != nil {
		return nil, err
	}
	return one(s.Queues.UpdateQueue(ctx, tenant(ctx), in.ID, queues.QueueChange(in.Body)))
}

func (s *Server) archiveQueue(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Queues.ArchiveQueue(ctx, tenant(ctx), in.ID))
}

// QueueCopy names a copy.
type QueueCopy struct {
	Name string `json:"name" minLength:"1" maxLength:"200"`
}

func (s *Server) copyQueue(ctx context.Context, in *Change[QueueCopy]) (*One[queues.Queue], error) {
	return one(s.Queues.CopyQueue(ctx, tenant(ctx), in.ID, in.Body.Name))
}

// GlobalChange changes the settings above all queues.
type GlobalChange struct {
	Set   queues.OwnSettings `json:"set,omitempty"`
	Reset []string           `json:"reset,omitempty" doc:"names of settings to return to Tandem's default"`
}

func (s *Server) getGlobals(ctx context.Context, _ *struct{}) (*One[queues.OwnSettings], error) {
	return one(s.Queues.Global(ctx, tenant(ctx)))
}

func (s *Server) changeGlobals(ctx context.Context, in *With[GlobalChange]) (*One[queues.OwnSettings], error) {
	if err := s.known(ctx, in.Body.Set); err != nil {
		return nil, err
	}
	return one(s.Queues.SetGlobal(ctx, tenant(ctx), in.Body.Set, in.Body.Reset))
}

// known refuses settings that name another tenant's prompts, queues or hours: nothing else would notice before a caller does.
func (s *Server) known(ctx context.Context, own queues.OwnSettings) error {
	if err := s.knownRouting(ctx, own); err != nil {
		return err
	}
	for _, p := range []*queues.Prompt{own.Greeting, own.HoldMusic} {
		if p != nil {
			if err := s.knownPrompt(ctx, p.ID); err != nil {
				return err
			}
		}
	}
	if n := own.Notification; n != nil {
		for _, t := range []queues.Tone{n.Call, n.Chat, n.Message} {
			if err := s.knownTone(ctx, t); err != nil {
				return err
			}
		}
	}
	if w := own.Whisper; w != nil {
		if err := s.knownPrompt(ctx, w.Prompt); err != nil {
			return err
		}
	}
	if m := own.Menu; m != nil {
		for _, q := range []uuid.UUID{m.FinalQueue, m.ZeroQueue} {
			if err := s.knownQueue(ctx, q); err != nil {
				return err
			}
		}
	}
	if b := own.Bot; b != nil {
		if err := s.knownQueue(ctx, b.HandOver); err != nil {
			return err
		}
		if b.Bot != uuid.Nil {
			if _, err := s.Bots.Bot(ctx, tenant(ctx), b.Bot); err != nil {
				return err
			}
		}
	}
	return s.knownInstead(ctx, own)
}

// knownInstead looks at what happens instead of waiting, and while waiting.
func (s *Server) knownInstead(ctx context.Context, own queues.OwnSettings) error {
	if err := s.reachable(ctx, own); err != nil {
		return err
	}
	prompts, targets, hours := own.Refers()
	for _, id := range prompts {
		if err := s.knownPrompt(ctx, id); err != nil {
			return err
		}
	}
	for _, id := range targets {
		if err := s.knownQueue(ctx, id); err != nil {
			return err
		}
	}
	for _, id := range hours {
		if _, err := s.Queues.Hours(ctx, tenant(ctx), id); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) knownPrompt(ctx context.Context, id uuid.UUID) error {
	if id == uuid.Nil {
		return nil
	}
	_, err := s.Prompts.Get(ctx, tenant(ctx), id)
	return err
}

func (s *Server) knownQueue(ctx context.Context, id uuid.UUID) error {
	if id == uuid.Nil {
		return nil
	}
	_, err := s.Queues.Queue(ctx, tenant(ctx), id)
	return err
}

func (s *Server) listCounters(ctx context.Context, _ *struct{}) (*List[queues.Counters], error) {
	return whole(s.Queues.Counters(ctx, tenant(ctx)))
}

func (s *Server) queueSettings(ctx context.Context, in *ByID) (*One[queues.Settings], error) {
	return one(s.Queues.Effective(ctx, tenant(ctx), in.ID))
}

func (s *Server) queueMenu(ctx context.Context, in *ByID) (*One[queues.Menu], error) {
	return one(s.Queues.Menu(ctx, tenant(ctx), in.ID))
}

// Members are the agents of a queue, in the order of its list.
type Members struct {
	Agents  []uuid.UUID     `json:"agents"`
	Members []queues.Member `json:"members,omitempty" doc:"the same with their own priorities and delays; where it is given it counts, else who stays keeps theirs"`
}

func (s *Server) queueMembers(ctx context.Context, in *ByID) (*One[Members], error) {
	if err := s.knownQueue(ctx, in.ID); err != nil {
		return nil, err
	}
	return one(s.members(ctx, in.ID))
}

func (s *Server) members(ctx context.Context, queue uuid.UUID) (Members, error) {
	ms, err := s.Queues.Membership(ctx, tenant(ctx), queue)
	out := Members{Agents: make([]uuid.UUID, len(ms)), Members: ms}
	for i, m := range ms {
		out.Agents[i] = m.Agent
	}
	return out, err
}

func (s *Server) setMembers(ctx context.Context, in *Change[Members]) (*One[Members], error) {
	var err error
	if len(in.Body.Members) > 0 {
		err = s.Queues.PutMembers(ctx, tenant(ctx), in.ID, in.Body.Members)
	} else {
		err = s.Queues.SetMembers(ctx, tenant(ctx), in.ID, in.Body.Agents)
	}
	if err != nil {
		return nil, err
	}
	return one(s.members(ctx, in.ID))
}

// HoursInput are opening hours as they are to be.
type HoursInput struct {
	Name     string             `json:"name" minLength:"1" maxLength:"200"`
	Zone     string             `json:"zone" example:"Europe/Berlin"`
	Week     [7][]queues.Period `json:"week" doc:"Sunday first"`
	Holidays []queues.Holiday   `json:"holidays,omitempty"`
}

func (h HoursInput) hours(id uuid.UUID) queues.Hours {
	return queues.Hours{ID: id, Name: h.Name, Zone: h.Zone, Week: h.Week, Holidays: h.Holidays}
}

func (s *Server) listHours(ctx context.Context, _ *struct{}) (*List[queues.Hours], error) {
	return whole(s.Queues.AllHours(ctx, tenant(ctx)))
}

func (s *Server) getHours(ctx context.Context, in *ByID) (*One[queues.Hours], error) {
	return one(s.Queues.Hours(ctx, tenant(ctx), in.ID))
}

func (s *Server) addHours(ctx context.Context, in *With[HoursInput]) (*One[queues.Hours], error) {
	return one(s.Queues.PutHours(ctx, tenant(ctx), in.Body.hours(uuid.Nil)))
}

func (s *Server) putHours(ctx context.Context, in *Change[HoursInput]) (*One[queues.Hours], error) {
	return one(s.Queues.PutHours(ctx, tenant(ctx), in.Body.hours(in.ID)))
}

func (s *Server) deleteHours(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Queues.DeleteHours(ctx, tenant(ctx), in.ID))
}
