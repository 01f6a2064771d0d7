package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tandem/api"
	"tandem/internal/auth"
	"tandem/media/sound"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

func TestRequests(t *testing.T) {
	w := newWorld(t)
	admin := w.one.client
	agent := w.one.signIn(t, w.one.user(t, "agent@one.test", auth.RoleAgent).Email)
	w.run(t, []row{
		{"health", nil, "GET", "/healthz", "", nil, 200, []string{"ok"}},
		{"ready", nil, "GET", "/readyz", "", nil, 200, nil},
		{"metrics", nil, "GET", "/metrics", "", nil, 200, []string{"tandem_calls_active"}},
		{"the document", nil, "GET", "/api/openapi.json", "", nil, 200, []string{`"openapi": "3.1.0"`}},
		{"nobody", nil, "GET", "/api/v1/queues", "", nil, 401, []string{"unauthorized"}},
		{"a made-up session", nil, "GET", "/api/v1/me", "", []string{"Cookie", "tandem_session=abc"}, 401, nil},
		{"a made-up key", nil, "GET", "/api/v1/me", "", []string{"Authorization", "Bearer abcdefghijkl"}, 401, nil},
		{"basic authentication", nil, "GET", "/api/v1/me", "", []string{"Authorization", "Basic abc"}, 401, nil},
		{"wrong password", nil, "POST", "/api/v1/login", `{"email":"admin@one.test","password":"x"}`, nil, 401, []string{"login_failed"}},
		{"unknown user", nil, "POST", "/api/v1/login", `{"email":"none@one.test","password":"x"}`, nil, 401, []string{"login_failed"}},
		{"me", admin, "GET", "/api/v1/me", "", nil, 200, []string{`"roles":["administrator"]`, `"teams":[]`}},
		{"a ticket", admin, "POST", "/api/v1/ws-ticket", "", nil, 200, []string{"ticket"}},
		{"no such route", admin, "GET", "/api/v1/nothing", "", nil, 404, []string{"route_not_found"}},
		{"no JSON", admin, "POST", "/api/v1/queues", `{"name":`, nil, 400, []string{"request_invalid"}},
		{"not an object", admin, "POST", "/api/v1/queues", `[]`, nil, 422, []string{"request_invalid"}},
		{"a field too many", admin, "POST", "/api/v1/teams", `{"name":"x","members":[],"tenant":"x"}`, nil, 422, []string{"body.tenant"}},
		{"a field missing", admin, "POST", "/api/v1/teams", `{"members":[]}`, nil, 422, []string{"name"}},
		{"no id", admin, "GET", "/api/v1/queues/1", "", nil, 422, []string{"path.id"}},
		{"a strange cursor", admin, "GET", "/api/v1/users?cursor=x", "", nil, 400, []string{"cursor_invalid"}},
		{"another media type", admin, "POST", "/api/v1/teams", `a=b`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, nil},
		{"too large", admin, "POST", "/api/v1/teams", `{"name":"` + strings.Repeat("x", 2<<20) + `","members":[]}`, nil, 413, []string{"body_too_large"}},
		{"another site's page", admin, "POST", "/api/v1/teams", `{"name":"x","members":[]}`, []string{"Sec-Fetch-Site", "cross-site"}, 403, []string{"cross_origin"}},
		{"another site's origin", admin, "POST", "/api/v1/logout", "", []string{"Origin", "https://evil.example"}, 403, []string{"cross_origin"}},
		{"an agent makes a queue", agent, "POST", "/api/v1/queues", `{"name":"x"}`, nil, 403, []string{"forbidden"}},
		{"an agent reads the audit log", agent, "GET", "/api/v1/audit", "", nil, 403, nil},
		{"an agent ends a call", agent, "POST", "/api/v1/calls/00000000-0000-0000-0000-000000000001/end", "", nil, 403, nil},
		{"a menu of ten keys", admin, "POST", "/api/v1/queues", `{"name":"x","key":10}`, nil, 422, nil},
		{"deflection without greeting", admin, "POST", "/api/v1/queues", `{"name":"x","settings":{"deflection":{"mode":"message"}}}`, nil, 422, []string{"deflection_without_greeting"}},
		{"switching deflection on without greeting", admin, "PATCH", "/api/v1/queue-settings", `{"set":{"deflect_calls":true}}`, nil, 422, []string{"deflection_without_greeting"}},
		{"a global setting at a queue", admin, "POST", "/api/v1/queues", `{"name":"x","settings":{"deflect_calls":true}}`, nil, 422, []string{"setting_global"}},
		{"holidays", admin, "POST", "/api/v1/hours/holidays", `{"calendar":"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20300101\nSUMMARY:New Year\nEND:VEVENT\nEND:VCALENDAR"}`, nil, 200, []string{`"date":"2030-01-01"`, `"skipped":[]`}},
		{"no calendar", admin, "POST", "/api/v1/hours/holidays", `{"calendar":"hello"}`, nil, 400, []string{"calendar_invalid"}},
		{"targets of transfers", agent, "GET", "/api/v1/queues/transfer-targets", "", nil, 200, []string{`"items":[]`}},
		{"options where customers may not call", nil, "GET", "/api/v1/customer/options?number=1", "", nil, 404, []string{"customers_off"}},
		{"a weak password", admin, "POST", "/api/v1/users", `{"email":"n@one.test","name":"n","password":"short","roles":[]}`, nil, 400, []string{"password_weak"}},
		{"an address twice", admin, "POST", "/api/v1/users", `{"email":"ADMIN@two.test","name":"n","password":"long enough","roles":[]}`, nil, 409, []string{"email_taken"}},
		{"queues", agent, "GET", "/api/v1/queues", "", nil, 200, []string{`"items":[]`, `"next_cursor":""`}},
	})
}

func TestRefusalsAreCounted(t *testing.T) {
	w := newWorld(t)
	w.ask(t, w.one.client, "POST", "/api/v1/queues", `{"name":`)
	w.ask(t, nil, "GET", "/api/v1/queues", "")
	w.ask(t, nil, "GET", "/api/v1/nothing", "")
	shown := w.ask(t, nil, "GET", "/metrics", "").body
	for _, line := range []string{`operation="add-queue",status="400"} 1`, `operation="list-queues",status="401"} 1`, `operation="none",status="404"} 1`} {
		if !strings.Contains(shown, "tandem_http_requests_total{"+line) {
			t.Errorf("no metric %s", line)
		}
	}
}

func TestScreens(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/supervisor", "/admin/queues", "/demo", "/tickets/0190"} {
		a := w.ask(t, nil, "GET", path, "")
		if a.status != 200 || !strings.Contains(a.body, "Tandem") || a.header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s is %d %v", path, a.status, a.header)
		}
		if csp := a.header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self';") || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, a.header)
		}
	}
	if a := w.ask(t, nil, "GET", "/assets/app-1234.js", ""); a.status != 200 || !strings.Contains(a.header.Get("Cache-Control"), "31536000") {
		t.Errorf("asset: %d %v", a.status, a.header)
	}
	for _, missing := range []string{"/assets/app-0.js", "/favicon.ico", "/.git/config.txt"} {
		if a := w.ask(t, nil, "GET", missing, ""); a.status != 404 {
			t.Errorf("%s is %d", missing, a.status)
		}
	}
}

func TestLoginCookie(t *testing.T) {
	w := newWorld(t)
	a := w.ask(t, nil, "POST", "/api/v1/login", `{"email":"admin@one.test","password":"`+password+`"}`)
	set := a.header.Get("Set-Cookie")
	for _, part := range []string{"tandem_session=", "HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(set, part) {
			t.Errorf("cookie %q lacks %s", strings.SplitN(set, "=", 2)[0], part)
		}
	}
	if strings.Contains(a.body, "password") || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", a.header)
	}
	client := w.one.signIn(t, "admin@one.test")
	if a := w.ask(t, client, "POST", "/api/v1/logout", ""); a.status != 204 {
		t.Fatalf("logout is %d %s", a.status, a.body)
	}
	if a := w.ask(t, client, "GET", "/api/v1/me", ""); a.status != 401 {
		t.Fatalf("after logout %d", a.status)
	}
}

func TestLoginIsBraked(t *testing.T) {
	w := newWorld(t)
	w.one.user(t, "new@one.test", auth.RoleAgent)
	for range 20 {
		a := w.ask(t, nil, "POST", "/api/v1/login", `{"email":"new@one.test","password":"wrong"}`)
		if a.status == 429 {
			if a.header.Get("Retry-After") == "" || a.code() != "login_throttled" {
				t.Fatalf("%v %s", a.header, a.body)
			}
			return
		}
		if a.status != 401 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	t.Fatal("20 guesses and no brake")
}

func TestAPIKeysAndRoles(t *testing.T) {
	w := newWorld(t)
	admin := w.one.client
	a := w.ask(t, admin, "POST", "/api/v1/api-keys", `{"name":"reader","permissions":[{"verb":"read","resource":"queues","scope":"all"}]}`)
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	key, id := a.field(t, "key"), a.field(t, "id")
	bearer := []string{"Authorization", "Bearer " + key}
	w.run(t, []row{
		{"reads", nil, "GET", "/api/v1/queues", "", bearer, 200, nil},
		{"does not write", nil, "POST", "/api/v1/queues", `{"name":"x"}`, bearer, 403, nil},
		{"has no socket", nil, "POST", "/api/v1/ws-ticket", "", bearer, 401, nil},
		{"is listed without itself", admin, "GET", "/api/v1/api-keys", "", nil, 200, []string{"reader"}},
		{"is revoked", admin, "DELETE", "/api/v1/api-keys/" + id, "", nil, 204, nil},
		{"reads no more", nil, "GET", "/api/v1/queues", "", bearer, 401, nil},
		{"unknown permission", admin, "POST", "/api/v1/roles", `{"name":"odd","permissions":[{"verb":"fly","resource":"queues","scope":"all"}]}`, nil, 400, []string{"permission_unknown"}},
	})
	if a := w.ask(t, admin, "GET", "/api/v1/api-keys", ""); strings.Contains(a.body, key) {
		t.Error("the list shows the key")
	}
	if a := w.ask(t, admin, "GET", "/api/v1/audit/verify", ""); a.status != 200 || !strings.Contains(a.body, `"ok":true`) {
		t.Errorf("audit: %s", a.body)
	}
	if a := w.ask(t, admin, "GET", "/api/v1/audit?action=api_key.revoked", ""); !strings.Contains(a.body, id) {
		t.Errorf("the revocation is not audited: %s", a.body)
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		w.one.user(t, name+"@one.test", auth.RoleAgent)
	}
	seen, cursor := 0, ""
	for range 5 {
		a := w.ask(t, w.one.client, "GET", "/api/v1/users?limit=2&cursor="+cursor, "")
		seen += strings.Count(a.body, `"email"`)
		if cursor = a.field(t, "next_cursor"); cursor == "" {
			break
		}
	}
	if seen != 5 || cursor != "" {
		t.Fatalf("%d users in pages of 2, want 5", seen)
	}
}

func TestHundredMegabytes(t *testing.T) {
	w := newWorld(t)
	for name, path := range map[string]string{"JSON": "/api/v1/teams", "upload": "/api/v1/prompts/upload", "nobody": "/api/v1/login"} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, io.LimitReader(endless{}, 100<<20))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			if name == "upload" {
				r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			}
			res, err := w.one.client.Do(r)
			if err != nil {
				return // the server hung up in mid-body: as good
			}
			defer res.Body.Close()
			if res.StatusCode < 400 || res.StatusCode >= 500 {
				t.Fatalf("100 MB is %d", res.StatusCode)
			}
		})
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func TestPrompts(t *testing.T) {
	w := newWorld(t)
	upload := func(file []byte) answer {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		if err := form.WriteField("name", "hello"); err != nil {
			t.Fatal(err)
		}
		part, err := form.CreateFormFile("file", "hello.wav")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(file); err != nil {
			t.Fatal(err)
		}
		if err := form.Close(); err != nil {
			t.Fatal(err)
		}
		return w.send(t, w.one.client, "POST", "/api/v1/prompts/upload", &body, "Content-Type", form.FormDataContentType())
	}
	if a := upload([]byte("\x89PNG\r\n\x1a\nnot a sound")); a.status < 400 || a.status >= 500 || a.code() == "" {
		t.Fatalf("a PNG as a prompt is %d %s", a.status, a.body)
	}
	a := upload(sound.HoldMusic().WAV())
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	id := a.field(t, "id")
	if a := w.ask(t, w.one.client, "GET", "/api/v1/prompts/"+id+"/audio", ""); a.status != 200 || !strings.HasPrefix(a.body, "RIFF") || a.header.Get("Content-Type") != "audio/wav" {
		t.Fatalf("preview: %d %v", a.status, a.header)
	}
	w.run(t, []row{
		{"a number plays it", w.one.client, "POST", "/api/v1/numbers", `{"number":"1010","kind":"message","prompt_id":"` + id + `"}`, nil, 200, nil},
		{"so it stays", w.one.client, "DELETE", "/api/v1/prompts/" + id, "", nil, 409, []string{"prompt_in_use"}},
		{"another tenant cannot", w.two.client, "POST", "/api/v1/numbers", `{"number":"1010","kind":"message","prompt_id":"` + id + `"}`, nil, 404, []string{"prompt_not_found"}},
	})
}

func TestAttachments(t *testing.T) {
	w := newWorld(t)
	ids := w.one.things(t)
	path := "/api/v1/tickets/" + ids["tickets"].String() + "/attachments/" + ids["attachment"].String()
	whole := w.ask(t, w.one.client, "GET", path, "")
	if whole.status != 200 || whole.body != string(sound.HoldMusic().WAV()) || whole.header.Get("Content-Type") != "audio/wav" {
		t.Fatalf("%d, %d bytes, %v", whole.status, len(whole.body), whole.header)
	}
	part := w.ask(t, w.one.client, "GET", path, "", "Range", "bytes=10000-10099")
	if part.status != 206 || part.body != whole.body[10000:10100] {
		t.Fatalf("a range is %d, %d bytes", part.status, len(part.body))
	}
	if a := w.ask(t, w.one.client, "GET", path+"/peaks", ""); a.status != 200 || !strings.Contains(a.body, `"channels":[[`) {
		t.Fatalf("peaks: %d %s", a.status, a.body)
	}
	page, err := w.CRM.Attach(t.Context(), w.one.tenant, ids["tickets"], "evil.html", "text/html", strings.NewReader("<script>alert(1)</script>"))
	if err != nil {
		t.Fatal(err)
	}
	a := w.ask(t, w.one.client, "GET", "/api/v1/tickets/"+ids["tickets"].String()+"/attachments/"+page.ID.String(), "")
	if a.header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("a page of somebody else's: %v", a.header)
	}
}

func TestTicketLife(t *testing.T) {
	w := newWorld(t)
	agent := w.one.user(t, "agent@one.test", auth.RoleAgent)
	client := w.one.signIn(t, agent.Email)
	a := w.ask(t, client, "POST", "/api/v1/tickets", `{"title":"No dial tone"}`)
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	path := "/api/v1/tickets/" + a.field(t, "id")
	w.run(t, []row{
		{"a note", client, "POST", path + "/notes", `{"body":"rang back"}`, nil, 200, []string{"rang back"}},
		{"taken", client, "PATCH", path, `{"assignee":"` + agent.ID.String() + `","status":"in_progress"}`, nil, 200, []string{agent.ID.String(), "rang back"}},
		{"not given to others", client, "PATCH", path, `{"assignee":"` + w.one.admin.ID.String() + `"}`, nil, 403, nil},
		{"resolved", client, "PATCH", path, `{"status":"resolved"}`, nil, 200, []string{"resolved_at"}},
		{"not back to do", client, "PATCH", path, `{"status":"to_do"}`, nil, 422, []string{"ticket_status"}},
		{"found", client, "GET", "/api/v1/tickets?search=dial", "", nil, 200, []string{"No dial tone"}},
	})
}

func TestCRMConnection(t *testing.T) {
	w := newWorld(t)
	c := w.one.client
	w.run(t, []row{
		{"own tickets", c, "GET", "/api/v1/crm-connection", "", nil, 200, []string{`"provider":"own"`}},
		{"they work", c, "POST", "/api/v1/crm-connection/test", `{"provider":"own"}`, nil, 200, []string{`"ok":true`}},
		{"nobody there", c, "POST", "/api/v1/crm-connection/test", `{"provider":"rt","base_url":"http://127.0.0.1:1","queue":"General","user":"u","password":"canary-secret"}`, nil, 200, []string{`"ok":false`}},
		{"a bad address", c, "PUT", "/api/v1/crm-connection", `{"provider":"rt","base_url":"ftp://x"}`, nil, 400, []string{"bad_base_url"}},
		{"another CRM", c, "PUT", "/api/v1/crm-connection", `{"provider":"rt","base_url":"http://127.0.0.1:1","queue":"General","user":"u","password":"canary-secret"}`, nil, 200, []string{`"credentials_stored":true`}},
		{"what was read is written back", c, "PUT", "/api/v1/crm-connection", `{"provider":"rt","base_url":"http://127.0.0.1:1","queue":"General","settings":{},"mapping":[],"append_days":0,"contact_data":"","data_records":[],"credentials_stored":false,"authorized":true}`, nil, 200, []string{`"credentials_stored":true`, `"authorized":false`}},
		{"the CRMs there are", c, "GET", "/api/v1/crm-connection/vendors", "", nil, 200, []string{`"name":"own"`, `"name":"rt"`, `"at_least_once":false`}},
		{"how it does", c, "GET", "/api/v1/crm-connection/health", "", nil, 200, []string{`"waiting":0`, `"failed":0`}},
		{"what waits", c, "GET", "/api/v1/crm-connection/waiting", "", nil, 200, []string{`"items":[]`}},
		{"all tried now", c, "POST", "/api/v1/crm-connection/resume", "", nil, 204, nil},
		{"what can be mapped", c, "GET", "/api/v1/crm-connection/facts", "", nil, 200, []string{`"talk_seconds":"0"`}},
		{"no sign-in to this one", c, "POST", "/api/v1/crm-connection/authorize", "", nil, 409, []string{"crm_no"}},
		{"a field twice", c, "PUT", "/api/v1/crm-connection", `{"provider":"own","mapping":[{"from":"number","to":"x"},{"from":"queue","to":"x"}]}`, nil, 400, []string{"bad_mapping"}},
	})
	w.follow(t, "crm_connection.changed")
	if a := w.ask(t, c, "GET", "/api/v1/crm-connection", ""); strings.Contains(a.body+w.log.String(), "canary-secret") {
		t.Fatalf("the password is shown: %s", a.body)
	}
}

// Changes of configuration are in the audit log, with who made them.
func TestConfigurationIsAudited(t *testing.T) {
	w := newWorld(t)
	for _, r := range []struct{ path, body string }{
		{"/queues", `{"name":"x"}`},
		{"/numbers", `{"number":"7","kind":"echo"}`},
		{"/trunks", `{"name":"t","networks":["192.0.2.0/24"],"enabled":true}`},
		{"/prompts", `{"name":"p","text":"hello"}`},
		{"/teams", `{"name":"t","members":[]}`},
		{"/roles", `{"name":"r","permissions":[]}`},
	} {
		if a := w.ask(t, w.one.client, "POST", "/api/v1"+r.path, r.body); a.status != 200 {
			t.Fatalf("%s is %d %s", r.path, a.status, a.body)
		}
	}
	w.follow(t, "queue.changed", "number.changed", "trunk.changed", "prompt.created", "team.created", "role.created", "login.ok", "user.created")
}

// The document in docs/ is what the program says.
func TestDocumentIsFresh(t *testing.T) {
	s, err := api.New(api.Config{Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile("../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, s.Document()) {
		t.Fatal("docs/openapi.json is out of date: go run ./api/openapi > docs/openapi.json")
	}
}

// A parameter of an unexported embedded type would be left out of the document, and never be read.
func TestPathsHaveTheirParameters(t *testing.T) {
	s, err := api.New(api.Config{Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(s.Document(), &document); err != nil {
		t.Fatal(err)
	}
	for path, operations := range document.Paths {
		for method, operation := range operations {
			taken := 0
			for _, p := range operation.Parameters {
				if p.In == "path" {
					taken++
				}
			}
			if named := strings.Count(path, "{"); taken != named {
				t.Errorf("%s %s takes %d parameters of its path instead of %d", method, path, taken, named)
			}
		}
	}
}
