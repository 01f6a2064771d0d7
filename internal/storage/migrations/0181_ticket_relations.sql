-- +goose Up
-- Tickets that have to do with each other; each pair is there both ways round.
CREATE TABLE ticket_relations (
  tenant_id uuid NOT NULL REFERENCES tenants,
  ticket_id uuid NOT NULL REFERENCES tickets ON DELETE CASCADE,
  other_id  uuid NOT NULL REFERENCES tickets ON DELETE CASCADE,
  PRIMARY KEY (ticket_id, other_id)
);
CREATE INDEX ticket_relations_other ON ticket_relations (other_id);
SELECT isolate_tenant('ticket_relations');

-- +goose Down
DROP TABLE ticket_relations;
