package notify

import (
	"context"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/SherClockHolmes/webpush-go"
	"github.com/google/uuid"

	"tandem/internal/egress"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Subscription is what PushManager.subscribe gave a browser's page.
type Subscription struct {
	Endpoint string           `json:"endpoint" format:"uri" maxLength:"2000"`
	Keys     SubscriptionKeys `json:"keys"`
}

// SubscriptionKeys are base64url (RFC 8291).
type SubscriptionKeys struct {
	P256dh string `json:"p256dh" maxLength:"200"`
	Auth   string `json:"auth" maxLength:"100"`
}

const maxBrowsers = 10 // of one user

// ErrSubscription refuses what no push service can have given.
var ErrSubscription = fault.New(fault.Invalid, "bad_subscription", "The browser's push subscription is not valid; switch pushes off and on again.").WithField("endpoint")

// Subscribe has a user pushed to a browser from now on, in a language.
func (s *Service) Subscribe(ctx context.Context, tenant, user uuid.UUID, sub Subscription, language string) error {
	if err := sub.check(); err != nil {
		return err
	}
	if language != "zh" {
		language = "en"
	}
	plain, err := json.Marshal(sub)
	if err != nil {
		return fmt.Errorf("write a push subscription: %w", err)
	}
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		key, err := s.key(ctx, tx)
		if err != nil {
			return err
		}
		sealed, err := key.Seal(plain, sealedFor(tenant, "subscription"))
		if err != nil {
			return err
		}
		return saveSubscription(ctx, tx, user, sub.hash(), sealed, language)
	})
}

// Unsubscribe ends the pushes to a user's browser; one that was never subscribed is no error.
func (s *Service) Unsubscribe(ctx context.Context, tenant, user uuid.UUID, endpoint string) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		return deleteSubscription(ctx, tx, user, Subscription{Endpoint: endpoint}.hash())
	})
}

func (sub Subscription) hash() []byte {
	h := sha256.Sum256([]byte(sub.Endpoint))
	return h[:]
}

// check refuses addresses that are no https ones, and keys that are none. Where the address leads is looked at when it is connected to.
func (sub Subscription) check() error {
	u, err := url.Parse(sub.Endpoint)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return ErrSubscription
	}
	point, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(sub.Keys.P256dh, "="))
	if err != nil {
		return ErrSubscription
	}
	if _, err := ecdh.P256().NewPublicKey(point); err != nil {
		return ErrSubscription
	}
	if auth, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(sub.Keys.Auth, "=")); err != nil || len(auth) != 16 {
		return ErrSubscription
	}
	return nil
}

// pushKeys are the tenant's VAPID keys, made at their first use.
func (s *Service) pushKeys(ctx context.Context, tx *storage.Tx) (public, private string, err error) {
	key, err := s.key(ctx, tx)
	if err != nil {
		return "", "", err
	}
	public, sealed, err := loadPushKeys(ctx, tx)
	if err == nil && public == "" {
		if err = makePushKeys(ctx, tx, key); err == nil {
			public, sealed, err = loadPushKeys(ctx, tx)
		}
	}
	if err != nil {
		return "", "", err
	}
	plain, err := key.Open(sealed, sealedFor(tx.Tenant, "push key"))
	return public, string(plain), err
}

func makePushKeys(ctx context.Context, tx *storage.Tx, key *storage.Key) error {
	private, public, err := webpush.GenerateVAPIDKeys()
	if err != nil {
		return fmt.Errorf("make the push keys: %w", err)
	}
	sealed, err := key.Seal([]byte(private), sealedFor(tx.Tenant, "push key"))
	if err != nil {
		return err
	}
	return insertPushKeys(ctx, tx, public, sealed)
}

// Push is the job of pushing one thing to all browsers of a user.
type Push struct {
	Tenant uuid.UUID `json:"tenant"`
	User   uuid.UUID `json:"user"`
	What   Kind      `json:"what"`
	At     time.Time `json:"at"`
}

// Job names of River; never change them.
const (
	pushJob = "notify_push"
	textJob = "notify_text"
)

// Kind implements storage.Job.
func (Push) Kind() string { return pushJob }

// DoPush does a Push. It may run twice: a push replaces an earlier one of its kind.
func (s *Service) DoPush(ctx context.Context, job Push) error {
	if late(job.What, job.At, s.cfg.DB.Now()) {
		s.told.WithLabelValues("push", "late").Inc()
		return nil
	}
	_, err := s.push(ctx, job.Tenant, job.User, job.What)
	return err
}

// push returns how many browsers' push services have taken it; an error when one may take it later.
func (s *Service) push(ctx context.Context, tenant, user uuid.UUID, what Kind) (taken int, err error) {
	var browsers []browser
	var public, private string
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if browsers, err = s.browsers(ctx, tx, user); err != nil || len(browsers) == 0 {
			return err
		}
		public, private, err = s.pushKeys(ctx, tx)
		return err
	})
	if err != nil {
		return 0, err
	}
	var again error
	for _, b := range browsers {
		result, err := s.pushTo(ctx, b, what, public, private)
		s.told.WithLabelValues("push", result).Inc()
		switch result {
		case "sent":
			taken++
		case "gone":
			err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error { return deleteExpired(ctx, tx, b.id) })
			again = errors.Join(again, err)
		case "retry":
			again = errors.Join(again, err)
		default:
			s.log.Warn("a push service refused a push for good", "kind", what, "err", err)
		}
	}
	return taken, again
}

type browser struct {
	id       uuid.UUID
	language string
	to       Subscription
}

func (s *Service) browsers(ctx context.Context, tx *storage.Tx, user uuid.UUID) ([]browser, error) {
	rows, err := listSubscriptions(ctx, tx, user)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	key, err := s.key(ctx, tx)
	if err != nil {
		return nil, err
	}
	found := make([]browser, 0, len(rows))
	for _, r := range rows {
		b := browser{id: r.ID, language: r.Language}
		plain, err := key.Open(r.Sealed, sealedFor(tx.Tenant, "subscription"))
		if err == nil {
			err = json.Unmarshal(plain, &b.to)
		}
		if err != nil {
			return nil, fmt.Errorf("read a push subscription: %w", err)
		}
		found = append(found, b)
	}
	return found, nil
}

// notice is what the service worker (web/public/sw.js) is told.
type notice struct {
	Title string `json:"title"`
	Body  string `json:"body"`
	Tag   string `json:"tag"`
	Path  string `json:"path"`
}

const keepPush = 12 * time.Hour // at the push service, for a machine that sleeps

// pushTo sends one push. result is sent, gone, retry or failed, the last two with an error.
func (s *Service) pushTo(ctx context.Context, b browser, what Kind, public, private string) (result string, err error) {
	text := sentences(b.language)[what]
	body, err := json.Marshal(notice{Title: text.title, Body: text.body, Tag: "tandem-" + string(what), Path: what.path()})
	if err != nil {
		return "failed", fmt.Errorf("write a push: %w", err)
	}
	o := &webpush.Options{
		HTTPClient: s.pushes, Subscriber: s.cfg.Contact, VAPIDPublicKey: public, VAPIDPrivateKey: private,
		TTL: int(keepPush.Seconds()), Urgency: webpush.UrgencyNormal, Topic: string(what),
	}
	if what == KindOffer {
		o.TTL, o.Urgency = 30, webpush.UrgencyHigh
	}
	res, err := webpush.SendNotificationWithContext(ctx, body, &webpush.Subscription{
		Endpoint: b.to.Endpoint, Keys: webpush.Keys{P256dh: b.to.Keys.P256dh, Auth: b.to.Keys.Auth},
	}, o)
	switch {
	case errors.Is(err, egress.ErrPrivate):
		return "failed", egress.ErrPrivate
	case err != nil:
		return "retry", fmt.Errorf("push: %w", withoutURL(err))
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	switch {
	case res.StatusCode/100 == 2:
		return "sent", nil
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return "gone", nil
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		return "retry", fmt.Errorf("push: the service answered %d", res.StatusCode)
	}
	return "failed", fmt.Errorf("push: the service answered %d", res.StatusCode)
}

// withoutURL leaves out of an error where the request went: whoever knows a push address may push, and an account's address names it.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
