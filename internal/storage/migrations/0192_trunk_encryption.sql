-- +goose Up
-- Whether a trunk's audio is encrypted (SRTP); keys are given over TLS only, whatever this says.
ALTER TABLE trunks ADD COLUMN encryption text NOT NULL DEFAULT 'prefer' CHECK (encryption IN ('off', 'prefer', 'require'));

-- +goose Down
ALTER TABLE trunks DROP COLUMN encryption;
