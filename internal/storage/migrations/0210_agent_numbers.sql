-- +goose Up
-- Numbers that lead to one agent, whatever queues they serve.
ALTER TABLE numbers ADD COLUMN voicemail boolean NOT NULL DEFAULT false;
ALTER TABLE numbers DROP CONSTRAINT numbers_kind_check;
ALTER TABLE numbers ADD CONSTRAINT numbers_kind_check CHECK (kind IN ('menu', 'queue', 'echo', 'music', 'message', 'address', 'voicemail', 'agent'));

-- +goose Down
DELETE FROM numbers WHERE kind = 'agent';
ALTER TABLE numbers DROP COLUMN voicemail;
ALTER TABLE numbers DROP CONSTRAINT numbers_kind_check;
ALTER TABLE numbers ADD CONSTRAINT numbers_kind_check CHECK (kind IN ('menu', 'queue', 'echo', 'music', 'message', 'address', 'voicemail'));
