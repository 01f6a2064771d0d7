package api_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/audit"
	"tandem/internal/auth"
	"tandem/queues"
)

// The live lists reach as far as the calls do; a manager ends the calls of their own teams only, and a double click ends once.
func TestLiveListsAndEnding(t *testing.T) {
	w := newWorld(t)
	s := w.one
	ctx := s.system()
	red, err := w.Auth.SaveTeam(ctx, auth.Team{Name: "red"})
	if err != nil {
		t.Fatal(err)
	}
	anna, ben, manager := s.user(t, "anna@one.test", auth.RoleAgent, red.ID), s.user(t, "ben@one.test", auth.RoleAgent), s.user(t, "mia@one.test", auth.RoleManager, red.ID)
	served, err := w.Queues.CreateQueue(ctx, s.tenant, queues.NewQueue{Name: "served"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := w.Queues.CreateQueue(ctx, s.tenant, queues.NewQueue{Name: "other"})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []auth.User{anna, ben} {
		if err := w.Queues.PutAgent(ctx, s.tenant, queues.Agent{ID: u.ID, Name: u.Name, Device: "browser"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Queues.SetMembers(ctx, s.tenant, served.ID, []uuid.UUID{anna.ID}); err != nil {
		t.Fatal(err)
	}
	annas, bens, waiting := s.call(t, other.ID, anna.ID), s.call(t, other.ID, ben.ID), s.call(t, served.ID, uuid.Nil)
	for _, item := range []struct{ item, queue uuid.UUID }{{annas, other.ID}, {waiting, served.ID}} {
		if _, err := w.Queues.Join(ctx, s.tenant, item.queue, queues.NewItem{ID: item.item, Kind: queues.Call}); err != nil {
			t.Fatal(err)
		}
	}
	client := s.signIn(t, manager.Email)
	for path, want := range map[string][]uuid.UUID{"/api/v1/live/calls": {annas, waiting}, "/api/v1/live/items": {waiting}} {
		list := w.ask(t, client, "GET", path, "").body
		for _, id := range []uuid.UUID{annas, bens, waiting} {
			if is, should := strings.Contains(list, id.String()), slices.Contains(want, id); is != should {
				t.Errorf("%s shows %s: %v, want %v: %s", path, id, is, should, list)
			}
		}
	}
	if list := w.ask(t, client, "GET", "/api/v1/live/calls", "").body; !strings.Contains(list, `"stuck":"node_gone"`) {
		t.Errorf("a call of a server that is gone is not flagged: %s", list)
	}
	w.run(t, []row{
		{"a call of another team is not there to be ended", client, "POST", "/api/v1/calls/" + bens.String() + "/end", `{"reason":"x"}`, nil, 404, nil},
		{"nor to be given to somebody", client, "POST", "/api/v1/items/" + bens.String() + "/assign", `{"agent":"` + anna.ID.String() + `"}`, nil, 404, nil},
		{"nobody beyond the team gets what waits", client, "POST", "/api/v1/items/" + waiting.String() + "/assign", `{"agent":"` + ben.ID.String() + `"}`, nil, 404, []string{"agent_not_found"}},
		{"an agent who is offline does not", client, "POST", "/api/v1/items/" + waiting.String() + "/assign", `{"agent":"` + anna.ID.String() + `"}`, nil, 409, []string{"agent_not_free"}},
	})
	answers := make([]answer, 2)
	var both sync.WaitGroup
	for i := range answers {
		both.Go(func() {
			answers[i] = w.ask(t, client, "POST", "/api/v1/calls/"+annas.String()+"/end", `{"reason":"stuck: nobody there"}`)
		})
	}
	both.Wait()
	if a, b := answers[0].status, answers[1].status; a+b != 204+409 {
		t.Errorf("a double click is answered %d %s and %d %s", a, answers[0].body, b, answers[1].body)
	}
	following, stop := context.WithTimeout(t.Context(), 30*time.Second)
	done := make(chan error, 1)
	go func() { done <- audit.Follow(w.DB, w.bus, slog.New(slog.DiscardHandler)).Run(following) }()
	defer func() { stop(); <-done }()
	for following.Err() == nil {
		rows, err := audit.List(t.Context(), w.DB, s.tenant, audit.Filter{Action: "call.ended_by_person", Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			continue
		}
		if len(rows) != 1 || rows[0].Actor == nil || *rows[0].Actor != manager.ID || !strings.Contains(string(rows[0].Data), "stuck: nobody there") {
			t.Errorf("the audit log has %+v", rows)
		}
		return
	}
	t.Error("ending a call is not audited")
}
