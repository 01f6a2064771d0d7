-- +goose Up
-- call_id of both tables may be a conversation's too; told_seq is how far its messages were told.
ALTER TABLE crm_call_tickets ADD COLUMN told_seq bigint NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE crm_call_tickets DROP COLUMN told_seq;
