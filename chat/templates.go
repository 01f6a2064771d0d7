package chat

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// ErrNoTemplates is said of a channel without templates.
var ErrNoTemplates = fault.New(fault.Illegal, "channel_no_templates", "This channel has no templates.")

// Templates lists the templates of an account as they were last synchronised.
func (s *Service) Templates(ctx context.Context, tenant, account uuid.UUID) (ts []Template, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT definition, status, quality, reason, category FROM chat_templates WHERE account_id = $1 ORDER BY name, language`, account)
		if err != nil {
			return err
		}
		ts, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Template, err error) {
			var status, quality, reason, category string
			err = row.Scan(&t, &status, &quality, &reason, &category)
			t.Status, t.Quality, t.Reason, t.Category = status, quality, reason, category
			return t, err
		})
		return err
	})
	return ts, wrap("list templates", err)
}

// SyncTemplates fetches the account's templates from the platform.
func (s *Service) SyncTemplates(ctx context.Context, tenant, id uuid.UUID) ([]Template, error) {
	a, c, err := s.opened(ctx, tenant, id)
	if err != nil {
		return nil, wrap("synchronise templates", err)
	}
	has, ok := c.(Templater)
	if !ok {
		return nil, ErrNoTemplates
	}
	all, err := has.Templates(ctx)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "channel_check_failed", "The platform could not be reached, or refused the account: "+reasonOf(err)).Because(err)
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM chat_templates WHERE account_id = $1`, id); err != nil {
			return err
		}
		for _, t := range all {
			if _, err := tx.Exec(ctx, `
				INSERT INTO chat_templates (tenant_id, account_id, name, language, external_id, category, status, quality, reason, definition, synced_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`,
				tenant, id, t.Name, t.Language, t.ID, t.Category, t.Status, t.Quality, t.Reason, t, tx.Now); err != nil {
				return err
			}
		}
		return s.tellAccount(ctx, tx, "channel.templates", a)
	})
	if err != nil {
		return nil, wrap("store templates", err)
	}
	return s.Templates(ctx, tenant, id)
}

// templateNews takes over what the platform says of a template.
func (s *Service) templateNews(ctx context.Context, tx *storage.Tx, a *account, n TemplateEvent) error {
	_, err := tx.Exec(ctx, `
		UPDATE chat_templates SET status = coalesce(nullif($4, ''), status), quality = coalesce(nullif($5, ''), quality), reason = coalesce(nullif($6, ''), reason),
			category = coalesce(nullif($7, ''), category)
		WHERE account_id = $1 AND name = $2 AND ($3 = '' OR language = $3)`, a.ID, n.Name, n.Language, n.Status, n.Quality, n.Reason, n.Category)
	if err != nil {
		return wrap("take over what has become of a template", err)
	}
	return s.tellAccount(ctx, tx, "channel.templates", a)
}

// fillTemplate checks a template with its values, and returns what the customer will read.
func (s *Service) fillTemplate(ctx context.Context, tx *storage.Tx, a *account, send *TemplateSend) (string, error) {
	if !a.traits.Templates {
		return "", ErrNoTemplates
	}
	var t Template
	var status string
	err := tx.QueryRow(ctx, `SELECT definition, status FROM chat_templates WHERE account_id = $1 AND name = $2 AND language = $3`, a.ID, send.Name, send.Language).Scan(&t, &status)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && status != "APPROVED" {
		return "", ErrTemplate
	}
	if err != nil {
		return "", err
	}
	var lines []string
	for _, c := range t.Components {
		wanted := c.Variables
		for _, b := range c.Buttons {
			wanted = append(wanted[:len(wanted):len(wanted)], b.Variables...)
		}
		text := c.Text
		for _, v := range wanted {
			value := clean(send.Values[v])
			if strings.TrimSpace(value) == "" {
				return "", ErrTemplate
			}
			_, name, _ := strings.Cut(v, ".")
			text = strings.NewReplacer("{{"+name+"}}", value, "{{"+name+".DATA}}", value).Replace(text) // WeChat writes {{order.DATA}}
		}
		if text != "" {
			lines = append(lines, text)
		}
	}
	send.Preview = strings.Join(lines, "\n")
	return send.Preview, nil
}
