-- +goose Up
-- What lists of tickets and contacts show, under a name (CR-3): filter is what the list's address says of it.
CREATE TABLE crm_views (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  view_id    uuid PRIMARY KEY,
  list       text NOT NULL CHECK (list IN ('tickets', 'contacts')),
  owner      uuid NOT NULL,
  shared     boolean NOT NULL,
  name       text NOT NULL,
  filter     jsonb NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX crm_views_name ON crm_views (tenant_id, list, owner, lower(name));
SELECT isolate_tenant('crm_views');

-- +goose Down
DROP TABLE crm_views;
