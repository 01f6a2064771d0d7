// Package rt delivers to Request Tracker 5 through its REST2 interface (https://docs.bestpractical.com/rt/5.0.3/RT/REST2.html).
package rt

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"tandem/crmsync"
	"tandem/internal/fault"
	"tandem/recording"
)

// Name is the provider's name in a crmsync.Connection.
const Name = "rt"

// defaultQueue exists in every fresh RT.
const defaultQueue = "General"

// Errors for people: what the test button says.
var (
	ErrCredentials = fault.New(fault.Invalid, "crm_credentials", "Give a user and password, or a token of RT's authentication tokens.").WithField("credentials")
	ErrUnreachable = fault.New(fault.Unavailable, "crm_unreachable", "Request Tracker does not answer at this address.").WithField("base_url")
	ErrRefused     = fault.New(fault.Invalid, "crm_refused", "Request Tracker refuses the user, password or token.").WithField("credentials")
	ErrNotRT       = fault.New(fault.Invalid, "crm_not_rt", "There is no Request Tracker 5 with REST2 at this address.").WithField("base_url")
	ErrQueue       = fault.New(fault.Invalid, "crm_queue", "Request Tracker has no such queue, or this user may not create tickets in it.").WithField("queue")
)

// New returns the way to open Request Tracker for a tenant. transport makes the connections; it must not follow a proxy that the
// environment names. Redirects are never followed: they would carry the credentials elsewhere.
func New(transport http.RoundTripper) crmsync.Open {
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return func(c crmsync.Connection) (crmsync.Provider, error) {
		base, err := crmsync.CheckBaseURL(c.BaseURL)
		if err != nil {
			return nil, err
		}
		if c.Credentials.Token == "" && (c.Credentials.User == "" || c.Credentials.Password == "") || strings.ContainsAny(c.Credentials.Token, "\r\n") {
			return nil, ErrCredentials
		}
		if c.Queue == "" {
			c.Queue = defaultQueue
		}
		return &provider{http: client, base: base + "/REST/2.0", queue: c.Queue, auth: c.Credentials}, nil
	}
}

type provider struct {
	http  *http.Client
	base  string
	queue string
	auth  crmsync.Credentials
}

// Limits: RT stores what its web server lets through, and lists it at once.
func (p *provider) Limits() recording.Limits { return recording.Limits{Settle: time.Second} }

// Test signs in and looks for the queue.
func (p *provider) Test(ctx context.Context) error {
	var version struct {
		Version string
	}
	if err := p.get(ctx, "/rt", nil, &version); err != nil {
		return explain(err, ErrNotRT)
	}
	if version.Version == "" {
		return ErrNotRT
	}
	var queue struct {
		Name string
	}
	if err := p.get(ctx, "/queue/"+segment(p.queue), nil, &queue); err != nil {
		return explain(err, ErrQueue)
	}
	return nil
}

// explain turns a failure into what a person can do about it.
func explain(err error, missing *fault.Error) error {
	var e *recording.SendError
	if !errors.As(err, &e) {
		return ErrNotRT.Because(err) // an answer that is not RT's
	}
	switch e.Class {
	case recording.ClassUnauthorized:
		return ErrRefused.Because(err)
	case recording.ClassGone, recording.ClassRejected:
		return missing.Because(err)
	}
	return ErrUnreachable.Because(err)
}
