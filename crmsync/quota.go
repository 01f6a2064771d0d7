package crmsync

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"tandem/recording"
)

// Quotas remembers how many requests of the day or minute a vendor leaves each tenant. What waits is not sent with the last fifth: it is for people, who look
// contacts up (R6.3). A Vendor makes one for all its Providers.
type Quotas struct {
	mu   sync.Mutex
	seen map[uuid.UUID]quota
}

type quota struct {
	left, total int
	at          time.Time
}

// quotaAge is how long a quota that was spent is believed; then one request is let through to see.
const quotaAge = 15 * time.Minute

type interactive struct{}

// Interactive marks what somebody waits for: it may use all of the requests that are left.
func Interactive(ctx context.Context) context.Context {
	return context.WithValue(ctx, interactive{}, true)
}

var errQuota = errors.New("what is left of the requests that the CRM allows is kept for people")

func (c *Client) enough(ctx context.Context) error {
	if c.Shared == nil || ctx.Value(interactive{}) != nil {
		return nil
	}
	c.Shared.mu.Lock()
	defer c.Shared.mu.Unlock()
	q := c.Shared.seen[c.Tenant.Tenant]
	if wait := cmp.Or(c.QuotaAge, quotaAge) - time.Since(q.at); q.left*5 < q.total && wait > 0 {
		return &recording.SendError{Class: recording.ClassThrottled, RetryAfter: wait, Err: errQuota}
	}
	return nil
}

func (c *Client) count(h http.Header) {
	if c.Shared == nil || c.Quota == nil {
		return
	}
	left, total, ok := c.Quota(h)
	if !ok {
		return
	}
	c.Shared.mu.Lock()
	defer c.Shared.mu.Unlock()
	if c.Shared.seen == nil {
		c.Shared.seen = make(map[uuid.UUID]quota)
	}
	c.Shared.seen[c.Tenant.Tenant] = quota{left, total, time.Now()}
}
