-- +goose Up
-- A callback waits as an item of its own id, whichever node holds it.
ALTER TABLE queue_items DROP CONSTRAINT queue_items_kind_check;
ALTER TABLE queue_items ADD CONSTRAINT queue_items_kind_check CHECK (kind IN ('call', 'chat', 'callback'));

-- Those who are to be called: at their turn in the queue, or from a time on that they have chosen. node, lease_until and epoch say which
-- node makes the call; every write of that node names its epoch.
CREATE TABLE queue_callbacks (
  callback_id uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL REFERENCES tenants,
  queue_id    uuid NOT NULL REFERENCES queues,
  state       text NOT NULL CHECK (state IN ('scheduled', 'waiting', 'dialing', 'done', 'given_up', 'cancelled')),
  number      text NOT NULL CHECK (number <> ''),
  name        text NOT NULL DEFAULT '',
  language    text NOT NULL DEFAULT '',
  note        text NOT NULL DEFAULT '',
  priority    integer NOT NULL DEFAULT 0,
  enqueued_at timestamptz NOT NULL,             -- the place in the queue
  not_before  timestamptz NOT NULL,             -- no node takes it earlier
  attempts    integer NOT NULL DEFAULT 0,
  slot_at     timestamptz,                      -- of a scheduled call
  slot_until  timestamptz,
  token_hash  bytea,                            -- of the secret that lets the customer change a scheduled call
  origin_call uuid,                             -- which they hung up
  voicemail   uuid,                             -- which it answers
  requested_by uuid,                            -- the agent who asked for it
  call_id     uuid,                             -- the latest attempt
  node        uuid,
  lease_until timestamptz,
  epoch       bigint NOT NULL DEFAULT 0,
  reason      text NOT NULL DEFAULT '',         -- why it was given up or cancelled
  created_at  timestamptz NOT NULL,
  changed_at  timestamptz NOT NULL,
  CHECK ((slot_at IS NULL) = (slot_until IS NULL)),
  CHECK (state <> 'scheduled' OR slot_at IS NOT NULL)
);
-- Whoever asks twice waits once.
CREATE UNIQUE INDEX queue_callbacks_number ON queue_callbacks (tenant_id, queue_id, number) WHERE state IN ('waiting', 'dialing') AND slot_at IS NULL;
CREATE INDEX queue_callbacks_due ON queue_callbacks (not_before) WHERE state IN ('scheduled', 'waiting', 'dialing');
CREATE INDEX queue_callbacks_slots ON queue_callbacks (tenant_id, queue_id, slot_at) WHERE state IN ('scheduled', 'waiting', 'dialing', 'done');
CREATE UNIQUE INDEX queue_callbacks_token ON queue_callbacks (token_hash) WHERE token_hash IS NOT NULL;
SELECT isolate_tenant('queue_callbacks');

-- +goose Down
DROP TABLE queue_callbacks;
DELETE FROM queue_offers WHERE item_id IN (SELECT item_id FROM queue_items WHERE kind = 'callback');
DELETE FROM queue_items WHERE kind = 'callback';
ALTER TABLE queue_items DROP CONSTRAINT queue_items_kind_check;
ALTER TABLE queue_items ADD CONSTRAINT queue_items_kind_check CHECK (kind IN ('call', 'chat'));
