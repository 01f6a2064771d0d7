package mediastream

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

const botColumns = `bot_id, name, url, token IS NOT NULL AS has_token, parameters, connect_seconds, silence_seconds, created_at`

func listBots(ctx context.Context, tx *storage.Tx) ([]Bot, error) {
	rows, err := tx.Query(ctx, `SELECT `+botColumns+` FROM bots ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("list the bots: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Bot])
}

func sealedAs(bot uuid.UUID) string { return "token of bot " + bot.String() }

// readBot reads a bot with its token.
func (s *Service) readBot(ctx context.Context, tx *storage.Tx, id uuid.UUID) (Bot, error) {
	rows, err := tx.Query(ctx, `SELECT `+botColumns+` FROM bots WHERE bot_id = $1`, id)
	if err != nil {
		return Bot{}, fmt.Errorf("read a bot: %w", err)
	}
	b, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Bot])
	if err != nil {
		return b, storage.Missing(err, ErrNoBot)
	}
	if !b.HasToken {
		return b, nil
	}
	var sealed []byte
	if err := tx.QueryRow(ctx, `SELECT token FROM bots WHERE bot_id = $1`, id).Scan(&sealed); err != nil {
		return b, fmt.Errorf("read a bot's token: %w", err)
	}
	key, err := s.cfg.Keys.Tenant(ctx, tx, tx.Tenant)
	if err != nil {
		return b, err
	}
	plain, err := key.Open(sealed, sealedAs(id))
	b.token = string(plain)
	return b, err
}

func (s *Service) writeBot(ctx context.Context, tx *storage.Tx, b Bot) error {
	var sealed []byte
	if b.token != "" {
		key, err := s.cfg.Keys.Tenant(ctx, tx, tx.Tenant)
		if err != nil {
			return err
		}
		if sealed, err = key.Seal([]byte(b.token), sealedAs(b.ID)); err != nil {
			return err
		}
	}
	parameters, err := json.Marshal(b.Parameters)
	if err != nil {
		return fmt.Errorf("write a bot's parameters: %w", err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO bots (bot_id, tenant_id, name, url, token, parameters, connect_seconds, silence_seconds, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (bot_id) DO UPDATE SET name = excluded.name, url = excluded.url, token = excluded.token, parameters = excluded.parameters,
			connect_seconds = excluded.connect_seconds, silence_seconds = excluded.silence_seconds`,
		b.ID, tx.Tenant, b.Name, b.URL, sealed, parameters, b.ConnectSeconds, b.SilenceSeconds, b.CreatedAt)
	if storage.Duplicate(err, "bots_tenant_id_name_key") {
		return ErrNameTaken
	}
	if err != nil {
		return fmt.Errorf("write a bot: %w", err)
	}
	return nil
}

func deleteBot(ctx context.Context, tx *storage.Tx, id uuid.UUID) error {
	tag, err := tx.Exec(ctx, `DELETE FROM bots WHERE bot_id = $1`, id)
	if err != nil {
		return fmt.Errorf("delete a bot: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrNoBot
	}
	return nil
}
