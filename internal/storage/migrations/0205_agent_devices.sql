-- What agents take calls on, as they chose it.
-- +goose Up
ALTER TABLE queue_agents ADD COLUMN ring_seconds smallint NOT NULL DEFAULT 0; -- how long their device rings; 0: as long as the queue says
ALTER TABLE sip_phones ADD COLUMN generated boolean NOT NULL DEFAULT false;   -- its secret was made here, and is not the password of the sign-in
ALTER TABLE sip_registrations ADD COLUMN user_agent text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE sip_registrations DROP COLUMN user_agent;
ALTER TABLE sip_phones DROP COLUMN generated;
ALTER TABLE queue_agents DROP COLUMN ring_seconds;
