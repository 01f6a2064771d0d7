-- +goose Up
CREATE TABLE prompts (
  prompt_id  uuid PRIMARY KEY,
  tenant_id  uuid NOT NULL REFERENCES tenants,
  name       text NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('upload', 'speech', 'music')),
  text       text NOT NULL DEFAULT '',
  language   text NOT NULL DEFAULT 'en',
  speed      real NOT NULL DEFAULT 1 CHECK (speed BETWEEN 0.5 AND 2),
  blob       text NOT NULL DEFAULT '',
  seconds    real NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  UNIQUE (tenant_id, name)
);
SELECT isolate_tenant('prompts');

-- What a dialled number leads to.
CREATE TABLE numbers (
  number_id  uuid PRIMARY KEY,
  tenant_id  uuid NOT NULL REFERENCES tenants,
  number     text NOT NULL,
  name       text NOT NULL DEFAULT '',
  kind       text NOT NULL CHECK (kind IN ('menu', 'queue', 'echo', 'music', 'message', 'address')),
  queue_id   uuid,
  prompt_id  uuid REFERENCES prompts,
  address    text NOT NULL DEFAULT '',
  record     boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL,
  UNIQUE (tenant_id, number)
);
SELECT isolate_tenant('numbers');

CREATE TABLE calls (
  call_id      uuid PRIMARY KEY,
  tenant_id    uuid NOT NULL REFERENCES tenants,
  node         text NOT NULL,
  state        text NOT NULL,
  direction    text NOT NULL,
  started_at   timestamptz NOT NULL,
  connected_at timestamptz,
  ended_at     timestamptz,
  queue_id     uuid,
  agent_id     uuid,
  number       text NOT NULL,
  caller       text NOT NULL,
  reason       text NOT NULL DEFAULT '',
  record       jsonb NOT NULL,
  disposition  text NOT NULL DEFAULT '',
  notes        text NOT NULL DEFAULT ''
);
CREATE INDEX calls_live ON calls (tenant_id, started_at) WHERE ended_at IS NULL;
CREATE INDEX calls_of_node ON calls (node) WHERE ended_at IS NULL;
CREATE INDEX calls_recent ON calls (tenant_id, started_at DESC, call_id DESC);
CREATE INDEX calls_of_agent ON calls (tenant_id, agent_id, started_at DESC);
SELECT isolate_tenant('calls');

-- +goose Down
DROP TABLE calls;
DROP TABLE numbers;
DROP TABLE prompts;
