package api_test

import (
	"strings"
	"testing"

	"tandem/internal/auth"
)

func TestBots(t *testing.T) {
	w := newWorld(t)
	a := w.ask(t, w.one.client, "POST", "/api/v1/bots", `{"name":"Eve","url":"wss://bot.example.com/stream","token":"a-secret-token","parameters":{"tone":"kind"}}`)
	if a.status != 200 || strings.Contains(a.body, "a-secret-token") || !strings.Contains(a.body, `"has_token":true`) {
		t.Fatalf("made: %d %s", a.status, a.body)
	}
	bot := "/api/v1/bots/" + a.field(t, "id")
	q := w.ask(t, w.one.client, "POST", "/api/v1/queues", `{"name":"Desk"}`)
	queue := "/api/v1/queues/" + q.field(t, "id")
	call := w.one.things(t)["calls"].String()
	agent := w.one.signIn(t, w.one.user(t, "plain@one.test", auth.RoleAgent).Email)
	w.run(t, []row{
		{name: "list", client: w.one.client, method: "GET", path: "/api/v1/bots", status: 200, contains: []string{`"name":"Eve"`, `"silence_seconds":60`}},
		{name: "rename", client: w.one.client, method: "PATCH", path: bot, body: `{"name":"Eva"}`, status: 200, contains: []string{`"name":"Eva"`, `"has_token":true`}},
		{name: "move without the token", client: w.one.client, method: "PATCH", path: bot, body: `{"url":"wss://elsewhere.example.com/"}`, status: 400, contains: []string{"bot_token_again"}},
		{name: "inside", client: w.one.client, method: "POST", path: "/api/v1/bots", body: `{"name":"x","url":"wss://127.0.0.1/"}`, status: 400, contains: []string{"bot_url_private"}},
		{name: "in the open", client: w.one.client, method: "POST", path: "/api/v1/bots", body: `{"name":"x","url":"ws://bot.example.com/"}`, status: 400, contains: []string{"bot_url_plain"}},
		{name: "a name twice", client: w.one.client, method: "POST", path: "/api/v1/bots", body: `{"name":"Eva","url":"wss://bot.example.com/"}`, status: 409, contains: []string{"bot_name_taken"}},
		{name: "try what is inside", client: w.one.client, method: "POST", path: "/api/v1/bots/test", body: `{"change":{"url":"wss://10.0.0.1/"}}`, status: 400, contains: []string{"bot_url_private"}},
		{name: "not for agents", client: agent, method: "GET", path: "/api/v1/bots", status: 403},
		{name: "of a queue", client: w.one.client, method: "PATCH", path: queue, body: `{"set":{"bot":{"bot":"` + strings.TrimPrefix(bot, "/api/v1/bots/") + `","when":"hours"}}}`, status: 200},
		{name: "with its origin", client: w.one.client, method: "GET", path: queue + "/settings", status: 200, contains: []string{`"bot":{"value":{"bot":"` + strings.TrimPrefix(bot, "/api/v1/bots/") + `","when":"hours"},"origin":"own"}`}},
		{name: "when nobody knows", client: w.one.client, method: "PATCH", path: queue, body: `{"set":{"bot":{"when":"never"}}}`, status: 422},
		{name: "another tenant's", client: w.two.client, method: "GET", path: bot, status: 404},
		{name: "data of a call", client: w.one.client, method: "GET", path: "/api/v1/calls/" + call + "/data", status: 200, contains: []string{`"data":{}`, `"reserved":{}`}},
		{name: "data of a call that is not here", client: w.one.client, method: "PATCH", path: "/api/v1/calls/" + call + "/data", body: `{"data":{"a":"1"}}`, status: 409, contains: []string{"call_ended"}},
		{name: "data of no name", client: w.one.client, method: "PATCH", path: "/api/v1/calls/" + call + "/data", body: `{"data":{"a b":"1"}}`, status: 400, contains: []string{"data_name_invalid"}},
		{name: "handing over to no queue", client: w.one.client, method: "POST", path: "/api/v1/calls/" + call + "/handover", body: `{"queue":"0192d1f0-0000-7000-8000-000000000001"}`, status: 404, contains: []string{"queue_not_found"}},
		{name: "another's call", client: agent, method: "PATCH", path: "/api/v1/calls/" + call + "/data", body: `{"data":{"a":"1"}}`, status: 404},
		{name: "no client secret yet", client: w.one.client, method: "GET", path: "/api/v1/client-secret", status: 200, contains: []string{`"exists":false`}},
		{name: "a client secret", client: w.one.client, method: "POST", path: "/api/v1/client-secret", status: 200, contains: []string{`"secret":"`}},
		{name: "not for agents either", client: agent, method: "POST", path: "/api/v1/client-secret", status: 403},
		{name: "delete", client: w.one.client, method: "DELETE", path: bot, status: 204},
	})
	w.follow(t, "bot.changed", "bot.deleted", "client_secret.made")
}
