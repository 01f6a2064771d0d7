-- +goose Up
-- Uploaded ring tones; the file is a blob whose name changes with each replacement.
CREATE TABLE notify_tones (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  tone_id    uuid PRIMARY KEY,
  name       text NOT NULL CHECK (name <> ''),
  blob       text NOT NULL,
  size       bigint NOT NULL,
  seconds    double precision NOT NULL,
  created_at timestamptz NOT NULL,
  changed_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX notify_tones_name ON notify_tones (tenant_id, lower(name));
SELECT isolate_tenant('notify_tones');

-- What a person wants to be told, and where; no row: the defaults, and no mobile telephone.
CREATE TABLE notify_profiles (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  user_id    uuid NOT NULL,
  mobile     text NOT NULL DEFAULT '', -- E.164
  language   text NOT NULL DEFAULT 'en',
  rules      jsonb NOT NULL DEFAULT '[]',
  active     boolean NOT NULL DEFAULT true, -- false while the user may not sign in
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, user_id)
);
SELECT isolate_tenant('notify_profiles');

-- The key by which push services know this tenant's server (RFC 8292); the private part is sealed with the tenant's key.
CREATE TABLE notify_push_keys (
  tenant_id  uuid PRIMARY KEY REFERENCES tenants,
  public     text NOT NULL,
  private    bytea NOT NULL,
  created_at timestamptz NOT NULL
);
SELECT isolate_tenant('notify_push_keys');

-- Browsers that may be pushed to. Who knows the address may push, so it is sealed; the hash tells one browser from another.
CREATE TABLE notify_subscriptions (
  tenant_id       uuid NOT NULL REFERENCES tenants,
  subscription_id uuid PRIMARY KEY,
  user_id         uuid NOT NULL,
  endpoint_hash   bytea NOT NULL,
  sealed          bytea NOT NULL,
  language        text NOT NULL,
  created_at      timestamptz NOT NULL,
  UNIQUE (tenant_id, endpoint_hash)
);
CREATE INDEX notify_subscriptions_user ON notify_subscriptions (tenant_id, user_id);
SELECT isolate_tenant('notify_subscriptions');

-- The account by which text messages are sent; no row: none are. The token is sealed with the tenant's key.
CREATE TABLE notify_sms (
  tenant_id  uuid PRIMARY KEY REFERENCES tenants,
  account    text NOT NULL,
  sender     text NOT NULL,
  token      bytea NOT NULL,
  changed_at timestamptz NOT NULL
);
SELECT isolate_tenant('notify_sms');

-- Text messages, each at most once: a row is written before the provider is asked, and 'sending' is never asked again.
CREATE TABLE notify_texts (
  tenant_id uuid NOT NULL REFERENCES tenants,
  subject   uuid NOT NULL, -- the offer
  kind      text NOT NULL,
  user_id   uuid NOT NULL,
  state     text NOT NULL CHECK (state IN ('sending', 'sent', 'retry', 'failed')),
  at        timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, subject, kind)
);
CREATE INDEX notify_texts_recent ON notify_texts (tenant_id, user_id, at);
SELECT isolate_tenant('notify_texts');

-- +goose Down
DROP TABLE notify_texts;
DROP TABLE notify_sms;
DROP TABLE notify_subscriptions;
DROP TABLE notify_push_keys;
DROP TABLE notify_profiles;
DROP TABLE notify_tones;
