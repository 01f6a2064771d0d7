package auth_test

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/pquerna/otp/totp"

	"tandem/internal/auth"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

// clock is the database's clock, moved by hand.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC).Add(time.Duration(c.offset.Load()))
}
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

const password = "correct horse"

var (
	office = netip.MustParseAddr("192.0.2.10")
	abroad = netip.MustParseAddr("198.51.100.7")
)

type world struct {
	*auth.Service
	clock  *clock
	db     *storage.DB
	tenant uuid.UUID
	facts  []auth.Fact
	set    map[string]string // extension → password, as sip is told
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: &clock{}, set: map[string]string{}}
	w.db = storagetest.NewAt(t, w.clock.now)
	var err error
	w.Service, err = auth.New(w.db, auth.Config{
		Record: func(_ context.Context, _ *storage.Tx, f auth.Fact) error { w.facts = append(w.facts, f); return nil },
		PasswordSet: func(_ context.Context, _ *storage.Tx, u auth.User, p string) error {
			w.set[u.Extension] = p
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.tenant, err = w.AddTenant(t.Context(), "one", "One", "en", "UTC")
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) system() context.Context {
	return auth.With(context.Background(), auth.System(w.tenant))
}

func (w *world) role(t *testing.T, name string) uuid.UUID {
	t.Helper()
	roles, err := w.Roles(w.system())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		if r.Name == name {
			return r.ID
		}
	}
	t.Fatalf("no role %s", name)
	return uuid.Nil
}

func (w *world) user(t *testing.T, email, role string, teams ...uuid.UUID) auth.User {
	t.Helper()
	name, pw, roles := "Someone", password, []uuid.UUID{w.role(t, role)}
	u, err := w.AddUser(w.system(), auth.UserChange{Email: &email, Name: &name, Password: &pw, Roles: &roles, Teams: &teams})
	if err != nil {
		t.Fatalf("add %s: %v", email, err)
	}
	return u
}

func (w *world) signIn(t *testing.T, email, code string) (context.Context, auth.Session) {
	t.Helper()
	s, err := w.Login(t.Context(), auth.Login{Email: email, Password: password, Code: code, From: office})
	if err != nil {
		t.Fatalf("sign in %s: %v", email, err)
	}
	return auth.With(t.Context(), s.Actor), s
}

func want(t *testing.T, err error, is *fault.Error) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Fatalf("error %v, want %v", err, is)
	}
}

func TestSessionLife(t *testing.T) {
	w := newWorld(t)
	w.user(t, "a@one.test", auth.RoleAgent)
	ctx, s := w.signIn(t, "A@ONE.test", "")
	if s.Actor.Tenant != w.tenant || s.Actor.Roles[0] != auth.RoleAgent {
		t.Fatalf("actor %+v", s.Actor)
	}
	if _, err := w.Authenticate(ctx, s.Token); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "x", s.Token[:len(s.Token)-2] + "zz", s.Token + "a"} {
		_, err := w.Authenticate(ctx, bad)
		want(t, err, auth.ErrUnauthorized)
	}
	// A login while signed in ends the old session: a planted cookie is worth nothing.
	again, err := w.Login(ctx, auth.Login{Email: "a@one.test", Password: password, From: office, Replaces: s.Token})
	if err != nil || again.Token == s.Token {
		t.Fatalf("second login: %v", err)
	}
	_, err = w.Authenticate(ctx, s.Token)
	want(t, err, auth.ErrUnauthorized)

	for range 11 { // active: alive until the absolute limit
		w.clock.advance(59 * time.Minute)
		if _, err := w.Authenticate(ctx, again.Token); err != nil {
			t.Fatalf("an active session ended: %v", err)
		}
	}
	w.clock.advance(72 * time.Minute)
	_, err = w.Authenticate(ctx, again.Token)
	want(t, err, auth.ErrUnauthorized)

	_, idle := w.signIn(t, "a@one.test", "")
	w.clock.advance(61 * time.Minute)
	_, err = w.Authenticate(ctx, idle.Token)
	want(t, err, auth.ErrUnauthorized)

	ctx, out := w.signIn(t, "a@one.test", "")
	if err := w.Logout(ctx); err != nil {
		t.Fatal(err)
	}
	_, err = w.Authenticate(ctx, out.Token)
	want(t, err, auth.ErrUnauthorized)
	if err := w.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestRevocation(t *testing.T) {
	w := newWorld(t)
	w.user(t, "admin@one.test", auth.RoleAdministrator)
	admin, _ := w.signIn(t, "admin@one.test", "")
	off, agent, other := false, []uuid.UUID{w.role(t, auth.RoleAgent)}, "another password"
	for name, revoke := range map[string]func(id uuid.UUID) error{
		"sessions revoked": func(id uuid.UUID) error { return w.RevokeSessions(admin, id) },
		"switched off":     func(id uuid.UUID) error { _, err := w.ChangeUser(admin, id, auth.UserChange{Active: &off}); return err },
		"role removed": func(id uuid.UUID) error {
			_, err := w.ChangeUser(admin, id, auth.UserChange{Roles: &agent})
			return err
		},
		"new password": func(id uuid.UUID) error {
			_, err := w.ChangeUser(admin, id, auth.UserChange{Password: &other})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := w.user(t, uuid.NewString()+"@one.test", auth.RoleManager)
			ctx, s := w.signIn(t, u.Email, "")
			ticket, err := w.Ticket(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := revoke(u.ID); err != nil {
				t.Fatal(err)
			}
			_, err = w.Authenticate(ctx, s.Token)
			want(t, err, auth.ErrUnauthorized)
			_, err = w.Renew(ctx, s.Actor)
			want(t, err, auth.ErrUnauthorized)
			_, err = w.Redeem(ctx, ticket)
			want(t, err, auth.ErrUnauthorized)
		})
	}
}

func TestTicketIsGoodOnce(t *testing.T) {
	w := newWorld(t)
	w.user(t, "a@one.test", auth.RoleAgent)
	ctx, s := w.signIn(t, "a@one.test", "")
	ticket, err := w.Ticket(ctx)
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.Redeem(ctx, ticket)
	if err != nil || a.User != s.Actor.User {
		t.Fatalf("%+v %v", a, err)
	}
	_, err = w.Redeem(ctx, ticket)
	want(t, err, auth.ErrUnauthorized)
	late, err := w.Ticket(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(31 * time.Second)
	_, err = w.Redeem(ctx, late)
	want(t, err, auth.ErrUnauthorized)
	_, err = w.Redeem(ctx, s.Token)
	want(t, err, auth.ErrUnauthorized)
}

func TestLoginBrake(t *testing.T) {
	w := newWorld(t)
	w.user(t, "a@one.test", auth.RoleAgent)
	w.user(t, "b@one.test", auth.RoleAgent)
	w.signIn(t, "a@one.test", "") // the office is a known network of a
	try := func(email string, from netip.Addr, pw string) error {
		_, err := w.Login(t.Context(), auth.Login{Email: email, Password: pw, From: from})
		return err
	}
	guesses := 0
	for err := error(auth.ErrLogin); errors.Is(err, auth.ErrLogin); guesses++ {
		err = try("a@one.test", abroad, "wrong password")
	}
	if guesses > 20 {
		t.Fatalf("%d guesses before the brake", guesses)
	}
	err := try("a@one.test", abroad, password)
	want(t, err, auth.ErrThrottled)
	var wait auth.RetryAfter
	if !errors.As(err, &wait) || wait <= 0 {
		t.Fatalf("%v says not how long to wait", err)
	}
	if err := try("a@one.test", office, password); err != nil {
		t.Fatalf("the owner is locked out at a known address: %v", err)
	}
	if err := try("b@one.test", abroad, password); err != nil {
		t.Fatalf("another account is locked out: %v", err)
	}
	// The delay grows.
	w.clock.advance(time.Duration(wait))
	want(t, try("a@one.test", abroad, "wrong password"), auth.ErrLogin)
	err = try("a@one.test", abroad, "wrong password")
	var longer auth.RetryAfter
	if !errors.As(err, &longer) || longer <= wait {
		t.Fatalf("after %v comes %v", wait, longer)
	}
	// Unknown accounts meet the same brake: nothing tells them apart.
	for range guesses {
		err = try("nobody@one.test", abroad, "wrong password")
	}
	want(t, err, auth.ErrThrottled)
	w.clock.advance(25 * time.Hour)
	if err := try("a@one.test", abroad, password); err != nil {
		t.Fatalf("a day later: %v", err)
	}
}

func TestNetworkBrake(t *testing.T) {
	w := newWorld(t)
	var err error
	for n := 0; n < 60 && !errors.Is(err, auth.ErrThrottled); n++ {
		_, err = w.Login(t.Context(), auth.Login{Email: uuid.NewString() + "@one.test", Password: password, From: netip.AddrFrom4([4]byte{203, 0, 113, byte(n)})})
	}
	want(t, err, auth.ErrThrottled)
}

func TestTOTP(t *testing.T) {
	w := newWorld(t)
	w.user(t, "a@one.test", auth.RoleAgent)
	ctx, _ := w.signIn(t, "a@one.test", "")
	e, err := w.EnrolTOTP(ctx)
	if err != nil {
		t.Fatal(err)
	}
	code := func() string {
		c, err := totp.GenerateCode(e.Secret, w.clock.now())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	_, err = w.ConfirmTOTP(ctx, "000000")
	want(t, err, auth.ErrTOTPWrong)
	w.signIn(t, "a@one.test", "") // not confirmed: not asked for
	recovery, err := w.ConfirmTOTP(ctx, code())
	if err != nil || len(recovery) != 10 {
		t.Fatalf("%v %v", recovery, err)
	}
	try := func(code string) error {
		_, err := w.Login(t.Context(), auth.Login{Email: "a@one.test", Password: password, Code: code, From: office})
		return err
	}
	want(t, try(""), auth.ErrTOTPRequired)
	want(t, try(code()), auth.ErrTOTPWrong) // the code of the enrolment is used up
	w.clock.advance(30 * time.Second)
	fresh := code()
	if err := try(fresh); err != nil {
		t.Fatal(err)
	}
	want(t, try(fresh), auth.ErrTOTPWrong)
	if err := try(recovery[3]); err != nil {
		t.Fatal(err)
	}
	want(t, try(recovery[3]), auth.ErrTOTPWrong)
	w.clock.advance(5 * time.Minute)
	if err := w.RemoveTOTP(ctx, code()); err != nil {
		t.Fatal(err)
	}
	w.signIn(t, "a@one.test", "")
}

// Whoever knows the password guesses codes no faster by asking in between without one; a stolen session guesses no faster either.
func TestCodesAreBraked(t *testing.T) {
	w := newWorld(t)
	w.user(t, "a@one.test", auth.RoleAgent)
	ctx, _ := w.signIn(t, "a@one.test", "")
	e, err := w.EnrolTOTP(ctx)
	if err != nil {
		t.Fatal(err)
	}
	code, _ := totp.GenerateCode(e.Secret, w.clock.now())
	if _, err := w.ConfirmTOTP(ctx, code); err != nil {
		t.Fatal(err)
	}
	for name, guess := range map[string]func() error{
		"at the login": func() error {
			_, err := w.Login(t.Context(), auth.Login{Email: "a@one.test", Password: password, From: office})
			if !errors.Is(err, auth.ErrTOTPRequired) {
				return err
			}
			_, err = w.Login(t.Context(), auth.Login{Email: "a@one.test", Password: password, Code: "000000", From: office})
			return err
		},
		"to remove it":       func() error { return w.RemoveTOTP(ctx, "000000") },
		"the old password":   func() error { return w.SetOwnPassword(ctx, "wrong password", "a new password") },
		"a recovery code":    func() error { return w.RemoveTOTP(ctx, "AAAA-AAAA-AAAA-AAAA") },
		"with an empty code": func() error { return w.RemoveTOTP(ctx, "") },
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 {
				if errors.Is(guess(), auth.ErrThrottled) {
					return
				}
			}
			t.Fatal("ten guesses and no brake")
		})
	}
}

// FuzzTokens feeds what comes in cookies, headers and frames.
func FuzzTokens(f *testing.F) {
	db := storagetest.New(f)
	s, err := auth.New(db, auth.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("")
	f.Add("AZ9kAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("tdm_abcdefghijklmnopqrstuvwxyz")
	f.Fuzz(func(t *testing.T, token string) {
		for _, ask := range []func(context.Context, string) (auth.Actor, error){s.Authenticate, s.AuthenticateKey, s.Redeem} {
			if a, err := ask(t.Context(), token); !errors.Is(err, auth.ErrUnauthorized) || a.User != uuid.Nil {
				t.Fatalf("%q is %+v, %v", token, a, err)
			}
		}
	})
}

func TestTOTPDemandedByRole(t *testing.T) {
	w := newWorld(t)
	admin := w.user(t, "admin@one.test", auth.RoleAdministrator)
	ctx, _ := w.signIn(t, "admin@one.test", "")
	role, err := w.Role(ctx, w.role(t, auth.RoleAdministrator))
	if err != nil {
		t.Fatal(err)
	}
	role.RequireTOTP = true
	if _, err := w.SaveRole(ctx, role); err != nil {
		t.Fatal(err)
	}
	ctx, s := w.signIn(t, "admin@one.test", "")
	_, err = s.Actor.Allow("read", "users")
	want(t, err, auth.ErrTOTPNeeded)
	e, err := w.EnrolTOTP(ctx)
	if err != nil {
		t.Fatal(err)
	}
	code, _ := totp.GenerateCode(e.Secret, w.clock.now())
	if _, err := w.ConfirmTOTP(ctx, code); err != nil {
		t.Fatal(err)
	}
	a, err := w.Renew(ctx, s.Actor)
	if err != nil || a.User != admin.ID {
		t.Fatal(err)
	}
	if _, err := a.Allow("read", "users"); err != nil {
		t.Fatal(err)
	}
}

func TestAPIKeys(t *testing.T) {
	w := newWorld(t)
	u := w.user(t, "m@one.test", auth.RoleManager)
	ctx, _ := w.signIn(t, "m@one.test", "")
	read := auth.Permissions{{Verb: "read", Resource: "queues", Scope: auth.ScopeAll}}
	_, _, err := w.AddAPIKey(ctx, auth.NewAPIKey{Name: "too much", Permissions: auth.Permissions{{Verb: "*", Resource: "*", Scope: auth.ScopeAll}}})
	want(t, err, auth.ErrBeyond)
	k, secret, err := w.AddAPIKey(ctx, auth.NewAPIKey{Name: "reader", Permissions: read})
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.AuthenticateKey(t.Context(), secret)
	if err != nil || a.User != u.ID || a.Key != k.ID || a.Tenant != w.tenant {
		t.Fatalf("%+v %v", a, err)
	}
	if again, err := w.Renew(t.Context(), a); err != nil || again.Key != k.ID || again.Permissions.Scope("read", "queues") != auth.ScopeAll {
		t.Fatalf("renewed: %+v %v", again, err)
	}
	if s, err := a.Allow("read", "queues"); err != nil || s != auth.ScopeAll {
		t.Fatal(s, err)
	}
	_, err = a.Allow("write", "queues")
	want(t, err, auth.ErrForbidden)
	// The key may do no more than its user still may.
	roles := []uuid.UUID{}
	if _, err := w.ChangeUser(w.system(), u.ID, auth.UserChange{Roles: &roles}); err != nil {
		t.Fatal(err)
	}
	if a, err = w.AuthenticateKey(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	_, err = a.Allow("read", "queues")
	want(t, err, auth.ErrForbidden)
	if err := w.RevokeAPIKey(w.system(), k.ID); err != nil {
		t.Fatal(err)
	}
	_, err = w.AuthenticateKey(t.Context(), secret)
	want(t, err, auth.ErrUnauthorized)
	_, err = w.Renew(t.Context(), a)
	want(t, err, auth.ErrUnauthorized)

	soon := w.clock.now().Add(time.Hour)
	sys := auth.System(w.tenant)
	sys.User = w.user(t, "x@one.test", auth.RoleAdministrator).ID
	_, chosen, err := w.AddAPIKey(auth.With(t.Context(), sys), auth.NewAPIKey{Name: "demo", Permissions: read, ExpiresAt: &soon, Secret: "chosen-by-the-operator"})
	if err != nil || chosen != "chosen-by-the-operator" {
		t.Fatal(chosen, err)
	}
	if _, err := w.AuthenticateKey(t.Context(), chosen); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(2 * time.Hour)
	_, err = w.AuthenticateKey(t.Context(), chosen)
	want(t, err, auth.ErrUnauthorized)
}

func TestNobodyRises(t *testing.T) {
	w := newWorld(t)
	red, err := w.SaveTeam(w.system(), auth.Team{Name: "red"})
	if err != nil {
		t.Fatal(err)
	}
	blue, err := w.SaveTeam(w.system(), auth.Team{Name: "blue"})
	if err != nil {
		t.Fatal(err)
	}
	boss := w.user(t, "boss@one.test", auth.RoleAdministrator, red.ID)
	w.user(t, "m@one.test", auth.RoleManager, red.ID)
	mate := w.user(t, "mate@one.test", auth.RoleAgent, red.ID)
	stranger := w.user(t, "far@one.test", auth.RoleAgent, blue.ID)
	ctx, _ := w.signIn(t, "m@one.test", "")
	pw, admins, name := "brand new password", []uuid.UUID{w.role(t, auth.RoleAdministrator)}, "Renamed"
	for _, c := range []struct {
		name string
		do   func() error
		want *fault.Error
	}{
		{"an administrator's password", func() error { _, err := w.ChangeUser(ctx, boss.ID, auth.UserChange{Password: &pw}); return err }, auth.ErrBeyond},
		{"a role above the own", func() error { _, err := w.ChangeUser(ctx, mate.ID, auth.UserChange{Roles: &admins}); return err }, auth.ErrBeyond},
		{"another team's agent", func() error { _, err := w.ChangeUser(ctx, stranger.ID, auth.UserChange{Name: &name}); return err }, auth.ErrNoUser},
		{"a stranger's page", func() error { _, err := w.User(ctx, stranger.ID); return err }, auth.ErrNoUser},
		{"another team", func() error { _, err := w.SaveTeam(ctx, auth.Team{ID: blue.ID, Name: "mine"}); return err }, auth.ErrNoTeam},
		{"a custom role with more", func() error {
			_, err := w.SaveRole(ctx, auth.Role{Name: "god", Permissions: auth.Permissions{{Verb: "write", Resource: "users", Scope: auth.ScopeAll}}})
			return err
		}, auth.ErrBeyond},
	} {
		t.Run(c.name, func(t *testing.T) { want(t, c.do(), c.want) })
	}
	if _, err := w.ChangeUser(ctx, mate.ID, auth.UserChange{Name: &name}); err != nil {
		t.Fatalf("a manager may change their team's agents: %v", err)
	}
	off := false
	_, err = w.ChangeUser(w.system(), boss.ID, auth.UserChange{Active: &off})
	want(t, err, auth.ErrLastAdmin)
}

func TestUsersAreUniqueAndTold(t *testing.T) {
	w := newWorld(t)
	u := w.user(t, "a@one.test", auth.RoleAgent)
	two, err := w.AddTenant(t.Context(), "two", "Two", "en", "UTC")
	if err != nil {
		t.Fatal(err)
	}
	email, name, pw, ext := "A@one.test", "Other", password, "8001"
	_, err = w.AddUser(auth.With(t.Context(), auth.System(two)), auth.UserChange{Email: &email, Name: &name, Password: &pw})
	want(t, err, auth.ErrEmailTaken)
	if _, err := w.ChangeUser(w.system(), u.ID, auth.UserChange{Extension: &ext, Password: &pw}); err != nil {
		t.Fatal(err)
	}
	if w.set["8001"] != password {
		t.Fatalf("sip was told %v", w.set)
	}
	_, err = w.User(auth.With(t.Context(), auth.System(two)), u.ID)
	want(t, err, auth.ErrNoUser)
	for _, bad := range []string{"short", "a@one.test"} {
		_, err := w.ChangeUser(w.system(), u.ID, auth.UserChange{Password: &bad})
		want(t, err, auth.ErrPasswordWeak)
	}
	types := map[string]bool{}
	for _, f := range w.facts {
		types[f.Type] = true
		if f.Tenant == uuid.Nil {
			t.Errorf("fact %s has no tenant", f.Type)
		}
	}
	for _, typ := range []string{"user.created", "user.changed", "user.password_changed"} {
		if !types[typ] {
			t.Errorf("no fact %s", typ)
		}
	}
}
