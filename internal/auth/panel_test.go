package auth_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/auth"
)

func TestTidyOrigins(t *testing.T) {
	for _, c := range []struct {
		given string // by spaces
		want  string
		ok    bool
	}{
		{"", "", true},
		{"https://CRM.Example.com HTTPS://a.test:8443/ https://crm.example.com", "https://a.test:8443 https://crm.example.com", true},
		{"http://localhost:3000", "http://localhost:3000", true},
		{"https://crm.example.com/page", "", false},
		{"https://crm.example.com?x=1", "", false},
		{"https://crm.example.com#x", "", false},
		{"https://user@crm.example.com", "", false},
		{"https://*.example.com", "", false},
		{"https://a.test;script-src", "", false},
		{"https://a.test,b.test", "", false},
		{"https://'self'", "", false},
		{"crm.example.com", "", false},
		{"ftp://crm.example.com", "", false},
		{"javascript:alert(1)", "", false},
		{"https://", "", false},
		{"null", "", false},
	} {
		got, ok := auth.TidyOrigins(strings.Fields(c.given))
		if ok != c.ok || strings.Join(got, " ") != c.want {
			t.Errorf("%q: %q, %v", c.given, got, ok)
		}
	}
}

// What an administrator sets stands for their tenant alone, and in the audit log; what is no origin changes nothing.
func TestPanelSettings(t *testing.T) {
	w := newWorld(t)
	admin := w.user(t, "admin@one.test", auth.RoleAdministrator)
	ctx, _ := w.signIn(t, admin.Email, "")
	if p, err := w.Panel(ctx); err != nil || p.ID != w.tenant || len(p.Origins) != 0 || p.Numbers {
		t.Errorf("before: %+v, %v", p, err)
	}
	if err := w.SetPanel(ctx, auth.Panel{ID: uuid.New(), Origins: []string{"https://CRM.test/"}, Numbers: true}); err != nil {
		t.Fatal(err)
	}
	f := w.facts[len(w.facts)-1]
	if f.Type != "panel.changed" || f.Actor != admin.ID || f.Subject != w.tenant || f.Data["numbers"] != true {
		t.Errorf("the audit log gets %+v", f)
	}
	recorded := len(w.facts)
	var many []string
	for i := range 51 {
		many = append(many, fmt.Sprintf("https://crm%d.test", i))
	}
	for _, bad := range [][]string{{"https://crm.test/page"}, {"https://ok.test", "none"}, many} {
		want(t, w.SetPanel(ctx, auth.Panel{Origins: bad}), auth.ErrPanelOrigin)
	}
	if p, err := w.PanelOf(t.Context(), w.tenant); err != nil || !slices.Equal(p.Origins, []string{"https://crm.test"}) || !p.Numbers || len(w.facts) != recorded {
		t.Errorf("%+v, %v, %d facts", p, err, len(w.facts)-recorded)
	}
	other, err := w.AddTenant(t.Context(), "two", "Two", "en", "UTC")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []uuid.UUID{other, uuid.New()} {
		if p, err := w.PanelOf(t.Context(), id); err != nil || len(p.Origins) != 0 || p.Numbers {
			t.Errorf("another's panel: %+v, %v", p, err)
		}
	}
	if err := w.SetPanel(ctx, auth.Panel{}); err != nil {
		t.Fatal(err)
	}
	if p, err := w.Panel(ctx); err != nil || len(p.Origins) != 0 {
		t.Errorf("taken away: %+v, %v", p, err)
	}
}

// A frame's session comes from a ticket that is good once and for half a minute, for nobody but its owner, and ends with the session that it came from.
func TestOpenPanel(t *testing.T) {
	w := newWorld(t)
	u := w.user(t, "agent@one.test", auth.RoleAgent)
	ctx, window := w.signIn(t, u.Email, "")
	ticket := func() string {
		t.Helper()
		s, err := w.Ticket(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	once := ticket()
	w.clock.advance(10 * time.Second)
	panel, err := w.OpenPanel(t.Context(), once)
	if err != nil || panel.Actor.User != u.ID || panel.Actor.Tenant != w.tenant || panel.Actor.Session == window.Actor.Session || !panel.Expires.Equal(window.Expires) {
		t.Fatalf("%+v, %v; the window's ends at %v", panel, err, window.Expires)
	}
	if a, err := w.Authenticate(t.Context(), panel.Token); err != nil || a.User != u.ID {
		t.Errorf("the frame's session: %+v, %v", a, err)
	}
	if f := w.facts[len(w.facts)-1]; f.Type != "login.ok" || f.Actor != u.ID {
		t.Errorf("the audit log gets %+v", f)
	}
	late, foreign := ticket(), ticket()
	other, err := w.AddTenant(t.Context(), "two", "Two", "en", "UTC")
	if err != nil {
		t.Fatal(err)
	}
	token, err := base64.RawURLEncoding.DecodeString(foreign)
	if err != nil {
		t.Fatal(err)
	}
	stolen := base64.RawURLEncoding.EncodeToString(append(other[:], token[len(other):]...)) // a token begins with its tenant
	for name, bad := range map[string]string{"used": once, "no ticket": "x", "empty": "", "a session's token": panel.Token, "named for another tenant": stolen} {
		if s, err := w.OpenPanel(t.Context(), bad); err == nil {
			t.Errorf("%s opens %+v", name, s)
		}
	}
	if _, err := w.OpenPanel(t.Context(), foreign); err != nil {
		t.Errorf("the ticket that was tried for another tenant: %v", err)
	}
	w.clock.advance(31 * time.Second)
	_, err = w.OpenPanel(t.Context(), late)
	want(t, err, auth.ErrUnauthorized)

	last := ticket()
	if err := w.Logout(ctx); err != nil {
		t.Fatal(err)
	}
	_, err = w.OpenPanel(t.Context(), last)
	want(t, err, auth.ErrUnauthorized)
	if err := w.RevokeSessions(w.system(), u.ID); err != nil {
		t.Fatal(err)
	}
	_, err = w.Authenticate(t.Context(), panel.Token)
	want(t, err, auth.ErrUnauthorized)
}
