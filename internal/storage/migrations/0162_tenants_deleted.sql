-- +goose Up
-- A tenant that was deleted: its key is gone and none is made again. The row stays, because its audit log does.
ALTER TABLE tenants ADD COLUMN deleted_at timestamptz;

-- +goose Down
ALTER TABLE tenants DROP COLUMN deleted_at;
