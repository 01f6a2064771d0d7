-- +goose Up
-- Files of messages; their bytes are in the blob store, encrypted by a data key of their own that the tenant's key wraps.
CREATE TABLE chat_media (
  attachment_id uuid PRIMARY KEY,
  tenant_id     uuid NOT NULL REFERENCES tenants,
  message_id    uuid REFERENCES messages ON DELETE SET NULL, -- NULL: uploaded and not sent yet, converted, or to be removed
  position      int NOT NULL DEFAULT 0,                      -- in the message
  account_id    uuid REFERENCES chat_accounts,               -- whose platform has it
  original      uuid REFERENCES chat_media ON DELETE CASCADE, -- what it was converted from, and
  rule          text NOT NULL DEFAULT '',                    -- to fit what
  uploader      uuid,                                        -- the user or visitor
  kind          text NOT NULL,
  name          text NOT NULL DEFAULT '',
  content_type  text NOT NULL DEFAULT '',
  shown         boolean NOT NULL DEFAULT false,              -- safe to be shown or played in a page
  bytes         bigint NOT NULL DEFAULT 0,
  width         int NOT NULL DEFAULT 0,
  height        int NOT NULL DEFAULT 0,
  seconds       double precision NOT NULL DEFAULT 0,
  voice         boolean NOT NULL DEFAULT false,
  state         text NOT NULL CHECK (state IN ('pending', 'stored', 'failed', 'too_large', 'gone')),
  error         text NOT NULL DEFAULT '',                    -- a code
  ref           jsonb,                                       -- chat.MediaRef
  tries         int NOT NULL DEFAULT 0,
  next_at       timestamptz,
  lease         uuid,                                        -- of who fetches it, until
  lease_until   timestamptz,
  blob          text NOT NULL DEFAULT '',                    -- also of a try that was cut off
  wrapped_key   bytea,
  preview_bytes bigint NOT NULL DEFAULT 0,                   -- 0: there is none
  sha256        bytea,
  created_at    timestamptz NOT NULL,
  CHECK ((state = 'stored') = (wrapped_key IS NOT NULL))
);
CREATE INDEX chat_media_message ON chat_media (message_id, position);
CREATE INDEX chat_media_due ON chat_media (next_at) WHERE state = 'pending';
CREATE INDEX chat_media_unbound ON chat_media (created_at) WHERE message_id IS NULL AND original IS NULL;
CREATE UNIQUE INDEX chat_media_converted ON chat_media (original, rule) WHERE original IS NOT NULL;
SELECT isolate_tenant('chat_media');

-- Addresses at which platforms fetch a file from us, and customers one that their platform does not take.
CREATE TABLE chat_media_links (
  token_hash    bytea PRIMARY KEY,
  tenant_id     uuid NOT NULL REFERENCES tenants,
  attachment_id uuid NOT NULL REFERENCES chat_media ON DELETE CASCADE,
  preview       boolean NOT NULL,
  expires_at    timestamptz NOT NULL
);
CREATE INDEX chat_media_links_attachment ON chat_media_links (attachment_id);
CREATE INDEX chat_media_links_expires ON chat_media_links (expires_at);
SELECT isolate_tenant('chat_media_links');

-- +goose Down
DROP TABLE chat_media_links;
DROP TABLE chat_media;
