package sip

import (
	"encoding/json"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"
)

// Nodes share the dialogs of tenants that have the trace on, from the first message on, and no others.
func TestTraceIsShared(t *testing.T) {
	tenant, other := uuid.New(), uuid.New()
	until := func() map[uuid.UUID]time.Time { return map[uuid.UUID]time.Time{tenant: time.Now().Add(time.Hour)} }
	far := &trace{until: until, self: uuid.New(), node: "b", share: func(traced) {}}
	shared := 0
	near := &trace{until: until, self: uuid.New(), node: "a", share: func(step traced) {
		word, err := json.Marshal(step)
		if err != nil {
			t.Error(err)
		}
		far.hear(tracedAt, word)
		shared++
	}}
	say := func(callID string) (answer func(status int)) {
		req := gosip.NewRequest(gosip.INVITE, gosip.Uri{Scheme: "sip", Host: "x"})
		id := gosip.CallIDHeader(callID)
		req.AppendHeader(&id)
		req.AppendHeader(&gosip.CSeqHeader{SeqNo: 1, MethodName: gosip.INVITE})
		near.note(false, req)
		return func(status int) { near.note(true, gosip.NewResponseFromRequest(req, status, "Said", nil)) }
	}
	for _, whose := range []uuid.UUID{other, uuid.Nil} {
		answer := say("private")
		answer(401)
		if whose != uuid.Nil {
			near.claim("private", whose)
		}
		answer(200)
	}
	if shared != 0 {
		t.Errorf("%d steps of dialogs that nobody wants are shared", shared)
	}
	answer := say("wanted")
	answer(401)
	near.claim("wanted", tenant)
	for range 2 { // a registration that goes on
		if there := far.of(tenant); len(there) != 1 || len(there[0].Messages) != 2 || there[0].Status != 401 || there[0].Method != "INVITE" || there[0].Node != "a" {
			t.Fatalf("at another node: %+v", there)
		}
		near.claim("wanted", tenant)
	}
	answer(200)
	if there := far.of(tenant); len(there[0].Messages) != 3 || there[0].Status != 200 || !there[0].At.Equal(near.of(tenant)[0].At) {
		t.Errorf("at another node: %+v", there)
	}
	near.tell(traced{Tenant: tenant})
	if left := len(near.of(tenant)) + len(far.of(tenant)); left != 0 {
		t.Errorf("%d dialogs are left", left)
	}
}
