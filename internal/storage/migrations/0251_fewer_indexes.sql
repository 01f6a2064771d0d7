-- +goose Up
-- Nothing looks events up by their subject, and an item has so few offers that its other index finds the live ones.
DROP INDEX events_subject;
DROP INDEX queue_offers_live_item;

-- +goose Down
CREATE INDEX queue_offers_live_item ON queue_offers (item_id) WHERE state NOT IN ('WRAP_UP', 'IDLE');
CREATE INDEX events_subject ON events (tenant_id, subject, seq);
