package recording_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/recording"
	"tandem/recording/recordingtest"
)

// crmKey registers a fresh access key and returns what signs.
func crmKey(t *testing.T, r *recordingtest.Rig) ed25519.PrivateKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err == nil {
		err = r.Service.SetAccessKey(t.Context(), r.Tenant, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	}
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// asker is a person on the break-glass way, with everything in hand that a test does not take away.
type asker struct {
	*recordingtest.Rig
	id   uuid.UUID
	user uuid.UUID
	key  ed25519.PrivateKey
}

func (a asker) challenge(t *testing.T) recording.Challenge {
	t.Helper()
	c, err := a.Service.Challenge(t.Context(), a.Tenant, a.id, a.user, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (a asker) try(c recording.Challenge) recording.AccessTry {
	return recording.AccessTry{
		User: a.user, From: "192.0.2.1", Challenge: c.ID, Signature: ed25519.Sign(a.key, []byte(c.Message)),
		SecondFactor: func(context.Context) error { return nil },
	}
}

// refused is the factor that the last audited refusal names, and how many there are.
func (a asker) refused() (factor string, n int) {
	a.Scan(&n, `SELECT count(*) FROM events WHERE type = 'recording.access_refused'`)
	if n > 0 {
		a.Scan(&factor, `SELECT data->>'reason' FROM events WHERE type = 'recording.access_refused' ORDER BY seq DESC LIMIT 1`)
	}
	return factor, n
}

// Each factor alone is enough to be refused, and every refusal is told.
func TestEachMissingFactorIsRefused(t *testing.T) {
	r := recordingtest.New(t, nil)
	a := asker{Rig: r, key: crmKey(t, r), user: uuid.New()}
	a.id = made(t, r, uuid.New())
	_, stranger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		factor string
		take   func(*recording.AccessTry, recording.Challenge)
		want   error
	}{
		{"permission", func(try *recording.AccessTry, _ recording.Challenge) { try.Permission = auth.ErrForbidden }, auth.ErrForbidden},
		{"second_factor", func(try *recording.AccessTry, _ recording.Challenge) {
			try.SecondFactor = func(context.Context) error { return auth.ErrTOTPWrong }
		}, auth.ErrTOTPWrong},
		{"crm_signature", func(try *recording.AccessTry, _ recording.Challenge) { try.Signature = nil }, recording.ErrSignature},
		{"crm_signature", func(try *recording.AccessTry, c recording.Challenge) {
			try.Signature = ed25519.Sign(stranger, []byte(c.Message))
		}, recording.ErrSignature},
		{"challenge", func(try *recording.AccessTry, _ recording.Challenge) { try.Challenge = uuid.New() }, recording.ErrNonce},
		{"challenge", func(try *recording.AccessTry, _ recording.Challenge) { try.User = uuid.New() }, recording.ErrNonce},
		{"challenge", func(*recording.AccessTry, recording.Challenge) { r.Skew(5*time.Minute + time.Second) }, recording.ErrNonce},
	} {
		_, before := a.refused()
		ch := a.challenge(t)
		try := a.try(ch)
		c.take(&try, ch)
		g, err := r.Service.Access(t.Context(), r.Tenant, a.id, try)
		if !errors.Is(err, c.want) || g.Token != "" {
			t.Errorf("without %s: %v", c.factor, err)
		}
		if factor, n := a.refused(); factor != c.factor || n != before+1 {
			t.Errorf("without %s: told of %d refusals, the last %s", c.factor, n-before, factor)
		}
		if _, err := r.Service.Access(t.Context(), r.Tenant, a.id, a.try(ch)); c.factor == "crm_signature" && !errors.Is(err, recording.ErrNonce) {
			t.Errorf("a challenge was good twice: %v", err)
		}
	}
	if _, err := r.Service.Challenge(t.Context(), r.Tenant, a.id, a.user, auth.ErrForbidden); !errors.Is(err, auth.ErrForbidden) {
		t.Errorf("a challenge without permission: %v", err)
	}
	if factor, _ := a.refused(); factor != "permission" {
		t.Errorf("told of %s", factor)
	}
}

// With every factor there is one stream, whole, begun within a minute, from one address; nothing of it opens a second one.
func TestBreakGlass(t *testing.T) {
	r := recordingtest.New(t, nil)
	a := asker{Rig: r, key: crmKey(t, r), user: uuid.New()}
	a.id = made(t, r, uuid.New())
	grant := func() recording.Grant {
		g, err := r.Service.Access(t.Context(), r.Tenant, a.id, a.try(a.challenge(t)))
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	listen := func(user uuid.UUID, from, token string) ([]byte, error) {
		h, err := r.Service.Listen(t.Context(), r.Tenant, a.id, user, from, token)
		if err != nil {
			return nil, err
		}
		defer h.Close()
		b, err := io.ReadAll(h)
		if d := h.Until.Sub(r.Now()); d > 15*time.Minute || int64(len(b)) != h.Size {
			t.Errorf("%d bytes of %d, until in %v", len(b), h.Size, d)
		}
		return b, err
	}
	g := grant()
	for name, try := range map[string]func() ([]byte, error){
		"another person":  func() ([]byte, error) { return listen(uuid.New(), "192.0.2.1", g.Token) },
		"another address": func() ([]byte, error) { return listen(a.user, "192.0.2.2", g.Token) },
		"another token":   func() ([]byte, error) { return listen(a.user, "192.0.2.1", g.Token[1:]+"A") },
	} {
		if _, err := try(); !errors.Is(err, recording.ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	sound, err := listen(a.user, "192.0.2.1", g.Token)
	if err != nil {
		t.Fatal(err)
	}
	sides, f := recordingtest.Join(t, sound)
	checkTones(t, sides, f.Rate, 440, 1000)
	if _, err := listen(a.user, "192.0.2.1", g.Token); !errors.Is(err, recording.ErrToken) {
		t.Errorf("a second stream: %v", err)
	}
	late := grant()
	r.Skew(time.Minute + time.Second)
	if _, err := listen(a.user, "192.0.2.1", late.Token); !errors.Is(err, recording.ErrToken) {
		t.Errorf("begun too late: %v", err)
	}
	var granted, begun, refused int
	r.Scan(&granted, `SELECT count(*) FROM events WHERE type = 'recording.access_granted'`)
	r.Scan(&begun, `SELECT count(*) FROM events WHERE type = 'recording.access_begun'`)
	if _, refused = a.refused(); granted != 2 || begun != 1 || refused != 5 {
		t.Errorf("told of %d grants, %d streams, %d refusals", granted, begun, refused)
	}
	var stored []byte
	r.Scan(&stored, `SELECT token FROM recording_access WHERE begun_at IS NOT NULL`)
	if bytes.Contains(stored, []byte(g.Token)) || len(stored) != 32 {
		t.Error("the token is stored as it is")
	}
}

// Registering a key opens nothing that is held already, so that no administrator lets himself in; what is gone or being made is not opened either.
func TestAccessKeyIsForLater(t *testing.T) {
	r := recordingtest.New(t, nil)
	a := asker{Rig: r, user: uuid.New()}
	a.id = made(t, r, uuid.New())
	a.key = crmKey(t, r)
	if _, err := r.Service.Challenge(t.Context(), r.Tenant, a.id, a.user, nil); !errors.Is(err, recording.ErrNoAccessKey) {
		t.Errorf("a key registered afterwards: %v", err)
	}
	if factor, _ := a.refused(); factor != "access_key" {
		t.Errorf("told of %q", factor)
	}
	if err := recording.Opens(r.Service, a.id); err != nil {
		t.Errorf("what was held before cannot be delivered any more: %v", err)
	}
	rec, err := r.Service.Start(t.Context(), recording.NewRecording{Tenant: r.Tenant, Call: uuid.New()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Service.Challenge(t.Context(), r.Tenant, rec.ID(), a.user, nil); !errors.Is(err, recording.ErrNotHeld) {
		t.Errorf("of a recording that is being made: %v", err)
	}
	if err := rec.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Service.SetAccessKey(t.Context(), r.Tenant, "no key"); !errors.Is(err, recording.ErrAccessKey) {
		t.Errorf("no key at all: %v", err)
	}
	if k, err := r.Service.AccessKey(t.Context(), r.Tenant); err != nil || len(k.Fingerprint) != 64 {
		t.Errorf("%+v, %v", k, err)
	}
}
