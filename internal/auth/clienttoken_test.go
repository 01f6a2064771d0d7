package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/internal/storage/storagetest"
)

// A token is believed only when it is signed with the tenant's secret of today, by HS256, and expires soon.
func TestClientToken(t *testing.T) {
	db := storagetest.New(t)
	s, err := auth.New(db, auth.Config{})
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := s.AddTenant(t.Context(), "one", "One", "en", "UTC")
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.AddTenant(t.Context(), "two", "Two", "en", "UTC")
	if err != nil {
		t.Fatal(err)
	}
	as := func(tenant uuid.UUID) context.Context { return auth.With(t.Context(), auth.System(tenant)) }
	if c, err := s.ClientSecret(as(tenant)); err != nil || c.Exists {
		t.Fatalf("a new tenant's secret: %+v, %v", c, err)
	}
	made, err := s.MakeClientSecret(as(tenant))
	if err != nil || len(made.Secret) < 32 {
		t.Fatalf("made %+v, %v", made, err)
	}
	if c, err := s.ClientSecret(as(tenant)); err != nil || !c.Exists || c.Secret != "" {
		t.Errorf("the secret is %+v, %v", c, err)
	}
	now := db.Now()
	claims := func(exp time.Time) jwt.MapClaims {
		return jwt.MapClaims{"exp": exp.Unix(), "reserved_verified_customer": true, "reserved_bad_actor": false, "data": map[string]string{"order": "4711"}}
	}
	sign := func(method jwt.SigningMethod, key any, c jwt.Claims) string {
		text, err := jwt.NewWithClaims(method, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := sign(jwt.SigningMethodHS256, []byte(made.Secret), claims(now.Add(10*time.Minute)))
	c, err := s.ReadClientToken(t.Context(), tenant, good)
	if err != nil || c.VerifiedCustomer == nil || !*c.VerifiedCustomer || c.BadActor == nil || *c.BadActor || c.RepeatCustomer != nil || c.Data["order"] != "4711" {
		t.Errorf("read %+v, %v", c, err)
	}
	forever := claims(now)
	delete(forever, "exp")
	for name, token := range map[string]string{
		"nothing":            "",
		"garbage":            "a.b.c",
		"too long":           strings.Repeat("a", 17<<10),
		"another key":        sign(jwt.SigningMethodHS256, []byte("x"), claims(now.Add(time.Minute))),
		"another method":     sign(jwt.SigningMethodHS512, []byte(made.Secret), claims(now.Add(time.Minute))),
		"unsigned":           sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(now.Add(time.Minute))),
		"expired":            sign(jwt.SigningMethodHS256, []byte(made.Secret), claims(now.Add(-time.Minute))),
		"without end":        sign(jwt.SigningMethodHS256, []byte(made.Secret), forever),
		"for too long":       sign(jwt.SigningMethodHS256, []byte(made.Secret), claims(now.Add(2*time.Hour))),
		"flags that are not": sign(jwt.SigningMethodHS256, []byte(made.Secret), jwt.MapClaims{"exp": now.Add(time.Minute).Unix(), "reserved_bad_actor": "yes"}),
	} {
		if c, err := s.ReadClientToken(t.Context(), tenant, token); !errors.Is(err, auth.ErrClientToken) || c.VerifiedCustomer != nil || c.BadActor != nil {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	if _, err := s.ReadClientToken(t.Context(), other, good); !errors.Is(err, auth.ErrClientToken) {
		t.Errorf("another tenant believes it: %v", err)
	}
	if _, err := s.MakeClientSecret(as(tenant)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReadClientToken(t.Context(), tenant, good); !errors.Is(err, auth.ErrClientToken) {
		t.Errorf("the old secret still signs: %v", err)
	}
}
