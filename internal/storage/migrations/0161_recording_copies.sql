-- +goose Up
-- The second copy of spool files, ciphertext as they are, in the object store: which stretch is in which object.
CREATE TABLE recording_copies (
  tenant_id    uuid NOT NULL REFERENCES tenants,
  recording_id uuid NOT NULL REFERENCES recordings ON DELETE CASCADE,
  file_offset  bigint NOT NULL,
  length       bigint NOT NULL,
  object       text NOT NULL,
  PRIMARY KEY (recording_id, file_offset)
);
SELECT isolate_tenant('recording_copies');
ALTER TABLE recordings ADD COLUMN copied bigint NOT NULL DEFAULT 0, ADD COLUMN copied_whole boolean NOT NULL DEFAULT false;

-- When each node last said that it lives: what a dead one has left, another takes over from the copy.
CREATE TABLE recording_nodes (
  node    text PRIMARY KEY,
  seen_at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE recording_nodes;
ALTER TABLE recordings DROP COLUMN copied, DROP COLUMN copied_whole;
DROP TABLE recording_copies;
