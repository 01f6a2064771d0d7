package queues

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// MenuAction is what a menu does with a caller who chose nothing, or who pressed 0 (V1.2).
type MenuAction string

// Menu actions. MenuNothing and MenuUp are for key 0 only, the others but MenuQueue for the end of all tries only.
const (
	MenuNothing   MenuAction = "nothing"
	MenuUp        MenuAction = "up"
	MenuQueue     MenuAction = "queue"
	MenuFirst     MenuAction = "first"
	MenuLast      MenuAction = "last"
	MenuVoicemail MenuAction = "voicemail"
	MenuHangUp    MenuAction = "hang_up"
)

// MenuRule is how a menu listens. After MaxNoInput silences, or MaxInvalid wrong keys, counted apart, comes Final.
type MenuRule struct {
	WaitSeconds int        `json:"wait_seconds"` // after the prompt
	MaxNoInput  int        `json:"max_no_input"`
	MaxInvalid  int        `json:"max_invalid"`
	Final       MenuAction `json:"final"`
	FinalQueue  uuid.UUID  `json:"final_queue,omitzero"`
	Zero        MenuAction `json:"zero"`
	ZeroQueue   uuid.UUID  `json:"zero_queue,omitzero"`
	// Languages are asked for before the menu is read out, at the menu that a number leads to; none: callers hear the tenant's language (V1.4).
	Languages []MenuLanguage `json:"languages,omitempty"`
}

// MenuLanguage is a language that callers may choose.
type MenuLanguage struct {
	Key      int    `json:"key"`
	Language string `json:"language"` // en, zh
}

var defaultMenuRule = MenuRule{WaitSeconds: 5, MaxNoInput: 3, MaxInvalid: 3, Final: MenuHangUp, Zero: MenuUp}

func (m MenuRule) validate() error {
	if m.WaitSeconds < 1 || m.WaitSeconds > 60 || m.MaxNoInput < 1 || m.MaxNoInput > 9 || m.MaxInvalid < 1 || m.MaxInvalid > 9 {
		return invalid("menu", "A menu waits 1 to 60 seconds and tries 1 to 9 times.")
	}
	keys := map[int]bool{}
	for _, l := range m.Languages {
		if l.Language != "en" && l.Language != "zh" || l.Key < 1 || l.Key > 9 || keys[l.Key] {
			return invalid("menu", "Give each language, en or zh, a key of its own from 1 to 9.")
		}
		keys[l.Key] = true
	}
	switch m.Final {
	case MenuFirst, MenuLast, MenuVoicemail, MenuHangUp:
	case MenuQueue:
		if m.FinalQueue == uuid.Nil {
			return invalid("menu", "Choose the queue for callers who press nothing.")
		}
	default:
		return invalid("menu", "A menu ends with the first or last option, voicemail, a queue, or by hanging up.")
	}
	switch m.Zero {
	case MenuNothing, MenuUp:
	case MenuQueue:
		if m.ZeroQueue == uuid.Nil {
			return invalid("menu", "Choose the queue for key 0.")
		}
	default:
		return invalid("menu", "Key 0 goes one level up, to a queue, or does nothing.")
	}
	return nil
}

// Menu is one level of the tree as a caller meets it.
type Menu struct {
	Queue   uuid.UUID    `json:"queue"`
	Parent  uuid.UUID    `json:"parent,omitzero"`
	Name    string       `json:"name"`
	Prompt  Prompt       `json:"prompt"` // nothing: read the options out
	Rule    MenuRule     `json:"rule"`
	Options []MenuOption `json:"options"`
}

// OptionKind says what a key leads to.
type OptionKind string

// Option kinds.
const (
	OptionMenu    OptionKind = "menu"
	OptionQueue   OptionKind = "queue"
	OptionMessage OptionKind = "message"
)

// MenuOption is one key.
type MenuOption struct {
	Key    int        `json:"key"`
	Queue  uuid.UUID  `json:"queue"`
	Name   string     `json:"name"`
	Kind   OptionKind `json:"kind"`
	Prompt Prompt     `json:"prompt,omitzero"` // of a message: what it says
}

// Option returns what a key leads to.
func (m Menu) Option(key int) (MenuOption, bool) {
	for _, o := range m.Options {
		if o.Key == key {
			return o, true
		}
	}
	return MenuOption{}, false
}

// Last is what happens to a caller who chose nothing: an option, or an action without one.
func (m Menu) Last() (MenuAction, uuid.UUID) {
	switch {
	case m.Rule.Final == MenuQueue:
		return MenuQueue, m.Rule.FinalQueue
	case m.Rule.Final == MenuFirst && len(m.Options) > 0:
		return MenuFirst, m.Options[0].Queue
	case m.Rule.Final == MenuLast && len(m.Options) > 0:
		return MenuLast, m.Options[len(m.Options)-1].Queue
	case m.Rule.Final == MenuVoicemail:
		return MenuVoicemail, m.Queue
	}
	return MenuHangUp, uuid.Nil
}

// Menu derives the level below root for callers: visible nodes with the IVR switched on, by key. A node without options is no menu:
// ErrNoMenu.
func (s *Service) Menu(ctx context.Context, tenant, root uuid.UUID) (Menu, error) {
	var m Menu
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		q, err := readQueue(ctx, tx, root)
		if err != nil {
			return err
		}
		set, err := effective(ctx, tx, root)
		if err != nil {
			return err
		}
		m = Menu{Queue: q.ID, Parent: q.Parent, Name: q.Name, Prompt: set.Greeting.Value, Rule: set.Menu.Value}
		m.Options, err = readOptions(ctx, tx, root)
		return err
	})
	if err == nil && len(m.Options) == 0 {
		err = ErrNoMenu
	}
	if err != nil {
		return Menu{}, fmt.Errorf("derive the menu: %w", err)
	}
	return m, nil
}

// ErrNoMenu says that a node has no keys.
var ErrNoMenu = fault.New(fault.Illegal, "queue_no_menu", "This queue has no options below it: add visible queues with keys 1 to 9.")

func readOptions(ctx context.Context, tx *storage.Tx, parent uuid.UUID) ([]MenuOption, error) {
	rows, err := tx.Query(ctx, `
		SELECT q.key, q.queue_id, q.name,
		       CASE WHEN EXISTS (SELECT FROM queues c WHERE c.parent_id = q.queue_id AND c.archived_at IS NULL) THEN 'menu' ELSE q.kind END,
		       q.settings
		FROM queues q
		WHERE q.parent_id = $1 AND q.key IS NOT NULL AND q.archived_at IS NULL AND NOT ($2 = ANY (q.off))
		ORDER BY q.key`, parent, IVR)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (MenuOption, error) {
		var o MenuOption
		var settings []byte
		if err := row.Scan(&o.Key, &o.Queue, &o.Name, &o.Kind, &settings); err != nil || o.Kind != OptionMessage {
			return o, err
		}
		own, err := readSettings(settings)
		if err == nil && own.Greeting != nil {
			o.Prompt = *own.Greeting
		}
		return o, err
	})
}
