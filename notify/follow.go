package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tandem/crm"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/queues"
)

// told is what an event tells, and whom.
type told struct {
	kind    Kind
	users   []uuid.UUID
	subject uuid.UUID // told once: the offer, the voicemail …
	queue   uuid.UUID // whose settings say whether text messages are sent; uuid.Nil: none
}

// Left is what this package reads of voicemail.left (calls.MailEvent), callback.requested (queues.CallbackEvent) and conversation.message:
// the one it is for, or without one the queue whose agents it is for.
type Left struct {
	Queue uuid.UUID `json:"queue"`
	Agent uuid.UUID `json:"agent"`
}

// followed are the events that handle reads.
var followed = []string{
	"user.changed", "user.sessions_revoked", "user.password_changed", "offer.made", "offer.ended", "voicemail.left", "callback.requested",
	"conversation.message", "ticket.sla_at_risk", "ticket.sla_breached",
}

func (s *Service) handle(ctx context.Context, tx *storage.Tx, e events.Event) error {
	switch e.Type {
	case "user.changed", "user.sessions_revoked", "user.password_changed":
		return s.userChanged(ctx, tx, e)
	}
	t, err := s.tells(ctx, e)
	if err != nil {
		return fmt.Errorf("read event %s: %w", e.Type, err)
	}
	for _, user := range t.users {
		if err := s.enqueue(ctx, tx, e, t, user); err != nil {
			return err
		}
	}
	return nil
}

// tells is the table of events and whom they are told to.
func (s *Service) tells(ctx context.Context, e events.Event) (t told, err error) {
	switch e.Type {
	case "offer.made":
		var d queues.OfferMade
		err = json.Unmarshal(e.Data, &d)
		if d.Kind == queues.Outbound && e.Actor != nil && *e.Actor == d.Agent {
			return told{}, err // a call that they make themselves
		}
		return told{KindOffer, []uuid.UUID{d.Agent}, d.Offer, d.Queue}, err
	case "offer.ended":
		var d queues.OfferEnded
		err = json.Unmarshal(e.Data, &d)
		if d.Result != string(queues.OfferMissed) && d.Result != string(queues.OfferUnreachable) {
			return told{}, err
		}
		return told{KindMissed, []uuid.UUID{d.Agent}, d.Offer, d.Queue}, err
	case "voicemail.left":
		return s.left(ctx, e, KindVoicemail)
	case "callback.requested":
		return s.left(ctx, e, KindCallback)
	case "conversation.message":
		return s.left(ctx, e, KindMessage)
	case "ticket.sla_at_risk", "ticket.sla_breached":
		var d crm.SLAEvent
		if err = json.Unmarshal(e.Data, &d); err != nil || d.Assignee == nil {
			return told{}, err
		}
		return told{KindTicket, []uuid.UUID{*d.Assignee}, e.Subject, uuid.Nil}, nil
	}
	return told{}, nil
}

func (s *Service) left(ctx context.Context, e events.Event, kind Kind) (told, error) {
	var d Left
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return told{}, err
	}
	t := told{kind: kind, subject: e.Subject}
	if d.Agent != uuid.Nil {
		t.users = []uuid.UUID{d.Agent}
		return t, nil
	}
	if d.Queue == uuid.Nil {
		return t, nil
	}
	var err error
	t.users, err = s.cfg.Queues.Members(ctx, e.Tenant, d.Queue)
	return t, err
}

// enqueue makes the jobs of telling one user, if there is any way to.
func (s *Service) enqueue(ctx context.Context, tx *storage.Tx, e events.Event, t told, user uuid.UUID) error {
	w, err := waysOf(ctx, tx, e.Tenant, user)
	if err != nil || !w.active {
		return err
	}
	rule := w.profile.rule(t.kind)
	if rule.Push && w.browsers {
		if err := s.cfg.Enqueue(ctx, tx, Push{Tenant: e.Tenant, User: user, What: t.kind, At: e.At}); err != nil {
			return err
		}
	}
	if rule.Text && t.queue != uuid.Nil && w.profile.Mobile != "" && w.texting {
		return s.cfg.Enqueue(ctx, tx, Text{Tenant: e.Tenant, User: user, What: t.kind, Queue: t.queue, Subject: t.subject, At: e.At})
	}
	return nil
}

// userChanged ends the pushes to browsers that somebody else may have by now.
func (s *Service) userChanged(ctx context.Context, tx *storage.Tx, e events.Event) error {
	if e.Type == "user.changed" {
		var d struct {
			Active bool `json:"active"`
		}
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return fmt.Errorf("read event %s: %w", e.Type, err)
		}
		if err := setActive(ctx, tx, e.Tenant, e.Subject, d.Active); err != nil || d.Active {
			return err
		}
	}
	return deleteSubscriptionsOf(ctx, tx, e.Tenant, e.Subject)
}

// late says whether something is no longer worth telling: a ring that is over, a miss of yesterday after a long outage.
func late(kind Kind, at, now time.Time) bool {
	if kind == KindOffer {
		return now.Sub(at) > time.Minute
	}
	return now.Sub(at) > time.Hour
}
