-- +goose Up
-- Whose turn it is to be uploaded is asked tenant by tenant, and no more of a tenant's parts are read than may be sent.
CREATE INDEX recording_parts_turn ON recording_parts (tenant_id, next_try_at, recording_id, part) WHERE state <> 'confirmed';
CREATE INDEX recording_parts_urgent ON recording_parts (tenant_id, deadline, recording_id, part) WHERE state <> 'confirmed';
CREATE INDEX recording_parts_leased ON recording_parts (tenant_id, leased_until) WHERE leased_until IS NOT NULL;

-- +goose Down
DROP INDEX recording_parts_leased;
DROP INDEX recording_parts_urgent;
DROP INDEX recording_parts_turn;
