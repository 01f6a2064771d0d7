package salesforce_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"tandem/crmsync"
	"tandem/crmsync/crmsynctest"
	"tandem/crmsync/salesforce"
	"tandem/crmsync/salesforce/salesforcetest"
)

// What Salesforce, or whoever stands in its place, answers may be anything.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"done":true,"records":[{"ContentDocument":{"LatestPublishedVersionId":"068000000000000001","Title":"x.wav","ContentSize":1,"CreatedDate":"2026-11-21T19:55:22.000+0000"}}]}`), "api-usage=18/5000")
	f.Add([]byte(`{"done":false,"records":[],"nextRecordsUrl":"/services/data/v64.0/query/01g-2000"}`), "api-usage=1/2; per-app-api-usage=17/250(appName=x)")
	f.Add([]byte(`{"done":false,"nextRecordsUrl":"//elsewhere"}`), "api-usage=-1/0")
	f.Add([]byte(`{"id":"500000000000000001","Id":"500000000000000001","success":true}`), "=/")
	f.Add([]byte(`[{"errorCode":"NOT_FOUND"}]`), "")
	var body []byte
	var info string
	answer := roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{"Sforce-Limit-Info": {info}}, Body: io.NopCloser(bytes.NewReader(body))}, nil
	})
	v := salesforce.New(answer)
	f.Fuzz(func(t *testing.T, b []byte, usage string) {
		body, info = b, usage
		p, err := v.Open(crmsync.Connection{
			Tenant: uuid.New(), BaseURL: "https://a.test", Settings: map[string]string{"client_id": "c"},
			Credentials: crmsync.Credentials{Secret: "s", Refresh: "r", Access: "a", Instance: "https://b.a.test"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if list, err := p.Attachments(t.Context(), noCase, "x.wav"); err == nil {
			for _, a := range list {
				if a.Name != "x.wav" || len(a.ID) != 15 && len(a.ID) != 18 {
					t.Errorf("%+v", a)
				}
			}
		}
		if id, err := p.EnsureTicket(t.Context(), crmsynctest.NewCall("")); err == nil && len(id) != 15 && len(id) != 18 {
			t.Errorf("case %q", id)
		}
		_, _ = p.Tickets(t.Context(), noCase)
	})
}

// Nothing that a call brings with it gets out of its quotes: the org refuses a query that it cannot read, and no other contact is found.
func FuzzQuoting(f *testing.F) {
	for _, seed := range []string{"K-1", "'", `\`, `\'`, "' OR Name != '", "\n", "\x00", "%_", `"`, "\xff", "界"} {
		f.Add(seed)
	}
	o := salesforcetest.Start(f)
	o.Add("Contact", map[string]any{"LastName": "Somebody", "Customer_No__c": "somebody else"})
	conn := byKey(o)
	conn.Settings["external_field"] = "Customer_No__c"
	p := open(f, conn)
	f.Fuzz(func(t *testing.T, external string) {
		o.Used = 0
		own := o.Add("Contact", map[string]any{"LastName": "Own", "Customer_No__c": external})
		defer o.Delete(own)
		id, err := p.EnsureContact(t.Context(), crmsync.Customer{Item: uuid.New(), External: external})
		if err != nil || external != "" && id != own {
			t.Errorf("%q finds %s, %v", external, id, err)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
