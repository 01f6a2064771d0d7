-- +goose Up
-- Types that a tenant has made beside those that everybody has (TK-2): type is an id then, and name is set.
ALTER TABLE ticket_types DROP CONSTRAINT ticket_types_type_check, ADD COLUMN name text NOT NULL DEFAULT '';
CREATE UNIQUE INDEX ticket_types_name ON ticket_types (tenant_id, lower(name)) WHERE name <> '';
ALTER TABLE tickets DROP CONSTRAINT tickets_type_check;

ALTER TABLE ticket_settings ADD COLUMN survey_mail boolean NOT NULL DEFAULT false; -- ask by e-mail where no conversation can be asked in
ALTER TABLE ticket_surveys ALTER COLUMN conversation DROP NOT NULL;               -- NULL: by e-mail

-- +goose Down
DELETE FROM ticket_surveys WHERE conversation IS NULL;
ALTER TABLE ticket_surveys ALTER COLUMN conversation SET NOT NULL;
ALTER TABLE ticket_settings DROP COLUMN survey_mail;
UPDATE tickets SET type = 'custom' WHERE type NOT IN ('bug', 'feature_request', 'billing', 'refund', 'general', 'custom');
ALTER TABLE tickets ADD CONSTRAINT tickets_type_check CHECK (type IN ('bug', 'feature_request', 'billing', 'refund', 'general', 'custom'));
DELETE FROM ticket_types WHERE name <> '';
DROP INDEX ticket_types_name;
ALTER TABLE ticket_types DROP COLUMN name,
  ADD CONSTRAINT ticket_types_type_check CHECK (type IN ('bug', 'feature_request', 'billing', 'refund', 'general', 'custom'));
