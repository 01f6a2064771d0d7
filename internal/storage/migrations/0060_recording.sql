-- +goose Up
-- A recording from its first sample to the CRM, and gone. The audio is in the node's spool folder, encrypted; wrapped_key opens it
-- together with the tenant's key and the key of the day of started_at. NULL: destroyed, whatever else is left.
CREATE TABLE recordings (
  tenant_id    uuid NOT NULL REFERENCES tenants,
  recording_id uuid PRIMARY KEY,
  kind         text NOT NULL CHECK (kind IN ('call', 'voicemail')),
  call_id      uuid NOT NULL,
  queue_id     uuid,
  node         text NOT NULL,
  state        text NOT NULL CHECK (state IN ('capturing', 'sealed', 'planned', 'delivered', 'destroyed', 'expired', 'quarantined')),
  wrapped_key  bytea,
  encoding     integer NOT NULL DEFAULT 0,
  rate         integer NOT NULL DEFAULT 0,
  channels     integer NOT NULL DEFAULT 0,
  payload      bigint NOT NULL DEFAULT 0,
  started_at   timestamptz NOT NULL,
  ended_at     timestamptz,
  deadline     timestamptz NOT NULL,
  truncated    boolean NOT NULL DEFAULT false,
  incomplete   boolean NOT NULL DEFAULT false,
  ticket       text,
  part_limit   bigint NOT NULL DEFAULT 0,
  warned       integer NOT NULL DEFAULT 0,
  last_error   text NOT NULL DEFAULT '',
  next_plan_at timestamptz,
  erased_at    timestamptz
);
CREATE INDEX recordings_open ON recordings (started_at) WHERE erased_at IS NULL;
CREATE INDEX recordings_call ON recordings (tenant_id, call_id);
CREATE INDEX recordings_ticket ON recordings (tenant_id, ticket, started_at) WHERE erased_at IS NULL;
SELECT isolate_tenant('recordings');

-- What was acknowledged as durable: the frames of the spool file, in order.
CREATE TABLE recording_chunks (
  tenant_id    uuid NOT NULL REFERENCES tenants,
  recording_id uuid NOT NULL REFERENCES recordings ON DELETE CASCADE,
  chunk        integer NOT NULL,
  file_offset  bigint NOT NULL,
  length       integer NOT NULL,
  sha256       bytea NOT NULL,
  PRIMARY KEY (recording_id, chunk)
);
SELECT isolate_tenant('recording_chunks');

-- The upload queue. Whoever sends a part leases it by raising epoch; every later write names that epoch, so that a worker which slept
-- through its lease changes nothing.
CREATE TABLE recording_parts (
  tenant_id      uuid NOT NULL REFERENCES tenants,
  recording_id   uuid NOT NULL REFERENCES recordings ON DELETE CASCADE,
  part           integer NOT NULL,
  state          text NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'confirmed')),
  epoch          bigint NOT NULL DEFAULT 0,
  leased_until   timestamptz,
  next_try_at    timestamptz NOT NULL,
  deadline       timestamptz NOT NULL,
  attempts       integer NOT NULL DEFAULT 0,
  last_error     text NOT NULL DEFAULT '',
  payload_offset bigint NOT NULL,
  payload        bigint NOT NULL,
  size           bigint NOT NULL,
  sha256         bytea NOT NULL,
  name           text NOT NULL,
  crm_id         text,
  confirmed_at   timestamptz,
  PRIMARY KEY (recording_id, part)
);
CREATE INDEX recording_parts_due ON recording_parts (next_try_at) WHERE state <> 'confirmed';
SELECT isolate_tenant('recording_parts');

-- A tenant whose CRM asked for a pause, or refused our credentials.
CREATE TABLE recording_lanes (
  tenant_id    uuid PRIMARY KEY REFERENCES tenants,
  parked_until timestamptz NOT NULL,
  reason       text NOT NULL
);
SELECT isolate_tenant('recording_lanes');

-- The latest instant ever trusted, so that a clock set back extends no life.
CREATE TABLE recording_clock (
  only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  high_water timestamptz NOT NULL
);

-- +goose Down
DROP TABLE recording_clock;
DROP TABLE recording_lanes;
DROP TABLE recording_parts;
DROP TABLE recording_chunks;
DROP TABLE recordings;
