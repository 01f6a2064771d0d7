package crm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Keyword is what a customer says in a conversation for a ticket to be made (TK-1).
type Keyword struct {
	Keyword  string   `json:"keyword" minLength:"1" maxLength:"60" doc:"one word or several, as whole words in this order, in either case; of Chinese and Japanese any part of two characters"`
	Type     Type     `json:"type" maxLength:"40"`
	Priority Priority `json:"priority" enum:"urgent,high,medium,low"`
}

// Errors for people.
var (
	ErrKeyword      = fault.New(fault.Invalid, "bad_keyword", "A keyword has at most 60 characters, with letters or digits among them; there are 100 keywords at most.").WithField("keywords")
	ErrKeywordTwice = fault.New(fault.Invalid, "keyword_twice", "Two keywords are the same words.").WithField("keywords")
)

const (
	mostKeywords   = 100
	longestKeyword = 60
)

// spoken is a text as keywords are looked for in it: its words, each between spaces.
func spoken(text string) string { return " " + storage.Words(text) }

func (k Keyword) check() error {
	if utf8.RuneCountInString(k.Keyword) > longestKeyword || storage.Words(k.Keyword) == "" {
		return ErrKeyword
	}
	return k.Priority.check()
}

func checkKeywords(ctx context.Context, tx *storage.Tx, all []Keyword) error {
	if len(all) > mostKeywords {
		return ErrKeyword
	}
	seen := map[string]bool{}
	for _, k := range all {
		if err := k.check(); err != nil {
			return err
		}
		if _, err := ticketType(ctx, tx, k.Type); err != nil {
			return err
		}
		words := spoken(k.Keyword)
		if seen[words] {
			return ErrKeywordTwice
		}
		seen[words] = true
	}
	return nil
}

// heard makes the tickets that a customer's message asks for by keywords: one of each type, unless such a one is open in the conversation.
func (s *Service) heard(ctx context.Context, tx *storage.Tx, e events.Event) error {
	var said struct {
		Message   uuid.UUID `json:"message"`
		Contact   uuid.UUID `json:"contact"`
		Queue     uuid.UUID `json:"queue"`
		Direction string    `json:"direction"`
	}
	if err := json.Unmarshal(e.Data, &said); err != nil || said.Direction != "in" || s.cfg.Said == nil {
		return nil //nolint:nilerr // what cannot be read says nothing
	}
	var any bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM ticket_settings WHERE tenant_id = $1 AND keywords <> '[]')`, e.Tenant).Scan(&any); err != nil || !any {
		return err
	}
	text, err := s.cfg.Said(ctx, tx, said.Message)
	if err != nil || text == "" {
		return err
	}
	words := spoken(text)
	// In a transaction of the tenant's: what makes tickets sees its rows alone.
	return s.cfg.DB.Tenant(ctx, e.Tenant, func(tx *storage.Tx) error {
		set, err := ticketSettings(ctx, tx)
		if err != nil {
			return err
		}
		for _, k := range set.Keywords {
			if !strings.Contains(words, spoken(k.Keyword)) {
				continue
			}
			n := NewTicket{Title: titleOf(text), Type: k.Type, Priority: k.Priority, Contact: storage.Nullable(said.Contact), Queue: storage.Nullable(said.Queue), Call: e.Subject, Conversation: true}
			if err := s.ticketByKeyword(ctx, tx, n); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) ticketByKeyword(ctx context.Context, tx *storage.Tx, n NewTicket) error {
	var open bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM ticket_calls JOIN tickets USING (ticket_id) WHERE call_id = $1 AND type = $2 AND status <> 'resolved')`, n.Call, n.Type).Scan(&open)
	if err != nil {
		return fmt.Errorf("look for a conversation's ticket: %w", err)
	}
	if open {
		return nil
	}
	_, err = s.createTicket(ctx, tx, n)
	switch {
	case errors.Is(err, ErrType): // it was removed since
		n.Type = General
		return s.ticketByKeyword(ctx, tx, n)
	case errors.Is(err, ErrReference): // the contact was
		n.Contact = nil
		return s.ticketByKeyword(ctx, tx, n)
	case err == nil:
		s.keywords.Inc()
	}
	return err
}

// titleOf is a message as the title of its ticket.
func titleOf(text string) string {
	title := []rune(strings.Join(strings.Fields(text), " "))
	return string(title[:min(len(title), longestField)])
}
