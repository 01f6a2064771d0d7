-- +goose Up
-- Which CRM a tenant uses; no row: Tandem's own tickets. Credentials are sealed with the tenant's key.
CREATE TABLE crm_connections (
  tenant_id   uuid PRIMARY KEY REFERENCES tenants,
  provider    text NOT NULL,
  base_url    text NOT NULL DEFAULT '',
  queue       text NOT NULL DEFAULT '',
  credentials bytea,
  updated_at  timestamptz NOT NULL
);
SELECT isolate_tenant('crm_connections');

-- The ticket of each call, as its CRM names it.
CREATE TABLE crm_call_tickets (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  call_id    uuid NOT NULL,
  provider   text NOT NULL,
  ticket     text NOT NULL,
  call       jsonb NOT NULL, -- what the CRM was told, should it have to be told again
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, call_id)
);
SELECT isolate_tenant('crm_call_tickets');

-- What is still to be told to a CRM, in order for each call; a row goes once it is done. epoch fences workers as in recording_parts.
CREATE TABLE crm_outbox (
  tenant_id    uuid NOT NULL REFERENCES tenants,
  outbox_id    uuid PRIMARY KEY,
  call_id      uuid NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('ticket', 'note')),
  body         jsonb NOT NULL,
  epoch        bigint NOT NULL DEFAULT 0,
  leased_until timestamptz,
  next_try_at  timestamptz NOT NULL,
  attempts     integer NOT NULL DEFAULT 0,
  last_error   text NOT NULL DEFAULT '',
  created_at   timestamptz NOT NULL
);
CREATE INDEX crm_outbox_due ON crm_outbox (next_try_at);
CREATE INDEX crm_outbox_call ON crm_outbox (tenant_id, call_id, outbox_id);
SELECT isolate_tenant('crm_outbox');

-- +goose Down
DROP TABLE crm_outbox;
DROP TABLE crm_call_tickets;
DROP TABLE crm_connections;
