-- +goose Up
CREATE TABLE contacts (
  tenant_id    uuid NOT NULL REFERENCES tenants,
  contact_id   uuid PRIMARY KEY,
  first_name   text NOT NULL DEFAULT '',
  last_name    text NOT NULL DEFAULT '',
  email        text NOT NULL DEFAULT '',
  phone        text NOT NULL DEFAULT '',
  location     text NOT NULL DEFAULT '',
  country      text NOT NULL DEFAULT '',
  company      text NOT NULL DEFAULT '',
  job_title    text NOT NULL DEFAULT '',
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL,
  contacted_at timestamptz
);
CREATE INDEX contacts_newest ON contacts (tenant_id, contact_id DESC);
SELECT isolate_tenant('contacts');

-- How a contact is recognised: a telephone number in E.164, an e-mail address in lower case, an id on a channel.
CREATE TABLE contact_identities (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  contact_id uuid NOT NULL REFERENCES contacts ON DELETE CASCADE,
  kind       text NOT NULL,
  value      text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, kind, value)
);
CREATE INDEX contact_identities_contact ON contact_identities (contact_id);
SELECT isolate_tenant('contact_identities');

CREATE TABLE ticket_counters (
  tenant_id uuid PRIMARY KEY REFERENCES tenants,
  last      bigint NOT NULL
);
SELECT isolate_tenant('ticket_counters');

CREATE TABLE tickets (
  tenant_id   uuid NOT NULL REFERENCES tenants,
  ticket_id   uuid PRIMARY KEY,
  number      bigint NOT NULL,
  title       text NOT NULL,
  type        text NOT NULL CHECK (type IN ('bug', 'feature_request', 'billing', 'refund', 'general', 'custom')),
  priority    text NOT NULL CHECK (priority IN ('urgent', 'high', 'medium', 'low')),
  status      text NOT NULL CHECK (status IN ('to_do', 'in_progress', 'on_hold', 'resolved', 'reopened')),
  contact_id  uuid REFERENCES contacts,
  queue_id    uuid,
  assignee    uuid,
  created_by  uuid,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL,
  resolved_at timestamptz,
  UNIQUE (tenant_id, number)
);
CREATE INDEX tickets_newest ON tickets (tenant_id, ticket_id DESC);
CREATE INDEX tickets_contact ON tickets (tenant_id, contact_id);
SELECT isolate_tenant('tickets');

CREATE TABLE ticket_calls (
  tenant_id uuid NOT NULL REFERENCES tenants,
  ticket_id uuid NOT NULL REFERENCES tickets ON DELETE CASCADE,
  call_id   uuid NOT NULL,
  PRIMARY KEY (tenant_id, call_id, ticket_id)
);
CREATE INDEX ticket_calls_ticket ON ticket_calls (ticket_id);
SELECT isolate_tenant('ticket_calls');

CREATE TABLE ticket_notes (
  tenant_id  uuid NOT NULL REFERENCES tenants,
  note_id    uuid PRIMARY KEY,
  ticket_id  uuid NOT NULL REFERENCES tickets ON DELETE CASCADE,
  author     uuid,
  body       text NOT NULL,
  key        text,
  created_at timestamptz NOT NULL,
  UNIQUE (ticket_id, key)
);
CREATE INDEX ticket_notes_ticket ON ticket_notes (ticket_id, note_id);
SELECT isolate_tenant('ticket_notes');

-- A file on a ticket; its bytes are in the blob store, encrypted by a data key of its own that the tenant's key wraps.
CREATE TABLE ticket_attachments (
  tenant_id     uuid NOT NULL REFERENCES tenants,
  attachment_id uuid PRIMARY KEY,
  ticket_id     uuid NOT NULL REFERENCES tickets ON DELETE CASCADE,
  name          text NOT NULL,
  content_type  text NOT NULL,
  size          bigint NOT NULL DEFAULT 0,
  sha256        bytea,
  blob          text NOT NULL,
  wrapped_key   bytea NOT NULL,
  seconds       double precision NOT NULL DEFAULT 0,
  peaks         bytea,
  channels      integer NOT NULL DEFAULT 0,
  created_at    timestamptz NOT NULL,
  stored_at     timestamptz -- NULL: its bytes are still arriving, or never came
);
CREATE INDEX ticket_attachments_ticket ON ticket_attachments (ticket_id, attachment_id);
SELECT isolate_tenant('ticket_attachments');

-- +goose Down
DROP TABLE ticket_attachments;
DROP TABLE ticket_notes;
DROP TABLE ticket_calls;
DROP TABLE tickets;
DROP TABLE ticket_counters;
DROP TABLE contact_identities;
DROP TABLE contacts;
