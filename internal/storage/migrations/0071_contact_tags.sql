-- +goose Up
ALTER TABLE contacts ADD COLUMN tags text[] NOT NULL DEFAULT '{}';
CREATE INDEX contacts_tags ON contacts USING gin (tags);

-- +goose Down
ALTER TABLE contacts DROP COLUMN tags;
