package web

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/internal/storage"
	"tandem/queues"
)

// Thread is what a page is told of a visitor's conversations; web/widget/protocol.ts has the same.
type Thread struct {
	Conversations []Conversation   `json:"conversations"`
	Messages      []Message        `json:"messages"`
	Whole         bool             `json:"whole,omitempty"` // everything there is, not only what has changed
	Offering      *queues.Offering `json:"offering,omitempty"`
}

// Conversation is how one stands.
type Conversation struct {
	ID        uuid.UUID  `json:"id"`
	State     chat.State `json:"state"`
	Rev       int64      `json:"rev"`
	CreatedAt time.Time  `json:"created_at"`
	Agent     string     `json:"agent,omitempty"`
	Bot       bool       `json:"bot,omitempty"`
	Waiting   bool       `json:"waiting,omitempty"`
	Position  int        `json:"position,omitempty"`
	Wait      *int       `json:"wait_seconds,omitempty"`
	Opens     *time.Time `json:"opens_at,omitempty"`
	ReadSeq   int64      `json:"read_seq"` // how far the agent has read
	Rating    int        `json:"rating,omitempty"`
}

// Message is one message.
type Message struct {
	ID           uuid.UUID         `json:"id"`
	Conversation uuid.UUID         `json:"conversation_id"`
	Seq          int64             `json:"seq"`
	Rev          int64             `json:"rev"`
	At           time.Time         `json:"at"`
	Mine         bool              `json:"mine"`
	Author       chat.Author       `json:"author"`
	Name         string            `json:"name,omitempty"`
	Kind         chat.Kind         `json:"kind"`
	Text         string            `json:"text"`
	Code         string            `json:"code,omitempty"`
	Values       map[string]string `json:"values,omitempty"`
	Options      []chat.Option     `json:"options,omitempty"`
	Attachments  []chat.Attachment `json:"attachments,omitempty"`
	Quote        *quote            `json:"quote,omitempty"`
	Status       chat.Status       `json:"status,omitempty"`
	Edited       bool              `json:"edited,omitempty"`
	Unsent       bool              `json:"unsent,omitempty"`
	Client       string            `json:"client_id,omitempty"`
	Reactions    []chat.Reacted    `json:"reactions,omitempty"`
}

type quote struct {
	ID   *uuid.UUID `json:"id,omitempty"`
	Text string     `json:"text"`
}

// Thread reads what has changed for a visitor since the revisions that their page has, by conversation; nil: everything.
func (s *Service) Thread(ctx context.Context, v Visitor, since map[uuid.UUID]int64) (Thread, error) {
	raw, err := s.cfg.Chat.ThreadOf(ctx, v.Tenant, v.Account, v.Key, since)
	if err != nil {
		return Thread{}, err
	}
	t := Thread{Conversations: []Conversation{}, Messages: []Message{}, Whole: len(since) == 0}
	names := map[uuid.UUID]string{}
	for _, c := range raw.Conversations {
		seen, err := s.conversation(ctx, v, c, names)
		if err != nil {
			return t, err
		}
		t.Conversations = append(t.Conversations, seen)
	}
	for _, m := range raw.Messages {
		t.Messages = append(t.Messages, s.message(ctx, v, m, names))
	}
	return t, nil
}

func (s *Service) conversation(ctx context.Context, v Visitor, c chat.ThreadConversation, names map[uuid.UUID]string) (Conversation, error) {
	seen := Conversation{ID: c.ID, State: c.State, Rev: c.Rev, CreatedAt: c.CreatedAt, Bot: c.OwnerKind == chat.BotOwner, Waiting: c.Waiting, ReadSeq: c.ReadSeq}
	if c.State == chat.Closed {
		err := s.cfg.DB.Tenant(ctx, v.Tenant, func(tx *storage.Tx) (err error) { seen.Rating, err = rated(ctx, tx, c.ID); return err })
		return seen, err
	}
	if c.Owner != nil && c.OwnerKind == chat.HumanOwner {
		seen.Agent = s.agentName(ctx, v.Tenant, *c.Owner, names)
	}
	if seen.Agent == "" {
		seen.Opens = c.Opens
	}
	if !c.Waiting || c.Queue == nil {
		return seen, nil
	}
	st, err := s.cfg.Queues.StandingOf(ctx, v.Tenant, *c.Queue, c.ID)
	if errors.Is(err, queues.ErrNotWaiting) {
		return seen, nil
	}
	if err != nil {
		return seen, err
	}
	seen.Position = st.Position
	if st.Wait != nil {
		n := int(math.Ceil(st.Wait.Seconds()))
		seen.Wait = &n
	}
	return seen, nil
}

// agentName is what customers see of an agent; "" when nothing is known.
func (s *Service) agentName(ctx context.Context, tenant, agent uuid.UUID, names map[uuid.UUID]string) string {
	name, known := names[agent]
	if known {
		return name
	}
	if a, err := s.cfg.Queues.Agent(ctx, tenant, agent); err == nil {
		name = a.Name
	}
	names[agent] = name
	return name
}

func (s *Service) message(ctx context.Context, v Visitor, m chat.Message, names map[uuid.UUID]string) Message {
	seen := Message{
		ID: m.ID, Conversation: m.Conversation, Seq: m.Seq, Rev: m.Rev, At: m.At, Mine: m.Direction == chat.In, Author: m.Author, Name: m.AuthorName, Kind: m.Kind, Text: m.Text,
		Options: m.Body.Options, Attachments: m.Attachments, Status: m.Status, Edited: m.EditedAt != nil, Unsent: m.UnsentAt != nil, Reactions: m.Reactions,
	}
	switch {
	case seen.Mine:
		seen.Status = chat.StatusSent
		if m.Client != nil {
			seen.Client = m.Client.String()
		}
	case m.AuthorID != nil && m.Author == chat.ByAgent:
		if name := s.agentName(ctx, v.Tenant, *m.AuthorID, names); name != "" {
			seen.Name = name
		}
	}
	if m.Kind == chat.System {
		seen.Code, seen.Values = m.Body.Type, m.Body.Data
	}
	if m.Quote != nil {
		seen.Quote = &quote{ID: m.Quote.ID, Text: m.Quote.Text}
	}
	if seen.Unsent { // who took it back has taken it back, whatever the tenant keeps
		seen.Text, seen.Attachments, seen.Options, seen.Quote = "", nil, nil, nil
	}
	return seen
}

// offering is what a page shows beside, or instead of, the chat.
func (s *Service) offering(ctx context.Context, w *widget, v Visitor) (*queues.Offering, error) {
	o := queues.Offering{Open: true, Call: true, Chat: true, Options: []queues.ClientOption{}}
	if w.Queue != nil {
		var err error
		client := queues.Client{Channel: queues.Web, Language: v.Language}
		if v.Mobile {
			client.Channel = queues.Mobile
		}
		if o, err = s.cfg.Queues.Offering(ctx, w.Tenant, *w.Queue, s.cfg.DB.Now(), client); err != nil {
			return nil, err
		}
	}
	o.Call = o.Call && w.Settings.Features.Call && w.Settings.Number != ""
	if o.Options == nil {
		o.Options = []queues.ClientOption{}
	}
	return &o, nil
}

// Welcome is the first answer to a page.
type Welcome struct {
	Visitor welcomed `json:"visitor"`
	Thread
}

type welcomed struct {
	ID       uuid.UUID `json:"id"`
	Secret   string    `json:"secret,omitempty"` // of a new visitor; shown once
	Name     string    `json:"name"`
	Customer bool      `json:"customer"` // vouched for
}

// Welcome tells a page everything that it needs to begin, or to go on.
func (s *Service) Welcome(ctx context.Context, account string, v Visitor, since map[uuid.UUID]int64) (Welcome, error) {
	w, err := s.widget(ctx, account)
	if err != nil {
		return Welcome{}, err
	}
	if v.Secret != "" {
		since = nil
	}
	t, err := s.Thread(ctx, v, since)
	if err != nil {
		return Welcome{}, err
	}
	if t.Offering, err = s.offering(ctx, w, v); err != nil {
		return Welcome{}, err
	}
	return Welcome{Visitor: welcomed{ID: v.ID, Secret: v.Secret, Name: v.Name, Customer: v.Customer != ""}, Thread: t}, nil
}
