package calls

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

const promptColumns = `prompt_id, name, kind, text, language, speed, blob, seconds, translation_of`

func (p *Prompts) insert(ctx context.Context, tenant uuid.UUID, pr Prompt) error {
	return p.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO prompts (prompt_id, tenant_id, name, kind, text, language, speed, blob, seconds, created_at, translation_of)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			pr.ID, tenant, pr.Name, pr.Kind, pr.Text, pr.Language, pr.Speed, pr.Blob, pr.Seconds, tx.Now, pr.Of)
		if storage.Duplicate(err, "prompts_translation") {
			return ErrPromptTranslated
		}
		if storage.Duplicate(err, "") {
			return ErrPromptTaken
		}
		if err != nil {
			return fmt.Errorf("write the prompt: %w", err)
		}
		return p.log.Append(ctx, tx, "prompt.created", pr.ID, map[string]string{"kind": pr.Kind})
	})
}

// AddMusic makes the built-in hold music a prompt of the tenant, so that it can be chosen like the others.
func (p *Prompts) AddMusic(ctx context.Context, tenant uuid.UUID, name string) (Prompt, error) {
	a, err := p.Music()
	if err != nil {
		return Prompt{}, err
	}
	pr := Prompt{ID: storage.NewID(), Name: name, Kind: "music", Language: "en", Speed: 1, Seconds: a.Duration().Seconds()}
	return pr, p.insert(ctx, tenant, pr)
}

// Get returns one prompt.
func (p *Prompts) Get(ctx context.Context, tenant, id uuid.UUID) (Prompt, error) {
	var pr Prompt
	err := p.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+promptColumns+` FROM prompts WHERE prompt_id = $1`, id)
		if err != nil {
			return err
		}
		pr, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Prompt])
		return storage.Missing(err, ErrPromptNotFound)
	})
	return pr, err
}

// translated returns a prompt's translation into a language, or the prompt itself where there is none.
func (p *Prompts) translated(ctx context.Context, tenant, id uuid.UUID, language string) (pr Prompt, err error) {
	err = p.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+promptColumns+` FROM prompts WHERE prompt_id = $1 OR translation_of = $1 AND language = $2
			ORDER BY translation_of NULLS LAST LIMIT 1`, id, language)
		if err != nil {
			return err
		}
		pr, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Prompt])
		return storage.Missing(err, ErrPromptNotFound)
	})
	return pr, err
}

// List returns a tenant's prompts by name.
func (p *Prompts) List(ctx context.Context, tenant uuid.UUID) ([]Prompt, error) {
	var found []Prompt
	err := p.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+promptColumns+` FROM prompts ORDER BY name`)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByName[Prompt])
		return err
	})
	return found, err
}

// Delete removes a prompt that no number plays.
func (p *Prompts) Delete(ctx context.Context, tenant, id uuid.UUID) error {
	pr, err := p.Get(ctx, tenant, id)
	if err != nil {
		return err
	}
	err = p.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM prompts WHERE prompt_id = $1`, id)
		if storage.Referenced(err) {
			return ErrPromptInUse
		}
		if err != nil {
			return fmt.Errorf("delete the prompt: %w", err)
		}
		return p.log.Append(ctx, tx, "prompt.deleted", id, struct{}{})
	})
	if err != nil || pr.Blob == "" {
		return err
	}
	return p.blobs.Delete(ctx, pr.Blob)
}
