-- +goose Up
-- Which record of the CRM an agent has chosen for a call. While held_at is set, nothing of the call is told: a choice may still come. From begun_at on
-- what is told goes where was chosen until then.
CREATE TABLE crm_choices (
  tenant_id uuid NOT NULL REFERENCES tenants,
  call_id   uuid NOT NULL,
  held_at   timestamptz,
  kind      text NOT NULL DEFAULT '' CHECK (kind IN ('', 'automatic', 'contact', 'ticket', 'new')),
  provider  text NOT NULL DEFAULT '', -- whose record it is
  record    text NOT NULL DEFAULT '',
  label     text NOT NULL DEFAULT '', -- as the agent saw it
  chosen_by uuid,
  chosen_at timestamptz,
  begun_at  timestamptz,
  PRIMARY KEY (tenant_id, call_id)
);
CREATE INDEX crm_choices_held ON crm_choices (held_at) WHERE held_at IS NOT NULL;
SELECT isolate_tenant('crm_choices');

-- +goose Down
DROP TABLE crm_choices;
