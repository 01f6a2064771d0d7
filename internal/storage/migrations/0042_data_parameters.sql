-- +goose Up
-- What calls that go out by a trunk say in headers: a list of {field, type, source, source_field}.
ALTER TABLE trunks ADD COLUMN data_parameters jsonb NOT NULL DEFAULT '[]';

-- +goose Down
ALTER TABLE trunks DROP COLUMN data_parameters;
