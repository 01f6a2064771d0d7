-- +goose Up
-- The nodes that have calls: a call that has not ended, and whose node is not here, is held by nobody.
CREATE TABLE call_nodes (
  node    text PRIMARY KEY,
  seen_at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE call_nodes;
