-- +goose Up
-- Facts made from the event log by the follower "analytics". They outlive the events they were made from. Counts and seconds are sums, so
-- that intervals add up; what a name means is in docs/reports.md.
CREATE TABLE report_queue_intervals (
  tenant_id uuid        NOT NULL REFERENCES tenants,
  queue_id  uuid        NOT NULL, -- the nil UUID: calls that reached no queue
  start     timestamptz NOT NULL, -- of a quarter of an hour
  offered                bigint NOT NULL DEFAULT 0,
  handled                bigint NOT NULL DEFAULT 0,
  handled_in_time        bigint NOT NULL DEFAULT 0,
  abandoned              bigint NOT NULL DEFAULT 0,
  abandoned_short        bigint NOT NULL DEFAULT 0,
  abandoned_in_time      bigint NOT NULL DEFAULT 0,
  abandoned_in_queue     bigint NOT NULL DEFAULT 0,
  abandoned_ringing      bigint NOT NULL DEFAULT 0,
  abandoned_connecting   bigint NOT NULL DEFAULT 0,
  abandoned_in_menu      bigint NOT NULL DEFAULT 0,
  moved_on               bigint NOT NULL DEFAULT 0,
  deflected_waiting      bigint NOT NULL DEFAULT 0,
  ended_waiting          bigint NOT NULL DEFAULT 0,
  lost                   bigint NOT NULL DEFAULT 0,
  wait_handled_seconds   double precision NOT NULL DEFAULT 0,
  wait_abandoned_seconds double precision NOT NULL DEFAULT 0,
  longest_wait_seconds   double precision NOT NULL DEFAULT 0, -- the greatest, not a sum
  completed              bigint NOT NULL DEFAULT 0,
  talk_seconds           double precision NOT NULL DEFAULT 0,
  hold_seconds           double precision NOT NULL DEFAULT 0,
  wrap_up_seconds        double precision NOT NULL DEFAULT 0,
  transferred            bigint NOT NULL DEFAULT 0,
  offers                 bigint NOT NULL DEFAULT 0,
  missed                 bigint NOT NULL DEFAULT 0,
  declined               bigint NOT NULL DEFAULT 0,
  unreachable            bigint NOT NULL DEFAULT 0,
  ring_seconds           double precision NOT NULL DEFAULT 0,
  estimated              bigint NOT NULL DEFAULT 0,
  estimate_error_seconds double precision NOT NULL DEFAULT 0,
  callbacks              bigint NOT NULL DEFAULT 0,
  callbacks_connected    bigint NOT NULL DEFAULT 0,
  voicemails             bigint NOT NULL DEFAULT 0,
  deflected              bigint NOT NULL DEFAULT 0,
  deflected_message      bigint NOT NULL DEFAULT 0,
  deflected_voicemail    bigint NOT NULL DEFAULT 0,
  deflected_queue        bigint NOT NULL DEFAULT 0,
  deflected_number       bigint NOT NULL DEFAULT 0,
  deflected_callback     bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, start, queue_id)
);
SELECT isolate_tenant('report_queue_intervals');

CREATE TABLE report_agent_intervals (
  tenant_id uuid        NOT NULL REFERENCES tenants,
  agent_id  uuid        NOT NULL,
  queue_id  uuid        NOT NULL, -- the nil UUID: time, which belongs to no queue
  start     timestamptz NOT NULL,
  handled            bigint NOT NULL DEFAULT 0,
  completed          bigint NOT NULL DEFAULT 0,
  talk_seconds       double precision NOT NULL DEFAULT 0,
  hold_seconds       double precision NOT NULL DEFAULT 0,
  wrap_up_seconds    double precision NOT NULL DEFAULT 0,
  transferred        bigint NOT NULL DEFAULT 0,
  offers             bigint NOT NULL DEFAULT 0,
  missed             bigint NOT NULL DEFAULT 0,
  declined           bigint NOT NULL DEFAULT 0,
  unreachable        bigint NOT NULL DEFAULT 0,
  ring_seconds       double precision NOT NULL DEFAULT 0,
  login_seconds      double precision NOT NULL DEFAULT 0,
  available_seconds  double precision NOT NULL DEFAULT 0,
  away_seconds       double precision NOT NULL DEFAULT 0,
  busy_seconds       double precision NOT NULL DEFAULT 0,
  productive_seconds double precision NOT NULL DEFAULT 0,
  ready_seconds      double precision NOT NULL DEFAULT 0,
  handling_seconds   double precision NOT NULL DEFAULT 0,
  barred_seconds     double precision NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, start, agent_id, queue_id)
);
SELECT isolate_tenant('report_agent_intervals');

CREATE TABLE report_agent_reasons (
  tenant_id uuid        NOT NULL REFERENCES tenants,
  agent_id  uuid        NOT NULL,
  start     timestamptz NOT NULL,
  presence  text        NOT NULL,
  reason    text        NOT NULL,
  seconds   double precision NOT NULL,
  PRIMARY KEY (tenant_id, start, agent_id, presence, reason)
);
SELECT isolate_tenant('report_agent_reasons');

-- One row for each wait in a queue; left_at is NULL while it lasts. An item that waits again has another row.
CREATE TABLE report_visits (
  item_id      uuid        NOT NULL,
  visit        integer     NOT NULL,
  tenant_id    uuid        NOT NULL REFERENCES tenants,
  queue_id     uuid        NOT NULL,
  kind         text        NOT NULL,
  channel      text        NOT NULL,
  queued_at    timestamptz NOT NULL,
  enqueued_at  timestamptz NOT NULL, -- since when it waits; earlier than queued_at when a place was kept
  target       integer     NOT NULL,
  short        integer     NOT NULL,
  estimated    double precision,
  withdrawn_at timestamptz,          -- when an offer to an agent ended because the item had gone, and
  withdrawn_in text        NOT NULL DEFAULT '', -- the agent's state then
  left_at      timestamptz,
  outcome      text        NOT NULL DEFAULT '',
  waited       double precision NOT NULL DEFAULT 0,
  agent_id     uuid,
  moved        boolean     NOT NULL DEFAULT false, -- went on to another queue after talking
  talk         double precision NOT NULL DEFAULT 0,
  hold         double precision NOT NULL DEFAULT 0,
  wrap_up      double precision NOT NULL DEFAULT 0,
  PRIMARY KEY (item_id, visit)
);
CREATE INDEX report_visits_left ON report_visits (tenant_id, left_at);
CREATE INDEX report_visits_waiting ON report_visits (tenant_id, queue_id) WHERE left_at IS NULL;
SELECT isolate_tenant('report_visits');

-- What the follower needs to go on: offers that are not over, and agents as the log last showed them.
CREATE TABLE report_offers (
  offer_id  uuid PRIMARY KEY,
  tenant_id uuid        NOT NULL REFERENCES tenants,
  item_id   uuid        NOT NULL,
  queue_id  uuid        NOT NULL,
  agent_id  uuid        NOT NULL,
  state     text        NOT NULL,
  since     timestamptz NOT NULL,
  accepted  boolean     NOT NULL,
  connected boolean     NOT NULL,
  ring      double precision NOT NULL,
  talk      double precision NOT NULL,
  hold      double precision NOT NULL,
  wrap_up   double precision NOT NULL
);
SELECT isolate_tenant('report_offers');

CREATE TABLE report_agents (
  agent_id  uuid PRIMARY KEY,
  tenant_id uuid        NOT NULL REFERENCES tenants,
  presence  text        NOT NULL, -- '' while the log has not said
  reason    text        NOT NULL,
  productive boolean    NOT NULL,
  barred    text        NOT NULL,
  handling  integer     NOT NULL, -- items in connecting, talk, hold or wrap-up
  since     timestamptz NOT NULL  -- up to here the time is in the intervals
);
CREATE INDEX report_agents_tenant ON report_agents (tenant_id);
SELECT isolate_tenant('report_agents');

-- +goose Down
DROP TABLE report_agents;
DROP TABLE report_offers;
DROP TABLE report_visits;
DROP TABLE report_agent_reasons;
DROP TABLE report_agent_intervals;
DROP TABLE report_queue_intervals;
