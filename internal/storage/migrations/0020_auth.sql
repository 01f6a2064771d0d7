-- +goose Up
-- People, what they may do, and how they prove who they are. Secrets are stored as hashes only; the TOTP secret, which must be read again,
-- is sealed under the tenant's key where the installation has one.
CREATE TABLE roles (
  role_id      uuid PRIMARY KEY,
  tenant_id    uuid NOT NULL REFERENCES tenants,
  name         text NOT NULL,
  builtin      boolean NOT NULL DEFAULT false,
  require_totp boolean NOT NULL DEFAULT false,
  permissions  jsonb NOT NULL,
  created_at   timestamptz NOT NULL,
  UNIQUE (tenant_id, name)
);
SELECT isolate_tenant('roles');

CREATE TABLE users (
  user_id        uuid PRIMARY KEY,
  tenant_id      uuid NOT NULL REFERENCES tenants,
  email          text NOT NULL,
  name           text NOT NULL,
  extension      text,
  locale         text NOT NULL DEFAULT 'en',
  active         boolean NOT NULL DEFAULT true,
  password_hash  text NOT NULL,
  totp_secret    bytea,
  totp_confirmed boolean NOT NULL DEFAULT false,
  totp_last_step bigint NOT NULL DEFAULT 0,
  recovery_codes bytea[] NOT NULL DEFAULT '{}',
  created_at     timestamptz NOT NULL,
  last_login_at  timestamptz,
  UNIQUE (tenant_id, extension)
);
-- One address, one user, in the whole installation: the login form does not ask for the tenant.
CREATE UNIQUE INDEX users_email ON users (lower(email));
CREATE INDEX users_page ON users (tenant_id, user_id);
SELECT isolate_tenant('users');

CREATE TABLE user_roles (
  tenant_id uuid NOT NULL REFERENCES tenants,
  user_id   uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  role_id   uuid NOT NULL REFERENCES roles,
  PRIMARY KEY (user_id, role_id)
);
CREATE INDEX user_roles_role ON user_roles (role_id);
SELECT isolate_tenant('user_roles');

CREATE TABLE teams (
  team_id    uuid PRIMARY KEY,
  tenant_id  uuid NOT NULL REFERENCES tenants,
  name       text NOT NULL,
  created_at timestamptz NOT NULL,
  UNIQUE (tenant_id, name)
);
SELECT isolate_tenant('teams');

CREATE TABLE team_members (
  tenant_id uuid NOT NULL REFERENCES tenants,
  team_id   uuid NOT NULL REFERENCES teams ON DELETE CASCADE,
  user_id   uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_members_user ON team_members (user_id);
SELECT isolate_tenant('team_members');

CREATE TABLE sessions (
  session_id uuid PRIMARY KEY,
  tenant_id  uuid NOT NULL REFERENCES tenants,
  user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  token_hash bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL,
  seen_at    timestamptz NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_created ON sessions (created_at);
SELECT isolate_tenant('sessions');

CREATE TABLE api_keys (
  api_key_id   uuid PRIMARY KEY,
  tenant_id    uuid NOT NULL REFERENCES tenants,
  user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  name         text NOT NULL,
  prefix       text NOT NULL,
  key_hash     bytea NOT NULL UNIQUE,
  permissions  jsonb NOT NULL,
  created_at   timestamptz NOT NULL,
  expires_at   timestamptz,
  last_used_at timestamptz,
  revoked_at   timestamptz
);
CREATE INDEX api_keys_page ON api_keys (tenant_id, api_key_id);
SELECT isolate_tenant('api_keys');

-- One-time tickets with which a page opens its WebSocket.
CREATE TABLE tickets_ws (
  ticket_hash bytea PRIMARY KEY,
  tenant_id   uuid NOT NULL REFERENCES tenants,
  session_id  uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
  expires_at  timestamptz NOT NULL
);
CREATE INDEX tickets_ws_session ON tickets_ws (session_id);
SELECT isolate_tenant('tickets_ws');

-- Networks from which a user has signed in: there, nobody's guessing elsewhere locks them out.
CREATE TABLE known_networks (
  tenant_id    uuid NOT NULL REFERENCES tenants,
  user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  network_hash bytea NOT NULL,
  last_at      timestamptz NOT NULL,
  PRIMARY KEY (user_id, network_hash)
);
SELECT isolate_tenant('known_networks');

-- Failed logins by account, by network, and by account at a known network. Keys are hashes; there is no tenant before the login.
CREATE TABLE login_throttle (
  key           bytea PRIMARY KEY,
  failures      int NOT NULL,
  blocked_until timestamptz NOT NULL,
  last_at       timestamptz NOT NULL
);
CREATE INDEX login_throttle_last ON login_throttle (last_at);
REVOKE ALL ON login_throttle FROM tandem_app;

-- +goose Down
DROP TABLE login_throttle, known_networks, tickets_ws, api_keys, sessions, team_members, teams, user_roles, users, roles;
