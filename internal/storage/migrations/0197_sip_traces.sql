-- +goose Up
-- Whose SIP messages are kept in memory for a time, for people who look for a fault.
CREATE TABLE sip_traces (
  tenant_id uuid PRIMARY KEY REFERENCES tenants,
  until     timestamptz NOT NULL
);
SELECT isolate_tenant('sip_traces');

-- +goose Down
DROP TABLE sip_traces;
