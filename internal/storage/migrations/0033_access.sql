-- +goose Up
-- Where a number leads besides its own target, by who calls; lookup_token is sealed with the tenant's key.
ALTER TABLE numbers ADD COLUMN access jsonb NOT NULL DEFAULT '{}', ADD COLUMN lookup_token bytea;

-- +goose Down
ALTER TABLE numbers DROP COLUMN access, DROP COLUMN lookup_token;
