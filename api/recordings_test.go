package api_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/pquerna/otp/totp"

	"tandem/internal/auth"
	"tandem/internal/storage"
	"tandem/recording"
)

// The break-glass way through the API: who lacks the permission, the CRM's signature or a fresh code is refused, and the log knows why.
func TestBreakGlassNeedsEveryFactor(t *testing.T) {
	w := newWorld(t)
	admin := w.one.signIn(t, "admin@one.test")
	w.one.user(t, "agent@one.test", auth.RoleAgent)
	agent := w.one.signIn(t, "agent@one.test")
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	const accessKey = "/api/v1/recordings/access-key"
	if a := w.ask(t, admin, "PUT", accessKey, text(map[string]string{"public_key": key, "code": "123456"})); a.code() != "second_factor_missing" {
		t.Fatalf("a key without a second factor: %d %s", a.status, a.body)
	}
	var enrolled struct{ Secret string }
	if err := json.Unmarshal([]byte(w.ask(t, admin, "POST", "/api/v1/me/totp", "").body), &enrolled); err != nil {
		t.Fatal(err)
	}
	code := func(step time.Duration) string {
		c, err := totp.GenerateCode(enrolled.Secret, time.Now().Add(step*30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if a := w.ask(t, admin, "POST", "/api/v1/me/totp/confirm", text(map[string]string{"code": code(-1)})); a.status != 200 {
		t.Fatalf("confirm: %d %s", a.status, a.body)
	}
	if a := w.ask(t, admin, "PUT", accessKey, text(map[string]string{"public_key": key, "code": code(0)})); a.status != 200 {
		t.Fatalf("register: %d %s", a.status, a.body)
	}

	rec, err := w.Recordings.Start(t.Context(), recording.NewRecording{Tenant: w.one.tenant, Call: uuid.New()})
	if err == nil {
		err = rec.Stop(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	path := "/api/v1/recordings/" + rec.ID().String()
	refused := func(want string) {
		t.Helper()
		var reason string
		err := w.DB.Worker(t.Context(), func(tx *storage.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT data->>'reason' FROM events WHERE type = 'recording.access_refused' AND actor IS NOT NULL ORDER BY seq DESC LIMIT 1`).Scan(&reason)
		})
		if err != nil || reason != want {
			t.Errorf("told of %q instead of %q, %v", reason, want, err)
		}
	}
	if a := w.ask(t, agent, "POST", path+"/challenge", ""); a.status != 403 {
		t.Errorf("an agent: %d %s", a.status, a.body)
	}
	refused("permission")
	access := func(signer ed25519.PrivateKey, code string) answer {
		var c recording.Challenge
		if err := json.Unmarshal([]byte(w.ask(t, admin, "POST", path+"/challenge", "").body), &c); err != nil {
			t.Fatal(err)
		}
		return w.ask(t, admin, "POST", path+"/access", text(map[string]any{
			"challenge_id": c.ID, "code": code, "signature": base64.StdEncoding.EncodeToString(ed25519.Sign(signer, []byte(c.Message))),
		}))
	}
	_, stranger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if a := access(stranger, code(1)); a.code() != "access_signature" {
		t.Errorf("another's signature: %d %s", a.status, a.body)
	}
	refused("crm_signature")
	if a := access(private, code(0)); a.code() != "totp_wrong" {
		t.Errorf("a code that was used before: %d %s", a.status, a.body)
	}
	refused("second_factor")
	a := access(private, code(1))
	var g recording.Grant
	if err := json.Unmarshal([]byte(a.body), &g); err != nil || a.status != 200 || len(g.Token) < 40 {
		t.Errorf("with every factor: %d %s", a.status, a.body)
	}
	if a := w.ask(t, agent, "POST", path+"/sound", text(map[string]string{"token": g.Token})); a.code() != "access_token" {
		t.Errorf("somebody else's token: %d %s", a.status, a.body)
	}
	refused("token")
}
