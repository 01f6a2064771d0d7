package crm

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// Merge gives a contact's tickets and identities to another contact, in the caller's transaction; a contact that nothing refers to any more
// is removed.
func (s *Service) Merge(ctx context.Context, tx *storage.Tx, from, into uuid.UUID) error {
	if from == into {
		return nil
	}
	rows, err := tx.Query(ctx, `UPDATE tickets SET contact_id = $2, updated_at = $3 WHERE contact_id = $1 RETURNING ticket_id`, from, into, tx.Now)
	if err != nil {
		return fmt.Errorf("move the tickets of a contact: %w", err)
	}
	moved, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("move the tickets of a contact: %w", err)
	}
	for _, id := range moved {
		t, err := getTicket(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.tellTicket(ctx, tx, "ticket.changed", t, "contact"); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE contact_identities SET contact_id = $2 WHERE contact_id = $1`, from, into); err != nil {
		return fmt.Errorf("move the identities of a contact: %w", err)
	}
	if err := s.removeUnused(ctx, tx, from); err != nil {
		return err
	}
	return s.tell(ctx, tx, "contact.changed", into, map[string]uuid.UUID{"contact_id": into, "merged": from})
}

// removeUnused removes a contact, unless others' rows refer to it.
func (s *Service) removeUnused(ctx context.Context, tx *storage.Tx, contact uuid.UUID) error {
	inner, err := tx.Begin(ctx)
	if err != nil {
		return fmt.Errorf("set a savepoint: %w", err)
	}
	_, err = inner.Exec(ctx, `DELETE FROM contacts WHERE contact_id = $1`, contact)
	if storage.Referenced(err) {
		err = nil
		if rerr := inner.Rollback(ctx); rerr != nil {
			return fmt.Errorf("keep a contact that is in use: %w", rerr)
		}
		return err
	}
	if err != nil {
		return errors.Join(fmt.Errorf("remove a contact: %w", err), inner.Rollback(ctx))
	}
	if err := inner.Commit(ctx); err != nil {
		return fmt.Errorf("remove a contact: %w", err)
	}
	return nil
}

// Rename gives a contact that is still called by a name of ours the name that is known now.
func (s *Service) Rename(ctx context.Context, tx *storage.Tx, contact uuid.UUID, was, name string) error {
	tag, err := tx.Exec(ctx, `UPDATE contacts SET first_name = $3, updated_at = $4 WHERE contact_id = $1 AND first_name = $2 AND last_name = ''`, contact, clip(was), clip(name), tx.Now)
	if err != nil {
		return fmt.Errorf("rename a contact: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	return s.tell(ctx, tx, "contact.changed", contact, map[string]uuid.UUID{"contact_id": contact})
}
