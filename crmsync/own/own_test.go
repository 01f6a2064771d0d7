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
	p, err := own.New(c).Open(crmsync.Connection{Tenant: r.Tenant, Provider: crmsync.Own})
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
}
