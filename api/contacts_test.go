package api_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"tandem/crm"
	"tandem/internal/auth"
)

// What happened with a contact is told as far as each may see it: an agent does not learn of others' calls and conversations.
func TestContactHistory(t *testing.T) {
	w := newWorld(t)
	s := w.one
	ctx := s.system()
	mine := s.things(t)
	agent := s.signIn(t, s.user(t, "agent@one.test", auth.RoleAgent).Email)
	// The call of things came from this number.
	number := "+15550100"
	c, err := w.CRM.CreateContact(ctx, s.tenant, crm.ContactChange{FirstName: &number, Phone: &number})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.CRM.CreateTicket(ctx, s.tenant, crm.NewTicket{Title: "a lamp", Contact: &c.ID}); err != nil {
		t.Fatal(err)
	}
	path := "/api/v1/contacts/" + c.ID.String()
	w.run(t, []row{
		{"a note", s.client, "POST", path + "/notes", `{"body":"rings at noon"}`, nil, 200, []string{`"rings at noon"`}},
		{"all of it", s.client, "GET", path + "/activity", "", nil, 200, []string{mine["calls"].String(), "a lamp", "rings at noon"}},
		{"a page of it", s.client, "GET", path + "/activity?limit=1", "", nil, 200, []string{"rings at noon", `"next_cursor":"`}},
		{"the files of a ticket", s.client, "GET", "/api/v1/contacts/" + mine["contacts"].String() + "/files", "", nil, 200, []string{"a.wav", mine["tickets"].String()}},
		{"an agent's share", agent, "GET", path + "/activity", "", nil, 200, []string{"a lamp", "rings at noon"}},
		{"attributes are the administrator's", agent, "POST", "/api/v1/contact-attributes", `{"key":"x","label":"x","type":"text"}`, nil, 403, nil},
	})
	if a := w.ask(t, agent, "GET", path+"/activity", ""); strings.Contains(a.body, mine["calls"].String()) {
		t.Error("an agent learns of another's call")
	}
	talk := w.ask(t, s.client, "GET", "/api/v1/conversations/"+mine["conversations"].String(), "").field(t, "contact_id")
	merged := w.ask(t, s.client, "POST", path+"/merge", `{"other":"`+talk+`"}`)
	if merged.status != 200 || merged.field(t, "id") != c.ID.String() {
		t.Fatalf("merge: %d %s", merged.status, merged.body)
	}
	all := w.ask(t, s.client, "GET", path+"/activity", "")
	if !strings.Contains(all.body, mine["conversations"].String()) || !strings.Contains(all.body, `"undoable"`) {
		t.Errorf("after the merge: %s", all.body)
	}
	w.run(t, []row{
		{"the old id", s.client, "GET", "/api/v1/contacts/" + talk, "", nil, 200, []string{c.ID.String()}},
		{"the conversation's contact", s.client, "GET", "/api/v1/conversations/" + mine["conversations"].String(), "", nil, 200, []string{c.ID.String()}},
		{"a merge that there is not", s.client, "POST", path + "/merges/" + uuid.NewString() + "/undo", "", nil, 404, []string{"merge_not_found"}},
	})
	list, err := w.CRM.Activities(ctx, s.tenant, c.ID, crm.Window{Before: uuid.Max, Limit: 1}, false, nil)
	if err != nil || len(list) != 1 || list[0].Kind != crm.ActivityMerge {
		t.Fatalf("%+v, %v", list, err)
	}
	if a := w.ask(t, s.client, "POST", path+"/merges/"+list[0].ID.String()+"/undo", ""); a.status != 200 || a.field(t, "id") != talk {
		t.Errorf("undo: %d %s", a.status, a.body)
	}
	if a := w.ask(t, s.client, "GET", "/api/v1/conversations/"+mine["conversations"].String(), ""); a.field(t, "contact_id") != talk {
		t.Errorf("the conversation did not go back: %s", a.body)
	}
}
