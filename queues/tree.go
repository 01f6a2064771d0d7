package queues

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Channel is a way in which customers come.
type Channel string

// Channels that queues know by name; messaging channels are named by their adapters (whatsapp, line, …).
const (
	IVR    Channel = "ivr"
	Mobile Channel = "mobile"
	Web    Channel = "web"
	SMS    Channel = "sms"
)

// QueueKind says what a node of the tree is. A queue with nodes below it is a menu.
type QueueKind string

// Kinds of nodes.
const (
	KindQueue   QueueKind = "queue"
	KindMessage QueueKind = "message" // says its greeting; takes no items
)

// MaxKeys is how many visible nodes a level may have: keys 1 to 9.
const MaxKeys = 9

// Queue is one node of a tenant's tree (Q1.1).
type Queue struct {
	ID         uuid.UUID   `json:"id"`
	Parent     uuid.UUID   `json:"parent,omitzero"` // uuid.Nil at the top
	Kind       QueueKind   `json:"kind"`
	Name       string      `json:"name"`
	Key        int         `json:"key,omitempty"` // 1 to 9; 0: hidden, reached by a number or a transfer only
	Off        []Channel   `json:"off"`           // channels switched off here and below
	Own        OwnSettings `json:"own"`
	Paused     bool        `json:"paused"` // takes no new items; those that wait are still served
	Leaf       bool        `json:"leaf"`   // takes items and agents
	ArchivedAt *time.Time  `json:"archived_at,omitempty"`
	ChangedAt  time.Time   `json:"changed_at"`
}

// Errors of the tree.
var (
	ErrNoQueue     = fault.New(fault.NotFound, "queue_not_found", "There is no such queue.")
	ErrLevelFull   = fault.New(fault.Illegal, "queue_level_full", "A menu has at most 9 visible queues: hide one of them, or put this one on another level.").WithField("key")
	ErrKeyTaken    = fault.New(fault.Conflict, "queue_key_taken", "Another queue of this level has that key: choose a free one.").WithField("key")
	ErrNotLeaf     = fault.New(fault.Illegal, "queue_not_leaf", "Only a queue without queues below it takes agents and callers.")
	ErrHasAgents   = fault.New(fault.Illegal, "queue_has_agents", "This queue has agents, so that nothing can be put below it: move them first.").WithField("parent")
	ErrInUse       = fault.New(fault.Conflict, "queue_in_use", "Queues below this one, callers that wait, or calls in progress still use it: move or end them first.")
	ErrQueuePaused = fault.New(fault.Conflict, "queue_paused", "The queue is paused and takes nobody new.")
	ErrLoop        = fault.New(fault.Illegal, "queue_loop", "A queue cannot be put below itself.").WithField("parent")
)

// NewQueue is what CreateQueue needs; Kind "" is a queue.
type NewQueue struct {
	Parent   uuid.UUID
	Kind     QueueKind
	Name     string
	Key      int // 0: hidden
	Off      []Channel
	Settings OwnSettings
}

// CreateQueue adds a node.
func (s *Service) CreateQueue(ctx context.Context, tenant uuid.UUID, n NewQueue) (Queue, error) {
	q := Queue{ID: storage.NewID(), Parent: n.Parent, Kind: n.Kind, Name: strings.TrimSpace(n.Name), Key: n.Key, Off: n.Off, Own: n.Settings, Leaf: n.Kind != KindMessage}
	if q.Kind == "" {
		q.Kind = KindQueue
	}
	if err := q.validate(); err != nil {
		return Queue{}, err
	}
	err := s.configure(ctx, tenant, q.ID, func(tx *storage.Tx) error {
		q.ChangedAt = tx.Now
		if err := checkPlace(ctx, tx, q); err != nil {
			return err
		}
		if err := checkDeflection(ctx, tx, q); err != nil {
			return err
		}
		return insertQueue(ctx, tx, q)
	})
	if err != nil {
		return Queue{}, fmt.Errorf("create queue: %w", err)
	}
	return q, nil
}

// QueueChange is what UpdateQueue changes: nil stays as it is.
type QueueChange struct {
	Parent *uuid.UUID
	Name   *string
	Key    *int
	Off    *[]Channel
	Paused *bool
	Set    OwnSettings // what is not nil becomes the queue's own
	Reset  []string    // JSON names of settings to inherit again
}

// UpdateQueue changes a node.
func (s *Service) UpdateQueue(ctx context.Context, tenant, id uuid.UUID, c QueueChange) (Queue, error) {
	var q Queue
	err := s.configure(ctx, tenant, id, func(tx *storage.Tx) error {
		var err error
		if q, err = readQueue(ctx, tx, id); err != nil {
			return err
		}
		before := q
		c.apply(&q)
		if q.Own, err = q.Own.changed(c.Set, c.Reset); err != nil {
			return err
		}
		if err := q.validate(); err != nil {
			return err
		}
		if q.Parent != before.Parent || q.Key != before.Key {
			if err := checkPlace(ctx, tx, q); err != nil {
				return err
			}
		}
		if c.Set.Deflection != nil {
			if err := checkDeflection(ctx, tx, q); err != nil {
				return err
			}
		}
		q.ChangedAt = tx.Now
		return updateQueue(ctx, tx, q)
	})
	if err != nil {
		return Queue{}, fmt.Errorf("change queue: %w", err)
	}
	return q, nil
}

func (c QueueChange) apply(q *Queue) {
	if c.Parent != nil {
		q.Parent = *c.Parent
	}
	if c.Name != nil {
		q.Name = strings.TrimSpace(*c.Name)
	}
	if c.Key != nil {
		q.Key = *c.Key
	}
	if c.Off != nil {
		q.Off = *c.Off
	}
	if c.Paused != nil {
		q.Paused = *c.Paused
	}
}

func (q Queue) validate() error {
	switch {
	case q.Name == "" || len(q.Name) > 200:
		return invalid("name", "A queue needs a name of at most 200 letters.")
	case q.Key > MaxKeys:
		return ErrLevelFull
	case q.Key < 0:
		return invalid("key", "Keys are 1 to 9; hidden queues have none.")
	case q.Kind != KindQueue && q.Kind != KindMessage:
		return invalid("kind", "A node is a queue or a message.")
	case q.Kind == KindMessage && (q.Own.Greeting == nil || q.Own.Greeting.IsZero()):
		return invalid("greeting", "A message needs its recording or text.")
	}
	if err := q.Own.globalOnly(); err != nil {
		return err
	}
	return q.Own.validate()
}

// CopyQueue makes a hidden copy of a node beside it, with its own settings and agents but not what is below it.
func (s *Service) CopyQueue(ctx context.Context, tenant, id uuid.UUID, name string) (Queue, error) {
	var q Queue
	err := s.configure(ctx, tenant, id, func(tx *storage.Tx) error {
		var err error
		if q, err = readQueue(ctx, tx, id); err != nil {
			return err
		}
		q.ID, q.Name, q.Key, q.Paused, q.ChangedAt = storage.NewID(), strings.TrimSpace(name), 0, false, tx.Now
		q.Leaf = q.Kind == KindQueue
		if err := q.validate(); err != nil {
			return err
		}
		if err := insertQueue(ctx, tx, q); err != nil {
			return err
		}
		return copyMembers(ctx, tx, id, q.ID)
	})
	if err != nil {
		return Queue{}, fmt.Errorf("copy queue: %w", err)
	}
	return q, nil
}

// ArchiveQueue takes a node out of use; what refers to it keeps its name. ErrInUse while anything is below it, waits in it or talks from it.
func (s *Service) ArchiveQueue(ctx context.Context, tenant, id uuid.UUID) error {
	err := s.configure(ctx, tenant, id, func(tx *storage.Tx) error {
		if _, err := readQueue(ctx, tx, id); err != nil {
			return err
		}
		return archiveQueue(ctx, tx, id)
	})
	if err != nil {
		return fmt.Errorf("archive queue: %w", err)
	}
	return nil
}

// Queue returns one node.
func (s *Service) Queue(ctx context.Context, tenant, id uuid.UUID) (q Queue, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		q, err = readQueue(ctx, tx, id)
		return err
	})
	return q, wrap("read queue", err)
}

// Queues returns the whole tree without archived nodes, parents before children, by key and name.
func (s *Service) Queues(ctx context.Context, tenant uuid.UUID) (qs []Queue, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		qs, err = readTree(ctx, tx)
		return err
	})
	return qs, wrap("read queues", err)
}

// Effective returns every setting in force with its origin (Q1.1).
func (s *Service) Effective(ctx context.Context, tenant, id uuid.UUID) (set Settings, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		set, err = effective(ctx, tx, id)
		return err
	})
	return set, wrap("read the queue's settings", err)
}

// Global returns the tenant's global settings: nil is Tandem's default.
func (s *Service) Global(ctx context.Context, tenant uuid.UUID) (own OwnSettings, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		own, err = readGlobal(ctx, tx)
		return err
	})
	return own, wrap("read the global queue settings", err)
}

// Defaults are the settings that a queue without any of its own has.
func (s *Service) Defaults(ctx context.Context, tenant uuid.UUID) (Settings, error) {
	own, err := s.Global(ctx, tenant)
	return inherit(own, nil), err
}

// SetGlobal changes the tenant's global settings: what is not nil in set is set, what reset names is Tandem's default again.
func (s *Service) SetGlobal(ctx context.Context, tenant uuid.UUID, set OwnSettings, reset []string) (OwnSettings, error) {
	var own OwnSettings
	err := s.configure(ctx, tenant, tenant, func(tx *storage.Tx) error {
		var err error
		if own, err = readGlobal(ctx, tx); err != nil {
			return err
		}
		if own, err = own.changed(set, reset); err != nil {
			return err
		}
		if err := own.switchable(set, reset); err != nil {
			return err
		}
		return writeGlobal(ctx, tx, own)
	})
	return own, wrap("change the global queue settings", err)
}

// configure runs a change of the tree, the agents or their membership, tells of it, and makes the dispatcher load everything again.
func (s *Service) configure(ctx context.Context, tenant, subject uuid.UUID, f func(*storage.Tx) error) error {
	return s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		if err := bumpConfig(ctx, tx, shardOf(tenant)); err != nil {
			return err
		}
		s.wakeAfter(tx, tenant)
		return s.log.Append(ctx, tx, "queue.changed", subject, struct{}{})
	})
}

func wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
