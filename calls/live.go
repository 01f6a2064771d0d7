package calls

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// LiveCall is a call that has not ended, as lists show it: its record without legs.
type LiveCall struct {
	ID          uuid.UUID  `json:"call_id"`
	Direction   Direction  `json:"direction"`
	State       State      `json:"state"`
	StateAt     time.Time  `json:"state_at"`
	Number      string     `json:"number"`
	Caller      Party      `json:"caller"`
	Transport   string     `json:"transport"`
	Language    string     `json:"language,omitempty"`
	StartedAt   time.Time  `json:"started_at"`
	QueuedAt    *time.Time `json:"queued_at,omitempty"`
	ConnectedAt *time.Time `json:"connected_at,omitempty"`
	Queue       *uuid.UUID `json:"queue_id,omitempty"`
	QueuePath   []string   `json:"queue_path"`
	Agent       *uuid.UUID `json:"agent_id,omitempty"`
	AgentName   string     `json:"agent_name,omitempty"`
	Recording   *uuid.UUID `json:"recording_id,omitempty"`
	Reserved    Reserved   `json:"reserved"`
	Stuck       Stuck      `json:"stuck,omitempty" enum:"node_gone,too_long,no_progress"`
}

// Stuck is why a call looks as if it would never end by itself (V4.4); empty for one that does not.
type Stuck string

// What keeps calls from ending.
const (
	StuckNodeGone   Stuck = "node_gone"   // its server has said nothing for 15 s: nobody holds the call any more
	StuckTooLong    Stuck = "too_long"    // it is older than Config.StuckAfter
	StuckNoProgress Stuck = "no_progress" // in a state that passes by itself, for more than 5 min
)

const (
	nodeBeat     = time.Second // which is how exactly the end of a call is known whose node is killed
	nodeGone     = 15 * time.Second
	passingLimit = 5 * time.Minute
)

// passing are states that end by themselves soon, whatever people do.
func (s State) passing() bool {
	switch s {
	case StateNew, StateDialing, StateOffering, StateWhisper, StateCountdown:
		return true
	default:
		return false
	}
}

func (s *Switchboard) stuck(c *LiveCall, nodeLives bool, now time.Time) Stuck {
	switch {
	case !nodeLives:
		return StuckNodeGone
	case now.Sub(c.StartedAt) > s.cfg.StuckAfter:
		return StuckTooLong
	case c.State.passing() && !c.StateAt.IsZero() && now.Sub(c.StateAt) > passingLimit:
		return StuckNoProgress
	default:
		return ""
	}
}

// Live returns the calls that have not ended, of all nodes: those of ids, or all where ids is nil. The rows are at most one batch of the
// journal behind the calls.
func (s *Switchboard) Live(ctx context.Context, tenant uuid.UUID, ids []uuid.UUID) (found []LiveCall, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT record, coalesce(n.seen_at > $2, false) FROM calls LEFT JOIN call_nodes n USING (node)
			WHERE tenant_id = $3 AND ended_at IS NULL AND ($1::uuid[] IS NULL OR call_id = ANY ($1)) ORDER BY started_at`,
			plain(ids), tx.Now.Add(-nodeGone), tenant)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c LiveCall, err error) {
			var body []byte
			var lives bool
			if err := row.Scan(&body, &lives); err != nil {
				return c, err
			}
			if err := json.Unmarshal(body, &c); err != nil {
				return c, err
			}
			c.Stuck = s.stuck(&c, lives, tx.Now)
			return c, nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the live calls: %w", err)
	}
	return found, nil
}

// plain makes ids plain bytes: pgx writes a slice of uuid.UUID by way of strings, many times slower. nil stays nil.
func plain(ids []uuid.UUID) [][16]byte {
	if ids == nil {
		return nil
	}
	out := make([][16]byte, len(ids))
	for i, id := range ids {
		out[i] = id
	}
	return out
}

// beat says that this node lives, until ctx ends.
func (s *Switchboard) beat(ctx context.Context) {
	tick := time.NewTicker(nodeBeat)
	defer tick.Stop()
	for {
		err := s.db.Worker(ctx, func(tx *storage.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO call_nodes (node, seen_at) VALUES ($1, $2) ON CONFLICT (node) DO UPDATE SET seen_at = $2`, s.cfg.Node, tx.Now)
			return err
		})
		if err != nil && ctx.Err() == nil {
			s.slog.Warn("this node could not say that it lives", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ErrEnding is the answer to ending a call that somebody ends already.
var ErrEnding = fault.New(fault.Conflict, "call_ending", "Somebody is ending this call already.")

// End hangs a live call up, as a person with the right to do so asked (V4.4): once, however often it is asked for. why is kept with the
// call's event. A call of another node is ended there; one whose node is gone has its record closed.
func (s *Switchboard) End(ctx context.Context, tenant, id uuid.UUID, why string) error {
	c, err := s.liveCall(ctx, tenant, id)
	if errors.Is(err, ErrNotLive) {
		return s.endElsewhere(ctx, tenant, id, why)
	}
	if err != nil {
		return err
	}
	if !s.claimEnd(c) {
		return ErrEnding
	}
	if err := s.endedBy(ctx, tenant, id, why); err != nil {
		s.disclaimEnd(c)
		return err
	}
	return c.ask(ctx, func() *happening { return &happening{kind: endAsked} })
}

func (s *Switchboard) endedBy(ctx context.Context, tenant, id uuid.UUID, why string) error {
	return s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		return s.log.Append(ctx, tx, "call.ended_by_person", id, map[string]string{"why": why})
	})
}

func (s *Switchboard) claimEnd(c *Call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.ending {
		return false
	}
	c.ending = true
	return true
}

func (s *Switchboard) disclaimEnd(c *Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.ending = false
}

// toEnd asks another node to end one of its calls.
type toEnd struct {
	Tenant uuid.UUID  `json:"tenant"`
	Call   uuid.UUID  `json:"call"`
	Why    string     `json:"why"`
	Actor  *uuid.UUID `json:"actor,omitempty"`
}

func endSubject(node string) string { return "calls.end." + busName(node) }

// busName makes a node's name a token of a bus subject.
func busName(node string) string { return fmt.Sprintf("%x", node) }

const endPatience = 3 * time.Second

// endElsewhere ends a call that is not on this node.
func (s *Switchboard) endElsewhere(ctx context.Context, tenant, id uuid.UUID, why string) error {
	node, lives, err := s.holder(ctx, tenant, id)
	switch {
	case err != nil:
		return err
	case !lives:
		return s.endOrphan(ctx, tenant, id, why)
	case node == s.cfg.Node: // ended just now; the journal has not written it yet
		return ErrNotLive
	}
	answer, err := s.askNode(ctx, endSubject(node), toEnd{Tenant: tenant, Call: id, Why: why, Actor: events.ActorID(ctx)}, endPatience)
	switch {
	case err != nil:
		return err
	case string(answer) == ErrEnding.Code:
		return ErrEnding
	case string(answer) == ErrNotLive.Code:
		return ErrNotLive
	case len(answer) > 0:
		return errNodeSilent
	}
	return nil
}

// askNode asks another node, and waits as long for its answer; errNodeSilent: there is none.
func (s *Switchboard) askNode(ctx context.Context, subject string, question any, patience time.Duration) ([]byte, error) {
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := s.bus.Ask(ctx, subject, body)
	if err != nil {
		return nil, errNodeSilent.Because(err)
	}
	return answer, nil
}

var errNodeSilent = fault.New(fault.Unavailable, "node_silent", "The server that holds this call does not answer; try again in a few seconds.")

// endForOthers ends calls of this node for the others.
func (s *Switchboard) endForOthers(ctx context.Context) (stop func()) {
	return s.bus.Answer(endSubject(s.cfg.Node), func(body []byte) []byte {
		var e toEnd
		if err := json.Unmarshal(body, &e); err != nil {
			return []byte("bad_request")
		}
		asked := ctx
		if e.Actor != nil {
			asked = events.WithActor(ctx, *e.Actor)
		}
		var f *fault.Error
		switch err := s.End(asked, e.Tenant, e.Call, e.Why); {
		case err == nil:
			return nil
		case errors.As(err, &f):
			return []byte(f.Code)
		default:
			s.slog.Error("a call could not be ended for another node", "call", e.Call, "err", err)
			return []byte("internal")
		}
	})
}

// holder returns the node that a call is on, and whether it lives; ErrNotLive for a call that has ended.
func (s *Switchboard) holder(ctx context.Context, tenant, id uuid.UUID) (node string, lives bool, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		return storage.Missing(tx.QueryRow(ctx, `
			SELECT node, coalesce(n.seen_at > $2, false) FROM calls LEFT JOIN call_nodes n USING (node)
			WHERE call_id = $1 AND ended_at IS NULL`, id, tx.Now.Add(-nodeGone)).Scan(&node, &lives), ErrNotLive)
	})
	return node, lives, err
}

// endOrphan closes the record of a call whose node is gone.
func (s *Switchboard) endOrphan(ctx context.Context, tenant, id uuid.UUID, why string) error {
	return s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var node string
		var body []byte
		err := tx.QueryRow(ctx, `SELECT node, record FROM calls WHERE call_id = $1 AND ended_at IS NULL FOR UPDATE`, id).Scan(&node, &body)
		if err != nil {
			return storage.Missing(err, ErrNotLive)
		}
		if err := s.log.Append(ctx, tx, "call.ended_by_person", id, map[string]string{"why": why}); err != nil {
			return err
		}
		seen, err := nodeSeen(ctx, tx, node)
		if err != nil {
			return err
		}
		return s.closeLost(ctx, tx, tenant, node, seen, body)
	})
}
