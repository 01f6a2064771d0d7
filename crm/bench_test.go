package crm_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/crm"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

const million = 1_000_000

// BenchmarkContacts lists, looks for and opens contacts of a tenant who has a million of them, each found by nine words; a tenth have a ticket, a
// hundredth a tag, and one has everything.
func BenchmarkContacts(b *testing.B) {
	ctx, db := b.Context(), storagetest.New(b)
	s := openOn(b, db, nil)
	tenant := s.Tenant
	fill(b, db, tenant)
	list, err := s.AddList(ctx, tenant, "gold of Berlin", &crm.Conditions{Match: "all", Items: []crm.Condition{{Field: "tag", Op: "is", Value: "gold"}, {Field: "location", Op: "is", Value: "city 7"}}})
	if err != nil {
		b.Fatal(err)
	}
	// The oldest are what a walk from the newest finds last.
	far := crm.ContactFilter{Limit: 50}
	var busy uuid.UUID
	err = db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		return tx.QueryRow(ctx, `SELECT contact_id, contact_id FROM contacts WHERE first_name = 'busy'`).Scan(&busy, &far.Cursor)
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		f    crm.ContactFilter
	}{
		{"list", crm.ContactFilter{}},
		{"middle", far},
		{"number", crm.ContactFilter{Search: "+49301000007"}},
		{"name", crm.ContactFilter{Search: "name77 family7"}},
		{"beginning", crm.ContactFilter{Search: "fam"}},
		{"rare beginning", crm.ContactFilter{Search: "name99999"}},
		{"nobody", crm.ContactFilter{Search: "nobody at all"}},
		{"tag", crm.ContactFilter{Tag: "gold"}},
		{"conditions", crm.ContactFilter{List: list.ID}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Contacts(ctx, tenant, c.f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			openPage(b, s.Service, tenant, busy)
		}
	})
}

// openPage reads what a contact's page shows at first.
func openPage(b *testing.B, s *crm.Service, tenant, id uuid.UUID) {
	ctx := b.Context()
	c, err := s.Contact(ctx, tenant, id)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.Identities(ctx, tenant, c.ID); err != nil {
		b.Fatal(err)
	}
	if _, err := s.ListsOf(ctx, tenant, c.ID); err != nil {
		b.Fatal(err)
	}
	w := crm.Window{Before: uuid.Max, Since: time.Now().AddDate(0, -crm.ActivityMonths, 0), Limit: 51}
	if _, err := s.CallsOf(ctx, tenant, c.ID, w); err != nil {
		b.Fatal(err)
	}
	list, err := s.Activities(ctx, tenant, c.ID, w, true, nil)
	if err != nil || len(list) != 51 {
		b.Fatal(len(list), err)
	}
}

// fill makes the contacts in the database itself, which takes a minute rather than an hour.
func fill(b *testing.B, db *storage.DB, tenant uuid.UUID) {
	ctx := b.Context()
	err := db.Worker(ctx, func(tx *storage.Tx) error {
		id := func(n string) string {
			return `(lpad(to_hex(1700000000000 + ` + n + `), 12, '0') || substr(md5((` + n + `)::text), 1, 20))::uuid`
		}
		for _, sql := range []string{
			`INSERT INTO contacts (tenant_id, contact_id, first_name, last_name, phone, location, tags, created_at, updated_at, indexed)
				SELECT $1, ` + id("n") + `, CASE n WHEN 500000 THEN 'busy' ELSE 'name' || n END, 'family' || n % 1000, '+4930' || 1000000 + n, 'city ' || n % 100,
					CASE n % 100 WHEN 7 THEN '{gold}' ELSE '{}' END::text[], $2, $2, true FROM generate_series(1, $3::int) n`,
			`INSERT INTO contact_words (tenant_id, contact_id, word) SELECT $1, ` + id("n") + `, word FROM generate_series(1, $3::int) n, unnest(array[
				'name' || n, 'family' || n % 1000, '4930' || 1000000 + n, '30' || 1000000 + n, 'city', '#first_name=name' || n, '#last_name=family' || n % 1000, '#location=city ' || n % 100,
				CASE n % 100 WHEN 7 THEN '#tag=gold' ELSE '#phone=+4930' || 1000000 + n END]) word WHERE $2::timestamptz IS NOT NULL`,
			`INSERT INTO contact_identities (tenant_id, contact_id, kind, value, created_at) SELECT $1, ` + id("n") + `, 'phone', '+4930' || 1000000 + n, $2 FROM generate_series(1, $3::int) n`,
			`INSERT INTO tickets (tenant_id, ticket_id, number, title, type, priority, status, contact_id, created_at, updated_at)
				SELECT $1, ` + id("n + 7") + `, n, 'ticket', 'general', 'low', 'to_do', ` + id("CASE WHEN n % 1000 = 0 THEN 500000 ELSE n * 10 END") + `, $2, $2 FROM generate_series(1, $3::int / 10) n`,
		} {
			if _, err := tx.Exec(ctx, sql, tenant, tx.Now, million); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO contact_notes (tenant_id, note_id, contact_id, body, created_at)
			SELECT $1, gen_random_uuid(), contact_id, 'a note', $2 FROM contacts, generate_series(1, 200) WHERE first_name = 'busy'`, tenant, tx.Now)
		return err
	})
	if err == nil {
		err = db.Worker(ctx, func(tx *storage.Tx) error {
			_, err := tx.Exec(ctx, `RESET ROLE`)
			if err == nil {
				_, err = tx.Exec(ctx, `ANALYZE contacts, contact_words, contact_identities, tickets, contact_notes`)
			}
			return err
		})
	}
	if err != nil {
		b.Fatal(err)
	}
}
