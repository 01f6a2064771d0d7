-- +goose Up
-- What is promised for tickets of a priority (TK-3); without a row the presets hold.
CREATE TABLE sla_policies (
  tenant_id   uuid NOT NULL REFERENCES tenants,
  priority    text NOT NULL CHECK (priority IN ('urgent', 'high', 'medium', 'low')),
  response    bigint NOT NULL CHECK (response >= 0),   -- seconds until somebody answers; 0: no promise
  resolution  bigint NOT NULL CHECK (resolution >= 0), -- seconds until it is resolved; 0: no promise
  hours_id    uuid REFERENCES queue_hours ON DELETE SET NULL, -- the time that counts; NULL: all of it
  escalate_to uuid, -- who gets a ticket whose promise is broken; NULL: nobody
  PRIMARY KEY (tenant_id, priority)
);
SELECT isolate_tenant('sla_policies');

-- The promises of each ticket. used is what was used of the target until since, from when it runs; without since it stands.
CREATE TABLE ticket_clocks (
  tenant_id   uuid NOT NULL REFERENCES tenants,
  ticket_id   uuid NOT NULL REFERENCES tickets ON DELETE CASCADE,
  kind        text NOT NULL CHECK (kind IN ('response', 'resolution')),
  target      bigint NOT NULL, -- microseconds, as used
  used        bigint NOT NULL,
  hours_id    uuid REFERENCES queue_hours ON DELETE SET NULL,
  since       timestamptz,
  warn_at     timestamptz,
  due_at      timestamptz,
  warned_at   timestamptz,
  breached_at timestamptz,
  met_at      timestamptz,
  PRIMARY KEY (ticket_id, kind)
);
CREATE INDEX ticket_clocks_warn ON ticket_clocks (warn_at) WHERE warned_at IS NULL AND since IS NOT NULL;
CREATE INDEX ticket_clocks_due ON ticket_clocks (due_at) WHERE breached_at IS NULL AND since IS NOT NULL;
SELECT isolate_tenant('ticket_clocks');

-- How a ticket keeps its promises, for lists: the worse of its clocks, and when the next runs out.
ALTER TABLE tickets ADD COLUMN sla text NOT NULL DEFAULT 'none' CHECK (sla IN ('none', 'running', 'paused', 'at_risk', 'breached', 'met')),
  ADD COLUMN due_at timestamptz, ADD COLUMN escalated_at timestamptz;
CREATE INDEX tickets_due ON tickets (tenant_id, due_at) WHERE due_at IS NOT NULL;

-- +goose Down
ALTER TABLE tickets DROP COLUMN sla, DROP COLUMN due_at, DROP COLUMN escalated_at;
DROP TABLE ticket_clocks, sla_policies;
