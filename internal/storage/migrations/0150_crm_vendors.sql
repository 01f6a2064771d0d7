-- +goose Up
-- What a connection's vendor asks for beside address and queue, what goes into its tickets' fields, and which ticket a call goes to.
ALTER TABLE crm_connections
  ADD COLUMN settings     jsonb   NOT NULL DEFAULT '{}',
  ADD COLUMN mapping      jsonb   NOT NULL DEFAULT '[]',
  ADD COLUMN append_days  integer NOT NULL DEFAULT 0 CHECK (append_days BETWEEN 0 AND 365),
  ADD COLUMN contact_data text    NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE crm_connections DROP COLUMN contact_data, DROP COLUMN append_days, DROP COLUMN mapping, DROP COLUMN settings;
