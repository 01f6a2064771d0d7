-- +goose Up
-- What customers say for a ticket to be made by itself (TK-1): [{"keyword", "type", "priority"}].
ALTER TABLE ticket_settings ADD COLUMN keywords jsonb NOT NULL DEFAULT '[]';

-- +goose Down
ALTER TABLE ticket_settings DROP COLUMN keywords;
