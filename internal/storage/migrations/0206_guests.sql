-- +goose Up
-- Never two agents on one item, but for those whom its agent has asked in.
ALTER TABLE queue_offers ADD COLUMN guest boolean NOT NULL DEFAULT false;
DROP INDEX queue_offers_one_agent;
CREATE UNIQUE INDEX queue_offers_one_agent ON queue_offers (item_id) WHERE state IN ('CONNECTING', 'INTERACTING', 'HELD', 'RECOVERING') AND NOT guest;

-- +goose Down
UPDATE queue_offers SET state = 'IDLE', ended_at = now() WHERE guest AND state <> 'IDLE';
DROP INDEX queue_offers_one_agent;
CREATE UNIQUE INDEX queue_offers_one_agent ON queue_offers (item_id) WHERE state IN ('CONNECTING', 'INTERACTING', 'HELD', 'RECOVERING');
ALTER TABLE queue_offers DROP COLUMN guest;
