-- +goose Up
-- Where a tenant's other programs hear of events. Secrets are sealed with the tenant's key; the old one signs too until old_until.
CREATE TABLE webhook_endpoints (
  tenant_id       uuid NOT NULL REFERENCES tenants,
  endpoint_id     uuid PRIMARY KEY,
  url             text NOT NULL,
  description     text NOT NULL DEFAULT '',
  events          text[] NOT NULL,
  personal        boolean NOT NULL, -- may be told numbers and names of customers, and what agents wrote
  enabled         boolean NOT NULL,
  enabled_at      timestamptz NOT NULL, -- events from before are not for it
  disabled_why    text NOT NULL DEFAULT '',
  failing_since   timestamptz,          -- nothing has been taken since
  throttled_until timestamptz,          -- by its own wish
  secret          bytea NOT NULL,
  old_secret      bytea,
  old_until       timestamptz,
  created_at      timestamptz NOT NULL
);
CREATE INDEX webhook_endpoints_tenant ON webhook_endpoints (tenant_id, endpoint_id);
SELECT isolate_tenant('webhook_endpoints');

-- The outbox and the log in one. message_id is the event's id and the header webhook-id. epoch fences workers as in recording_parts.
CREATE TABLE webhook_deliveries (
  tenant_id    uuid NOT NULL REFERENCES tenants,
  delivery_id  uuid PRIMARY KEY,
  endpoint_id  uuid NOT NULL REFERENCES webhook_endpoints ON DELETE CASCADE,
  message_id   uuid NOT NULL,
  type         text NOT NULL,
  body         text, -- as it is signed; NULL when it is no longer kept
  state        text NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
  epoch        bigint NOT NULL DEFAULT 0,
  leased_until timestamptz,
  attempts     integer NOT NULL DEFAULT 0, -- in all
  tries        integer NOT NULL DEFAULT 0, -- since round_at
  round_at     timestamptz NOT NULL,       -- when it began, or was replayed
  next_try_at  timestamptz NOT NULL,
  created_at   timestamptz NOT NULL,
  ended_at     timestamptz
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_try_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_busy ON webhook_deliveries (leased_until) WHERE leased_until IS NOT NULL;
CREATE INDEX webhook_deliveries_list ON webhook_deliveries (endpoint_id, delivery_id DESC);
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;
SELECT isolate_tenant('webhook_deliveries');

CREATE TABLE webhook_attempts (
  tenant_id   uuid NOT NULL REFERENCES tenants,
  delivery_id uuid NOT NULL REFERENCES webhook_deliveries ON DELETE CASCADE,
  n           integer NOT NULL,
  at          timestamptz NOT NULL,
  millis      integer NOT NULL,
  status      integer NOT NULL DEFAULT 0, -- of HTTP; 0: no answer
  failure     text NOT NULL DEFAULT '',
  PRIMARY KEY (delivery_id, n)
);
SELECT isolate_tenant('webhook_attempts');

-- +goose Down
DROP TABLE webhook_attempts;
DROP TABLE webhook_deliveries;
DROP TABLE webhook_endpoints;
