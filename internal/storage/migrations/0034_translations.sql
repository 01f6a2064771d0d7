-- +goose Up
-- A prompt in another language stands beside the one that settings name.
ALTER TABLE prompts ADD COLUMN translation_of uuid REFERENCES prompts ON DELETE CASCADE;
CREATE UNIQUE INDEX prompts_translation ON prompts (translation_of, language) WHERE translation_of IS NOT NULL;

-- +goose Down
ALTER TABLE prompts DROP COLUMN translation_of;
