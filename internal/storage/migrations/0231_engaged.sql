-- +goose Up
-- The node that has an agent in a call to their extension: when it is lost, the agent is nobody's.
ALTER TABLE queue_agents ADD COLUMN engaged_by uuid;
CREATE INDEX queue_agents_engaged ON queue_agents (shard, engaged_by) WHERE engaged_by IS NOT NULL;

-- +goose Down
ALTER TABLE queue_agents DROP COLUMN engaged_by;
