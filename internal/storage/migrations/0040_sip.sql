-- +goose Up
-- Who may send us calls. A trunk is known by where it sends from, by a user name and password, or by both when both are given.
CREATE TABLE trunks (
  trunk_id   uuid PRIMARY KEY,
  tenant_id  uuid NOT NULL REFERENCES tenants,
  name       text NOT NULL,
  networks   text[] NOT NULL DEFAULT '{}',
  username   text NOT NULL DEFAULT '',
  ha1_sha256 text NOT NULL DEFAULT '',
  ha1_md5    text NOT NULL DEFAULT '',
  trusted    boolean NOT NULL DEFAULT false,
  nat        boolean NOT NULL DEFAULT false,
  headers    text[] NOT NULL DEFAULT '{}',
  codecs     text[] NOT NULL DEFAULT '{}',
  max_calls  integer NOT NULL DEFAULT 0 CHECK (max_calls >= 0),
  enabled    boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL,
  UNIQUE (tenant_id, name)
);
-- A digest names its user before anything tells the tenant, so user names are unique in the installation.
CREATE UNIQUE INDEX trunks_username ON trunks (username) WHERE username <> '';
SELECT isolate_tenant('trunks');

-- SIP phones that may register. What is kept of the password is its digest HA1 in two algorithms (RFC 8760).
CREATE TABLE sip_phones (
  phone_id   uuid PRIMARY KEY,
  tenant_id  uuid NOT NULL REFERENCES tenants,
  username   text NOT NULL UNIQUE,
  agent_id   uuid,
  ha1_sha256 text NOT NULL,
  ha1_md5    text NOT NULL,
  created_at timestamptz NOT NULL
);
SELECT isolate_tenant('sip_phones');

-- Where a phone is now. received is the address its REGISTER came from, which is where calls to it are sent.
CREATE TABLE sip_registrations (
  registration_id uuid PRIMARY KEY,
  tenant_id       uuid NOT NULL REFERENCES tenants,
  phone_id        uuid NOT NULL REFERENCES sip_phones ON DELETE CASCADE,
  contact         text NOT NULL,
  received        text NOT NULL,
  transport       text NOT NULL,
  node            text NOT NULL,
  call_id         text NOT NULL,
  cseq            bigint NOT NULL,
  registered_at   timestamptz NOT NULL,
  expires_at      timestamptz NOT NULL,
  UNIQUE (phone_id, contact)
);
CREATE INDEX sip_registrations_expiry ON sip_registrations (expires_at);
SELECT isolate_tenant('sip_registrations');

-- +goose Down
DROP TABLE sip_registrations;
DROP TABLE sip_phones;
DROP TABLE trunks;
