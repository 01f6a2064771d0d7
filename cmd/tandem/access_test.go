package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crm"
	"tandem/queues"
)

// Callers whom a route fits, or a lookup knows, come to another queue than the number's own; a lookup that is slow, fails or talks nonsense
// changes nothing. It runs beside no other test: a lookup has 300 ms, in which this machine has to answer itself.
func TestDirectAccess(t *testing.T) {
	a := start(t)
	c := a.client(t)
	nobody := "sip:nobody@127.0.0.1:9"
	plain, _ := a.queueWith(t, "Everybody", "5301", nobody, queues.OwnSettings{})
	vip, _ := a.queueWith(t, "VIP", "5302", nobody, queues.OwnSettings{})
	hang := make(chan struct{})
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Number, Caller string }
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.Header.Get("Authorization") != "Bearer open sesame" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		answer := map[string]any{}
		switch {
		case strings.HasSuffix(q.Caller, "01"):
			answer["queue_id"], answer["data"] = vip, map[string]string{"plan": "gold"}
		case strings.HasSuffix(q.Caller, "02"):
			answer["tag"] = "Gold"
		case strings.HasSuffix(q.Caller, "03"):
			answer["queue_id"] = uuid.New()
		case strings.HasSuffix(q.Caller, "04"):
			_, _ = w.Write([]byte("[nonsense"))
			return
		case strings.HasSuffix(q.Caller, "05"):
			select {
			case <-hang:
			case <-r.Context().Done():
			}
			return
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer service.Close()
	defer close(hang)
	number := ask[list[calls.Number]](c, "GET", "/api/v1/numbers", nil)
	for _, n := range number.Items {
		if n.Number != "5301" {
			continue
		}
		changed := ask[calls.Number](c, "PUT", "/api/v1/numbers/"+n.ID.String(), map[string]any{
			"number": "5301", "kind": "queue", "queue_id": plain, "lookup_token": "open sesame",
			"access": calls.Access{
				Routes: []calls.Route{{Tag: "gold", Queue: vip}, {Prefix: "+4940", Queue: vip}},
				Lookup: &calls.Lookup{URL: service.URL},
			},
		})
		if !changed.HasToken {
			t.Error("the number does not show that its lookup has a token")
		}
	}
	ask[crm.Contact](c, "POST", "/api/v1/contacts", map[string]any{"phone": "+493055500099", "tags": []string{" GOLD ", "gold"}})
	for _, r := range []struct {
		caller string
		queue  uuid.UUID
		why    string
	}{
		{"+493055500099", vip, "the contact's tag"},
		{"+494055500000", vip, "the number's beginning"},
		{"+493055500001", vip, "the lookup's queue"},
		{"+493055500002", vip, "the lookup's tag"},
		{"+493055500003", plain, "a queue that does not exist"},
		{"+493055500004", plain, "an answer that is none"},
		{"+493055500005", plain, "an answer that does not come"},
		{"+493055500006", plain, "an answer that knows nothing"},
	} {
		notes := a.followAll(t)
		call := a.hear(t, r.caller, "5301")
		notes.await(t, "call.queued")
		call.Send("BYE", "", "")
		call.Response(200)
		row := a.ended(t, r.caller)
		if row.Queue == nil || *row.Queue != r.queue {
			t.Errorf("%s: the call came to %v", r.why, row.QueuePath)
		}
		if r.why == "the lookup's queue" && row.Headers["plan"] != "gold" {
			t.Errorf("the lookup's data: %v", row.Headers)
		}
	}
	for url, code := range map[string]string{"ftp://x.example.com": "lookup_url", "nonsense": "lookup_url"} {
		status, b := c.do("POST", "/api/v1/numbers", map[string]any{
			"number": "5399", "kind": "queue", "queue_id": plain, "access": map[string]any{"lookup": map[string]any{"url": url}},
		})
		if status != 400 && status != 422 || !strings.Contains(string(b), code) {
			t.Errorf("%s: %d %s", url, status, b)
		}
	}
}
