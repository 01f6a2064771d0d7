-- +goose Up
-- What a ticket is found by: the words of its title, as contact_words are of contacts. indexed: the words are those of the title; a worker sees
-- to the others.
CREATE TABLE ticket_words (
  tenant_id uuid NOT NULL REFERENCES tenants,
  word      text COLLATE "C" NOT NULL,
  ticket_id uuid NOT NULL REFERENCES tickets ON DELETE CASCADE,
  PRIMARY KEY (tenant_id, word, ticket_id)
);
CREATE INDEX ticket_words_ticket ON ticket_words (ticket_id, word);
SELECT isolate_tenant('ticket_words');
ALTER TABLE tickets ADD COLUMN indexed boolean NOT NULL DEFAULT false;
CREATE INDEX tickets_unindexed ON tickets (ticket_id) WHERE NOT indexed;
CREATE INDEX tickets_type ON tickets (tenant_id, type, ticket_id DESC) WHERE merged_into IS NULL;

-- +goose Down
DROP INDEX tickets_type;
ALTER TABLE tickets DROP COLUMN indexed;
DROP TABLE ticket_words;
