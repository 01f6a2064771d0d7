-- +goose Up
-- Tenants that there are already: the roles that they began with may read reports, as those of new tenants.
UPDATE roles SET permissions = permissions || '[{"verb": "read", "resource": "reports", "scope": "team"}]'
WHERE builtin AND name IN ('supervisor', 'manager') AND NOT permissions @> '[{"resource": "reports"}]';
UPDATE roles SET permissions = permissions || '[{"verb": "read", "resource": "reports", "scope": "all"}]'
WHERE builtin AND name = 'analyst' AND NOT permissions @> '[{"resource": "reports"}]';

-- +goose Down
UPDATE roles SET permissions = coalesce((SELECT jsonb_agg(p) FROM jsonb_array_elements(permissions) p WHERE p ->> 'resource' <> 'reports'), '[]') WHERE builtin;
