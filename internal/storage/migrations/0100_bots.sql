-- +goose Up
-- Virtual agents that are reached by media streaming. The token is sealed with the tenant's key.
CREATE TABLE bots (
  bot_id          uuid PRIMARY KEY,
  tenant_id       uuid NOT NULL REFERENCES tenants,
  name            text NOT NULL,
  url             text NOT NULL,
  token           bytea,
  parameters      jsonb NOT NULL DEFAULT '{}',
  connect_seconds int NOT NULL CHECK (connect_seconds BETWEEN 1 AND 30),
  silence_seconds int NOT NULL CHECK (silence_seconds = 0 OR silence_seconds BETWEEN 5 AND 3600),
  created_at      timestamptz NOT NULL,
  UNIQUE (tenant_id, name)
);
SELECT isolate_tenant('bots');

-- +goose Down
DROP TABLE bots;
