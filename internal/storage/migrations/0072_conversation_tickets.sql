-- +goose Up
-- Tickets of conversations are found like those of calls.
ALTER TABLE ticket_calls ADD COLUMN conversation boolean NOT NULL DEFAULT false;

-- +goose Down
DELETE FROM ticket_calls WHERE conversation;
ALTER TABLE ticket_calls DROP COLUMN conversation;
