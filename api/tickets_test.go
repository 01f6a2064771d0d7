package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/crm"
	"tandem/internal/auth"
	"tandem/internal/storage"
)

// Every pair of statuses through the API: what TK-4 does not allow is 422.
func TestTicketMoves(t *testing.T) {
	w := newWorld(t)
	allowed := map[crm.Status]string{crm.ToDo: "=XXX-", crm.InProgress: "-=XX-", crm.OnHold: "-X=X-", crm.Resolved: "---=X", crm.Reopened: "-XXX="}
	all := []crm.Status{crm.ToDo, crm.InProgress, crm.OnHold, crm.Resolved, crm.Reopened}
	ways := map[crm.Status][]crm.Status{crm.ToDo: nil, crm.InProgress: {crm.InProgress}, crm.OnHold: {crm.OnHold}, crm.Resolved: {crm.Resolved}, crm.Reopened: {crm.Resolved, crm.Reopened}}
	for from, row := range allowed {
		for i, to := range all {
			path := "/api/v1/tickets/" + w.ask(t, w.one.client, "POST", "/api/v1/tickets", `{"title":"x"}`).field(t, "id")
			for _, step := range ways[from] {
				if a := w.ask(t, w.one.client, "PATCH", path, `{"status":"`+string(step)+`"}`); a.status != 200 {
					t.Fatalf("to %s: %d %s", step, a.status, a.body)
				}
			}
			want := http.StatusOK // what it is already, it may stay
			if row[i] == '-' {
				want = http.StatusUnprocessableEntity
			}
			a := w.ask(t, w.one.client, "PATCH", path, `{"status":"`+string(to)+`"}`)
			if a.status != want || want != 200 && a.code() != "ticket_status" {
				t.Errorf("%s to %s is %d %s", from, to, a.status, a.body)
			}
		}
	}
}

// Who may only make, or only see what is theirs, and that pages of it are full (TK-8).
func TestTicketPermissions(t *testing.T) {
	w := newWorld(t)
	role := func(name string, permissions ...auth.Permission) *http.Client {
		r, err := w.Auth.SaveRole(w.one.system(), auth.Role{Name: name, Permissions: permissions})
		if err != nil {
			t.Fatal(err)
		}
		u := w.one.user(t, name+"@one.test", r.Name)
		return w.one.signIn(t, u.Email)
	}
	own := role("own", auth.Permission{Verb: "read", Resource: "tickets", Scope: auth.ScopeOwn}, auth.Permission{Verb: "create", Resource: "tickets", Scope: auth.ScopeOwn})
	reader := role("reader", auth.Permission{Verb: "read", Resource: "tickets", Scope: auth.ScopeAll})
	for i := range 9 {
		client := w.one.client
		if i%3 == 0 {
			client = own
		}
		if a := w.ask(t, client, "POST", "/api/v1/tickets", fmt.Sprintf(`{"title":"ticket %d"}`, i)); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	first := w.ask(t, own, "GET", "/api/v1/tickets?limit=2", "")
	if strings.Count(first.body, `"title"`) != 2 || !strings.Contains(first.body, "ticket 6") || !strings.Contains(first.body, "ticket 3") {
		t.Errorf("the first page is %s", first.body)
	}
	next := w.ask(t, own, "GET", "/api/v1/tickets?limit=2&cursor="+first.field(t, "next_cursor"), "")
	if strings.Count(next.body, `"title"`) != 1 || !strings.Contains(next.body, "ticket 0") {
		t.Errorf("the second page is %s", next.body)
	}
	others := w.ask(t, w.one.client, "GET", "/api/v1/tickets?search=8", "").body
	id := others[strings.Index(others, `"id":"`)+6:][:36]
	w.run(t, []row{
		{"another's", own, "GET", "/api/v1/tickets/" + id, "", nil, 404, nil},
		{"seen", reader, "GET", "/api/v1/tickets/" + id, "", nil, 200, nil},
		{"not made", reader, "POST", "/api/v1/tickets", `{"title":"x"}`, nil, 403, nil},
		{"not changed", reader, "PATCH", "/api/v1/tickets/" + id, `{"title":"x"}`, nil, 403, nil},
		{"not noted", reader, "POST", "/api/v1/tickets/" + id + "/notes", `{"body":"x"}`, nil, 403, nil},
		{"no fields", reader, "PUT", "/api/v1/ticket-types", `{"type":"bug","fields":[]}`, nil, 403, nil},
	})
}

// A merged ticket's address leads to the other, fields are named when they are wanting, and both are in the audit log.
func TestTicketMergeAndFields(t *testing.T) {
	w := newWorld(t)
	c := w.one.client
	a := w.ask(t, c, "PUT", "/api/v1/ticket-types", `{"type":"bug","fields":[{"name":"Version","type":"text","required":true}]}`)
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	field := a.body[strings.Index(a.body, `"id":"`)+6:][:36]
	made := func(body string) string { return w.ask(t, c, "POST", "/api/v1/tickets", body).field(t, "id") }
	old, kept := made(`{"title":"old","type":"bug"}`), made(`{"title":"kept"}`)
	path := "/api/v1/tickets/" + old
	w.run(t, []row{
		{"a field is wanting", c, "PATCH", path, `{"status":"resolved"}`, nil, 422, []string{"field_required", "fields." + field, "Version"}},
		{"a wrong value", c, "PATCH", path, `{"fields":{"` + field + `":7}}`, nil, 400, []string{"bad_value"}},
		{"filled in", c, "PATCH", path, `{"status":"resolved","fields":{"` + field + `":"1.2"}}`, nil, 200, []string{`"1.2"`}},
		{"itself", c, "POST", path + "/merge", `{"into":"` + old + `"}`, nil, 422, []string{"merge_same_ticket"}},
		{"nobody", c, "POST", path + "/merge", `{"into":"` + uuid.NewString() + `"}`, nil, 404, nil},
		{"merged", c, "POST", path + "/merge", `{"into":"` + kept + `"}`, nil, 200, []string{`"title":"kept"`, `"title":"old"`}},
		{"a note to the old id", c, "POST", path + "/notes", `{"body":"late"}`, nil, 200, nil},
		{"the other has it", c, "GET", "/api/v1/tickets/" + kept, "", nil, 200, []string{"late"}},
	})
	noFollow := *c
	noFollow.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if a := w.ask(t, &noFollow, "GET", path, ""); a.status != http.StatusPermanentRedirect || a.header.Get("Location") != "/api/v1/tickets/"+kept {
		t.Errorf("%d, to %q", a.status, a.header.Get("Location"))
	}
	if a := w.ask(t, c, "GET", path, ""); a.status != 200 || a.field(t, "id") != kept {
		t.Errorf("followed: %d %s", a.status, a.body)
	}
	w.follow(t, "ticket_type.changed", "ticket.merged")
}

// TK-5: a phrase in an internal note is nowhere but in the note: not in what any operation answers to anybody else, and not in any other
// table, where webhooks, mails, surveys, transcripts and exports are made from.
func TestInternalNotesLeakNowhere(t *testing.T) {
	const canary = "canary-of-an-internal-note"
	w := newWorld(t)
	d := load(t)
	ids := w.one.things(t)
	ctx := w.one.system()
	c := w.one.client
	ticket := "/api/v1/tickets/" + ids["tickets"].String()
	for _, r := range []struct{ method, path, body string }{
		{"PUT", "/api/v1/ticket-settings", `{"survey":"numbers"}`},
		{"POST", ticket + "/links", `{"conversation_id":"` + ids["conversations"].String() + `"}`},
		{"POST", ticket + "/links", `{"call_id":"` + ids["calls"].String() + `"}`},
		{"POST", ticket + "/notes", `{"body":"` + canary + `"}`},
		{"PATCH", ticket, `{"status":"resolved","title":"Settled"}`},
	} {
		if a := w.ask(t, c, r.method, r.path, r.body); a.status > 299 {
			t.Fatalf("%s %s: %d %s", r.method, r.path, a.status, a.body)
		}
	}
	if a := w.ask(t, c, "GET", ticket, ""); !strings.Contains(a.body, canary) {
		t.Fatal("the note is not there to begin with")
	}
	if err := w.CRM.SendSurveys(ctx); err != nil {
		t.Fatal(err)
	}
	role, err := w.Auth.SaveRole(ctx, auth.Role{Name: "callers", Permissions: auth.Permissions{{Verb: "read", Resource: "calls", Scope: auth.ScopeAll}, {Verb: "read", Resource: "contacts", Scope: auth.ScopeAll}}})
	if err != nil {
		t.Fatal(err)
	}
	outside := w.one.signIn(t, w.one.user(t, "callers@one.test", role.Name).Email)
	walked := 0
	d.each(func(method, path string, op operation) {
		if method != "GET" {
			return
		}
		walked++
		target := named(path, ids)
		for who, client := range map[string]*http.Client{"an administrator": c, "somebody without tickets": outside, "a stranger": http.DefaultClient} {
			if who == "an administrator" && op.ID == "get-ticket" {
				continue
			}
			for _, accept := range []string{"application/json", "text/csv"} {
				if a := w.ask(t, client, method, target, "", "Accept", accept); strings.Contains(a.body, canary) {
					t.Errorf("%s tells %s of a note", op.ID, who)
				}
			}
		}
	})
	if walked < 80 {
		t.Errorf("only %d operations were walked", walked)
	}
	for table, n := range tablesWith(t, w, canary) {
		if table != "ticket_notes" || n != 1 {
			t.Errorf("table %s has the note %d times", table, n)
		}
	}
	if strings.Contains(w.log.String(), canary) {
		t.Error("the note is in the log")
	}
}

// tablesWith counts the rows of all tables that hold a phrase.
func tablesWith(t *testing.T, w *world, phrase string) map[string]int {
	t.Helper()
	found := map[string]int{}
	err := w.DB.Worker(t.Context(), func(tx *storage.Tx) error {
		rows, err := tx.Query(t.Context(), `SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND has_table_privilege(oid, 'SELECT')`)
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		if len(names) < 50 {
			t.Errorf("only %d tables are looked at", len(names))
		}
		for _, name := range names {
			var n int
			if err := tx.QueryRow(t.Context(), `SELECT count(*) FROM `+pgx.Identifier{name}.Sanitize()+` x WHERE x::text LIKE '%' || $1 || '%'`, phrase).Scan(&n); err != nil {
				return err
			}
			if n > 0 {
				found[name] = n
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found["ticket_notes"] == 0 {
		t.Error("the search does not find the note where it is")
	}
	return found
}
