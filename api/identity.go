package api

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"tandem/internal/auth"
)

// Credentials are what a login needs.
type Credentials struct {
	Email    string `json:"email" maxLength:"254"`
	Password string `json:"password" maxLength:"1000"`
	Code     string `json:"code,omitempty" maxLength:"40" doc:"TOTP or recovery code, once the answer was totp_required"`
}

// Me is the signed-in user, or the program behind an API key.
type Me struct {
	ID          uuid.UUID        `json:"id"`
	Tenant      uuid.UUID        `json:"tenant"`
	Name        string           `json:"name"`
	Email       string           `json:"email"`
	Locale      string           `json:"locale"`
	Extension   string           `json:"extension"`
	Roles       []string         `json:"roles" doc:"names of the roles"`
	Teams       []uuid.UUID      `json:"teams"`
	Permissions auth.Permissions `json:"permissions" doc:"what the screens show or hide; the server checks again"`
	TOTP        bool             `json:"totp" doc:"a second factor is set up"`
	TOTPNeeded  bool             `json:"totp_needed" doc:"a role demands a second factor: nothing but the own profile works until it is set up"`
}

func meOf(a auth.Actor) Me {
	return Me{
		ID: a.User, Tenant: a.Tenant, Name: a.Name, Email: a.Email, Locale: a.Locale, Extension: a.Extension,
		Roles: a.Roles, Teams: a.Teams, Permissions: a.Permissions, TOTP: a.TOTP, TOTPNeeded: a.TOTPNeeded,
	}
}

type loginInput struct {
	Body   Credentials
	Cookie string `cookie:"tandem_session" hidden:"true"`
	from   netip.Addr
}

// Resolve notes the client's address, which is no part of the request's description.
func (l *loginInput) Resolve(hc huma.Context) []error {
	r, _ := humago.Unwrap(hc)
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		l.from = a.Addr()
	}
	return nil
}

type signedIn struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      Me
}

type signedOut struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

func (s *Server) login(ctx context.Context, in *loginInput) (*signedIn, error) {
	session, err := s.Auth.Login(ctx, auth.Login{
		Email: in.Body.Email, Password: in.Body.Password, Code: in.Body.Code, From: in.from, Replaces: in.Cookie,
	})
	if err != nil {
		return nil, err
	}
	return &signedIn{SetCookie: s.sessionCookie(session.Token, session.Expires), Body: meOf(session.Actor)}, nil
}

func (s *Server) logout(ctx context.Context, _ *struct{}) (*signedOut, error) {
	if err := s.Auth.Logout(ctx); err != nil {
		return nil, err
	}
	return &signedOut{SetCookie: s.sessionCookie("", time.Time{})}, nil
}

func (s *Server) me(ctx context.Context, _ *struct{}) (*One[Me], error) {
	return one(meOf(auth.From(ctx)), nil)
}

// PasswordChange is a user's own change of password.
type PasswordChange struct {
	Old      string `json:"old" maxLength:"1000"`
	Password string `json:"password" maxLength:"1000"`
}

func (s *Server) setPassword(ctx context.Context, in *With[PasswordChange]) (*Nothing, error) {
	return nothing(s.Auth.SetOwnPassword(ctx, in.Body.Old, in.Body.Password))
}

// TOTPEnrolment is a second factor that waits for its first code.
type TOTPEnrolment struct {
	Secret string `json:"secret" doc:"base32, to type into the authenticator app"`
	URI    string `json:"uri" doc:"otpauth URI, to show as a QR code"`
}

// Code is a one-time code.
type Code struct {
	Code string `json:"code" maxLength:"40"`
}

// RecoveryCodes are shown once.
type RecoveryCodes struct {
	RecoveryCodes []string `json:"recovery_codes" doc:"each is good for one login without the app"`
}

func (s *Server) enrolTOTP(ctx context.Context, _ *struct{}) (*One[TOTPEnrolment], error) {
	e, err := s.Auth.EnrolTOTP(ctx)
	return one(TOTPEnrolment{Secret: e.Secret, URI: e.URI}, err)
}

func (s *Server) confirmTOTP(ctx context.Context, in *With[Code]) (*One[RecoveryCodes], error) {
	codes, err := s.Auth.ConfirmTOTP(ctx, in.Body.Code)
	return one(RecoveryCodes{RecoveryCodes: codes}, err)
}

func (s *Server) removeTOTP(ctx context.Context, in *With[Code]) (*Nothing, error) {
	return nothing(s.Auth.RemoveTOTP(ctx, in.Body.Code))
}

// WSTicket opens one WebSocket.
type WSTicket struct {
	Ticket    string `json:"ticket" doc:"goes into the hello frame"`
	ExpiresIn int    `json:"expires_in" doc:"seconds"`
}

func (s *Server) wsTicket(ctx context.Context, _ *struct{}) (*One[WSTicket], error) {
	t, err := s.Auth.Ticket(ctx)
	return one(WSTicket{Ticket: t, ExpiresIn: 30}, err)
}
