package api_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/queues"
	"tandem/smartactions"
)

// noToken is of a link that was never made.
var noToken = strings.Repeat("0", 26)

// action is a photo that the customer of a call was asked for, and has sent.
func (s *site) action(t *testing.T, call uuid.UUID) uuid.UUID {
	t.Helper()
	ctx := t.Context()
	asked, err := s.w.Actions.Ask(ctx, s.tenant, smartactions.NewAction{ItemKind: smartactions.OnCall, Item: call, Agent: s.admin.ID, Kind: smartactions.Photos})
	if err != nil {
		t.Fatal(err)
	}
	l := smartactions.Link{Token: asked.URL[strings.LastIndex(asked.URL, "/")+1:]}
	p, err := s.w.Actions.Open(ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	l.Key = p.Key
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	if err := s.w.Actions.PutFile(ctx, l, 1, &b); err != nil {
		t.Fatal(err)
	}
	if err := s.w.Actions.Finish(ctx, l, ""); err != nil {
		t.Fatal(err)
	}
	return asked.ID
}

// Agents ask the customers of their own calls, see what these were asked for, and nobody else's.
func TestActions(t *testing.T) {
	w := newWorld(t)
	s := w.one
	queue, err := w.Queues.CreateQueue(s.system(), s.tenant, queues.NewQueue{Name: "q"})
	if err != nil {
		t.Fatal(err)
	}
	anna, ben := s.user(t, "anna@one.test", auth.RoleAgent), s.user(t, "ben@one.test", auth.RoleAgent)
	analyst := s.signIn(t, s.user(t, "al@one.test", auth.RoleAnalyst).Email)
	call := s.call(t, queue.ID, anna.ID)
	annas, bens := s.signIn(t, anna.Email), s.signIn(t, ben.Email)
	body := `{"kind":"text","call_id":"` + call.String() + `"}`
	a := w.ask(t, annas, "POST", "/api/v1/actions", body)
	var asked smartactions.Asked
	if err := json.Unmarshal([]byte(a.body), &asked); err != nil || a.status != 200 || asked.Agent != anna.ID {
		t.Fatalf("ask: %d %s", a.status, a.body)
	}
	one := "/api/v1/actions/" + asked.ID.String()
	of := "/api/v1/actions?call_id=" + call.String()
	w.run(t, []row{
		{"another agent's call", bens, "POST", "/api/v1/actions", body, nil, 404, []string{"call_not_found"}},
		{"who may only read", analyst, "POST", "/api/v1/actions", body, nil, 403, nil},
		{"but that they may", analyst, "GET", of, "", nil, 200, []string{asked.ID.String()}},
		{"no item", annas, "POST", "/api/v1/actions", `{"kind":"text"}`, nil, 400, []string{"one_item"}},
		{"two items", annas, "POST", "/api/v1/actions", `{"kind":"text","call_id":"` + call.String() + `","conversation_id":"` + call.String() + `"}`, nil, 400, []string{"one_item"}},
		{"no such kind", annas, "POST", "/api/v1/actions", `{"kind":"iris","call_id":"` + call.String() + `"}`, nil, 422, nil},
		{"five photos", annas, "POST", "/api/v1/actions", `{"kind":"photos","max":5,"call_id":"` + call.String() + `"}`, nil, 422, nil},
		{"the own list", annas, "GET", of, "", nil, 200, []string{asked.ID.String(), `"state":"requested"`}},
		{"another agent's list", bens, "GET", of, "", nil, 404, nil},
		{"another agent's action", bens, "GET", one, "", nil, 404, []string{"action_not_found"}},
		{"cancelled by another", bens, "POST", one + "/cancel", "", nil, 404, []string{"action_not_found"}},
		{"no such file", annas, "GET", one + "/files/1", "", nil, 404, []string{"action_file_not_found"}},
		{"cancelled", annas, "POST", one + "/cancel", "", nil, 200, []string{`"cancelled"`}},
		{"cancelled twice", annas, "POST", one + "/cancel", "", nil, 409, []string{"action_over"}},
	})
	if list := w.ask(t, annas, "GET", of, "").body; strings.Contains(list, asked.URL) {
		t.Error("the link is shown again")
	}
	if strings.Contains(w.log.String(), asked.URL[strings.LastIndex(asked.URL, "/"):]) {
		t.Error("the log holds a link")
	}

	file := w.ask(t, s.client, "GET", "/api/v1/actions/"+s.action(t, call).String()+"/files/1", "")
	h := file.header
	if file.status != 200 || h.Get("Content-Type") != "image/png" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment;") || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("a customer's file: %d %v", file.status, h)
	}
}

// The customer's page is the same for every token, shows nothing of others, and other sites' pages change nothing there.
func TestActionPage(t *testing.T) {
	w := newWorld(t)
	page := w.ask(t, nil, "GET", "/a/"+noToken, "")
	csp := page.header.Get("Content-Security-Policy")
	if page.status != 200 || !strings.Contains(page.body, "Action") || !strings.Contains(csp, "default-src 'none'") || !strings.HasSuffix(csp, "frame-ancestors 'self'") ||
		strings.Contains(csp, "unsafe") || page.header.Get("Cache-Control") != "no-store" || page.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("the page: %d %v", page.status, page.header)
	}
	path := "/api/v1/customer/actions/" + noToken
	w.run(t, []row{
		{"unknown", nil, "POST", path + "/open", "", nil, 404, []string{"link_invalid"}},
		{"no token at all", nil, "POST", "/api/v1/customer/actions/x/open", "", nil, 404, []string{"link_invalid"}},
		{"another site", nil, "POST", path + "/finish", `{}`, []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, 403, []string{"cross_origin"}},
	})
	var status int
	for range 200 {
		if status = w.ask(t, nil, "POST", path+"/open", "").status; status == http.StatusTooManyRequests {
			return
		}
	}
	t.Errorf("the last of 200 requests is %d", status)
}
