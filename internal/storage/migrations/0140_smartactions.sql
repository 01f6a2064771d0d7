-- +goose Up
-- What agents ask customers for in a call or a conversation. The customer's link is known by its hash only; so is the key of the browser
-- that opened it first, which is the only one to answer.
CREATE TABLE smartactions (
  tenant_id       uuid NOT NULL REFERENCES tenants,
  action_id       uuid PRIMARY KEY,
  item_kind       text NOT NULL CHECK (item_kind IN ('call', 'conversation')),
  item_id         uuid NOT NULL,
  agent_id        uuid NOT NULL,
  kind            text NOT NULL CHECK (kind IN ('verification', 'photos', 'screenshot', 'video', 'text')),
  prompt          text NOT NULL,
  max_files       integer NOT NULL,
  state           text NOT NULL CHECK (state IN ('requested', 'opened', 'done', 'declined', 'expired', 'cancelled')),
  token_hash      bytea NOT NULL UNIQUE,
  key_hash        bytea,
  delivery        text NOT NULL CHECK (delivery IN ('sending', 'sent', 'failed')),
  delivery_code   text NOT NULL DEFAULT '',
  delivery_detail text NOT NULL DEFAULT '',
  challenge       jsonb, -- of the ceremony that goes on; used once
  answer          text NOT NULL DEFAULT '',
  verification    jsonb,
  created_at      timestamptz NOT NULL,
  opened_at       timestamptz,
  ended_at        timestamptz,
  expires_at      timestamptz NOT NULL
);
CREATE INDEX smartactions_item ON smartactions (tenant_id, item_id, action_id DESC);
CREATE INDEX smartactions_open ON smartactions (expires_at) WHERE state IN ('requested', 'opened');
CREATE INDEX smartactions_over ON smartactions (ended_at) WHERE ended_at IS NOT NULL;
SELECT isolate_tenant('smartactions');

-- Their files, as we encoded them anew; the bytes are in the blob store, encrypted by a data key that the tenant's key wraps.
CREATE TABLE smartaction_files (
  tenant_id    uuid NOT NULL REFERENCES tenants,
  action_id    uuid NOT NULL REFERENCES smartactions ON DELETE CASCADE,
  n            integer NOT NULL,
  blob_id      uuid NOT NULL,
  name         text NOT NULL,
  content_type text NOT NULL,
  size         bigint NOT NULL,
  wrapped_key  bytea NOT NULL,
  created_at   timestamptz NOT NULL,
  PRIMARY KEY (action_id, n)
);
SELECT isolate_tenant('smartaction_files');

-- The devices by which contacts prove that they are who they were the last time.
CREATE TABLE smartaction_credentials (
  tenant_id     uuid NOT NULL REFERENCES tenants,
  credential_id bytea NOT NULL,
  contact_id    uuid NOT NULL REFERENCES contacts ON DELETE CASCADE,
  registered_in uuid NOT NULL, -- the action
  credential    jsonb NOT NULL,
  created_at    timestamptz NOT NULL,
  used_at       timestamptz,
  PRIMARY KEY (tenant_id, credential_id)
);
CREATE INDEX smartaction_credentials_contact ON smartaction_credentials (contact_id);
SELECT isolate_tenant('smartaction_credentials');

-- What customers sent goes to the CRMs too. Which kinds there are is the program's matter.
ALTER TABLE crm_outbox DROP CONSTRAINT IF EXISTS crm_outbox_kind_check;

-- +goose Down
DELETE FROM crm_outbox WHERE kind NOT IN ('ticket', 'note');
ALTER TABLE crm_outbox ADD CONSTRAINT crm_outbox_kind_check CHECK (kind IN ('ticket', 'note'));
DROP TABLE smartaction_credentials;
DROP TABLE smartaction_files;
DROP TABLE smartactions;
