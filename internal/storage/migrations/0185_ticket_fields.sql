-- +goose Up
-- The fields that people keep of tickets of a type (TK-2): [{"id", "name", "kind", "options", "required"}].
CREATE TABLE ticket_types (
  tenant_id uuid NOT NULL REFERENCES tenants,
  type      text NOT NULL CHECK (type IN ('bug', 'feature_request', 'billing', 'refund', 'general', 'custom')),
  fields    jsonb NOT NULL,
  PRIMARY KEY (tenant_id, type)
);
SELECT isolate_tenant('ticket_types');

-- fields are values by the field's id. A ticket that was merged leads to the one that took it over, always at one step. answered_at is when
-- somebody first answered the customer, whatever was promised.
ALTER TABLE tickets ADD COLUMN fields jsonb NOT NULL DEFAULT '{}', ADD COLUMN merged_into uuid REFERENCES tickets, ADD COLUMN answered_at timestamptz,
  ADD COLUMN urgency smallint GENERATED ALWAYS AS (CASE priority WHEN 'urgent' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 ELSE 1 END) STORED;
UPDATE tickets t SET answered_at = k.met_at FROM ticket_clocks k WHERE k.ticket_id = t.ticket_id AND k.kind = 'response' AND k.met_at IS NOT NULL;
CREATE INDEX tickets_merged ON tickets (merged_into) WHERE merged_into IS NOT NULL;

-- One index for each order of the list, and for those who see only their own.
DROP INDEX tickets_due;
CREATE INDEX tickets_due ON tickets (tenant_id, (coalesce(due_at, 'infinity')), ticket_id) WHERE merged_into IS NULL;
CREATE INDEX tickets_urgent ON tickets (tenant_id, urgency DESC, ticket_id DESC) WHERE merged_into IS NULL;
CREATE INDEX tickets_open ON tickets (tenant_id, urgency DESC, ticket_id DESC) WHERE merged_into IS NULL AND status <> 'resolved';
CREATE INDEX tickets_updated ON tickets (tenant_id, updated_at DESC, ticket_id DESC) WHERE merged_into IS NULL;
CREATE INDEX tickets_status ON tickets (tenant_id, status, ticket_id DESC) WHERE merged_into IS NULL;
CREATE INDEX tickets_assignee ON tickets (tenant_id, assignee, ticket_id DESC) WHERE merged_into IS NULL;
CREATE INDEX tickets_creator ON tickets (tenant_id, created_by, ticket_id DESC) WHERE merged_into IS NULL AND created_by IS NOT NULL;

-- Making tickets is a permission of its own (TK-8); whoever could change them could make them.
UPDATE roles SET permissions = permissions || jsonb_build_array(jsonb_build_object('verb', 'create', 'resource', 'tickets', 'scope', 'all'))
WHERE EXISTS (SELECT FROM jsonb_array_elements(permissions) p WHERE p ->> 'verb' = 'write' AND p ->> 'resource' = 'tickets');
UPDATE roles SET permissions = permissions || '[{"verb": "read", "resource": "ticket-settings", "scope": "all"}, {"verb": "write", "resource": "ticket-settings", "scope": "all"}]' WHERE builtin AND name = 'manager';
UPDATE api_keys SET permissions = permissions || jsonb_build_array(jsonb_build_object('verb', 'create', 'resource', 'tickets', 'scope', 'all'))
WHERE EXISTS (SELECT FROM jsonb_array_elements(permissions) p WHERE p ->> 'verb' = 'write' AND p ->> 'resource' = 'tickets');

-- +goose Down
UPDATE api_keys SET permissions = coalesce((SELECT jsonb_agg(p) FROM jsonb_array_elements(permissions) p WHERE p ->> 'verb' <> 'create'), '[]');
UPDATE roles SET permissions = coalesce((SELECT jsonb_agg(p) FROM jsonb_array_elements(permissions) p WHERE p ->> 'verb' <> 'create' AND p ->> 'resource' <> 'ticket-settings'), '[]');
DROP INDEX tickets_due, tickets_urgent, tickets_open, tickets_updated, tickets_status, tickets_assignee, tickets_creator, tickets_merged;
CREATE INDEX tickets_due ON tickets (tenant_id, due_at) WHERE due_at IS NOT NULL;
ALTER TABLE tickets DROP COLUMN fields, DROP COLUMN merged_into, DROP COLUMN answered_at, DROP COLUMN urgency;
DROP TABLE ticket_types;
