package own_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tandem/crm"
	"tandem/crmsync"
	"tandem/crmsync/crmsynctest"
	"tandem/crmsync/own"
	"tandem/internal/storage"
	"tandem/recording/recordingtest"
)

func TestOwnTickets(t *testing.T) {
	ctx := context.Background()
	r := recordingtest.New(t, nil)
	blobs, err := storage.OpenBlobs(ctx, "file:"+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := crm.New(crm.Config{DB: r.DB, Events: r.Events, Keys: r.Keys, Blobs: blobs, Log: r.Log})
	p, err := own.New(c).Open(crmsync.Connection{Tenant: r.Tenant, Provider: crmsync.Own, Settings: map[string]string{"attribute": "customer_no"}})
	if err != nil {
		t.Fatal(err)
	}
	contents := func(t *testing.T, ticket, name string) (list [][]byte) {
		id := uuid.MustParse(ticket)
		all, err := c.Attachments(ctx, r.Tenant, id)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			if a.Name != name {
				continue
			}
			f, err := c.OpenAttachment(ctx, r.Tenant, id, a.ID)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(f)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, b)
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return list
	}
	notes := func(t *testing.T, ticket, text string) (n int) {
		list, err := c.Notes(ctx, r.Tenant, uuid.MustParse(ticket))
		if err != nil {
			t.Fatal(err)
		}
		for _, note := range list {
			if strings.Contains(note.Body, text) {
				n++
			}
		}
		return n
	}
	crmsynctest.Run(t, crmsynctest.CRM{Provider: p, Contents: contents, Notes: notes, NoTicket: uuid.NewString()})

	// A contact is known by the customer number that the call's data name, whatever number the call comes from.
	if _, err := c.AddAttribute(ctx, r.Tenant, crm.Attribute{Key: "customer_no", Label: "Customer number", Type: crm.AttributeText}); err != nil {
		t.Fatal(err)
	}
	known, err := c.CreateContact(ctx, r.Tenant, crm.ContactChange{FirstName: new("Ada"), Custom: map[string]any{"customer_no": "K-77"}})
	if err != nil {
		t.Fatal(err)
	}
	call := crmsynctest.NewCall("+4989123499")
	for external, want := range map[string]string{"k-77": known.ID.String(), "K-7": ""} {
		call.External = external
		if got, err := p.FindContact(ctx, call.Customer); err != nil || got.ID != want {
			t.Errorf("customer number %s is %+v, %v, want %q", external, got, err, want)
		}
	}
	call.External = "K-77"
	ticket, err := p.EnsureTicket(ctx, call)
	if err != nil {
		t.Fatal(err)
	}
	list, err := p.Tickets(ctx, known.ID.String())
	if err != nil || len(list) != 1 || list[0].ID != ticket {
		t.Errorf("the tickets of the contact that was named: %+v, %v, want %s", list, err, ticket)
	}
}
