package crm_test

import (
	"testing"

	"github.com/google/uuid"

	"tandem/crm"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

// BenchmarkTickets lists and opens tickets of a tenant who has a million of them: nine of ten are resolved, each of a thousand agents has a
// thousand, one ticket in a hundred has a promise that is at risk, one in a thousand is of a type of its own, and titles have four words.
func BenchmarkTickets(b *testing.B) {
	ctx, db := b.Context(), storagetest.New(b)
	s := crm.New(crm.Config{DB: db})
	tenant := storagetest.Tenant(b, db, "a")
	fillTickets(b, db, tenant)
	agent := uuid.MustParse("00000000-0000-7000-8000-000000000007")
	var one uuid.UUID
	far := crm.TicketFilter{}
	err := db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		return tx.QueryRow(ctx, `SELECT ticket_id, ticket_id FROM tickets WHERE number = 400000`).Scan(&one, &far.Cursor)
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		f    crm.TicketFilter
	}{
		{"newest", crm.TicketFilter{}},
		{"middle", far},
		{"open, updated", crm.TicketFilter{Open: true, Sort: crm.SortUpdated}},
		{"open, priority", crm.TicketFilter{Open: true, Sort: crm.SortPriority}},
		{"open, due", crm.TicketFilter{Open: true, Sort: crm.SortDue}},
		{"on hold, updated", crm.TicketFilter{Status: crm.OnHold, Sort: crm.SortUpdated}},
		{"at risk, due", crm.TicketFilter{SLA: crm.SLAAtRisk, Sort: crm.SortDue}},
		{"an agent's, updated", crm.TicketFilter{Assignee: agent, Sort: crm.SortUpdated}},
		{"only own, open, updated", crm.TicketFilter{Within: []uuid.UUID{agent}, Open: true, Sort: crm.SortUpdated}},
		{"number", crm.TicketFilter{Search: "#400000"}},
		{"rare type, updated", crm.TicketFilter{Type: crm.Refund, Sort: crm.SortUpdated}},
		{"title", crm.TicketFilter{Search: "customer 4321", Sort: crm.SortUpdated}},
		{"title, open", crm.TicketFilter{Search: "customer 4320", Open: true, Sort: crm.SortUpdated}},
		{"word of all, open, updated", crm.TicketFilter{Search: "customer", Open: true, Sort: crm.SortUpdated}},
		{"word of all, an agent's", crm.TicketFilter{Search: "customer", Assignee: agent, Sort: crm.SortUpdated}},
		{"beginning", crm.TicketFilter{Search: "customer 43", Sort: crm.SortUpdated}},
		{"nothing", crm.TicketFilter{Search: "nothing like it", Sort: crm.SortUpdated}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Tickets(ctx, tenant, c.f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			openTicket(b, s, tenant, one)
		}
	})
}

// openTicket reads what a ticket's page shows.
func openTicket(b *testing.B, s *crm.Service, tenant, id uuid.UUID) {
	ctx := b.Context()
	must := func(_ any, err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	must(s.Ticket(ctx, tenant, id))
	must(s.Attachments(ctx, tenant, id))
	must(s.Links(ctx, tenant, id, nil))
	must(s.Merged(ctx, tenant, id))
	must(s.Surveys(ctx, tenant, id))
	must(s.Clocks(ctx, tenant, id))
	if notes, err := s.Notes(ctx, tenant, id); err != nil || len(notes) != 2 {
		b.Fatal(len(notes), err)
	}
}

// fillTickets makes the tickets in the database itself, which takes a minute rather than an hour.
func fillTickets(b *testing.B, db *storage.DB, tenant uuid.UUID) {
	b.Helper()
	err := db.Worker(b.Context(), func(tx *storage.Tx) error {
		for _, insert := range []string{
			`INSERT INTO tickets (tenant_id, ticket_id, number, title, type, priority, status, assignee, created_by, created_at, updated_at, resolved_at, sla, due_at, indexed)
				SELECT $1, ('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, i, 'Ticket of customer ' || i % 5000, CASE WHEN i % 1000 = 7 THEN 'refund' ELSE 'general' END,
					(ARRAY['low', 'medium', 'high', 'urgent'])[1 + i % 4], CASE WHEN i % 10 > 0 THEN 'resolved' ELSE (ARRAY['to_do', 'in_progress', 'on_hold', 'reopened'])[1 + i / 10 % 4] END,
					('00000000-0000-7000-8000-' || lpad(to_hex(i / 10 % 1000), 12, '0'))::uuid, NULL, t, t, CASE WHEN i % 10 > 0 THEN t END,
					CASE WHEN i % 100 = 0 THEN 'at_risk' WHEN i % 10 > 0 THEN 'met' ELSE 'running' END, CASE WHEN i % 10 = 0 THEN t + interval '1 day' END, true
				FROM (SELECT i, $2::timestamptz - i * interval '30 seconds' AS t FROM generate_series(1, 1000000) i) x`,
			`INSERT INTO ticket_words (tenant_id, ticket_id, word)
				SELECT $1, ticket_id, word FROM tickets, unnest(array['ticket', 'of', 'customer', (number % 5000)::text]) word WHERE $2::timestamptz IS NOT NULL`,
			`INSERT INTO ticket_notes (tenant_id, note_id, ticket_id, body, created_at)
				SELECT $1, gen_random_uuid(), ticket_id, 'A note', $2 FROM tickets, generate_series(1, 2) WHERE number % 10 = 0`,
			`INSERT INTO ticket_calls (tenant_id, ticket_id, call_id) SELECT $1, ticket_id, gen_random_uuid() FROM tickets WHERE $2::timestamptz IS NOT NULL`,
		} {
			if _, err := tx.Exec(b.Context(), insert, tenant, tx.Now); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = db.Worker(b.Context(), func(tx *storage.Tx) error {
			_, err := tx.Exec(b.Context(), `RESET ROLE`)
			if err == nil {
				_, err = tx.Exec(b.Context(), `ANALYZE tickets, ticket_words, ticket_notes, ticket_calls`)
			}
			return err
		})
	}
	if err != nil {
		b.Fatal(err)
	}
}
