-- +goose Up
-- The way out: where calls to telephone numbers go. What is kept of the password must answer any realm's challenge, so it is sealed
-- under the tenant's key instead of being digested.
ALTER TABLE trunks
  ADD COLUMN outbound           text NOT NULL DEFAULT '', -- host:port; none: this trunk takes no calls from us
  ADD COLUMN outbound_transport text NOT NULL DEFAULT 'udp' CHECK (outbound_transport IN ('udp', 'tcp', 'tls')),
  ADD COLUMN outbound_username  text NOT NULL DEFAULT '',
  ADD COLUMN outbound_password  bytea,
  ADD COLUMN caller_id          text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE trunks DROP COLUMN outbound, DROP COLUMN outbound_transport, DROP COLUMN outbound_username, DROP COLUMN outbound_password, DROP COLUMN caller_id;
