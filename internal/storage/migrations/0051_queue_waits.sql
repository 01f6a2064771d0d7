-- +goose Up
ALTER TABLE queue_items
  ADD COLUMN joined_at      timestamptz NOT NULL DEFAULT now(), -- enqueued_at may be an earlier place that was kept
  ADD COLUMN estimated_wait real,                               -- seconds, as told when it joined; NULL: nobody could tell
  ADD COLUMN resumed_by     uuid;                               -- the later call of the same caller that took over the place
SET LOCAL ROLE tandem_worker; -- whom row-level security shows every tenant's rows
UPDATE queue_items SET joined_at = enqueued_at;
RESET ROLE;
-- Who hung up a moment ago, and how well waits were estimated.
CREATE INDEX queue_items_abandoned ON queue_items (queue_id, caller, left_at) WHERE left_reason = 'abandoned';
CREATE INDEX queue_items_estimated ON queue_items (queue_id, left_at) WHERE left_reason = 'handled' AND estimated_wait IS NOT NULL;
-- How long interactions took.
CREATE INDEX queue_offers_handled ON queue_offers (queue_id, ended_at) WHERE interacting_at IS NOT NULL AND ended_at IS NOT NULL;

-- Deflection has a switch for all queues now: it is on where some queue deflects already.
SET LOCAL ROLE tandem_worker;
INSERT INTO queue_globals (tenant_id, settings)
SELECT DISTINCT tenant_id, '{"deflect_calls": true}'::jsonb FROM queues WHERE settings #>> '{deflection,mode}' IN ('message', 'voicemail')
ON CONFLICT (tenant_id) DO UPDATE SET settings = queue_globals.settings || excluded.settings;
UPDATE queue_globals SET settings = settings || '{"deflect_calls": true}' WHERE settings #>> '{deflection,mode}' IN ('message', 'voicemail');
RESET ROLE;

-- +goose Down
DROP INDEX queue_offers_handled;
DROP INDEX queue_items_estimated;
DROP INDEX queue_items_abandoned;
ALTER TABLE queue_items DROP COLUMN resumed_by, DROP COLUMN estimated_wait, DROP COLUMN joined_at;
