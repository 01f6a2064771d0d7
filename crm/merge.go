package crm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Holder is what another package has of contacts. Move gives what one contact has to another, in the transaction, and names what it moved; with
// only, it moves nothing else.
type Holder struct {
	Name string
	Move func(ctx context.Context, tx *storage.Tx, from, into uuid.UUID, only []string) (moved []string, err error)
}

// ContactMerge is a contact that became another's.
type ContactMerge struct {
	ID       uuid.UUID  `json:"id" db:"merge_id"`
	From     uuid.UUID  `json:"from" db:"from_id"`
	Into     uuid.UUID  `json:"into" db:"into_id"`
	Actor    *uuid.UUID `json:"actor,omitempty" db:"actor"` // nil: a channel showed that the two are one
	At       time.Time  `json:"at" db:"at"`
	Undoable bool       `json:"undoable" db:"undoable"`
	UndoneAt *time.Time `json:"undone_at,omitempty" db:"undone_at"`
	UndoneBy *uuid.UUID `json:"undone_by,omitempty" db:"undone_by"`
}

const mergeColumns = `merge_id, from_id, into_id, actor, at, undo IS NOT NULL AS undoable, undone_at, undone_by`

// Errors for people.
var (
	ErrSameContact = fault.New(fault.Invalid, "merge_same_contact", "Both are the same contact; choose another.").WithField("other")
	ErrMergeField  = fault.New(fault.Invalid, "bad_merge_field", "For each attribute, say whether the value of this contact is kept or that of the other.").WithField("fields")
	ErrNoMerge     = fault.New(fault.NotFound, "merge_not_found", "There is no such merge of contacts.")
	ErrMergeOver   = fault.New(fault.Illegal, "merge_over", "A merge can be undone once, within 30 days, and not when a channel showed that the two are one.")
	ErrMergedOn    = fault.New(fault.Conflict, "merged_on", "The contact was merged into another since; undo that first.")
)

// undoFor is how long a merge can be undone (CR-5).
const undoFor = 30 * 24 * time.Hour

// undo is what it takes to bring two contacts apart again: both as they were, what came of them, and what was moved.
type undo struct {
	From   Contact             `json:"from"`
	Into   Contact             `json:"into"`
	Merged Contact             `json:"merged"`
	Lists  []uuid.UUID         `json:"lists"` // that From was on
	Moved  map[string][]string `json:"moved"`
}

// own are the moves of what this package has. Lists are seen to apart, because both contacts may be on one.
var own = []Holder{
	{"tickets", moving(`UPDATE tickets SET contact_id = $2 WHERE contact_id = $1 AND ($3::text[] IS NULL OR ticket_id = ANY ($3::uuid[])) RETURNING ticket_id::text`)},
	{"identities", moving(`UPDATE contact_identities SET contact_id = $2 WHERE contact_id = $1 AND ($3::text[] IS NULL OR kind || ' ' || value = ANY ($3)) RETURNING kind || ' ' || value`)},
	{"notes", moving(`UPDATE contact_notes SET contact_id = $2 WHERE contact_id = $1 AND ($3::text[] IS NULL OR note_id = ANY ($3::uuid[])) RETURNING note_id::text`)},
	{"lists", moving(`INSERT INTO contact_list_members (tenant_id, list_id, contact_id) SELECT tenant_id, list_id, $2 FROM contact_list_members
		WHERE contact_id = $1 AND ($3::text[] IS NULL OR list_id = ANY ($3::uuid[])) ON CONFLICT DO NOTHING RETURNING list_id::text`)},
}

func moving(sql string) func(context.Context, *storage.Tx, uuid.UUID, uuid.UUID, []string) ([]string, error) {
	return func(ctx context.Context, tx *storage.Tx, from, into uuid.UUID, only []string) ([]string, error) {
		rows, err := tx.Query(ctx, sql, from, into, only)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	}
}

// move is the one place where things go from a contact to another. With only it moves what is named there, else everything.
func (s *Service) move(ctx context.Context, tx *storage.Tx, from, into uuid.UUID, only map[string][]string) (map[string][]string, error) {
	moved := map[string][]string{}
	for _, h := range slices.Concat(own, s.cfg.Holders) {
		var these []string
		if only != nil {
			if these = only[h.Name]; len(these) == 0 {
				continue
			}
		}
		ids, err := h.Move(ctx, tx, from, into, these)
		if err != nil {
			return nil, fmt.Errorf("move a contact's %s: %w", h.Name, err)
		}
		moved[h.Name] = ids
	}
	for _, id := range moved["tickets"] {
		t, err := getTicket(ctx, tx, uuid.MustParse(id))
		if err != nil {
			return nil, err
		}
		if err := s.tellTicket(ctx, tx, "ticket.changed", t, "contact"); err != nil {
			return nil, err
		}
	}
	return moved, nil
}

// Merge makes one contact of two that a channel has shown to be the same person, in the caller's transaction. It is not to be undone.
func (s *Service) Merge(ctx context.Context, tx *storage.Tx, from, into uuid.UUID) error {
	if from == into {
		return nil
	}
	if _, err := s.move(ctx, tx, from, into, nil); err != nil {
		return err
	}
	m := ContactMerge{ID: storage.NewID(), From: from, Into: into, At: tx.Now}
	if err := s.finish(ctx, tx, m, nil); err != nil {
		return err
	}
	return reindex(ctx, tx, into)
}

// finish removes the contact that was merged, and remembers who took it over.
func (s *Service) finish(ctx context.Context, tx *storage.Tx, m ContactMerge, keep []byte) error {
	if _, err := tx.Exec(ctx, `DELETE FROM contacts WHERE contact_id = $1`, m.From); err != nil {
		return fmt.Errorf("remove a contact that was merged: %w", err)
	}
	_, err := tx.Exec(ctx, `INSERT INTO contact_merges (tenant_id, merge_id, from_id, into_id, actor, at, undo) VALUES ($1, $2, $3, $4, $5, $6, $7)`, tx.Tenant, m.ID, m.From, m.Into, m.Actor, m.At, keep)
	if err != nil {
		return fmt.Errorf("remember a merge: %w", err)
	}
	s.contacts.WithLabelValues("merged").Inc()
	return s.tell(ctx, tx, "contact.merged", m.Into, map[string]uuid.UUID{"contact_id": m.Into, "from": m.From, "merge_id": m.ID})
}

// becameOf is the contact that one who was merged has become.
func becameOf(ctx context.Context, tx *storage.Tx, id uuid.UUID) (uuid.UUID, error) {
	err := tx.QueryRow(ctx, `WITH RECURSIVE t (id) AS (
			SELECT into_id FROM contact_merges WHERE from_id = $1 AND undone_at IS NULL
			UNION SELECT m.into_id FROM contact_merges m JOIN t ON m.from_id = t.id AND m.undone_at IS NULL)
		SELECT t.id FROM t JOIN contacts c ON c.contact_id = t.id`, id).Scan(&id)
	return id, storage.Missing(err, ErrNoContact)
}

// lockTwo locks two contacts, always in the same order.
func lockTwo(ctx context.Context, tx *storage.Tx, a, b uuid.UUID) (first, second Contact, err error) {
	if a == b {
		return first, second, ErrSameContact
	}
	one, two := &a, &b
	x, y := &first, &second
	if bytes.Compare(a[:], b[:]) > 0 {
		one, two, x, y = two, one, y, x
	}
	if *x, err = readContact(ctx, tx, *one, "FOR UPDATE"); err == nil {
		*y, err = readContact(ctx, tx, *two, "FOR UPDATE")
	}
	return first, second, err
}

// MergeContacts gives everything of one contact to another, who goes on (CR-5). fields says whose value of an attribute is kept where it is
// not the survivor's: "from" or "into" by the attribute's name; left out, the survivor's, or the other's where the survivor has none.
func (s *Service) MergeContacts(ctx context.Context, tenant, from, into uuid.UUID, fields map[string]string) (c Contact, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		a, b, err := lockTwo(ctx, tx, from, into)
		if err != nil {
			return err
		}
		if c, err = unite(a, b, fields); err != nil {
			return err
		}
		c.UpdatedAt = tx.Now
		u := undo{From: a, Into: b, Merged: c}
		lists, err := selectLists(ctx, tx, `WHERE list_id IN (SELECT list_id FROM contact_list_members WHERE contact_id = $1)`, from)
		if err != nil {
			return err
		}
		for _, l := range lists {
			u.Lists = append(u.Lists, l.ID)
		}
		if u.Moved, err = s.move(ctx, tx, from, into, nil); err != nil {
			return err
		}
		keep, err := json.Marshal(u)
		if err != nil {
			return fmt.Errorf("encode a merge: %w", err)
		}
		m := ContactMerge{ID: storage.NewID(), From: from, Into: into, Actor: events.ActorID(ctx), At: tx.Now}
		if err := s.finish(ctx, tx, m, keep); err != nil {
			return err
		}
		return updateContact(ctx, tx, c)
	})
	return c, err
}

// UndoMerge brings a contact, the survivor of a merge, and the one that they took over apart as they were, and returns that one. What came to
// the survivor since then stays with them.
func (s *Service) UndoMerge(ctx context.Context, tenant, contact, merge uuid.UUID) (c Contact, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		m, u, err := readUndo(ctx, tx, contact, merge)
		if err != nil {
			return err
		}
		now, err := readContact(ctx, tx, m.Into, "FOR UPDATE")
		if errors.Is(err, ErrNoContact) {
			return ErrMergedOn
		}
		if err != nil {
			return err
		}
		if err := s.separate(ctx, tx, u, now); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE contact_merges SET undo = NULL, undone_at = $2, undone_by = $3 WHERE merge_id = $1`, m.ID, tx.Now, events.ActorID(ctx)); err != nil {
			return fmt.Errorf("end a merge: %w", err)
		}
		if c, err = readContact(ctx, tx, m.From, ""); err != nil {
			return err
		}
		s.contacts.WithLabelValues("separated").Inc()
		return s.tell(ctx, tx, "contact.unmerged", m.From, map[string]uuid.UUID{"contact_id": m.From, "into": m.Into, "merge_id": m.ID})
	})
	return c, err
}

// separate gives the contact that was taken over back what was theirs, and the survivor, who is now so, what they were.
func (s *Service) separate(ctx context.Context, tx *storage.Tx, u undo, now Contact) error {
	if err := insertContact(ctx, tx, u.From); err != nil {
		return err
	}
	// Not moved back like the rest: both may have been on a list.
	if _, err := tx.Exec(ctx, `INSERT INTO contact_list_members (tenant_id, list_id, contact_id) SELECT tenant_id, list_id, $1 FROM contact_lists WHERE list_id = ANY ($2)`, u.From.ID, u.Lists); err != nil {
		return fmt.Errorf("put a contact on lists again: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM contact_list_members WHERE contact_id = $1 AND list_id = ANY ($2::uuid[])`, now.ID, u.Moved["lists"]); err != nil {
		return fmt.Errorf("take a contact from lists again: %w", err)
	}
	delete(u.Moved, "lists")
	if _, err := s.move(ctx, tx, now.ID, u.From.ID, u.Moved); err != nil {
		return err
	}
	back := u.restored(now)
	back.UpdatedAt = tx.Now
	for _, one := range []Contact{u.From, back} {
		if err := reclaim(ctx, tx, one); err != nil {
			return err
		}
	}
	return nil
}

func readUndo(ctx context.Context, tx *storage.Tx, contact, merge uuid.UUID) (m ContactMerge, u undo, err error) {
	rows, err := tx.Query(ctx, `SELECT `+mergeColumns+` FROM contact_merges WHERE merge_id = $1 AND into_id = $2 FOR UPDATE`, merge, contact)
	if err != nil {
		return m, u, fmt.Errorf("read a merge: %w", err)
	}
	if m, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[ContactMerge]); err != nil {
		return m, u, storage.Missing(err, ErrNoMerge)
	}
	if !m.Undoable || tx.Now.Sub(m.At) > undoFor {
		return m, u, ErrMergeOver
	}
	var kept []byte
	if err = tx.QueryRow(ctx, `SELECT undo FROM contact_merges WHERE merge_id = $1`, merge).Scan(&kept); err == nil {
		err = json.Unmarshal(kept, &u)
	}
	if err != nil {
		return m, u, fmt.Errorf("read what a merge did: %w", err)
	}
	return m, u, nil
}

// reclaim writes a contact that came apart again. A number or address that somebody else has by now stays theirs.
func reclaim(ctx context.Context, tx *storage.Tx, c Contact) error {
	for _, i := range []struct {
		kind  string
		value *string
	}{{IdentityPhone, &c.Phone}, {IdentityEmail, &c.Email}} {
		if *i.value == "" {
			continue
		}
		_, err := tx.Exec(ctx, `INSERT INTO contact_identities (tenant_id, contact_id, kind, value, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, tx.Tenant, c.ID, i.kind, *i.value, tx.Now)
		if err != nil {
			return fmt.Errorf("write an identity: %w", err)
		}
		var owner uuid.UUID
		if err := tx.QueryRow(ctx, `SELECT contact_id FROM contact_identities WHERE kind = $1 AND value = $2`, i.kind, *i.value).Scan(&owner); err != nil {
			return fmt.Errorf("read an identity: %w", err)
		}
		if owner != c.ID {
			*i.value = ""
		}
	}
	return updateContact(ctx, tx, c)
}

// restored is the survivor as they were, but for what was changed since the merge.
func (u undo) restored(now Contact) Contact {
	back := now
	for _, f := range attributesOf(u.Into, u.Merged, now) {
		if reflect.DeepEqual(f.get(&now), f.get(&u.Merged)) {
			f.set(&back, f.get(&u.Into))
		}
	}
	if now.ContactedAt != nil && u.Merged.ContactedAt != nil && now.ContactedAt.Equal(*u.Merged.ContactedAt) {
		back.ContactedAt = u.Into.ContactedAt
	}
	return back
}

// Forget drops what merges would need to be undone once they no longer can be.
func (s *Service) Forget(ctx context.Context) error {
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE contact_merges SET undo = NULL WHERE undo IS NOT NULL AND at < $1`, tx.Now.Add(-undoFor))
		return err
	})
	if err != nil {
		return fmt.Errorf("forget old merges: %w", err)
	}
	return nil
}
