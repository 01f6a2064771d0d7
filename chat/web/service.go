// Package web is our own channel: the widget on customers' pages. It knows the visitors, says what they see of their conversations, and
// takes what they send; their sockets are signaling's.
package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/time/rate"

	"tandem/chat"
	"tandem/internal/auth"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/queues"
)

// Config of a Service.
type Config struct {
	DB     *storage.DB
	Keys   *storage.Keys
	Events *events.Log
	Bus    *events.Bus
	Chat   *chat.Service
	Media  *chat.MediaStore
	Queues *queues.Service
	// Zone is a tenant's time zone, by which anonymous visitors are named.
	Zone func(ctx context.Context, tenant uuid.UUID) (string, error)
	// Vouched reads what a tenant's server says, signed, of a customer (V1.6).
	Vouched func(ctx context.Context, tenant uuid.UUID, token string) (auth.ClientClaims, error)
	Mail    Mail
	Files   fs.FS // the built widget: widget.js, widget.html
	Log     *slog.Logger
}

// Service serves widgets.
type Service struct {
	cfg    Config
	loader loader

	mu    sync.Mutex
	known map[string]*widget // by the account's name
	asked map[string]*asker
	swept time.Time
}

// widget is an account with its settings, as it was read.
type widget struct {
	Account  uuid.UUID
	Tenant   uuid.UUID
	Name     string
	Queue    *uuid.UUID
	Settings Settings
	secret   string
	read     time.Time
}

// widgetFresh is how long settings are good for: changes show after so long at most.
const widgetFresh = 2 * time.Second

// New makes a Service.
func New(cfg Config) *Service {
	return &Service{cfg: cfg, loader: newLoader(cfg.Files), known: map[string]*widget{}, asked: map[string]*asker{}}
}

// widget finds the widget of an account that works. One that nobody has set up yet begins with the defaults.
func (s *Service) widget(ctx context.Context, name string) (*widget, error) {
	s.mu.Lock()
	w := s.known[name]
	s.mu.Unlock()
	if w != nil && time.Since(w.read) < widgetFresh {
		return w, nil
	}
	a, queue, err := s.cfg.Chat.AccountNamed(ctx, chat.Web, name)
	if err != nil {
		if errors.Is(err, chat.ErrNoAccount) {
			err = ErrNoWidget
		}
		return nil, err
	}
	w = &widget{Account: a.ID, Tenant: a.Tenant, Name: a.Name, Queue: queue, read: time.Now()}
	if w.Settings, w.secret, err = s.settings(ctx, a.Tenant, a.ID); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.known[name] = w
	s.mu.Unlock()
	return w, nil
}

func purpose(account uuid.UUID) string { return "widgets.secret/" + account.String() }

// settings reads the settings and the secret of an account's widget, which are made when there are none.
func (s *Service) settings(ctx context.Context, tenant, account uuid.UUID) (set Settings, secret string, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		key, err := s.cfg.Keys.Tenant(ctx, tx, tenant)
		if err != nil {
			return err
		}
		var sealed []byte
		set, sealed, _, err = readWidget(ctx, tx, account)
		if err == nil {
			plain, err := key.Open(sealed, purpose(account))
			secret = string(plain)
			return err
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		set, secret = Defaults(), newSecret()
		if sealed, err = key.Seal([]byte(secret), purpose(account)); err != nil {
			return err
		}
		return writeWidget(ctx, tx, account, set, sealed)
	})
	if err != nil {
		return set, "", fmt.Errorf("read a widget: %w", err)
	}
	return set, secret, nil
}

// View is a widget as administrators see it.
type View struct {
	Name     string   `json:"name"`
	Settings Settings `json:"settings"`
	Secret   string   `json:"secret,omitempty" doc:"by which the site's server signs its customers' ids; only in the answer that made it"`
}

// Settings returns what an account's widget looks like.
func (s *Service) Settings(ctx context.Context, tenant, account uuid.UUID) (v View, err error) {
	a, err := s.account(ctx, tenant, account)
	if err != nil {
		return v, err
	}
	v.Name = a.Name
	v.Settings, _, err = s.settings(ctx, tenant, account)
	return v, err
}

func (s *Service) account(ctx context.Context, tenant, account uuid.UUID) (chat.AccountView, error) {
	a, err := s.cfg.Chat.Account(ctx, tenant, account)
	if err == nil && a.Channel != chat.Web {
		err = chat.ErrNoAccount
	}
	return a, err
}

// SetSettings changes what an account's widget looks like.
func (s *Service) SetSettings(ctx context.Context, tenant, account uuid.UUID, set Settings) (View, error) {
	if err := set.tidy(); err != nil {
		return View{}, err
	}
	if n := len(s.public(&widget{Settings: set}, "")); n > maxSettings {
		return View{}, bad("settings", "The settings are too large: they are loaded before the widget opens. Shorten the texts.")
	}
	return s.change(ctx, tenant, account, func(tx *storage.Tx, key *storage.Key, was []byte) (Settings, []byte, string, error) {
		return set, was, "", nil
	})
}

// MakeSecret makes a new secret for the site's server; identities signed with the old one are refused from now on.
func (s *Service) MakeSecret(ctx context.Context, tenant, account uuid.UUID) (View, error) {
	return s.change(ctx, tenant, account, func(tx *storage.Tx, key *storage.Key, _ []byte) (Settings, []byte, string, error) {
		set, _, _, err := readWidget(ctx, tx, account)
		if err != nil {
			return set, nil, "", err
		}
		secret := newSecret()
		sealed, err := key.Seal([]byte(secret), purpose(account))
		return set, sealed, secret, err
	})
}

func (s *Service) change(ctx context.Context, tenant, account uuid.UUID, f func(*storage.Tx, *storage.Key, []byte) (Settings, []byte, string, error)) (v View, err error) {
	a, err := s.account(ctx, tenant, account)
	if err != nil {
		return v, err
	}
	if _, _, err = s.settings(ctx, tenant, account); err != nil { // from now on there is a row
		return v, err
	}
	v.Name = a.Name
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		key, err := s.cfg.Keys.Tenant(ctx, tx, tenant)
		if err != nil {
			return err
		}
		_, was, _, err := readWidget(ctx, tx, account)
		if err != nil {
			return err
		}
		var sealed []byte
		if v.Settings, sealed, v.Secret, err = f(tx, key, was); err != nil {
			return err
		}
		if err := writeWidget(ctx, tx, account, v.Settings, sealed); err != nil {
			return err
		}
		return s.cfg.Events.Append(ctx, tx, "widget.changed", account, map[string]bool{"secret": v.Secret != ""})
	})
	s.mu.Lock()
	delete(s.known, a.Name)
	s.mu.Unlock()
	if err != nil {
		return v, fmt.Errorf("change a widget: %w", err)
	}
	return v, nil
}

func (s *Service) receive(ctx context.Context, v Visitor, e chat.Event) error {
	return s.cfg.Chat.Receive(ctx, v.Tenant, v.Account, e)
}

// asker is who asks for something that costs more than a message: a visitor's secret, a file, a mail.
type asker struct {
	*rate.Limiter
	seen time.Time
}

const forgetAsker = 10 * time.Minute

// Admit says whether a source may do a thing now: so many at once, then one each so often.
func (s *Service) admit(what string, who any, burst int, each time.Duration) bool {
	key := fmt.Sprint(what, " ", who)
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.swept) > forgetAsker {
		for k, a := range s.asked {
			if now.Sub(a.seen) > max(forgetAsker, time.Duration(float64(a.Burst())/float64(a.Limit())*float64(time.Second))) {
				delete(s.asked, k)
			}
		}
		s.swept = now
	}
	a := s.asked[key]
	if a == nil {
		a = &asker{Limiter: rate.NewLimiter(rate.Every(each), burst)}
		s.asked[key] = a
	}
	a.seen = now
	return a.AllowN(now, 1)
}

// network is an address as rate limits see it: an IPv6 network of 64 bits is one source.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
