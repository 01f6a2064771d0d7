-- +goose Up
-- Which telephone numbers a tenant's calls may go out to, and how much of it. A tenant without a row calls nobody.
CREATE TABLE dial_rules (
  tenant_id        uuid PRIMARY KEY REFERENCES tenants,
  country          text NOT NULL DEFAULT '', -- ISO 3166-1 alpha-2: how numbers without a country code are read
  countries        text[] NOT NULL DEFAULT '{}',
  special          boolean NOT NULL DEFAULT false,
  allowed          text[] NOT NULL DEFAULT '{}',
  blocked          text[] NOT NULL DEFAULT '{}',
  internal_digits  integer NOT NULL DEFAULT 0,
  calls_per_second integer NOT NULL DEFAULT 0 CHECK (calls_per_second >= 0),
  max_calls        integer NOT NULL DEFAULT 0 CHECK (max_calls >= 0),
  minutes_per_day  integer NOT NULL DEFAULT 0 CHECK (minutes_per_day >= 0),
  spend_per_day    double precision NOT NULL DEFAULT 0 CHECK (spend_per_day >= 0),
  rates            jsonb NOT NULL DEFAULT '[]', -- [{prefix, per_minute}]
  changed_at       timestamptz NOT NULL
);
SELECT isolate_tenant('dial_rules');

-- Calls that went out, for the limits. No number is kept.
CREATE TABLE outbound_calls (
  outbound_id uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL REFERENCES tenants,
  country     text NOT NULL,
  per_minute  double precision NOT NULL,
  started_at  timestamptz NOT NULL,
  answered_at timestamptz,
  seen_at     timestamptz NOT NULL, -- its node lived then
  ended_at    timestamptz
);
CREATE INDEX outbound_calls_day ON outbound_calls (tenant_id, started_at);
CREATE INDEX outbound_calls_live ON outbound_calls (tenant_id, seen_at) WHERE ended_at IS NULL;
SELECT isolate_tenant('outbound_calls');

-- +goose Down
DROP TABLE outbound_calls;
DROP TABLE dial_rules;
