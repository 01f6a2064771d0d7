-- +goose Up
-- Whoever looks at rows by what has changed since a snapshot (the dispatcher) needs the transaction that changed them last.
-- +goose StatementBegin
CREATE FUNCTION stamp_xid() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.xid := pg_current_xact_id(); RETURN NEW; END $$;
-- +goose StatementEnd

CREATE TABLE queues (
  queue_id    uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL REFERENCES tenants,
  parent_id   uuid REFERENCES queues,
  kind        text NOT NULL CHECK (kind IN ('queue', 'message')),
  name        text NOT NULL CHECK (name <> ''),
  key         smallint CHECK (key BETWEEN 1 AND 9), -- NULL: hidden
  off         text[] NOT NULL DEFAULT '{}',         -- channels switched off here and below
  settings    jsonb NOT NULL DEFAULT '{}',          -- own values only; the rest is inherited
  paused      boolean NOT NULL DEFAULT false,
  archived_at timestamptz,
  created_at  timestamptz NOT NULL,
  changed_at  timestamptz NOT NULL,
  CHECK (parent_id <> queue_id)
);
CREATE UNIQUE INDEX queues_key ON queues (tenant_id, coalesce(parent_id, tenant_id), key) WHERE key IS NOT NULL AND archived_at IS NULL;
CREATE INDEX queues_parent ON queues (parent_id);
SELECT isolate_tenant('queues');

CREATE TABLE queue_globals (
  tenant_id uuid PRIMARY KEY REFERENCES tenants,
  settings  jsonb NOT NULL
);
SELECT isolate_tenant('queue_globals');

CREATE TABLE queue_hours (
  hours_id   uuid PRIMARY KEY,
  tenant_id  uuid NOT NULL REFERENCES tenants,
  name       text NOT NULL,
  plan       jsonb NOT NULL,
  changed_at timestamptz NOT NULL
);
SELECT isolate_tenant('queue_hours');

CREATE TABLE queue_agents (
  agent_id         uuid PRIMARY KEY, -- the user's id, for a person
  tenant_id        uuid NOT NULL REFERENCES tenants,
  shard            smallint NOT NULL,
  name             text NOT NULL,
  device           text NOT NULL,
  always_available boolean NOT NULL,
  capacity         integer NOT NULL CHECK (capacity >= 0),
  used             integer NOT NULL DEFAULT 0 CHECK (used >= 0),
  presence         text NOT NULL CHECK (presence IN ('OFFLINE', 'AVAILABLE', 'AWAY', 'BUSY')),
  reason           text NOT NULL DEFAULT '',
  presence_at      timestamptz NOT NULL,
  last_presence    text NOT NULL, -- what returns after a reload
  last_reason      text NOT NULL DEFAULT '',
  barred           text NOT NULL DEFAULT '' CHECK (barred IN ('', 'NOT_RESPONDING', 'UNREACHABLE')),
  barred_until     timestamptz,
  missed           integer NOT NULL DEFAULT 0, -- in a row
  unreached        integer NOT NULL DEFAULT 0, -- in a row
  missed_total     bigint NOT NULL DEFAULT 0,
  unreached_total  bigint NOT NULL DEFAULT 0,
  idle_since       timestamptz NOT NULL,       -- when the last interaction ended
  archived_at      timestamptz,
  xid              xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX queue_agents_changed ON queue_agents (shard, xid);
CREATE INDEX queue_agents_tenant ON queue_agents (tenant_id, agent_id);
CREATE INDEX queue_agents_barred ON queue_agents (shard, barred_until) WHERE barred_until IS NOT NULL;
CREATE TRIGGER queue_agents_xid BEFORE INSERT OR UPDATE ON queue_agents FOR EACH ROW EXECUTE FUNCTION stamp_xid();
SELECT isolate_tenant('queue_agents');

CREATE TABLE queue_members (
  queue_id  uuid NOT NULL REFERENCES queues,
  agent_id  uuid NOT NULL REFERENCES queue_agents,
  tenant_id uuid NOT NULL REFERENCES tenants,
  PRIMARY KEY (queue_id, agent_id)
);
CREATE INDEX queue_members_agent ON queue_members (agent_id);
SELECT isolate_tenant('queue_members');

-- One row for each call or conversation that has ever waited; it waits again under the same id.
CREATE TABLE queue_items (
  item_id     uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL REFERENCES tenants,
  shard       smallint NOT NULL,
  queue_id    uuid NOT NULL REFERENCES queues,
  kind        text NOT NULL CHECK (kind IN ('call', 'chat')),
  channel     text NOT NULL,
  caller      text NOT NULL DEFAULT '',
  priority    integer NOT NULL,
  weight      integer NOT NULL CHECK (weight >= 0),
  exclusive   boolean NOT NULL,
  enqueued_at timestamptz NOT NULL,
  node        uuid NOT NULL,
  state       text NOT NULL CHECK (state IN ('waiting', 'offering', 'left')),
  left_at     timestamptz,
  left_reason text,
  xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
  CHECK ((state = 'left') = (left_at IS NOT NULL)),
  CHECK ((state = 'left') = (left_reason IS NOT NULL))
);
CREATE INDEX queue_items_changed ON queue_items (shard, xid);
CREATE INDEX queue_items_order ON queue_items (queue_id, priority DESC, enqueued_at, item_id) WHERE state <> 'left';
CREATE INDEX queue_items_live ON queue_items (shard) WHERE state <> 'left';
CREATE INDEX queue_items_tenant ON queue_items (tenant_id, enqueued_at, item_id) WHERE state <> 'left';
CREATE TRIGGER queue_items_xid BEFORE INSERT OR UPDATE ON queue_items FOR EACH ROW EXECUTE FUNCTION stamp_xid();
SELECT isolate_tenant('queue_items');

-- An offer, and once it is accepted the assignment: the agent's routing state for one item.
CREATE TABLE queue_offers (
  offer_id       uuid PRIMARY KEY,
  tenant_id      uuid NOT NULL,
  shard          smallint NOT NULL,
  item_id        uuid NOT NULL REFERENCES queue_items, -- which refers to the tenant and the queue
  queue_id       uuid NOT NULL,
  agent_id       uuid NOT NULL REFERENCES queue_agents,
  weight         integer NOT NULL,
  node           uuid NOT NULL,
  epoch          bigint NOT NULL,
  ring_seconds   integer NOT NULL,
  state          text NOT NULL CHECK (state IN ('RESERVED', 'ALERTING', 'CONNECTING', 'INTERACTING', 'HELD', 'RECOVERING', 'WRAP_UP', 'IDLE')),
  state_at       timestamptz NOT NULL,
  made_at        timestamptz NOT NULL,
  lease_until    timestamptz NOT NULL, -- of RESERVED and ALERTING
  accepted_at    timestamptz,
  interacting_at timestamptz,
  wrap_until     timestamptz,          -- NULL: until the agent says so
  ended_at       timestamptz,
  result         text NOT NULL DEFAULT '',
  disposition    text NOT NULL DEFAULT '',
  CHECK ((state = 'IDLE') = (ended_at IS NOT NULL))
);
-- Never two agents on one item.
CREATE UNIQUE INDEX queue_offers_one_agent ON queue_offers (item_id) WHERE state NOT IN ('WRAP_UP', 'IDLE');
CREATE INDEX queue_offers_live ON queue_offers (shard, state) WHERE state <> 'IDLE';
CREATE INDEX queue_offers_agent ON queue_offers (agent_id) WHERE state <> 'IDLE';
CREATE INDEX queue_offers_item ON queue_offers (item_id, made_at);
CREATE INDEX queue_offers_node ON queue_offers (node) WHERE state IN ('RESERVED', 'ALERTING');
SELECT isolate_tenant('queue_offers');

CREATE TABLE queue_decisions (
  decision_id uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL,
  item_id     uuid NOT NULL,
  at          timestamptz NOT NULL,
  decision    jsonb NOT NULL
);
CREATE INDEX queue_decisions_item ON queue_decisions (tenant_id, item_id, at);
SELECT isolate_tenant('queue_decisions');

-- Who dispatches a shard. epoch grows with each new holder; config grows with each change that makes the holder load everything again.
CREATE TABLE queue_shards (
  shard      smallint PRIMARY KEY,
  holder     uuid NOT NULL,
  epoch      bigint NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE TABLE queue_shard_configs (
  shard   smallint PRIMARY KEY,
  version bigint NOT NULL
);

-- The running processes: an item or an offer whose node is not here has lost it.
CREATE TABLE queue_nodes (
  node    uuid PRIMARY KEY,
  name    text NOT NULL,
  seen_at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE queue_nodes;
DROP TABLE queue_shard_configs;
DROP TABLE queue_shards;
DROP TABLE queue_decisions;
DROP TABLE queue_offers;
DROP TABLE queue_items;
DROP TABLE queue_members;
DROP TABLE queue_agents;
DROP TABLE queue_hours;
DROP TABLE queue_globals;
DROP TABLE queues;
DROP FUNCTION stamp_xid();
