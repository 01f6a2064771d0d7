-- +goose Up
-- custom are values by the attribute's key. indexed: what contact_words says of the contact is what the row says; a worker sees to the others.
ALTER TABLE contacts ADD COLUMN owner uuid, ADD COLUMN custom jsonb NOT NULL DEFAULT '{}', ADD COLUMN indexed boolean NOT NULL DEFAULT false;
CREATE INDEX contacts_owner ON contacts (tenant_id, owner, contact_id DESC) WHERE owner IS NOT NULL;
CREATE INDEX contacts_contacted ON contacts (tenant_id, contacted_at) WHERE contacted_at IS NOT NULL;
CREATE INDEX contacts_unindexed ON contacts (contact_id) WHERE NOT indexed;
-- Row-level security keeps PostgreSQL from using indexes for operators that are not leakproof, which those of arrays, full text and LIKE are
-- not. Equality and order of text are, so contacts are found by the words of their own table.
DROP INDEX contacts_tags;

-- What a contact is found by: the words of their names and addresses, and "#field=value" for what lists ask for.
CREATE TABLE contact_words (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  word       text COLLATE "C" NOT NULL,
  contact_id uuid NOT NULL REFERENCES contacts ON DELETE CASCADE,
  PRIMARY KEY (tenant_id, word, contact_id)
);
CREATE INDEX contact_words_contact ON contact_words (contact_id, word);
SELECT isolate_tenant('contact_words');

-- Attributes that the tenant has besides the built-in ones (CR-1).
CREATE TABLE contact_attributes (
  tenant_id    uuid NOT NULL REFERENCES tenants,
  attribute_id uuid PRIMARY KEY,
  key          text NOT NULL,
  label        text NOT NULL,
  type         text NOT NULL CHECK (type IN ('text', 'number', 'date', 'boolean', 'list')),
  options      text[] NOT NULL DEFAULT '{}', -- of a list
  created_at   timestamptz NOT NULL,
  UNIQUE (tenant_id, key)
);
SELECT isolate_tenant('contact_attributes');

-- Lists of contacts (CR-3): by hand, or of all that fulfil conditions.
CREATE TABLE contact_lists (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  list_id    uuid PRIMARY KEY,
  name       text NOT NULL,
  conditions jsonb, -- NULL: by hand
  created_by uuid,
  created_at timestamptz NOT NULL,
  UNIQUE (tenant_id, name)
);
SELECT isolate_tenant('contact_lists');

CREATE TABLE contact_list_members (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  list_id    uuid NOT NULL REFERENCES contact_lists ON DELETE CASCADE,
  contact_id uuid NOT NULL REFERENCES contacts ON DELETE CASCADE,
  PRIMARY KEY (list_id, contact_id)
);
CREATE INDEX contact_list_members_contact ON contact_list_members (contact_id);
SELECT isolate_tenant('contact_list_members');

CREATE TABLE contact_notes (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  note_id    uuid PRIMARY KEY,
  contact_id uuid NOT NULL REFERENCES contacts ON DELETE CASCADE,
  author     uuid,
  body       text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX contact_notes_contact ON contact_notes (contact_id, note_id);
SELECT isolate_tenant('contact_notes');

-- Contacts that became another's (CR-5): an old id leads to the one that took it over. undo is what it takes to bring them apart again; NULL
-- when that is over, or was never to be.
CREATE TABLE contact_merges (
  tenant_id uuid NOT NULL REFERENCES tenants,
  merge_id  uuid PRIMARY KEY,
  from_id   uuid NOT NULL,
  into_id   uuid NOT NULL,
  actor     uuid,
  at        timestamptz NOT NULL,
  undo      jsonb,
  undone_at timestamptz,
  undone_by uuid
);
CREATE UNIQUE INDEX contact_merges_from ON contact_merges (tenant_id, from_id) WHERE undone_at IS NULL;
CREATE INDEX contact_merges_into ON contact_merges (tenant_id, into_id, merge_id);
CREATE INDEX contact_merges_old ON contact_merges (at) WHERE undo IS NOT NULL;
SELECT isolate_tenant('contact_merges');

-- A contact's calls.
CREATE INDEX calls_caller ON calls (tenant_id, caller, call_id) WHERE caller <> '';
CREATE INDEX calls_called ON calls (tenant_id, number, call_id) WHERE direction = 'outbound';

-- +goose Down
DROP INDEX calls_called, calls_caller;
DROP TABLE contact_merges, contact_notes, contact_list_members, contact_lists, contact_attributes, contact_words;
CREATE INDEX contacts_tags ON contacts USING gin (tags);
ALTER TABLE contacts DROP COLUMN owner, DROP COLUMN custom, DROP COLUMN indexed;
