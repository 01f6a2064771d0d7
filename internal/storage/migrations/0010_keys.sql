-- +goose Up
-- Each tenant's key, encrypted under the installation's master key. Deleting the row makes everything encrypted for the tenant unreadable.
CREATE TABLE tenant_keys (
  tenant_id  uuid PRIMARY KEY REFERENCES tenants,
  keyset     bytea NOT NULL,
  created_at timestamptz NOT NULL
);
SELECT isolate_tenant('tenant_keys');

-- +goose Down
DROP TABLE tenant_keys;
