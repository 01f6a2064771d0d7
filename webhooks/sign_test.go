package webhooks

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// The vector of Standard Webhooks' own libraries, whose ids are no UUIDs.
func TestVector(t *testing.T) {
	w, err := standardwebhooks.NewWebhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; err != nil || got != want {
		t.Fatalf("%s, %v; want %s", got, err, want)
	}
}

func TestSign(t *testing.T) {
	id, now, body := uuid.New(), time.Now(), []byte(`{"type":"call.ended"}`)
	old, current, other := newSecret(), newSecret(), newSecret()
	h := http.Header{}
	if err := sign(h, id, now, body, current, old); err != nil {
		t.Fatal(err)
	}
	if n := len(strings.Fields(h.Get("webhook-signature"))); n != 2 || h.Get("webhook-id") != id.String() {
		t.Fatalf("headers %v", h)
	}
	for secret, good := range map[string]bool{old: true, current: true, other: false} {
		w, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Verify(body, h); (err == nil) != good {
			t.Errorf("verified by a secret that is %v: %v", good, err)
		}
		if w.Verify(append([]byte(" "), body...), h) == nil {
			t.Error("a changed body is verified")
		}
	}
	if sign(h, id, now, body, "whsec_not base64!") == nil {
		t.Error("a bad secret signs")
	}
}
