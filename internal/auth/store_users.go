package auth

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

func insertTenant(ctx context.Context, tx *storage.Tx, id uuid.UUID, slug, name, locale, timeZone string) error {
	_, err := tx.Exec(ctx, `INSERT INTO tenants (tenant_id, slug, name, locale, time_zone, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		id, slug, name, locale, timeZone, tx.Now)
	if storage.Duplicate(err, "") {
		return fault.New(fault.Conflict, "tenant_taken", "There is a tenant of this name already.").WithField("slug").Because(err)
	}
	return err
}

const userColumns = `user_id, email, name, coalesce(extension, '') AS extension, locale, active, totp_confirmed AS totp, created_at, last_login_at,
	ARRAY(SELECT role_id FROM user_roles r WHERE r.user_id = u.user_id ORDER BY role_id) AS roles,
	ARRAY(SELECT team_id FROM team_members m WHERE m.user_id = u.user_id ORDER BY team_id) AS teams`

func loadUser(ctx context.Context, tx *storage.Tx, id uuid.UUID) (User, error) {
	rows, err := tx.Query(ctx, `SELECT `+userColumns+` FROM users u WHERE user_id = $1`, id)
	if err != nil {
		return User{}, err
	}
	u, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[User])
	return u, storage.Missing(err, ErrNoUser)
}

type userFilter struct {
	Actor  Actor
	Scope  Scope
	Search string
	After  uuid.UUID
	Limit  int
}

func listUsers(ctx context.Context, tx *storage.Tx, f userFilter) ([]User, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+userColumns+` FROM users u
		WHERE user_id > $1 AND ($2 = '' OR strpos(lower(name || ' ' || email), lower($2)) > 0)
			AND ($3 = 'all' OR user_id = $4 OR $3 = 'team' AND EXISTS (SELECT FROM team_members m WHERE m.user_id = u.user_id AND m.team_id = ANY($5)))
		ORDER BY user_id LIMIT $6`, f.After, f.Search, string(f.Scope), f.Actor.User, f.Actor.Teams, f.Limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[User])
}

func insertUser(ctx context.Context, tx *storage.Tx, u User, hash string) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO users (user_id, tenant_id, email, name, extension, locale, active, password_hash, created_at)
		VALUES ($1, $2, $3, $4, nullif($5, ''), $6, $7, $8, $9)`, u.ID, tx.Tenant, u.Email, u.Name, u.Extension, u.Locale, u.Active, hash, tx.Now)
	if err != nil {
		return userTaken(err)
	}
	return storeMemberships(ctx, tx, u)
}

func updateUser(ctx context.Context, tx *storage.Tx, u User) error {
	_, err := tx.Exec(ctx, `UPDATE users SET email = $2, name = $3, extension = nullif($4, ''), locale = $5, active = $6 WHERE user_id = $1`,
		u.ID, u.Email, u.Name, u.Extension, u.Locale, u.Active)
	if err != nil {
		return userTaken(err)
	}
	return storeMemberships(ctx, tx, u)
}

func userTaken(err error) error {
	switch {
	case storage.Duplicate(err, "users_email"):
		return ErrEmailTaken.Because(err)
	case storage.Duplicate(err, "users_tenant_id_extension_key"):
		return ErrExtensionTaken.Because(err)
	}
	return err
}

func storeMemberships(ctx context.Context, tx *storage.Tx, u User) error {
	batch := &pgx.Batch{}
	batch.Queue(`DELETE FROM user_roles WHERE user_id = $1 AND role_id <> ALL($2)`, u.ID, u.Roles)
	batch.Queue(`INSERT INTO user_roles (tenant_id, user_id, role_id) SELECT $1, $2, unnest($3::uuid[]) ON CONFLICT DO NOTHING`, tx.Tenant, u.ID, u.Roles)
	batch.Queue(`DELETE FROM team_members WHERE user_id = $1 AND team_id <> ALL($2)`, u.ID, u.Teams)
	batch.Queue(`INSERT INTO team_members (tenant_id, user_id, team_id) SELECT $1, $2, unnest($3::uuid[]) ON CONFLICT DO NOTHING`, tx.Tenant, u.ID, u.Teams)
	return tx.SendBatch(ctx, batch).Close()
}

// keepAdministrator fails when somebody who had the given roles was the last active administrator; the lock makes two who remove each
// other wait.
func keepAdministrator(ctx context.Context, tx *storage.Tx, had []uuid.UUID) error {
	var was bool
	err := tx.QueryRow(ctx, `SELECT role_id = ANY($2) FROM roles WHERE name = $1 AND builtin FOR UPDATE`, RoleAdministrator, had).Scan(&was)
	if err != nil || !was {
		return err
	}
	var left bool
	err = tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM users JOIN user_roles USING (user_id) JOIN roles r USING (role_id) WHERE users.active AND r.name = $1 AND r.builtin)`,
		RoleAdministrator).Scan(&left)
	if err == nil && !left {
		return ErrLastAdmin
	}
	return err
}

func passwordHash(ctx context.Context, tx *storage.Tx, user uuid.UUID) (hash string, err error) {
	err = tx.QueryRow(ctx, `SELECT password_hash FROM users WHERE user_id = $1`, user).Scan(&hash)
	return hash, storage.Missing(err, ErrNoUser)
}

func updatePassword(ctx context.Context, tx *storage.Tx, user uuid.UUID, hash string) error {
	_, err := tx.Exec(ctx, `UPDATE users SET password_hash = $2 WHERE user_id = $1`, user, hash)
	return err
}

type totpState struct {
	Secret    []byte   `db:"totp_secret"`
	Confirmed bool     `db:"totp_confirmed"`
	LastStep  int64    `db:"totp_last_step"`
	Recovery  [][]byte `db:"recovery_codes"`
}

// loadTOTP locks the user's row: a code is used up by one login only.
func loadTOTP(ctx context.Context, tx *storage.Tx, user uuid.UUID) (totpState, error) {
	rows, err := tx.Query(ctx, `SELECT totp_secret, totp_confirmed, totp_last_step, recovery_codes FROM users WHERE user_id = $1 FOR UPDATE`, user)
	if err != nil {
		return totpState{}, err
	}
	t, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[totpState])
	return t, storage.Missing(err, ErrNoUser)
}

func storeTOTP(ctx context.Context, tx *storage.Tx, user uuid.UUID, t totpState) error {
	if t.Recovery == nil {
		t.Recovery = [][]byte{}
	}
	_, err := tx.Exec(ctx, `UPDATE users SET totp_secret = $2, totp_confirmed = $3, totp_last_step = $4, recovery_codes = $5 WHERE user_id = $1`,
		user, t.Secret, t.Confirmed, t.LastStep, t.Recovery)
	return err
}

const roleColumns = `role_id, name, builtin, require_totp, permissions, created_at`

func listRoles(ctx context.Context, tx *storage.Tx) ([]Role, error) {
	rows, err := tx.Query(ctx, `SELECT `+roleColumns+` FROM roles ORDER BY builtin DESC, name`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Role])
}

func loadRole(ctx context.Context, tx *storage.Tx, id uuid.UUID) (Role, error) {
	rows, err := tx.Query(ctx, `SELECT `+roleColumns+` FROM roles WHERE role_id = $1`, id)
	if err != nil {
		return Role{}, err
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Role])
	return r, storage.Missing(err, ErrNoRole)
}

func permissionsOf(ctx context.Context, tx *storage.Tx, roles []uuid.UUID) (p Permissions, err error) {
	err = tx.QueryRow(ctx, `SELECT coalesce(jsonb_agg(p), '[]') FROM roles r, jsonb_array_elements(r.permissions) p WHERE role_id = ANY($1)`, roles).Scan(&p)
	return p, err
}

func insertRole(ctx context.Context, tx *storage.Tx, r Role) error {
	_, err := tx.Exec(ctx, `INSERT INTO roles (role_id, tenant_id, name, builtin, require_totp, permissions, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		r.ID, tx.Tenant, r.Name, r.Builtin, r.RequireTOTP, r.Permissions, tx.Now)
	return nameTaken(err, "role")
}

func updateRole(ctx context.Context, tx *storage.Tx, r Role) error {
	_, err := tx.Exec(ctx, `UPDATE roles SET name = $2, require_totp = $3, permissions = $4 WHERE role_id = $1`, r.ID, r.Name, r.RequireTOTP, r.Permissions)
	return nameTaken(err, "role")
}

func deleteRole(ctx context.Context, tx *storage.Tx, id uuid.UUID) error {
	_, err := tx.Exec(ctx, `DELETE FROM roles WHERE role_id = $1`, id)
	if storage.Referenced(err) {
		return fault.New(fault.Conflict, "role_in_use", "Somebody has this role; give them another one first.").Because(err)
	}
	return err
}

func nameTaken(err error, what string) error {
	if storage.Duplicate(err, "") {
		return fault.Newf(fault.Conflict, what+"_taken", "There is a %s of this name already.", what).WithField("name").Because(err)
	}
	return err
}

const teamColumns = `team_id, name, created_at, ARRAY(SELECT user_id FROM team_members m WHERE m.team_id = t.team_id ORDER BY user_id) AS members`

func listTeams(ctx context.Context, tx *storage.Tx) ([]Team, error) {
	rows, err := tx.Query(ctx, `SELECT `+teamColumns+` FROM teams t ORDER BY name`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Team])
}

func loadTeam(ctx context.Context, tx *storage.Tx, id uuid.UUID) (Team, error) {
	rows, err := tx.Query(ctx, `SELECT `+teamColumns+` FROM teams t WHERE team_id = $1`, id)
	if err != nil {
		return Team{}, err
	}
	t, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Team])
	return t, storage.Missing(err, ErrNoTeam)
}

func teamMates(ctx context.Context, tx *storage.Tx, teams []uuid.UUID) ([]uuid.UUID, error) {
	rows, err := tx.Query(ctx, `SELECT DISTINCT user_id FROM team_members WHERE team_id = ANY($1)`, teams)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

func countTeams(ctx context.Context, tx *storage.Tx, teams []uuid.UUID) (n int, err error) {
	err = tx.QueryRow(ctx, `SELECT count(*) FROM teams WHERE team_id = ANY($1)`, teams).Scan(&n)
	return n, err
}

func insertTeam(ctx context.Context, tx *storage.Tx, t Team) error {
	if _, err := tx.Exec(ctx, `INSERT INTO teams (team_id, tenant_id, name, created_at) VALUES ($1, $2, $3, $4)`, t.ID, tx.Tenant, t.Name, tx.Now); err != nil {
		return nameTaken(err, "team")
	}
	return storeMembers(ctx, tx, t)
}

func updateTeam(ctx context.Context, tx *storage.Tx, t Team) error {
	if _, err := tx.Exec(ctx, `UPDATE teams SET name = $2 WHERE team_id = $1`, t.ID, t.Name); err != nil {
		return nameTaken(err, "team")
	}
	return storeMembers(ctx, tx, t)
}

// storeMembers refuses users of another tenant: row-level security hides them from the select, foreign keys would not.
func storeMembers(ctx context.Context, tx *storage.Tx, t Team) error {
	if _, err := tx.Exec(ctx, `DELETE FROM team_members WHERE team_id = $1`, t.ID); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `INSERT INTO team_members (tenant_id, team_id, user_id) SELECT tenant_id, $1, user_id FROM users WHERE user_id = ANY($2)`, t.ID, t.Members)
	if err == nil && int(tag.RowsAffected()) != len(t.Members) {
		return ErrNoUser.WithField("members")
	}
	return err
}

func deleteTeam(ctx context.Context, tx *storage.Tx, id uuid.UUID) error {
	_, err := tx.Exec(ctx, `DELETE FROM teams WHERE team_id = $1`, id)
	return err
}
