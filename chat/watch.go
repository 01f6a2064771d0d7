package chat

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// watched is the data of the events conversation.watched and conversation.unwatched; the event's actor is who watches.
type watched struct {
	Why string `json:"why,omitempty"`
}

// Watch notes that somebody begins, or ends, to look at another's conversation as it goes on (IN-6). Neither its agent nor the customer learns
// of it: only the audit log does.
func (s *Service) Watch(ctx context.Context, tenant, id uuid.UUID, on bool, why string) error {
	what := "conversation.unwatched"
	if on {
		what = "conversation.watched"
	}
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		return s.cfg.Events.Append(ctx, tx, what, id, watched{Why: why})
	})
	return wrap("note who watches a conversation", err)
}

// look is somebody who reads a conversation that they have no part in.
type look struct{ conversation, user uuid.UUID }

// lookNoted is how long a noted look at another's conversation stands for the following ones.
const lookNoted = 10 * time.Minute

// Looks notes that somebody reads a conversation, unless they have a part in it or it is nobody's yet: whoever reads others' words is in the
// audit log, by whatever page or program they do it.
func (s *Service) Looks(ctx context.Context, tenant, id, user uuid.UUID) error {
	now, key := s.cfg.DB.Now(), look{id, user}
	s.mu.Lock()
	for k, at := range s.looks {
		if now.Sub(at) > lookNoted {
			delete(s.looks, k)
		}
	}
	_, noted := s.looks[key]
	s.mu.Unlock()
	if noted || user == uuid.Nil {
		return nil
	}
	part, err := s.Part(ctx, tenant, id, user)
	if err != nil || part {
		return err
	}
	s.mu.Lock()
	s.looks[key] = now
	s.mu.Unlock()
	return s.Watch(ctx, tenant, id, true, "")
}
