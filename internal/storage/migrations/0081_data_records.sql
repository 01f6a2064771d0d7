-- +goose Up
-- Which profile flags and data of a call its ticket tells; '*' is all data.
ALTER TABLE crm_connections ADD COLUMN data_records text[] NOT NULL
  DEFAULT '{reserved_verified_customer,reserved_bad_actor,reserved_repeat_customer}';

-- +goose Down
ALTER TABLE crm_connections DROP COLUMN data_records;
