-- +goose Up
-- Somebody is at a CRM to give us access. state is the hash of what only their browser and the CRM know; it is good once, for their session.
CREATE TABLE crm_authorizations (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  state      bytea PRIMARY KEY,
  session_id uuid NOT NULL,
  provider   text NOT NULL,
  base_url   text NOT NULL,
  verifier   bytea NOT NULL, -- of PKCE, sealed with the tenant's key
  expires_at timestamptz NOT NULL
);
SELECT isolate_tenant('crm_authorizations');

-- +goose Down
DROP TABLE crm_authorizations;
