-- +goose Up
CREATE TABLE ticket_settings (
  tenant_id uuid PRIMARY KEY REFERENCES tenants,
  survey    text NOT NULL DEFAULT 'off' CHECK (survey IN ('off', 'numbers', 'faces')) -- what customers are asked after a resolve
);
SELECT isolate_tenant('ticket_settings');

-- One question to the customer for each time that a ticket is resolved (TK-6). Whoever has the token may answer, once.
CREATE TABLE ticket_surveys (
  tenant_id    uuid NOT NULL REFERENCES tenants,
  survey_id    uuid PRIMARY KEY,
  ticket_id    uuid NOT NULL REFERENCES tickets ON DELETE CASCADE,
  conversation uuid NOT NULL,        -- where it is asked
  scale        text NOT NULL CHECK (scale IN ('numbers', 'faces')),
  token_hash   bytea UNIQUE,         -- NULL: not sent yet
  attempts     int NOT NULL DEFAULT 0,
  next_at      timestamptz,          -- when it is sent; NULL: it was, or cannot be
  created_at   timestamptz NOT NULL,
  sent_at      timestamptz,
  expires_at   timestamptz NOT NULL,
  score        int CHECK (score BETWEEN 1 AND 5),
  comment      text NOT NULL DEFAULT '',
  answered_at  timestamptz,
  UNIQUE (ticket_id, created_at)
);
CREATE INDEX ticket_surveys_due ON ticket_surveys (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX ticket_surveys_answered ON ticket_surveys (tenant_id, answered_at) WHERE answered_at IS NOT NULL;
SELECT isolate_tenant('ticket_surveys');

-- For the report.
CREATE INDEX tickets_created ON tickets (tenant_id, created_at) WHERE merged_into IS NULL;
CREATE INDEX tickets_resolved ON tickets (tenant_id, resolved_at) WHERE merged_into IS NULL AND resolved_at IS NOT NULL;

-- +goose Down
DROP INDEX tickets_created, tickets_resolved;
DROP TABLE ticket_surveys, ticket_settings;
