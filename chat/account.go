package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/queues"
)

// AccountView is an account as administrators see it. Secrets are never shown; Stored names those that there are.
type AccountView struct {
	ID       uuid.UUID         `json:"id"`
	Channel  queues.Channel    `json:"channel"`
	Name     string            `json:"name"`
	Label    string            `json:"label"`
	Queue    *uuid.UUID        `json:"queue_id,omitempty"`
	Settings map[string]string `json:"settings"`
	Stored   []string          `json:"secrets_stored"`
	Enabled  bool              `json:"enabled"`
	State    AccountState      `json:"state"`
	Reason   string            `json:"state_reason,omitempty"`
	StateAt  time.Time         `json:"state_at"`
	Detail   map[string]string `json:"detail"`
	HookURL  string            `json:"hook_url,omitempty"`
	HookAt   *time.Time        `json:"hook_at,omitempty"`
	Dead     int               `json:"dead"`    // messages of the last week that were given up
	Waiting  int               `json:"waiting"` // messages that wait to be sent
	Created  time.Time         `json:"created_at"`
}

// AccountChange makes or changes an account; nil leaves a value as it is, "" removes a setting or secret.
type AccountChange struct {
	Channel  queues.Channel     `json:"channel,omitempty"` // of a new one
	Name     *string            `json:"name,omitempty"`
	Label    *string            `json:"label,omitempty"`
	Queue    *uuid.UUID         `json:"queue_id,omitempty"` // uuid.Nil: none
	Settings map[string]*string `json:"settings,omitempty"`
	Secrets  map[string]*string `json:"secrets,omitempty"`
	Enabled  *bool              `json:"enabled,omitempty"`
}

// AccountChanged is the data of the events channel.created, channel.changed, channel.archived, channel.state and channel.checked.
type AccountChanged struct {
	Channel queues.Channel `json:"channel"`
	Name    string         `json:"name"`
	State   AccountState   `json:"state"`
	Reason  string         `json:"reason,omitempty"`
}

// Errors of accounts.
var (
	ErrNoAccount   = fault.New(fault.NotFound, "channel_not_found", "There is no such channel account.")
	ErrAccountName = fault.New(fault.Invalid, "channel_name_invalid", "A name is 1 to 40 lower-case letters, digits or hyphens: it is part of the hook's address.").WithField("name")
	ErrAccountUsed = fault.New(fault.Conflict, "channel_name_used", "This name is taken; choose another one.").WithField("name")
	ErrChannel     = fault.New(fault.Invalid, "channel_unknown", "There is no such channel.").WithField("channel")
	ErrOneWeChat   = fault.New(fault.Conflict, "channel_one_only", "There is a WeChat account already; allow several in the chat settings first.").WithField("channel")

	accountName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)
)

// Makers lists the kinds of channels in the order that they were given in.
func (s *Service) Makers() []Maker { return s.cfg.Makers }

// AddAccount makes an account.
func (s *Service) AddAccount(ctx context.Context, tenant uuid.UUID, ch AccountChange) (v AccountView, err error) {
	m, ok := s.makers[ch.Channel]
	switch {
	case !ok:
		return v, ErrChannel
	case ch.Name == nil || !accountName.MatchString(*ch.Name):
		return v, ErrAccountName
	}
	a := &account{Account: Account{ID: storage.NewID(), Tenant: tenant, Channel: ch.Channel, Name: *ch.Name, Settings: map[string]string{}, Secrets: map[string]string{}}, enabled: true, state: AccountOK}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if err := s.onlyWeChat(ctx, tx, ch.Channel); err != nil {
			return err
		}
		if err := a.apply(m, ch, s.needs()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO chat_accounts (account_id, tenant_id, channel, name, label, state_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $6)`,
			a.ID, tenant, a.Channel, a.Name, a.label, tx.Now)
		if storage.Duplicate(err, "chat_accounts_channel_name_key") {
			return ErrAccountUsed
		}
		if err != nil {
			return err
		}
		if err := s.writeAccount(ctx, tx, a); err != nil {
			return err
		}
		if err := s.tellAccount(ctx, tx, "channel.created", a); err != nil {
			return err
		}
		v, err = s.accountView(ctx, tx, a.ID)
		return err
	})
	return v, wrap("add a channel account", err)
}

// ChangeAccount changes an account; one that needed re-authorisation is tried again.
func (s *Service) ChangeAccount(ctx context.Context, tenant, id uuid.UUID, ch AccountChange) (v AccountView, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT FROM chat_accounts WHERE account_id = $1 FOR UPDATE`, id); err != nil {
			return err
		}
		a, err := s.account(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := a.apply(s.makers[a.Channel], ch, s.needs()); err != nil {
			return err
		}
		if len(ch.Secrets) > 0 || len(ch.Settings) > 0 || ch.Enabled != nil && *ch.Enabled {
			a.state, a.reason = AccountOK, ""
		}
		if err := s.writeAccount(ctx, tx, a); err != nil {
			return err
		}
		if err := s.tellAccount(ctx, tx, "channel.changed", a); err != nil {
			return err
		}
		tx.AfterCommit(func() { s.cfg.Bus.Publish(wakeOutbox, nil) })
		v, err = s.accountView(ctx, tx, id)
		return err
	})
	return v, wrap("change a channel account", err)
}

// filled are settings with the platform's own values where nobody has given one.
func (m Maker) filled(settings map[string]string) map[string]string {
	all := maps.Clone(settings)
	for _, f := range m.Fields {
		if !f.Secret && all[f.Name] == "" && f.Default != "" {
			all[f.Name] = f.Default
		}
	}
	return all
}

// apply takes a change over and checks it. What an account is set up with has to open its channel, unless it is left as it is.
func (a *account) apply(m Maker, ch AccountChange, n Needs) error {
	if ch.Label != nil {
		a.label = strings.TrimSpace(*ch.Label)
	}
	if a.label == "" {
		a.label = a.Name
	}
	if len(a.label) > 100 {
		return fault.New(fault.Invalid, "channel_label_invalid", "A label has at most 100 characters.").WithField("label")
	}
	if ch.Queue != nil {
		if a.queue = ch.Queue; *ch.Queue == uuid.Nil {
			a.queue = nil
		}
	}
	if ch.Enabled != nil {
		a.enabled = *ch.Enabled
	}
	a.Settings, a.Secrets = maps.Clone(a.Settings), maps.Clone(a.Secrets)
	for name, value := range ch.Settings {
		if err := a.set(m, name, value, false); err != nil {
			return err
		}
	}
	for name, value := range ch.Secrets {
		if err := a.set(m, name, value, true); err != nil {
			return err
		}
	}
	for _, f := range m.Fields {
		have := a.Settings[f.Name]
		if f.Secret {
			have = a.Secrets[f.Name]
		}
		if f.Required && have == "" && f.Default == "" {
			return fault.Newf(fault.Invalid, "channel_field_missing", "Give the account's %s.", f.Name).WithField(f.Name)
		}
	}
	if a.version > 0 && len(ch.Settings)+len(ch.Secrets) == 0 {
		return nil
	}
	trial := a.Account
	trial.Settings = m.filled(a.Settings)
	_, err := m.Open(trial, n)
	return err
}

func (a *account) set(m Maker, name string, value *string, secret bool) error {
	i := slices.IndexFunc(m.Fields, func(f Field) bool { return f.Name == name && f.Secret == secret })
	bad := fault.Newf(fault.Invalid, "channel_field_invalid", "The value of %s is not valid.", name).WithField(name)
	if i < 0 || value != nil && (len(*value) > 4000 || strings.ContainsAny(*value, "\r\n\x00") && !strings.Contains(name, "text") && name != "welcome") {
		return bad
	}
	if value != nil && strings.HasSuffix(name, "url") && *value != "" {
		if u, err := url.Parse(*value); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
			return bad
		}
	}
	to := a.Settings
	if secret {
		to = a.Secrets
	}
	if value == nil || *value == "" {
		delete(to, name)
	} else {
		to[name] = strings.TrimSpace(*value)
	}
	return nil
}

func (s *Service) writeAccount(ctx context.Context, tx *storage.Tx, a *account) error {
	key, err := s.cfg.Keys.Tenant(ctx, tx, a.Tenant)
	if err != nil {
		return err
	}
	plain, err := json.Marshal(a.Secrets)
	if err != nil {
		return fmt.Errorf("encode secrets: %w", err)
	}
	sealed, err := key.Seal(plain, secretsContext(a.ID))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		UPDATE chat_accounts SET label = $2, queue_id = $3, settings = $4, secrets = $5, enabled = $6, state_reason = $8, version = version + 1,
			state_at = CASE WHEN state = $7 THEN state_at ELSE $9 END, state = $7
		WHERE account_id = $1`, a.ID, a.label, a.queue, a.Settings, sealed, a.enabled, a.state, a.reason, tx.Now)
	if storage.Referenced(err) {
		return queues.ErrNoQueue.WithField("queue_id")
	}
	return err
}

func (s *Service) tellAccount(ctx context.Context, tx *storage.Tx, event string, a *account) error {
	return s.cfg.Events.AppendFor(ctx, tx, a.Tenant, event, a.ID, AccountChanged{Channel: a.Channel, Name: a.Name, State: a.state, Reason: a.reason})
}

// setState stores what has become of an account, once for each change (CH-8). The transaction may be a worker's.
func (s *Service) setState(ctx context.Context, tx *storage.Tx, a *account, state AccountState, reason string) error {
	tag, err := tx.Exec(ctx, `UPDATE chat_accounts SET state = $2, state_reason = $3, state_at = $4 WHERE account_id = $1 AND state <> $2`, a.ID, state, reason, tx.Now)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	a.state, a.reason = state, reason
	if state == AccountOK {
		tx.AfterCommit(func() { s.cfg.Bus.Publish(wakeOutbox, nil) })
	}
	return s.tellAccount(ctx, tx, "channel.state", a)
}

// accountNews takes over what the platform says of an account.
func (s *Service) accountNews(ctx context.Context, tx *storage.Tx, a *account, n AccountEvent) error {
	if len(n.Detail) > 0 {
		if _, err := tx.Exec(ctx, `UPDATE chat_accounts SET detail = detail || $2 WHERE account_id = $1`, a.ID, n.Detail); err != nil {
			return err
		}
	}
	if n.State == "" {
		return nil
	}
	return s.setState(ctx, tx, a, n.State, n.Reason)
}

// ArchiveAccount ends an account: its hook answers 404 from now on, its conversations stay.
func (s *Service) ArchiveAccount(ctx context.Context, tenant, id uuid.UUID) error {
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		a, err := s.account(ctx, tx, id)
		if err != nil {
			return err
		}
		// The name is free again.
		tag, err := tx.Exec(ctx, `UPDATE chat_accounts SET archived_at = $2, enabled = false, name = name || '~' || account_id WHERE account_id = $1 AND archived_at IS NULL`, id, tx.Now)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNoAccount
		}
		return s.tellAccount(ctx, tx, "channel.archived", a)
	})
	return wrap("archive a channel account", err)
}

// onlyWeChat lets a tenant have one WeChat account, unless it has set otherwise (CH-2).
func (s *Service) onlyWeChat(ctx context.Context, tx *storage.Tx, channel queues.Channel) error {
	if channel != WeChat {
		return nil
	}
	set, err := readSettings(ctx, tx)
	if err != nil || set.SeveralWeChat {
		return err
	}
	var n int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM chat_accounts WHERE channel = $1 AND archived_at IS NULL`, channel).Scan(&n); err != nil || n == 0 {
		return err
	}
	return ErrOneWeChat
}

// Accounts lists the tenant's accounts.
func (s *Service) Accounts(ctx context.Context, tenant uuid.UUID) (vs []AccountView, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		vs, err = s.accountViews(ctx, tx, `archived_at IS NULL`)
		return err
	})
	return vs, wrap("list channel accounts", err)
}

// Account returns one account.
func (s *Service) Account(ctx context.Context, tenant, id uuid.UUID) (v AccountView, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		v, err = s.accountView(ctx, tx, id)
		return err
	})
	return v, wrap("read a channel account", err)
}

func (s *Service) accountView(ctx context.Context, tx *storage.Tx, id uuid.UUID) (AccountView, error) {
	vs, err := s.accountViews(ctx, tx, `account_id = $2 AND archived_at IS NULL`, id)
	if err == nil && len(vs) == 0 {
		err = ErrNoAccount
	}
	if err != nil {
		return AccountView{}, err
	}
	return vs[0], nil
}

func (s *Service) accountViews(ctx context.Context, tx *storage.Tx, where string, args ...any) ([]AccountView, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+accountColumns+`, state_at, detail, hook_at, created_at,
			(SELECT count(*) FROM chat_outbox o WHERE o.account_id = a.account_id AND o.state = 'dead' AND o.done_at > $1::timestamptz - interval '7 days'),
			(SELECT count(*) FROM chat_outbox o WHERE o.account_id = a.account_id AND o.state IN ('waiting', 'sending'))
		FROM chat_accounts a WHERE `+where+` ORDER BY channel, label, account_id`, append([]any{tx.Now}, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	vs := []AccountView{}
	sealed := map[uuid.UUID][]byte{}
	for rows.Next() {
		var v AccountView
		var tenant uuid.UUID
		var box []byte
		var version int
		if err := rows.Scan(&v.ID, &tenant, &v.Channel, &v.Name, &v.Label, &v.Queue, &v.Settings, &box, &v.Enabled, &v.State, &v.Reason, &version,
			&v.StateAt, &v.Detail, &v.HookAt, &v.Created, &v.Dead, &v.Waiting); err != nil {
			return nil, err
		}
		if s.cfg.PublicURL != "" && v.Channel != Web {
			v.HookURL = s.cfg.PublicURL + "/hooks/" + string(v.Channel) + "/" + v.Name
		}
		sealed[v.ID] = box
		vs = append(vs, v)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for i := range vs {
		if vs[i].Stored, err = s.storedSecrets(ctx, tx, vs[i].ID, sealed[vs[i].ID]); err != nil {
			return nil, err
		}
	}
	return vs, nil
}

func (s *Service) storedSecrets(ctx context.Context, tx *storage.Tx, id uuid.UUID, sealed []byte) ([]string, error) {
	names := []string{}
	if sealed == nil {
		return names, nil
	}
	key, err := s.cfg.Keys.Tenant(ctx, tx, tx.Tenant)
	if err != nil {
		return nil, err
	}
	plain, err := key.Open(sealed, secretsContext(id))
	if err != nil {
		return nil, err
	}
	var secrets map[string]string
	if err := json.Unmarshal(plain, &secrets); err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	return append(names, slices.Sorted(maps.Keys(secrets))...), nil
}

// CheckAccount tries an account and stores what the platform says: one that works is ok again.
func (s *Service) CheckAccount(ctx context.Context, tenant, id uuid.UUID) (v AccountView, err error) {
	a, c, err := s.opened(ctx, tenant, id)
	if err != nil {
		return v, wrap("check a channel account", err)
	}
	health, failed := c.Check(ctx)
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		state, reason := AccountOK, ""
		var e *SendError
		switch {
		case failed == nil:
		case errors.As(failed, &e) && e.Verdict == VerdictReauthorise:
			state, reason = AccountReauthorise, e.Detail
		default:
			return fault.New(fault.Unavailable, "channel_check_failed", "The platform could not be reached, or refused the account: "+reasonOf(failed)).Because(failed)
		}
		if health.Detail == nil {
			health.Detail = map[string]string{}
		}
		if health.Name != "" {
			health.Detail["name"] = health.Name
		}
		if _, err := tx.Exec(ctx, `UPDATE chat_accounts SET detail = detail || $2 WHERE account_id = $1`, id, health.Detail); err != nil {
			return err
		}
		if err := s.setState(ctx, tx, a, state, reason); err != nil {
			return err
		}
		v, err = s.accountView(ctx, tx, id)
		return err
	})
	return v, wrap("check a channel account", err)
}

// reasonOf is what may be shown of a failed send.
func reasonOf(err error) string {
	var e *SendError
	if errors.As(err, &e) {
		if e.Detail != "" {
			return e.Detail
		}
		return strings.TrimSpace(string(e.Verdict) + " " + e.Code)
	}
	return "no answer"
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// SetHook tells the platform where the account's hook is; ErrNotOnHere where people have to enter it there themselves.
func (s *Service) SetHook(ctx context.Context, tenant, id uuid.UUID) (v AccountView, err error) {
	a, c, err := s.opened(ctx, tenant, id)
	if err != nil {
		return v, wrap("set a hook", err)
	}
	h, ok := c.(Hooker)
	if !ok {
		return v, ErrNotOnHere
	}
	if s.cfg.PublicURL == "" {
		return v, fault.New(fault.Illegal, "no_public_url", "Set http.public_url first: the platform has to reach this server.")
	}
	if err := h.SetHook(ctx, s.cfg.PublicURL+"/hooks/"+string(a.Channel)+"/"+a.Name); err != nil {
		return v, fault.New(fault.Unavailable, "channel_check_failed", "The platform could not be reached, or refused the account: "+reasonOf(err)).Because(err)
	}
	return s.CheckAccount(ctx, tenant, id)
}
