package chat

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// profilesAtOnce bounds how many customers one round asks platforms about.
const profilesAtOnce = 20

// profiles asks platforms about customers of whom no event has told a name, once each: what they do not tell stays empty.
func (s *Service) profiles(ctx context.Context) error {
	type unknown struct{ Tenant, Account, Person uuid.UUID }
	var all []unknown
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			WITH due AS (
				SELECT p.person_id FROM chat_people p JOIN chat_accounts a USING (account_id)
				WHERE p.asked_at IS NULL AND p.name = '' AND a.state = 'ok' AND a.enabled AND a.channel <> $2 ORDER BY p.created_at LIMIT $3 FOR UPDATE OF p SKIP LOCKED)
			UPDATE chat_people p SET asked_at = $1 FROM due WHERE p.person_id = due.person_id RETURNING p.tenant_id, p.account_id, p.person_id`, tx.Now, Web, profilesAtOnce)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[unknown])
		return err
	})
	for _, u := range all {
		if err != nil || ctx.Err() != nil {
			break
		}
		err = s.profile(ctx, u.Tenant, u.Account, u.Person)
	}
	return wrap("ask about customers", err)
}

func (s *Service) profile(ctx context.Context, tenant, accountID, id uuid.UUID) error {
	c, _, err := s.openAccount(ctx, tenant, accountID)
	if err != nil {
		return err
	}
	var who Person
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		p, err := personOf(ctx, tx, id)
		if err == nil {
			who = p.Person
		}
		return err
	})
	if err != nil {
		return storage.Missing(err, ErrNoConversation)
	}
	asked, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	told, err := c.Person(asked, who)
	if err != nil { // a name is no reason to fail: the id will do
		s.log.Debug("a platform told nothing of a customer", "err", err)
		return nil
	}
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE chat_people SET name = $2, username = coalesce(nullif($3, ''), username), language = coalesce(nullif($4, ''), language), country = coalesce(nullif($5, ''), country),
				avatar = coalesce(nullif($6, ''), avatar) WHERE person_id = $1 AND name = '' AND $2 <> ''`,
			id, clean(told.Name), clean(told.Username), told.Language, told.Country, told.Avatar)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		p, err := personOf(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.cfg.CRM.NameWriter(ctx, tx, p.contact, clean(told.Name)); err != nil {
			return err
		}
		return s.tellPerson(ctx, tx, p)
	})
}
