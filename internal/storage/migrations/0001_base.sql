-- +goose Up
-- Two roles besides the owner: tandem_app sees one tenant at a time (none when none is set), tandem_worker runs work that crosses tenants.
-- +goose StatementBegin
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tandem_app') THEN CREATE ROLE tandem_app NOLOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tandem_worker') THEN CREATE ROLE tandem_worker NOLOGIN; END IF;
  EXECUTE format('GRANT tandem_app, tandem_worker TO %I', current_user);
EXCEPTION
  -- Two databases of one cluster may migrate at once; roles belong to the cluster.
  WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
-- +goose StatementEnd

GRANT USAGE ON SCHEMA public TO tandem_app, tandem_worker;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tandem_app, tandem_worker;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO tandem_app, tandem_worker;

-- The tenant of the transaction; NULL (which equals nothing) when none is set.
-- +goose StatementBegin
CREATE FUNCTION current_tenant() RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT nullif(current_setting('tandem.tenant', true), '')::uuid $$;
-- +goose StatementEnd

-- isolate_tenant(table) is called once for each table that has a tenant_id.
-- +goose StatementBegin
CREATE FUNCTION isolate_tenant(t regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
  EXECUTE format('CREATE POLICY one_tenant ON %s TO tandem_app USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', t);
  EXECUTE format('CREATE POLICY all_tenants ON %s TO tandem_worker USING (true) WITH CHECK (true)', t);
END $$;
-- +goose StatementEnd

CREATE TABLE tenants (
  tenant_id  uuid PRIMARY KEY,
  slug       text NOT NULL UNIQUE,
  name       text NOT NULL,
  locale     text NOT NULL DEFAULT 'en',
  time_zone  text NOT NULL DEFAULT 'UTC',
  created_at timestamptz NOT NULL
);
SELECT isolate_tenant('tenants');

-- +goose Down
DROP TABLE tenants;
DROP FUNCTION isolate_tenant(regclass);
DROP FUNCTION current_tenant();
