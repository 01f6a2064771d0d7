package auth

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// RetryAfter says, inside an error, how long to wait before trying again.
type RetryAfter time.Duration

func (r RetryAfter) Error() string { return "wait " + time.Duration(r).String() }

// ErrThrottled says that too many logins have failed; it wraps a RetryAfter.
var ErrThrottled = fault.New(fault.TooMany, "login_throttled", "Too many failed attempts. Wait a while, then try again.")

// brake is one counter of failed logins.
type brake struct {
	key  []byte
	free int // failures before the first delay: a network has many people behind it
}

const (
	forgetFailures = 24 * time.Hour
	longestDelay   = 15 * time.Minute
)

// delay is how long a counter blocks after its n-th failure: 1 s after the first that is not free, doubling.
func (b brake) delay(n int) time.Duration {
	over := n - b.free
	if over <= 0 {
		return 0
	}
	if over > 10 {
		return longestDelay
	}
	return min(time.Second<<(over-1), longestDelay)
}

// brakes names the counters that a login from network to the account runs against. At a network from which the account has signed in
// before, it is only the account's counter for that network: nobody elsewhere can lock the owner out.
func brakes(email string, network netip.Prefix, known bool) []brake {
	account := strings.ToLower(email)
	if known {
		return []brake{{key: brakeKey("known", account, network.String()), free: 5}}
	}
	return []brake{{key: brakeKey("account", account), free: 5}, {key: brakeKey("network", network.String()), free: 30}}
}

func brakeKey(parts ...string) []byte {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return h[:]
}

// sourceNetwork is what counts as one source: an IPv4 /24 or an IPv6 /64.
func sourceNetwork(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 24
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address: everyone without one is one source
	}
	return p
}

// charge counts an attempt as failed before it is looked at, so that many at once gain nothing; a success gives it back.
// A blocked attempt is refused and not counted.
func charge(ctx context.Context, tx *storage.Tx, all []brake) error {
	for _, b := range all {
		c, err := lockCounter(ctx, tx, b.key)
		if err != nil {
			return err
		}
		if wait := c.BlockedUntil.Sub(tx.Now); wait > 0 {
			return ErrThrottled.Because(RetryAfter(wait))
		}
		if tx.Now.Sub(c.LastAt) > forgetFailures {
			c.Failures = 0
		}
		if err := storeCounter(ctx, tx, b.key, c.Failures+1, tx.Now.Add(b.delay(c.Failures+1))); err != nil {
			return err
		}
	}
	return nil
}

// refund takes the charge back. After a login that was right (forgive) the account starts anew; the network loses one failure only, so
// that an attacker who also knows one password cannot wipe the slate.
func refund(ctx context.Context, tx *storage.Tx, all []brake, forgive bool) error {
	for i, b := range all {
		c, err := lockCounter(ctx, tx, b.key)
		if err != nil {
			return err
		}
		failures := max(c.Failures-1, 0)
		if forgive && i == 0 {
			failures = 0
		}
		if err := storeCounter(ctx, tx, b.key, failures, tx.Now); err != nil {
			return err
		}
	}
	return nil
}

// braked counts the failures of try, in which somebody who is signed in proves something: a stolen session must not guess for ever.
func (s *Service) braked(ctx context.Context, what string, user uuid.UUID, try func() error) error {
	counters := []brake{{key: brakeKey(what, user.String()), free: 5}}
	if err := s.db.Worker(ctx, func(tx *storage.Tx) error { return charge(ctx, tx, counters) }); err != nil {
		return err
	}
	if err := try(); err != nil {
		return err
	}
	return s.db.Worker(ctx, func(tx *storage.Tx) error { return refund(ctx, tx, counters, true) })
}
