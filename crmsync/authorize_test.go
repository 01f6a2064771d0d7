package crmsync_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/google/uuid"

	"tandem/crmsync"
	"tandem/crmsync/crmsynctest"
	"tandem/crmsync/zendesk/zendesktest"
)

// client lets the office sign in by OAuth.
func client(c *crmsync.Connection) {
	c.Settings = map[string]string{"client_id": zendesktest.ClientID, "unknown": "dropped"}
	c.Credentials = crmsync.Credentials{Secret: zendesktest.Secret}
}

// visit goes where a sign-in begins, as a browser does, and returns what the CRM sends back.
func (o *office) visit(session uuid.UUID) (state, code string) {
	o.T.Helper()
	address, err := o.sync.Authorize(context.Background(), o.Tenant, session)
	if err != nil {
		o.T.Fatal(err)
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, http.NoBody)
	if err != nil {
		o.T.Fatal(err)
	}
	res, err := crmsync.HTTPClient(http.DefaultTransport).Do(req)
	if err != nil {
		o.T.Fatal(err)
	}
	defer res.Body.Close()
	back, err := url.Parse(res.Header.Get("Location"))
	if err != nil || back.Host != "cc.example.test" || back.Path != "/api/v1/crm-connection/callback" {
		o.T.Fatalf("led to %v, %v", back, err)
	}
	return back.Query().Get("state"), back.Query().Get("code")
}

// Access is given once, to the session and tenant that asked for it, and to the connection that there was.
func TestAccessIsGivenByOAuth(t *testing.T) {
	ctx := context.Background()
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	o := newOffice(t, client)
	session := uuid.New()
	if _, err := o.sync.Authorize(ctx, o.Tenant, uuid.Nil); !errors.Is(err, crmsync.ErrNoSession) {
		t.Errorf("by an API key: %v", err)
	}
	for name, c := range map[string]struct {
		tenant, session uuid.UUID
		change          func(state, code string) (string, string)
		want            error
	}{
		"another session":         {o.Tenant, uuid.New(), nil, crmsync.ErrState},
		"another tenant":          {uuid.New(), session, nil, crmsync.ErrState},
		"a state that is guessed": {o.Tenant, session, func(_, code string) (string, string) { return "guess", code }, crmsync.ErrState},
		"a code that is guessed":  {o.Tenant, session, func(state, _ string) (string, string) { return state, "guess" }, crmsync.ErrNotGranted},
		"no code":                 {o.Tenant, session, func(state, _ string) (string, string) { return state, "" }, crmsync.ErrNotGranted},
	} {
		state, code := o.visit(session)
		if c.change != nil {
			state, code = c.change(state, code)
		}
		if err := o.sync.Authorized(ctx, c.tenant, c.session, state, code); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	state, code := o.visit(session)
	if err := o.sync.Authorized(ctx, o.Tenant, session, state, code); err != nil {
		t.Fatal(err)
	}
	if err := o.sync.Authorized(ctx, o.Tenant, session, state, code); !errors.Is(err, crmsync.ErrState) {
		t.Errorf("a second time: %v", err)
	}
	c, err := o.sync.Connection(ctx, o.Tenant)
	if err != nil || !c.Authorized || !c.Credentials.IsZero() || len(c.Settings) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	o.ended("+4989123456", o.queue, nil)
}

// Two workers whose token ends at the same time spend one refresh token, once: the vendor takes it only once.
func TestOneRefreshTokenForTwoWorkers(t *testing.T) {
	ctx := context.Background()
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	o := newOffice(t, client)
	session := uuid.New()
	state, code := o.visit(session)
	if err := o.sync.Authorized(ctx, o.Tenant, session, state, code); err != nil {
		t.Fatal(err)
	}
	o.zendesk.EndAccess()
	before := o.zendesk.Faults.Asked("POST /oauth/tokens")
	stored := crmsync.Connection{Provider: "zendesk", BaseURL: o.url, Settings: map[string]string{"client_id": zendesktest.ClientID}}
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = o.sync.Test(ctx, o.Tenant, stored) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if n := o.zendesk.Faults.Asked("POST /oauth/tokens") - before; n != 1 {
		t.Errorf("%d requests for tokens", n)
	}
	o.zendesk.Faults.Add(crmsynctest.Fault{On: "POST /oauth/tokens", Status: 400, Body: `{"error":"invalid_grant"}`})
	o.zendesk.EndAccess()
	if err := o.sync.Test(ctx, o.Tenant, stored); err == nil {
		t.Error("access that has ended for good works")
	}
}
