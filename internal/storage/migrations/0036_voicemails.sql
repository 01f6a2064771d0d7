-- +goose Up
-- Messages that callers left. The sound is a recording, and goes the way of recordings; this is what the queue's agents do with it.
CREATE TABLE voicemails (
  voicemail_id uuid PRIMARY KEY, -- the call's id
  tenant_id    uuid NOT NULL REFERENCES tenants,
  recording_id uuid NOT NULL,
  queue_id     uuid,             -- whose box it is, or
  agent_id     uuid,
  number       text NOT NULL,    -- at which they can be reached; none: withheld, and not typed
  name         text NOT NULL DEFAULT '',
  withheld     boolean NOT NULL,
  why          text NOT NULL,
  seconds      real NOT NULL,
  left_at      timestamptz NOT NULL,
  state        text NOT NULL CHECK (state IN ('unread', 'read', 'assigned', 'done')),
  assigned_to  uuid,
  changed_at   timestamptz NOT NULL,
  changed_by   uuid,
  CHECK ((state = 'assigned') <= (assigned_to IS NOT NULL))
);
CREATE INDEX voicemails_queue ON voicemails (tenant_id, queue_id, voicemail_id DESC);
CREATE INDEX voicemails_open ON voicemails (tenant_id, voicemail_id DESC) WHERE state <> 'done';
SELECT isolate_tenant('voicemails');

-- Agents' boxes; a queue's is among its settings.
CREATE TABLE voicemail_boxes (
  agent_id   uuid PRIMARY KEY,
  tenant_id  uuid NOT NULL REFERENCES tenants,
  box        jsonb NOT NULL,
  changed_at timestamptz NOT NULL
);
SELECT isolate_tenant('voicemail_boxes');

ALTER TABLE numbers ADD COLUMN agent_id uuid;
ALTER TABLE numbers DROP CONSTRAINT numbers_kind_check;
ALTER TABLE numbers ADD CONSTRAINT numbers_kind_check CHECK (kind IN ('menu', 'queue', 'echo', 'music', 'message', 'address', 'voicemail'));

-- +goose Down
DELETE FROM numbers WHERE kind = 'voicemail';
ALTER TABLE numbers DROP COLUMN agent_id;
ALTER TABLE numbers DROP CONSTRAINT numbers_kind_check;
ALTER TABLE numbers ADD CONSTRAINT numbers_kind_check CHECK (kind IN ('menu', 'queue', 'echo', 'music', 'message', 'address'));
DROP TABLE voicemail_boxes;
DROP TABLE voicemails;
