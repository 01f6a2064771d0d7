package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
	"tandem/queues"
)

// account is a row of chat_accounts.
type account struct {
	Account
	label   string
	queue   *uuid.UUID
	enabled bool
	state   AccountState
	reason  string
	version int
	traits  Traits
}

const accountColumns = `account_id, tenant_id, channel, name, label, queue_id, settings, secrets, enabled, state, state_reason, version`

// opened is an account with its channel, as of one version. What it points at is never changed.
type opened struct {
	account *account
	channel Channel
}

// hookName is what a hook's address says.
type hookName struct {
	channel queues.Channel
	account string
}

// known are the accounts that were opened, each as it was then: a message neither unseals its account nor, where the version is known to be the
// same, reads it.
type known struct {
	mu    sync.Mutex
	ids   map[uuid.UUID]opened
	names map[hookName]uuid.UUID
}

func newKnown() *known {
	return &known{ids: make(map[uuid.UUID]opened), names: make(map[hookName]uuid.UUID)}
}

// at returns an account if it is known as of a version.
func (k *known) at(id uuid.UUID, version int) (opened, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	o, ok := k.ids[id]
	return o, ok && o.account.version == version
}

// named returns the account of a hook as it was when it was last opened; it may have changed since.
func (k *known) named(name hookName) (opened, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	o, ok := k.ids[k.names[name]]
	return o, ok
}

func (k *known) put(o opened) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ids[o.account.ID] = o
	k.names[hookName{o.account.Channel, o.account.Name}] = o.account.ID
}

func (s *Service) scanAccount(ctx context.Context, tx *storage.Tx, row pgx.Row) (*account, error) {
	var a account
	var sealed []byte
	err := row.Scan(&a.ID, &a.Tenant, &a.Channel, &a.Name, &a.label, &a.queue, &a.Settings, &sealed, &a.enabled, &a.state, &a.reason, &a.version)
	if err != nil {
		return nil, err
	}
	m := s.makers[a.Channel]
	a.traits = m.Traits
	a.Settings = m.filled(a.Settings)
	if o, ok := s.known.at(a.ID, a.version); ok {
		a.Secrets = o.account.Secrets
		return &a, nil
	}
	a.Secrets = map[string]string{}
	if sealed == nil {
		return &a, nil
	}
	key, err := s.cfg.Keys.Tenant(ctx, tx, a.Tenant)
	if err != nil {
		return nil, err
	}
	plain, err := key.Open(sealed, secretsContext(a.ID))
	if err == nil {
		err = json.Unmarshal(plain, &a.Secrets)
	}
	if err != nil {
		return nil, fmt.Errorf("open an account's secrets: %w", err)
	}
	return &a, nil
}

func secretsContext(account uuid.UUID) string { return "chat account " + account.String() }

// accountByName finds an account for its hook, in a worker's transaction.
func (s *Service) accountByName(ctx context.Context, tx *storage.Tx, channel queues.Channel, name string) (*account, error) {
	a, err := s.scanAccount(ctx, tx, tx.QueryRow(ctx, `SELECT `+accountColumns+` FROM chat_accounts WHERE channel = $1 AND name = $2 AND archived_at IS NULL`, channel, name))
	return a, storage.Missing(err, ErrNoAccount)
}

func (s *Service) account(ctx context.Context, tx *storage.Tx, id uuid.UUID) (*account, error) {
	a, err := s.scanAccount(ctx, tx, tx.QueryRow(ctx, `SELECT `+accountColumns+` FROM chat_accounts WHERE account_id = $1`, id))
	return a, storage.Missing(err, ErrNoAccount)
}

// opened reads an account and returns it with its channel.
func (s *Service) opened(ctx context.Context, tenant, id uuid.UUID) (a *account, c Channel, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) (err error) { a, err = s.account(ctx, tx, id); return err })
	if err == nil {
		c, err = s.channel(a)
	}
	return a, c, err
}

// channel returns the account's channel, made anew after the account has changed.
func (s *Service) channel(a *account) (Channel, error) {
	if o, ok := s.known.at(a.ID, a.version); ok {
		return o.channel, nil
	}
	m, ok := s.makers[a.Channel]
	if !ok {
		return nil, ErrChannel
	}
	c, err := m.Open(a.Account, s.needs())
	if err != nil {
		return nil, fmt.Errorf("open a channel: %w", err)
	}
	kept := *a // the caller may change theirs
	s.known.put(opened{account: &kept, channel: c})
	return c, nil
}

func (s *Service) needs() Needs {
	return Needs{Client: s.cfg.Client, Now: s.cfg.DB.Now, PublicURL: s.cfg.PublicURL}
}
