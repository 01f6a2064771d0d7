package egress

import (
	"net/http"
	"strconv"
	"time"
)

// LongestWish is how long anybody may ask us to wait before they are tried again.
const LongestWish = 6 * time.Hour

// longestRetryAfter is more than anybody means.
const longestRetryAfter = 365 * 24 * time.Hour

// RetryAfter is how long an answer asks to wait (RFC 9110, section 10.2.3: seconds, or a date), 0 when it says nothing that can be understood.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if s, err := strconv.Atoi(v); err == nil {
		return time.Duration(min(max(s, 0), int(longestRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(0, at.Sub(now)), longestRetryAfter)
	}
	return 0
}
