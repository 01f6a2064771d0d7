package egress_test

import (
	"net/http"
	"testing"
	"time"

	"tandem/internal/egress"
)

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	of := func(v string) time.Duration { return egress.RetryAfter(http.Header{"Retry-After": {v}}, now) }
	for _, v := range []string{"", "120", "-1", "99999999999999999999", "Sun, 22 Nov 2026 06:01:00 GMT", "Sat, 21 Nov 2026 06:01:00 GMT", "soon"} {
		f.Add(v)
	}
	if d := of("Sun, 22 Nov 2026 06:01:00 GMT"); d != time.Minute {
		f.Errorf("a date: %v", d)
	}
	if d := of("120"); d != 2*time.Minute {
		f.Errorf("seconds: %v", d)
	}
	f.Fuzz(func(t *testing.T, v string) {
		if d := of(v); d < 0 {
			t.Errorf("%q: %v", v, d)
		}
	})
}
