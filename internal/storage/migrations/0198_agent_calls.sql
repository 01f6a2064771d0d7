-- +goose Up
-- A call that an agent makes is an item that never waits. dial_key is what the asking program calls it, so that asking twice calls once.
ALTER TABLE queue_items DROP CONSTRAINT queue_items_kind_check;
ALTER TABLE queue_items ADD CONSTRAINT queue_items_kind_check CHECK (kind IN ('call', 'chat', 'callback', 'outbound'));
ALTER TABLE queue_items ADD COLUMN dial_key text;
CREATE UNIQUE INDEX queue_items_dial_key ON queue_items (tenant_id, dial_key) WHERE dial_key IS NOT NULL;

ALTER TABLE report_queue_intervals
  ADD COLUMN outbound              bigint NOT NULL DEFAULT 0,
  ADD COLUMN outbound_connected    bigint NOT NULL DEFAULT 0,
  ADD COLUMN outbound_talk_seconds double precision NOT NULL DEFAULT 0;
ALTER TABLE report_agent_intervals
  ADD COLUMN outbound              bigint NOT NULL DEFAULT 0,
  ADD COLUMN outbound_connected    bigint NOT NULL DEFAULT 0,
  ADD COLUMN outbound_talk_seconds double precision NOT NULL DEFAULT 0;

-- Tenants that there are already: the roles that they began with may call, as those of new tenants.
UPDATE roles SET permissions = permissions || '[{"verb": "dial", "resource": "calls", "scope": "own"}]'
WHERE builtin AND name IN ('agent', 'trainee') AND NOT permissions @> '[{"verb": "dial"}]';
UPDATE roles SET permissions = permissions || '[{"verb": "dial", "resource": "calls", "scope": "own"}, {"verb": "dial", "resource": "calls", "scope": "team"}]'
WHERE builtin AND name IN ('supervisor', 'manager') AND NOT permissions @> '[{"verb": "dial"}]';

-- +goose Down
UPDATE roles SET permissions = coalesce((SELECT jsonb_agg(p) FROM jsonb_array_elements(permissions) p WHERE p ->> 'verb' <> 'dial'), '[]') WHERE builtin;
ALTER TABLE report_queue_intervals DROP COLUMN outbound, DROP COLUMN outbound_connected, DROP COLUMN outbound_talk_seconds;
ALTER TABLE report_agent_intervals DROP COLUMN outbound, DROP COLUMN outbound_connected, DROP COLUMN outbound_talk_seconds;
DELETE FROM queue_offers WHERE item_id IN (SELECT item_id FROM queue_items WHERE kind = 'outbound');
DELETE FROM queue_items WHERE kind = 'outbound';
ALTER TABLE queue_items DROP COLUMN dial_key;
ALTER TABLE queue_items DROP CONSTRAINT queue_items_kind_check;
ALTER TABLE queue_items ADD CONSTRAINT queue_items_kind_check CHECK (kind IN ('call', 'chat', 'callback'));
