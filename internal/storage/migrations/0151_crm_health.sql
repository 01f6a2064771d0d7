-- +goose Up
-- How a tenant's CRM does. Until parked_until nothing is told to it; refused_since: its credentials are refused, one row an hour tries them.
CREATE TABLE crm_health (
  tenant_id     uuid PRIMARY KEY REFERENCES tenants,
  succeeded_at  timestamptz,
  failed_at     timestamptz,
  last_error    text NOT NULL DEFAULT '',
  parked_until  timestamptz,
  refused_since timestamptz
);
SELECT isolate_tenant('crm_health');

-- What was tried in each hour of the last day.
CREATE TABLE crm_attempts (
  tenant_id uuid NOT NULL REFERENCES tenants,
  hour      timestamptz NOT NULL,
  succeeded integer NOT NULL DEFAULT 0,
  failed    integer NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, hour)
);
SELECT isolate_tenant('crm_attempts');

-- order_key names the customer: what is told of one goes in order, over all their calls. What the CRM refuses for good (quarantined) holds up nothing
-- but its own call.
ALTER TABLE crm_outbox ADD COLUMN order_key text NOT NULL DEFAULT '', ADD COLUMN quarantined boolean NOT NULL DEFAULT false;
CREATE INDEX crm_outbox_order ON crm_outbox (tenant_id, order_key, outbox_id) WHERE order_key <> '';

-- +goose Down
DROP INDEX crm_outbox_order;
ALTER TABLE crm_outbox DROP COLUMN quarantined, DROP COLUMN order_key;
DROP TABLE crm_attempts;
DROP TABLE crm_health;
