-- +goose Up
-- What agents can, which groups they are in, and in what order they serve a queue.
CREATE TABLE queue_skills (
  skill_id  uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES tenants,
  name      text NOT NULL CHECK (name <> '')
);
CREATE UNIQUE INDEX queue_skills_name ON queue_skills (tenant_id, lower(name));
SELECT isolate_tenant('queue_skills');

CREATE TABLE queue_agent_skills (
  agent_id  uuid NOT NULL REFERENCES queue_agents,
  skill_id  uuid NOT NULL REFERENCES queue_skills,
  tenant_id uuid NOT NULL REFERENCES tenants,
  level     smallint NOT NULL CHECK (level BETWEEN 1 AND 5),
  PRIMARY KEY (agent_id, skill_id)
);
CREATE INDEX queue_agent_skills_skill ON queue_agent_skills (skill_id);
SELECT isolate_tenant('queue_agent_skills');

CREATE TABLE queue_groups (
  group_id    uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL REFERENCES tenants,
  name        text NOT NULL CHECK (name <> ''),
  auto_answer boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX queue_groups_name ON queue_groups (tenant_id, lower(name));
SELECT isolate_tenant('queue_groups');

CREATE TABLE queue_group_agents (
  group_id  uuid NOT NULL REFERENCES queue_groups ON DELETE CASCADE,
  agent_id  uuid NOT NULL REFERENCES queue_agents,
  tenant_id uuid NOT NULL REFERENCES tenants,
  PRIMARY KEY (group_id, agent_id)
);
CREATE INDEX queue_group_agents_agent ON queue_group_agents (agent_id);
SELECT isolate_tenant('queue_group_agents');

ALTER TABLE queue_members
  ADD COLUMN position      integer NOT NULL DEFAULT 0, -- in the ordered list
  ADD COLUMN priority      integer NOT NULL DEFAULT 0, -- the agent's own: a queue with a higher one is served first
  ADD COLUMN delay_seconds integer NOT NULL DEFAULT 0; -- how long an item has waited before this agent may get it

-- A tenant's own words for being available, away or busy.
CREATE TABLE queue_presences (
  presence_id uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL REFERENCES tenants,
  name        text NOT NULL CHECK (name <> ''),
  presence    text NOT NULL CHECK (presence IN ('AVAILABLE', 'AWAY', 'BUSY')),
  colour      text NOT NULL,
  productive  boolean NOT NULL,
  max_minutes integer NOT NULL CHECK (max_minutes >= 0), -- 0: no limit
  position    integer NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX queue_presences_name ON queue_presences (tenant_id, lower(name));
SELECT isolate_tenant('queue_presences');

ALTER TABLE queue_agents
  ADD COLUMN offered_at     timestamptz NOT NULL DEFAULT '1970-01-01', -- the last offer
  ADD COLUMN auto_answer    boolean,                                  -- NULL: as the agent's groups and the queue say
  ADD COLUMN next_presence  text NOT NULL DEFAULT '' CHECK (next_presence IN ('', 'OFFLINE', 'AVAILABLE', 'AWAY', 'BUSY')),
  ADD COLUMN next_reason    text NOT NULL DEFAULT '',
  ADD COLUMN presence_until timestamptz,                              -- when the reason's longest time is over
  ADD COLUMN overrun        boolean NOT NULL DEFAULT false;           -- and that it was said
CREATE INDEX queue_agents_presence_until ON queue_agents (shard, presence_until) WHERE presence_until IS NOT NULL AND NOT overrun;

ALTER TABLE queue_items
  ADD COLUMN preferred uuid,                         -- the agent who is to have it first
  ADD COLUMN skills    jsonb NOT NULL DEFAULT '{}';  -- what it asks for besides the queue: skill to level
CREATE INDEX queue_items_caller ON queue_items (tenant_id, caller, left_at DESC) WHERE caller <> '' AND left_reason = 'handled';
CREATE INDEX queue_items_left ON queue_items (left_at) WHERE state = 'left';

ALTER TABLE queue_offers
  ADD COLUMN wrap_asked  boolean NOT NULL DEFAULT false,  -- the agent asked for a wrap-up
  ADD COLUMN extended    integer NOT NULL DEFAULT 0,      -- how often it was extended
  ADD COLUMN auto_answer boolean NOT NULL DEFAULT false;
-- Several agents may hear of one item, and one of them gets it.
DROP INDEX queue_offers_one_agent;
CREATE UNIQUE INDEX queue_offers_one_agent ON queue_offers (item_id) WHERE state IN ('CONNECTING', 'INTERACTING', 'HELD', 'RECOVERING');
CREATE INDEX queue_offers_live_item ON queue_offers (item_id) WHERE state NOT IN ('WRAP_UP', 'IDLE');
CREATE INDEX queue_offers_ended ON queue_offers (ended_at) WHERE state = 'IDLE';
CREATE INDEX queue_decisions_at ON queue_decisions (at);

-- What agents did of late: routing by fewest interactions or least talk time counts the last 24 h.
CREATE TABLE queue_work (
  offer_id  uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES tenants,
  shard     smallint NOT NULL,
  agent_id  uuid NOT NULL,
  began_at  timestamptz NOT NULL,
  seconds   double precision NOT NULL DEFAULT 0, -- of the talk, once it is over
  xid       xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX queue_work_changed ON queue_work (shard, xid);
CREATE INDEX queue_work_began ON queue_work (began_at);
CREATE TRIGGER queue_work_xid BEFORE INSERT OR UPDATE ON queue_work FOR EACH ROW EXECUTE FUNCTION stamp_xid();
SELECT isolate_tenant('queue_work');

-- How far each group is in its share of a queue's items: the one that is least far is next.
CREATE TABLE queue_shares (
  queue_id  uuid NOT NULL REFERENCES queues,
  group_id  uuid NOT NULL REFERENCES queue_groups ON DELETE CASCADE,
  tenant_id uuid NOT NULL REFERENCES tenants,
  pass      double precision NOT NULL,
  PRIMARY KEY (queue_id, group_id)
);
SELECT isolate_tenant('queue_shares');

-- What must never be, when it was (Q3.5).
CREATE TABLE queue_alarms (
  alarm_id  uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES tenants,
  at        timestamptz NOT NULL,
  queue_id  uuid NOT NULL,
  item_id   uuid NOT NULL,
  agent_id  uuid NOT NULL
);
CREATE INDEX queue_alarms_tenant ON queue_alarms (tenant_id, at DESC);
SELECT isolate_tenant('queue_alarms');

-- How long a tenant keeps what is over.
CREATE TABLE queue_retention (
  tenant_id uuid PRIMARY KEY REFERENCES tenants,
  days      integer NOT NULL CHECK (days BETWEEN 1 AND 3650)
);
SELECT isolate_tenant('queue_retention');

-- +goose Down
DROP TABLE queue_retention, queue_alarms, queue_shares, queue_work, queue_presences, queue_group_agents, queue_groups, queue_agent_skills, queue_skills;
DROP INDEX queue_decisions_at, queue_offers_ended, queue_offers_live_item, queue_offers_one_agent, queue_items_left, queue_items_caller, queue_agents_presence_until;
UPDATE queue_offers SET state = 'IDLE', ended_at = now() WHERE state IN ('RESERVED', 'ALERTING');
CREATE UNIQUE INDEX queue_offers_one_agent ON queue_offers (item_id) WHERE state NOT IN ('WRAP_UP', 'IDLE');
ALTER TABLE queue_offers DROP COLUMN wrap_asked, DROP COLUMN extended, DROP COLUMN auto_answer;
ALTER TABLE queue_items DROP COLUMN preferred, DROP COLUMN skills;
ALTER TABLE queue_agents DROP COLUMN offered_at, DROP COLUMN auto_answer, DROP COLUMN next_presence, DROP COLUMN next_reason, DROP COLUMN presence_until, DROP COLUMN overrun;
ALTER TABLE queue_members DROP COLUMN position, DROP COLUMN priority, DROP COLUMN delay_seconds;
