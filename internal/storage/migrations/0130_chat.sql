-- +goose Up
-- Accounts on messaging platforms. A name is in the path of its hook, so no two tenants may have the same.
CREATE TABLE chat_accounts (
  account_id   uuid PRIMARY KEY,
  tenant_id    uuid NOT NULL REFERENCES tenants,
  channel      text NOT NULL,
  name         text NOT NULL,
  label        text NOT NULL,
  queue_id     uuid REFERENCES queues,
  settings     jsonb NOT NULL DEFAULT '{}',
  secrets      bytea,                          -- sealed with the tenant's key
  enabled      boolean NOT NULL DEFAULT true,
  state        text NOT NULL DEFAULT 'ok',
  state_reason text NOT NULL DEFAULT '',
  state_at     timestamptz NOT NULL,
  detail       jsonb NOT NULL DEFAULT '{}',    -- what the platform tells: quality, quotas
  hook_at      timestamptz,                    -- the last good request to the hook
  version      int NOT NULL DEFAULT 1,         -- counts changes of settings and secrets
  created_at   timestamptz NOT NULL,
  archived_at  timestamptz,
  UNIQUE (channel, name)
);
SELECT isolate_tenant('chat_accounts');

-- What platforms have posted, as it came, until it is read; kept for eight days beyond, as long as they may send it again.
CREATE TABLE chat_inbox (
  inbox_id    uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL REFERENCES tenants,
  account_id  uuid NOT NULL REFERENCES chat_accounts,
  request     jsonb NOT NULL,                  -- chat.Hook without its body
  body        bytea NOT NULL,
  received_at timestamptz NOT NULL,
  state       text NOT NULL DEFAULT 'new',     -- new, done, unreadable
  tries       int NOT NULL DEFAULT 0,
  next_at     timestamptz NOT NULL,
  done_at     timestamptz
);
CREATE INDEX chat_inbox_new ON chat_inbox (next_at) WHERE state = 'new';
CREATE INDEX chat_inbox_done ON chat_inbox (done_at) WHERE state <> 'new';
SELECT isolate_tenant('chat_inbox');

-- Events that have had their effect.
CREATE TABLE chat_seen (
  account_id uuid NOT NULL REFERENCES chat_accounts,
  key        text NOT NULL,
  tenant_id  uuid NOT NULL REFERENCES tenants,
  at         timestamptz NOT NULL,
  PRIMARY KEY (account_id, key)
);
CREATE INDEX chat_seen_at ON chat_seen (at);
SELECT isolate_tenant('chat_seen');

-- Customers as an account knows them: the same id on two accounts is two people (CH-2) until somebody merges their contacts.
CREATE TABLE chat_people (
  person_id     uuid PRIMARY KEY,
  tenant_id     uuid NOT NULL REFERENCES tenants,
  account_id    uuid NOT NULL REFERENCES chat_accounts,
  contact_id    uuid NOT NULL REFERENCES contacts,
  key           text,                          -- chat.Person.ID
  alias         text,                          -- chat.Person.Alias
  phone         text NOT NULL DEFAULT '',
  name          text NOT NULL DEFAULT '',
  username      text NOT NULL DEFAULT '',
  language      text NOT NULL DEFAULT '',
  country       text NOT NULL DEFAULT '',
  avatar        text NOT NULL DEFAULT '',
  asked_at      timestamptz,                   -- the platform about them
  reachable     boolean NOT NULL DEFAULT true,
  unreachable   text NOT NULL DEFAULT '',      -- the platform's word for why not
  consent       jsonb NOT NULL DEFAULT '{}',   -- by category; missing: nobody has said
  window_kind   text NOT NULL DEFAULT '',      -- of the last thing that the customer did
  window_at     timestamptz,                   -- when, by the platform's clock
  window_sends  int NOT NULL DEFAULT 0,        -- of ours since then
  entry_at      timestamptz,                   -- the last window of kind entry
  reply_token   text NOT NULL DEFAULT '',
  reply_until   timestamptz,
  held_until    timestamptz,                   -- nothing goes to them before: rate limits of the pair
  created_at    timestamptz NOT NULL,
  CHECK (key IS NOT NULL OR alias IS NOT NULL)
);
CREATE UNIQUE INDEX chat_people_key ON chat_people (account_id, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX chat_people_alias ON chat_people (account_id, alias) WHERE alias IS NOT NULL;
CREATE INDEX chat_people_contact ON chat_people (contact_id);
SELECT isolate_tenant('chat_people');

CREATE TABLE conversations (
  conversation_id uuid PRIMARY KEY,
  tenant_id       uuid NOT NULL REFERENCES tenants,
  account_id      uuid NOT NULL REFERENCES chat_accounts,
  channel         text NOT NULL,
  person_id       uuid NOT NULL REFERENCES chat_people,
  contact_id      uuid NOT NULL REFERENCES contacts,
  state           text NOT NULL,               -- open, snoozed, closed
  owner_kind      text NOT NULL DEFAULT 'none',-- none, bot, human
  owner           uuid,
  owner_since     timestamptz,
  queue_id        uuid REFERENCES queues,
  enqueue_at      timestamptz,                 -- closed until then; joins the queue when it is due
  waiting_since   timestamptz,                 -- its place in the queue, kept over transfers
  priority        int NOT NULL DEFAULT 0,
  language        text NOT NULL DEFAULT '',
  data            jsonb NOT NULL DEFAULT '{}', -- reserved flags and data (voice.md V1.6)
  reserved        jsonb NOT NULL DEFAULT '{}',
  rev             bigint NOT NULL DEFAULT 0,   -- counts changes of its messages: a client's cursor
  last_seq        bigint NOT NULL DEFAULT 0,
  last_at         timestamptz NOT NULL,        -- of the last message
  last_text       text NOT NULL DEFAULT '',
  last_direction  text NOT NULL DEFAULT '',
  customer_at     timestamptz,                 -- the customer last wrote
  agent_at        timestamptz,                 -- an agent or bot last wrote
  first_reply_at  timestamptz,
  unanswered      int NOT NULL DEFAULT 0,      -- messages of the customer since the last answer
  snoozed_until   timestamptz,
  ticket_id       uuid,
  opened_at       timestamptz NOT NULL,        -- last opened or reopened
  created_at      timestamptz NOT NULL,
  closed_at       timestamptz,
  close_reason    text NOT NULL DEFAULT '',
  closed_by       uuid,
  disposition     text NOT NULL DEFAULT '',
  after_hours_at  timestamptz                  -- the after-hours text was last sent
);
CREATE UNIQUE INDEX conversations_open ON conversations (person_id) WHERE state <> 'closed';
CREATE INDEX conversations_person ON conversations (person_id, created_at);
CREATE INDEX conversations_contact ON conversations (contact_id);
CREATE INDEX conversations_owner ON conversations (tenant_id, owner, last_at) WHERE state <> 'closed';
CREATE INDEX conversations_last ON conversations (tenant_id, state, last_at, conversation_id);
CREATE INDEX conversations_due ON conversations (enqueue_at) WHERE enqueue_at IS NOT NULL;
CREATE INDEX conversations_snoozed ON conversations (snoozed_until) WHERE state = 'snoozed';
SELECT isolate_tenant('conversations');

CREATE TABLE messages (
  message_id      uuid PRIMARY KEY,
  tenant_id       uuid NOT NULL REFERENCES tenants,
  conversation_id uuid NOT NULL REFERENCES conversations,
  account_id      uuid NOT NULL REFERENCES chat_accounts,
  seq             bigint NOT NULL,             -- in its conversation, as it came
  rev             bigint NOT NULL,             -- of its last change
  at              timestamptz NOT NULL,        -- by the platform's clock
  created_at      timestamptz NOT NULL,
  direction       text NOT NULL,               -- in, out, internal
  author_kind     text NOT NULL,
  author          uuid,
  author_name     text NOT NULL DEFAULT '',
  kind            text NOT NULL,
  text            text NOT NULL DEFAULT '',
  body            jsonb NOT NULL DEFAULT '{}',
  raw             jsonb,                       -- of what is not understood
  external_id     text,
  client_id       uuid,                        -- chosen by who wrote it: a repeat gives the same message
  quote_external  text NOT NULL DEFAULT '',
  quote           uuid,
  quote_token     text NOT NULL DEFAULT '',
  read_token      text NOT NULL DEFAULT '',
  album           text NOT NULL DEFAULT '',
  status          text NOT NULL DEFAULT '',    -- of what went out
  status_at       timestamptz,
  error           jsonb,                       -- code, detail, verdict
  price           jsonb,
  edited_at       timestamptz,
  edit_number     int NOT NULL DEFAULT 0,
  unsent_at       timestamptz,
  mentions        uuid[] NOT NULL DEFAULT '{}',
  words           tsvector,
  UNIQUE (conversation_id, seq)
);
CREATE UNIQUE INDEX messages_external ON messages (account_id, external_id) WHERE external_id IS NOT NULL;
CREATE UNIQUE INDEX messages_client ON messages (conversation_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX messages_rev ON messages (conversation_id, rev);
CREATE INDEX messages_time ON messages (conversation_id, at DESC, seq DESC);
CREATE INDEX messages_words ON messages USING gin (words);
SELECT isolate_tenant('messages');

-- What platforms said of our messages, raw; those that nothing was known of yet wait here for the answer to the send.
CREATE TABLE chat_receipts (
  receipt_id  uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL REFERENCES tenants,
  account_id  uuid NOT NULL REFERENCES chat_accounts,
  external_id text NOT NULL,
  status      text NOT NULL,
  at          timestamptz,
  detail      jsonb NOT NULL DEFAULT '{}',
  matched     boolean NOT NULL,
  created_at  timestamptz NOT NULL
);
CREATE INDEX chat_receipts_open ON chat_receipts (account_id, external_id) WHERE NOT matched;
CREATE INDEX chat_receipts_age ON chat_receipts (created_at);
SELECT isolate_tenant('chat_receipts');

-- Edits and unsends that overtook their message.
CREATE TABLE chat_early (
  early_id    uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL REFERENCES tenants,
  account_id  uuid NOT NULL REFERENCES chat_accounts,
  external_id text NOT NULL,
  event       jsonb NOT NULL,
  created_at  timestamptz NOT NULL
);
CREATE INDEX chat_early_of ON chat_early (account_id, external_id);
SELECT isolate_tenant('chat_early');

CREATE TABLE chat_reactions (
  message_id uuid NOT NULL REFERENCES messages,
  tenant_id  uuid NOT NULL REFERENCES tenants,
  by_us      boolean NOT NULL,
  emoji      text NOT NULL,
  at         timestamptz NOT NULL,
  PRIMARY KEY (message_id, by_us)
);
SELECT isolate_tenant('chat_reactions');

-- What is to be sent, in its order for each customer: one at a time, under a lease with an epoch.
CREATE TABLE chat_outbox (
  outbox_id   uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL REFERENCES tenants,
  account_id  uuid NOT NULL REFERENCES chat_accounts,
  person_id   uuid NOT NULL REFERENCES chat_people,
  message_id  uuid NOT NULL REFERENCES messages,
  part        int NOT NULL DEFAULT 0,          -- of a text that is longer than one message
  outgoing    jsonb NOT NULL,                  -- what to send: text, attachment, tag …
  seq         bigint GENERATED ALWAYS AS IDENTITY,
  state       text NOT NULL DEFAULT 'waiting', -- waiting, sending, done, dead
  tries       int NOT NULL DEFAULT 0,
  next_at     timestamptz NOT NULL,
  lease_until timestamptz,
  epoch       bigint NOT NULL DEFAULT 0,
  verdict     text NOT NULL DEFAULT '',
  error       jsonb,
  external_id text,
  status      text NOT NULL DEFAULT 'queued',
  created_at  timestamptz NOT NULL,
  done_at     timestamptz
);
CREATE INDEX chat_outbox_external ON chat_outbox (account_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX chat_outbox_person ON chat_outbox (person_id, seq) WHERE state IN ('waiting', 'sending');
CREATE INDEX chat_outbox_due ON chat_outbox (next_at) WHERE state IN ('waiting', 'sending');
CREATE INDEX chat_outbox_account ON chat_outbox (account_id, state);
CREATE INDEX chat_outbox_message ON chat_outbox (message_id);
SELECT isolate_tenant('chat_outbox');

-- Who else sees a conversation.
CREATE TABLE conversation_people (
  conversation_id uuid NOT NULL REFERENCES conversations,
  user_id         uuid NOT NULL,
  tenant_id       uuid NOT NULL REFERENCES tenants,
  collaborator    boolean NOT NULL DEFAULT false,
  mentioned_until timestamptz,                 -- a mention gives access for 48 h
  mentioned_at    timestamptz,
  read_seq        bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (conversation_id, user_id)
);
CREATE INDEX conversation_people_user ON conversation_people (tenant_id, user_id);
SELECT isolate_tenant('conversation_people');

-- The steps of a conversation: queued, offered, accepted, transferred, closed … for its details and reports.
CREATE TABLE conversation_steps (
  step_id         uuid PRIMARY KEY,
  conversation_id uuid NOT NULL REFERENCES conversations,
  tenant_id       uuid NOT NULL REFERENCES tenants,
  at              timestamptz NOT NULL,
  what            text NOT NULL,
  queue_id        uuid,
  agent           uuid,
  actor           uuid,
  detail          jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX conversation_steps_of ON conversation_steps (conversation_id, at);
SELECT isolate_tenant('conversation_steps');

CREATE TABLE canned_responses (
  response_id uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL REFERENCES tenants,
  shortcut    text NOT NULL,
  title       text NOT NULL DEFAULT '',
  language    text NOT NULL DEFAULT '',
  text        text NOT NULL,
  queue_id    uuid REFERENCES queues,
  owner       uuid,                            -- set: only for this user
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX canned_responses_shortcut ON canned_responses (tenant_id, lower(shortcut), language, coalesce(owner, '00000000-0000-0000-0000-000000000000'));
SELECT isolate_tenant('canned_responses');

CREATE TABLE saved_views (
  view_id    uuid PRIMARY KEY,
  tenant_id  uuid NOT NULL REFERENCES tenants,
  owner      uuid NOT NULL,
  shared     boolean NOT NULL DEFAULT false,
  name       text NOT NULL,
  filter     jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  UNIQUE (tenant_id, owner, name)
);
SELECT isolate_tenant('saved_views');

CREATE TABLE chat_templates (
  tenant_id   uuid NOT NULL REFERENCES tenants,
  account_id  uuid NOT NULL REFERENCES chat_accounts,
  name        text NOT NULL,
  language    text NOT NULL,
  external_id text NOT NULL DEFAULT '',
  category    text NOT NULL DEFAULT '',
  status      text NOT NULL,
  quality     text NOT NULL DEFAULT '',
  reason      text NOT NULL DEFAULT '',
  definition  jsonb NOT NULL,
  synced_at   timestamptz NOT NULL,
  PRIMARY KEY (account_id, name, language)
);
SELECT isolate_tenant('chat_templates');

-- Customers to whom an account has written outside their window: the platform's limit counts each once in 24 hours.
CREATE TABLE chat_openings (
  account_id uuid NOT NULL REFERENCES chat_accounts,
  person_id  uuid NOT NULL REFERENCES chat_people,
  tenant_id  uuid NOT NULL REFERENCES tenants,
  at         timestamptz NOT NULL,
  PRIMARY KEY (account_id, person_id)
);
CREATE INDEX chat_openings_at ON chat_openings (account_id, at);
SELECT isolate_tenant('chat_openings');

-- Token buckets of accounts and of single customers, shared by nodes.
CREATE TABLE chat_rates (
  key       text PRIMARY KEY,                  -- account or account/person
  tenant_id uuid NOT NULL REFERENCES tenants,
  tat       timestamptz NOT NULL               -- when the bucket is full again (GCRA's theoretical arrival time)
);
SELECT isolate_tenant('chat_rates');

-- What a tenant has set for all its conversations.
CREATE TABLE chat_settings (
  tenant_id uuid PRIMARY KEY REFERENCES tenants,
  settings  jsonb NOT NULL
);
SELECT isolate_tenant('chat_settings');

-- +goose Down
DROP TABLE chat_settings, chat_rates, chat_openings, chat_templates, saved_views, canned_responses, conversation_steps, conversation_people, chat_outbox,
  chat_reactions, chat_early, chat_receipts, messages, conversations, chat_people, chat_seen, chat_inbox, chat_accounts;
