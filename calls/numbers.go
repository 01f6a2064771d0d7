package calls

import (
	"context"
	"fmt"
	"regexp"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// EntryKind is what a number leads to (V1.1).
type EntryKind string

// The kinds of entry point.
const (
	EntryMenu      EntryKind = "menu"
	EntryQueue     EntryKind = "queue"
	EntryEcho      EntryKind = "echo"
	EntryMusic     EntryKind = "music"
	EntryMessage   EntryKind = "message"
	EntryAddress   EntryKind = "address"   // a SIP URI outside
	EntryVoicemail EntryKind = "voicemail" // a queue's box, or an agent's
	EntryAgent     EntryKind = "agent"     // one agent, at the device of their choice
)

// Number is a number that people dial, and its one entry point.
type Number struct {
	ID      uuid.UUID  `json:"id" db:"number_id"`
	Number  string     `json:"number" db:"number"`
	Name    string     `json:"name" db:"name"`
	Kind    EntryKind  `json:"kind" db:"kind"`
	Queue   *uuid.UUID `json:"queue_id,omitempty" db:"queue_id"`   // the queue, or the root of the menu
	Prompt  *uuid.UUID `json:"prompt_id,omitempty" db:"prompt_id"` // of a message
	Address string     `json:"address,omitempty" db:"address"`     // sip:user@host:port
	Record  bool       `json:"record" db:"record"`                 // of an address and of an agent; queues have their own setting
	Agent   *uuid.UUID `json:"agent_id,omitempty" db:"agent_id"`   // who is called, or whose voicemail box it is
	// Voicemail says that callers who do not get the agent may leave a message in their box; else the call is refused.
	Voicemail bool   `json:"voicemail" db:"voicemail"`
	Access    Access `json:"access" db:"access"`
	// HasToken says that the lookup bears a token; who changes the number and gives none keeps it.
	HasToken bool `json:"has_lookup_token" db:"has_token"`
	token    string
}

// WithToken returns the number with a token for its lookup; "" keeps the one there is.
func (num Number) WithToken(token string) Number {
	num.token = token
	return num
}

// Numbers is the directory of numbers.
type Numbers struct {
	db      *storage.DB
	log     *events.Log
	keys    *storage.Keys
	private bool
}

// NewNumbers returns the directory of numbers. keys seal the tokens of lookups; private allows lookups inside the server's own network.
func NewNumbers(db *storage.DB, log *events.Log, keys *storage.Keys, private bool) *Numbers {
	return &Numbers{db: db, log: log, keys: keys, private: private}
}

const numberColumns = `number_id, number, name, kind, queue_id, prompt_id, address, record, agent_id, voicemail, access, lookup_token IS NOT NULL AS has_token`

// Lookup finds what a dialled number leads to.
func (n *Numbers) Lookup(ctx context.Context, tenant uuid.UUID, dialled string) (Number, error) {
	return n.one(ctx, tenant, `number = $1`, dialled)
}

// Get returns one number.
func (n *Numbers) Get(ctx context.Context, tenant, id uuid.UUID) (Number, error) {
	return n.one(ctx, tenant, `number_id = $1`, id)
}

func (n *Numbers) one(ctx context.Context, tenant uuid.UUID, where string, arg any) (Number, error) {
	var found Number
	err := n.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+numberColumns+` FROM numbers WHERE `+where, arg)
		if err != nil {
			return err
		}
		found, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Number])
		if err != nil || !found.HasToken {
			return storage.Missing(err, ErrNumberNotFound)
		}
		return n.readToken(ctx, tx, &found)
	})
	return found, err
}

// List returns all numbers of a tenant.
func (n *Numbers) List(ctx context.Context, tenant uuid.UUID) ([]Number, error) {
	var found []Number
	err := n.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+numberColumns+` FROM numbers ORDER BY number`)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByName[Number])
		return err
	})
	return found, err
}

// Put makes a number (a nil ID) or changes one.
func (n *Numbers) Put(ctx context.Context, tenant uuid.UUID, num Number) (Number, error) {
	if err := num.check(); err != nil {
		return num, err
	}
	if err := num.Access.check(n.private); err != nil {
		return num, err
	}
	if num.ID == uuid.Nil {
		num.ID = storage.NewID()
	} else if _, err := n.Get(ctx, tenant, num.ID); err != nil {
		return num, err
	}
	err := n.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		sealed, err := n.sealToken(ctx, tx, &num)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO numbers (number_id, tenant_id, number, name, kind, queue_id, prompt_id, address, record, created_at, access, lookup_token, agent_id, voicemail)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $14, $15)
			ON CONFLICT (number_id) DO UPDATE SET number = excluded.number, name = excluded.name, kind = excluded.kind, queue_id = excluded.queue_id,
				prompt_id = excluded.prompt_id, address = excluded.address, record = excluded.record, agent_id = excluded.agent_id, voicemail = excluded.voicemail,
				access = excluded.access, lookup_token = coalesce(excluded.lookup_token, CASE WHEN $13 THEN numbers.lookup_token END)`,
			num.ID, tenant, num.Number, num.Name, num.Kind, num.Queue, num.Prompt, num.Address, num.Record, tx.Now,
			num.Access, sealed, num.Access.Lookup != nil, num.Agent, num.Voicemail)
		switch {
		case storage.Duplicate(err, "numbers_tenant_id_number_key"):
			return ErrNumberTaken
		case storage.Referenced(err):
			return ErrPromptNotFound.WithField("prompt_id")
		case err != nil:
			return fmt.Errorf("write the number: %w", err)
		}
		return n.log.Append(ctx, tx, "number.changed", num.ID, num)
	})
	return num, err
}

func tokenOf(number uuid.UUID) string { return "lookup of number " + number.String() }

func (n *Numbers) readToken(ctx context.Context, tx *storage.Tx, num *Number) error {
	var sealed []byte
	if err := tx.QueryRow(ctx, `SELECT lookup_token FROM numbers WHERE number_id = $1`, num.ID).Scan(&sealed); err != nil {
		return fmt.Errorf("read a lookup's token: %w", err)
	}
	key, err := n.keys.Tenant(ctx, tx, tx.Tenant)
	if err != nil {
		return err
	}
	plain, err := key.Open(sealed, tokenOf(num.ID))
	num.token = string(plain)
	return err
}

// sealToken is nil when no token was given.
func (n *Numbers) sealToken(ctx context.Context, tx *storage.Tx, num *Number) ([]byte, error) {
	if num.token == "" || num.Access.Lookup == nil {
		return nil, nil
	}
	key, err := n.keys.Tenant(ctx, tx, tx.Tenant)
	if err != nil {
		return nil, err
	}
	num.HasToken = true
	return key.Seal([]byte(num.token), tokenOf(num.ID))
}

// Delete takes a number away; calls to it are answered 404 from then on.
func (n *Numbers) Delete(ctx context.Context, tenant, id uuid.UUID) error {
	return n.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM numbers WHERE number_id = $1`, id)
		if err != nil {
			return fmt.Errorf("delete the number: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return ErrNumberNotFound
		}
		return n.log.Append(ctx, tx, "number.deleted", id, struct{}{})
	})
}

var (
	dialable   = regexp.MustCompile(`^\+?[0-9A-Za-z_.*#-]{1,40}$`)
	sipAddress = regexp.MustCompile(`^sip:[^\s@<>"]{1,60}@[^\s@<>"]{1,120}$`)
)

func (num Number) check() error {
	if !dialable.MatchString(num.Number) {
		return fault.New(fault.Invalid, "number_invalid", "A number is 1 to 40 digits, letters or + . - _ * #, as the trunk sends it.").WithField("number")
	}
	switch num.Kind {
	case EntryQueue, EntryMenu:
		if num.Queue == nil {
			return fault.New(fault.Invalid, "number_queue", "Choose the queue that this number leads to.").WithField("queue_id")
		}
	case EntryMessage:
		if num.Prompt == nil {
			return fault.New(fault.Invalid, "number_prompt", "Choose the prompt that this number plays.").WithField("prompt_id")
		}
	case EntryAddress:
		if !sipAddress.MatchString(num.Address) {
			return fault.New(fault.Invalid, "number_address", "Give the address as sip:user@host:port.").WithField("address")
		}
	case EntryVoicemail:
		if (num.Queue == nil) == (num.Agent == nil) {
			return fault.New(fault.Invalid, "number_box", "Choose the queue or the agent whose voicemail box this number leads to.").WithField("queue_id")
		}
	case EntryAgent:
		if num.Agent == nil {
			return fault.New(fault.Invalid, "number_agent", "Choose the agent whom this number calls.").WithField("agent_id")
		}
	case EntryEcho, EntryMusic:
	default:
		return fault.New(fault.Invalid, "number_kind", "A number leads to a menu, queue, echo, music, message, address, agent or voicemail.").WithField("kind")
	}
	return nil
}
