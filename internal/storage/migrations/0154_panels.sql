-- +goose Up
-- Which pages may have the agent panel in a frame, and whether they are told callers' numbers; no row: none.
CREATE TABLE panels (
  tenant_id  uuid PRIMARY KEY REFERENCES tenants,
  origins    text[] NOT NULL,
  numbers    boolean NOT NULL DEFAULT false,
  changed_at timestamptz NOT NULL
);
SELECT isolate_tenant('panels');

-- +goose Down
DROP TABLE panels;
