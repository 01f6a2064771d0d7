package api_test

import (
	"strings"
	"testing"

	"tandem/internal/auth"
)

func TestWebhooks(t *testing.T) {
	w := newWorld(t)
	made := w.ask(t, w.one.client, "POST", "/api/v1/webhooks", `{"url":"https://example.com/hook","events":["call.ended"]}`)
	if made.status != 200 || !strings.Contains(made.body, `"secret":"whsec_`) {
		t.Fatalf("%d %s", made.status, made.body)
	}
	hook := "/api/v1/webhooks/" + made.field(t, "id")
	agent := w.one.signIn(t, w.one.user(t, "hooks@one.test", auth.RoleAgent).Email)
	w.run(t, []row{
		{name: "the secret is not shown again", client: w.one.client, method: "GET", path: hook, status: 200, contains: []string{`"personal_data":false`, `"enabled":true`}},
		{name: "inside", client: w.one.client, method: "POST", path: "/api/v1/webhooks", body: `{"url":"https://127.0.0.1/","events":["call.ended"]}`, status: 400, contains: []string{"webhook_url_private"}},
		{name: "in the open", client: w.one.client, method: "PATCH", path: hook, body: `{"url":"http://example.com/"}`, status: 400, contains: []string{"webhook_url_private"}},
		{name: "an unknown event", client: w.one.client, method: "PATCH", path: hook, body: `{"events":["call.secret"]}`, status: 400, contains: []string{"webhook_events_invalid"}},
		{name: "types", client: w.one.client, method: "GET", path: "/api/v1/webhook-types", status: 200, contains: []string{`"call.ended"`, `"agent.presence"`}},
		{name: "a test event", client: w.one.client, method: "POST", path: hook + "/ping", status: 204},
		{name: "in the log", client: w.one.client, method: "GET", path: hook + "/deliveries?state=waiting", status: 200, contains: []string{`"webhook.ping"`, `"kept":true`}},
		{name: "a new secret", client: w.one.client, method: "POST", path: hook + "/secret", status: 200, contains: []string{`"secret":"whsec_`, `"old_secret_until"`}},
		{name: "off", client: w.one.client, method: "PATCH", path: hook, body: `{"enabled":false}`, status: 200, contains: []string{`"disabled_why":"person"`, `"failed":1`}},
		{name: "no test event while it is off", client: w.one.client, method: "POST", path: hook + "/ping", status: 409, contains: []string{"webhook_disabled"}},
		{name: "not for agents", client: agent, method: "GET", path: "/api/v1/webhooks", status: 403},
	})
	if again := w.ask(t, w.one.client, "GET", hook, ""); strings.Contains(again.body, "whsec_") || strings.Contains(w.log.String(), "whsec_") {
		t.Error("a secret is told twice")
	}
	w.follow(t, "webhook.created", "webhook.secret_rotated", "webhook.changed")
}
