-- +goose Up
-- River keeps its jobs in a schema of its own, in tables that River's own migrations make (jobs.go). Whoever changes something may also
-- say what is to be done about it later, in the same transaction; only the worker takes jobs and removes them.
CREATE SCHEMA river;
GRANT USAGE ON SCHEMA river TO tandem_app, tandem_worker;
ALTER DEFAULT PRIVILEGES IN SCHEMA river GRANT SELECT, INSERT, UPDATE ON TABLES TO tandem_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA river GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tandem_worker;
ALTER DEFAULT PRIVILEGES IN SCHEMA river GRANT USAGE, SELECT ON SEQUENCES TO tandem_app, tandem_worker;

-- +goose Down
DROP SCHEMA river CASCADE;
