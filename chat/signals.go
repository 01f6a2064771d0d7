package chat

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// Read notes how far a user has read, and tells the customer where the channel can.
func (s *Service) Read(ctx context.Context, tenant, id, user uuid.UUID, seq int64) error {
	var out *Signal
	var a *account
	err := s.change(ctx, tenant, id, "note what was read", func(tx *storage.Tx, c *row) error {
		tag, err := tx.Exec(ctx, `INSERT INTO conversation_people (conversation_id, user_id, tenant_id, read_seq) VALUES ($1, $2, $3, $4)
			ON CONFLICT (conversation_id, user_id) DO UPDATE SET read_seq = excluded.read_seq WHERE conversation_people.read_seq < excluded.read_seq`, id, user, tenant, min(seq, c.lastSeq))
		if err != nil || tag.RowsAffected() == 0 || c.owner == nil || *c.owner != user {
			return err
		}
		out, a, err = s.signalTo(ctx, tx, c, SignalRead)
		return err
	})
	if err != nil || out == nil || !a.traits.MarkRead {
		return err
	}
	return s.signal(ctx, a, *out)
}

// Typing tells the customer that the agent types, where the channel can. Nothing is stored.
func (s *Service) Typing(ctx context.Context, tenant, id uuid.UUID, on bool) error {
	var out *Signal
	var a *account
	kind := SignalTyping
	if !on {
		kind = SignalQuiet
	}
	err := s.change(ctx, tenant, id, "tell of typing", func(tx *storage.Tx, c *row) (err error) {
		out, a, err = s.signalTo(ctx, tx, c, kind)
		return err
	})
	if err != nil || !a.traits.Typing {
		return err
	}
	return s.signal(ctx, a, *out)
}

func (s *Service) signalTo(ctx context.Context, tx *storage.Tx, c *row, kind SignalKind) (*Signal, *account, error) {
	a, err := s.account(ctx, tx, c.account)
	if err != nil {
		return nil, nil, err
	}
	p, err := personOf(ctx, tx, c.person)
	if err != nil {
		return nil, nil, err
	}
	out := &Signal{To: p.Person, Kind: kind}
	if c.customerAt != nil {
		out.LastAt = *c.customerAt
	}
	err = tx.QueryRow(ctx, `SELECT coalesce(external_id, ''), read_token FROM messages WHERE conversation_id = $1 AND direction = 'in' ORDER BY seq DESC LIMIT 1`, c.id).Scan(&out.Message, &out.ReadToken)
	if err != nil && !isNone(err) {
		return nil, nil, err
	}
	return out, a, nil
}

// signal is sent at once and never twice; a lost one does no harm.
func (s *Service) signal(ctx context.Context, a *account, out Signal) error {
	c, err := s.channel(a)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, signalWithin)
	defer cancel()
	if err := c.Signal(ctx, out); err != nil {
		s.log.Debug("a signal did not arrive", "channel", a.Channel, "err", err)
	}
	return nil
}

const signalWithin = 3 * time.Second
