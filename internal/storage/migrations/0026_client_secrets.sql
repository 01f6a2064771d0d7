-- +goose Up
-- What a tenant's own servers sign customers' data with (V1.6); sealed with the tenant's key.
CREATE TABLE client_secrets (
  tenant_id  uuid PRIMARY KEY REFERENCES tenants,
  secret     bytea NOT NULL,
  created_at timestamptz NOT NULL
);
SELECT isolate_tenant('client_secrets');

-- +goose Down
DROP TABLE client_secrets;
