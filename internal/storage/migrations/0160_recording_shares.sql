-- +goose Up
-- The key pairs to which a tenant's recordings are sealed. A recording keeps the pair that was current when it began, so that whoever registers
-- another one opens nothing that is already held. kept is the private half, under the tenant's key and the secret of the CRM connection.
CREATE TABLE recording_crm_keys (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  key_id     uuid PRIMARY KEY,
  public_key bytea NOT NULL,
  kept       bytea NOT NULL,
  access_key bytea, -- Ed25519, public half: what signs for the break-glass way; the private half is with the CRM
  made_at    timestamptz NOT NULL,
  retired_at timestamptz
);
CREATE UNIQUE INDEX recording_crm_keys_current ON recording_crm_keys (tenant_id) WHERE retired_at IS NULL;
SELECT isolate_tenant('recording_crm_keys');

-- With crm_share, wrapped_key is the other share, under the day's key. Rows without it are of an older program, whose wrapped_key is the whole key
-- under the tenant's key and the day's; the next start splits them.
ALTER TABLE recordings ADD COLUMN crm_key_id uuid, ADD COLUMN crm_share bytea,
  ADD COLUMN incomplete_at bigint; -- byte of the audio from which on there is none

-- Who asked for the sound of a recording that is still held: the nonce that the CRM signs, then the token of the one stream. Hashes only.
CREATE TABLE recording_access (
  tenant_id    uuid NOT NULL REFERENCES tenants,
  access_id    uuid PRIMARY KEY,
  recording_id uuid NOT NULL REFERENCES recordings ON DELETE CASCADE,
  user_id      uuid NOT NULL,
  nonce        bytea NOT NULL,
  nonce_until  timestamptz NOT NULL,
  spent_at     timestamptz, -- the nonce: good for one try
  token        bytea,
  address      text NOT NULL DEFAULT '',
  begin_until  timestamptz,
  begun_at     timestamptz
);
CREATE UNIQUE INDEX recording_access_token ON recording_access (token) WHERE token IS NOT NULL;
SELECT isolate_tenant('recording_access');

-- +goose Down
DROP TABLE recording_access;
ALTER TABLE recordings DROP COLUMN crm_key_id, DROP COLUMN crm_share, DROP COLUMN incomplete_at;
DROP TABLE recording_crm_keys;
