package crmsync_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crm"
	"tandem/crmsync"
	"tandem/internal/storage"
)

// The ticket tells of a call what data_records names: the three flags unless somebody says otherwise.
func TestDataRecords(t *testing.T) {
	ctx := context.Background()
	n := newNode(t, 100_000)
	told := func() string {
		call := storage.NewID()
		n.tell("call.ended", call, calls.Record{
			ID: call, Number: "1001", Caller: calls.Party{Number: "+4989123456"}, StartedAt: time.Now(), Ticket: true, Summary: "It was about a door.",
			Reserved: calls.Reserved{VerifiedCustomer: new(true), BadActor: new(false)}, Headers: calls.Headers{"x-order": "4711", "x-tier": "gold"},
		})
		ticket := n.ticketOf(call)
		id, err := uuid.Parse(ticket)
		if err != nil {
			t.Fatal(err)
		}
		var notes []crm.Note
		n.Await("the call's note", func() bool {
			if notes, err = n.crm.Notes(ctx, n.Tenant, id); err != nil {
				t.Fatal(err)
			}
			return len(notes) == 1
		})
		return notes[0].Body
	}
	for _, one := range []struct {
		records    []string // nil: as they are
		has, lacks []string
	}{
		{nil, []string{"Verified customer: yes", "Bad actor: no", "It was about a door."}, []string{"Repeat customer", "x-order", "gold"}},
		{[]string{"x-order", "reserved_bad_actor"}, []string{"Bad actor: no", "x-order: 4711"}, []string{"Verified customer", "gold"}},
		{nil, []string{"Bad actor: no", "x-order: 4711"}, []string{"Verified customer", "gold"}},
		{[]string{crmsync.AllData}, []string{"x-order: 4711", "x-tier: gold"}, []string{"Verified customer", "Bad actor"}},
		{[]string{}, []string{"It was about a door."}, []string{"Verified customer", "x-order"}},
	} {
		if err := n.sync.SetConnection(ctx, n.Tenant, crmsync.Connection{Provider: crmsync.Own, DataRecords: one.records}); err != nil {
			t.Fatal(err)
		}
		c, err := n.sync.Connection(ctx, n.Tenant)
		if err != nil || one.records != nil && !slices.Equal(c.DataRecords, one.records) {
			t.Errorf("the setting is %v, %v, want %v", c.DataRecords, err, one.records)
		}
		body := told()
		for _, want := range one.has {
			if !strings.Contains(body, want) {
				t.Errorf("%v: the note lacks %q: %s", one.records, want, body)
			}
		}
		for _, no := range one.lacks {
			if strings.Contains(body, no) {
				t.Errorf("%v: the note tells %q: %s", one.records, no, body)
			}
		}
	}
	if err := n.sync.SetConnection(ctx, n.Tenant, crmsync.Connection{Provider: crmsync.Own, DataRecords: []string{""}}); !errors.Is(err, crmsync.ErrRecords) {
		t.Errorf("a setting that names nothing: %v", err)
	}
}
