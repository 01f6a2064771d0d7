package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"tandem/crmsync"
	"tandem/recording"
)

// assertionLife is how long a JWT is good: Salesforce takes none that ends more than three minutes later.
const assertionLife = 2 * time.Minute

// session is a connection's access. Salesforce says only with a token where the org's API is, and nothing of when a token ends: it is used
// until it is refused.
type session struct {
	conn  crmsync.Connection
	login string
	http  *http.Client
	oauth *crmsync.OAuth

	mu  sync.Mutex
	now crmsync.Credentials
}

// authorize is the Client's: it names the org's host too.
func (s *session) authorize(ctx context.Context, r *http.Request, refused bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.Access == "" || s.now.Instance == "" || refused && r.Header.Get("Authorization") == "Bearer "+s.now.Access {
		fresh, err := s.renew(ctx)
		if err != nil {
			return err
		}
		s.now = fresh
	}
	instance, err := s.instance(s.now.Instance)
	if err != nil {
		return err
	}
	r.URL.Scheme, r.URL.Host, r.Host = instance.Scheme, instance.Host, ""
	r.Header.Set("Authorization", "Bearer "+s.now.Access)
	return nil
}

func (s *session) renew(ctx context.Context) (crmsync.Credentials, error) {
	if s.conn.Renew == nil {
		return s.fetch(ctx, s.now)
	}
	return s.conn.Renew(ctx, s.now.Access, s.fetch)
}

// fetch gets a token by JWT (RFC 7523) for a user, or else by the refresh token that signing in has given.
func (s *session) fetch(ctx context.Context, now crmsync.Credentials) (crmsync.Credentials, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, s.http)
	var source oauth2.TokenSource
	switch tokens := s.oauth.TokenURL(s.conn); {
	case now.User != "":
		assertion := jwt.Config{
			Email: s.conn.Settings["client_id"], Subject: now.User, Audience: s.audience(), PrivateKey: pemOf(now.Secret), TokenURL: tokens, Expires: assertionLife,
		}
		source = assertion.TokenSource(ctx)
	case now.Refresh == "":
		return now, &recording.SendError{Class: recording.ClassUnauthorized, Err: errors.New("nobody has signed in to Salesforce yet, or the access was taken back")}
	default:
		client := oauth2.Config{ClientID: s.conn.Settings["client_id"], ClientSecret: now.Secret, Endpoint: oauth2.Endpoint{TokenURL: tokens, AuthStyle: oauth2.AuthStyleInParams}}
		source = client.TokenSource(ctx, &oauth2.Token{RefreshToken: now.Refresh})
	}
	t, err := source.Token()
	if err != nil {
		return now, tokenRefused(err)
	}
	now.Access, now.ExpiresAt = t.AccessToken, t.Expiry
	now.Refresh = or(t.RefreshToken, now.Refresh)
	now.Instance, _ = t.Extra("instance_url").(string)
	if _, err := s.instance(now.Instance); err != nil {
		return now, err
	}
	return now, nil
}

// pemKey finds a key in PEM (RFC 7468), on however few lines: a field of one line, into which it was pasted, has lost the others.
var pemKey = regexp.MustCompile(`(?s)^\s*(-----BEGIN [A-Z ]+-----)(.*)(-----END [A-Z ]+-----)\s*$`)

// pemOf gives a key its lines back.
func pemOf(text string) []byte {
	m := pemKey.FindStringSubmatch(text)
	if m == nil {
		return []byte(text)
	}
	return []byte(m[1] + "\n" + strings.Join(strings.Fields(m[2]), "") + "\n" + m[3] + "\n")
}

// audience is Salesforce's name for itself in a JWT: the address for signing in, without a path.
func (s *session) audience() string {
	u, err := url.Parse(s.login)
	if err != nil {
		return s.login
	}
	return u.Scheme + "://" + u.Host
}

// instance checks the address that came with a token. It is as safe to ask as the one that the tenant has given if both belong to the same
// domain: https://acme.my.salesforce.com to https://login.salesforce.com.
func (s *session) instance(text string) (*url.URL, error) {
	text, err := crmsync.CheckBaseURL(text)
	if err != nil {
		return nil, errInstance
	}
	u, err := url.Parse(text)
	login, loginErr := url.Parse(s.login)
	if err != nil || loginErr != nil || u.Path != "" || u.Scheme != login.Scheme || u.Port() != login.Port() || domain(u.Hostname()) != domain(login.Hostname()) {
		return nil, errInstance
	}
	return u, nil
}

var errInstance = &recording.SendError{Class: recording.ClassUnauthorized, Err: ErrInstance}

// domain is the last two labels of a name, or an IP address as it is.
func domain(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if strings.Trim(host, "0123456789.") == "" || strings.Contains(host, ":") {
		return host
	}
	labels := strings.Split(host, ".")
	return strings.Join(labels[max(0, len(labels)-2):], ".")
}

// tokenRefused is what no token means for trying again, and for a person where Salesforce's words tell it.
func tokenRefused(err error) error {
	why := crmsync.TokenRefused(err)
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return why
	}
	var words struct {
		Description string `json:"error_description"`
	}
	switch {
	case gone(why): // not the case, but the place where tokens are given
		return &recording.SendError{Class: recording.ClassUnauthorized, Err: ErrNotOne.Because(why)}
	case json.Unmarshal(refused.Body, &words) == nil && strings.Contains(words.Description, "approved this consumer"):
		return &recording.SendError{Class: recording.ClassUnauthorized, Err: ErrApproval.Because(why)}
	}
	return why
}
