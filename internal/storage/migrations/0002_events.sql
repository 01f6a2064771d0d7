-- +goose Up
-- The event log. xid orders events by transaction: a follower reads only below the oldest transaction still running, so that no event
-- that commits late is ever skipped.
CREATE TABLE events (
  event_id  uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES tenants,
  xid       xid8 NOT NULL DEFAULT pg_current_xact_id(),
  seq       bigint GENERATED ALWAYS AS IDENTITY,
  at        timestamptz NOT NULL,
  type      text NOT NULL,
  subject   uuid NOT NULL,
  actor     uuid,
  data      jsonb NOT NULL
);
CREATE INDEX events_order ON events (xid, seq);
CREATE INDEX events_subject ON events (tenant_id, subject, seq);
SELECT isolate_tenant('events');

-- Where each follower of the log stands.
CREATE TABLE event_cursors (
  follower text PRIMARY KEY,
  xid      xid8 NOT NULL,
  seq      bigint NOT NULL
);

-- +goose Down
DROP TABLE event_cursors;
DROP TABLE events;
