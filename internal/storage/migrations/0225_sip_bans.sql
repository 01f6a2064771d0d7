-- +goose Up
-- Who has guessed passwords of SIP and is refused for a while: a network, a user name wherever it comes from, or (both) a user name at an address
-- where telephones are known. tenant_id is whose user name it was; NULL: nobody's. fails is 0 once the ban is lifted.
CREATE TABLE sip_bans (
  ban_id     uuid PRIMARY KEY,
  tenant_id  uuid,
  source     text NOT NULL,
  username   text NOT NULL,
  fails      integer NOT NULL,
  since      timestamptz NOT NULL,
  until      timestamptz NOT NULL,
  changed_at timestamptz NOT NULL,
  UNIQUE (source, username),
  CHECK (source <> '' OR username <> '')
);
CREATE INDEX sip_bans_changed ON sip_bans (changed_at);
CREATE INDEX sip_bans_until ON sip_bans (until);
SELECT isolate_tenant('sip_bans');

-- +goose Down
DROP TABLE sip_bans;
