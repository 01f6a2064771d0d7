-- +goose Up
-- The audit log: who did what to what, never the values. Each row's hash covers the row and the hash before it, tenant by tenant; the
-- head says where the chain ends, so that a missing last row shows too.
CREATE TABLE audit (
  tenant_id uuid NOT NULL REFERENCES tenants,
  seq       bigint NOT NULL,
  at        timestamptz NOT NULL,
  actor     uuid,
  action    text NOT NULL,
  subject   uuid NOT NULL,
  data      json NOT NULL, -- json, not jsonb: the hash is over these bytes
  hash      bytea NOT NULL,
  PRIMARY KEY (tenant_id, seq)
);
CREATE INDEX audit_subject ON audit (tenant_id, subject, seq);
SELECT isolate_tenant('audit');

CREATE TABLE audit_heads (
  tenant_id uuid PRIMARY KEY REFERENCES tenants,
  seq       bigint NOT NULL,
  hash      bytea NOT NULL
);
SELECT isolate_tenant('audit_heads');

-- Rows are added, never changed: neither by the program's roles, which lack the right, nor by the owner's mistake.
REVOKE UPDATE, DELETE, TRUNCATE ON audit FROM tandem_app, tandem_worker;
REVOKE DELETE, TRUNCATE ON audit_heads FROM tandem_app, tandem_worker;
-- +goose StatementBegin
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_rows BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_whole BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- +goose Down
DROP TABLE audit_heads;
DROP TABLE audit;
DROP FUNCTION audit_is_append_only();
