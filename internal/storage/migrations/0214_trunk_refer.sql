-- +goose Up
-- Whether a trunk may transfer (REFER): calls that it sends elsewhere are at the tenant's cost.
ALTER TABLE trunks ADD COLUMN refer boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE trunks DROP COLUMN refer;
