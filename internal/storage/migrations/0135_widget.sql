-- +goose Up
-- What a widget looks like and may do, one for each account of channel web.
CREATE TABLE widgets (
  account_id uuid PRIMARY KEY REFERENCES chat_accounts,
  tenant_id  uuid NOT NULL REFERENCES tenants,
  settings   jsonb NOT NULL,
  secret     bytea NOT NULL,                   -- by which the site's server signs its customers' ids; sealed with the tenant's key
  version    int NOT NULL DEFAULT 1,
  changed_at timestamptz NOT NULL
);
SELECT isolate_tenant('widgets');

-- Browsers that have opened a widget. Whoever has the secret is the visitor; what belongs to a known customer needs the site's signature too.
CREATE TABLE widget_visitors (
  visitor_id  uuid PRIMARY KEY,                -- 128 random bits
  tenant_id   uuid NOT NULL REFERENCES tenants,
  account_id  uuid NOT NULL REFERENCES chat_accounts,
  secret_hash bytea NOT NULL,
  person_key  text NOT NULL,                   -- of chat_people: the visitor's own, or the customer's after a login
  customer    text,                            -- the site's id of the customer, as its server has signed it
  name        text NOT NULL,
  email       text NOT NULL DEFAULT '',
  language    text NOT NULL DEFAULT '',
  mobile      boolean NOT NULL DEFAULT false,
  data        jsonb NOT NULL DEFAULT '{}',     -- what the page, or a signed token, says of them (voice.md V1.6)
  reserved    jsonb NOT NULL DEFAULT '{}',
  merged      boolean NOT NULL DEFAULT false,  -- what they wrote before the login has gone to the customer
  created_at  timestamptz NOT NULL,
  seen_at     timestamptz NOT NULL
);
CREATE INDEX widget_visitors_seen ON widget_visitors (seen_at);
SELECT isolate_tenant('widget_visitors');

-- What customers say of a conversation, once it has ended.
CREATE TABLE conversation_ratings (
  conversation_id uuid PRIMARY KEY REFERENCES conversations,
  tenant_id       uuid NOT NULL REFERENCES tenants,
  score           int NOT NULL CHECK (score BETWEEN 1 AND 5),
  comment         text NOT NULL DEFAULT '',
  rated_at        timestamptz NOT NULL
);
SELECT isolate_tenant('conversation_ratings');

-- +goose Down
DROP TABLE conversation_ratings, widget_visitors, widgets;
