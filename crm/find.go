package crm

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nyaruka/phonenumbers"

	"tandem/internal/storage"
)

// ContactFilter chooses contacts for a list; zero values choose all.
type ContactFilter struct {
	Search string      // words of names, company, place, e-mail and numbers, the last of them as a beginning
	Owners []uuid.UUID // contacts of one of these people; nil: of anybody, or nobody
	List   uuid.UUID
	Tag    string
	Cursor string
	Limit  int
}

// contacts reads those who fulfil the conditions, the newest first.
func (q *query) contacts(ctx context.Context, tx *storage.Tx, limit int) ([]Contact, error) {
	sql := q.bind(`SELECT `+contactColumns+` FROM contacts c WHERE `+q.sql()+` ORDER BY c.contact_id DESC LIMIT ?`, limit)
	// Planned with the values at hand each time: a rare word and a common one need different plans.
	rows, err := tx.Query(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, q.args...)...)
	if err != nil {
		return nil, fmt.Errorf("list contacts: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Contact])
}

// Contacts lists contacts, the newest first.
func (s *Service) Contacts(ctx context.Context, tenant uuid.UUID, f ContactFilter) (p Page[Contact], err error) {
	below, n, err := window(f.Cursor, f.Limit)
	if err != nil {
		return p, err
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var q query
		q.where("c.contact_id < ?", below)
		if err := f.narrow(ctx, tx, &q); err != nil {
			return err
		}
		list, err := q.contacts(ctx, tx, n+1)
		p = page(list, n, func(c Contact) uuid.UUID { return c.ID })
		return err
	})
	return p, err
}

func (f ContactFilter) narrow(ctx context.Context, tx *storage.Tx, q *query) error {
	if f.Owners != nil {
		q.where("c.owner = ANY (?)", f.Owners)
	}
	if f.Tag != "" {
		contactWords.has(q, facet("tag", f.Tag))
	}
	contactWords.find(q, lookedFor(f.Search), f.Search)
	if f.List == uuid.Nil {
		return nil
	}
	list, err := readList(ctx, tx, f.List)
	if err != nil {
		return err
	}
	if list.Conditions == nil {
		q.where("c.contact_id IN (SELECT contact_id FROM contact_list_members WHERE list_id = ?)", list.ID)
		return nil
	}
	return list.Conditions.narrow(ctx, tx, q)
}

// lookedFor are the words of a search. A telephone number is one, however it is written.
func lookedFor(text string) []string {
	if strings.Trim(text, "0123456789+-/(). ") != "" {
		return strings.Fields(storage.Words(text))
	}
	digits := strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, text)
	if len(digits) > longestNational {
		digits = strings.TrimPrefix(digits, "00")
	}
	return strings.Fields(digits)
}

// longestNational number without the zeros that lead abroad.
const longestNational = 10

// facet is the word that stands for a field's value. Words of texts never begin with #.
func facet(field, value string) string { return clip("#" + field + "=" + strings.ToLower(value)) }

// words are what a contact is found by.
func (c *Contact) words(ids []Identity) []string {
	var list []string
	for _, text := range []string{c.FirstName, c.LastName, c.Company, c.JobTitle, c.Location, c.Email} {
		list = append(list, strings.Fields(storage.Words(text))...)
	}
	// Chinese names are written without a space between their parts, and looked for like that.
	list = append(list, strings.Fields(storage.Words(c.LastName+c.FirstName))...)
	for _, id := range ids {
		list = append(list, strings.Fields(storage.Words(id.Value))...)
		if id.Kind == IdentityPhone {
			list = append(list, national(id.Value)...)
		}
	}
	for field, get := range textFields {
		if value := *get(c); value != "" {
			list = append(list, facet(field, value))
		}
	}
	for _, tag := range c.Tags {
		list = append(list, facet("tag", tag))
	}
	for key, value := range c.Custom {
		list = append(list, facet("custom."+key, asText(value)))
	}
	return list
}

// national are the endings by which people know a number: without the country's code, with a zero in front, and the last digits alone.
func national(e164 string) []string {
	n, err := phonenumbers.Parse(e164, "")
	if err != nil {
		return nil
	}
	short := phonenumbers.GetNationalSignificantNumber(n)
	return []string{short, "0" + short, short[max(0, len(short)-lastDigits):]}
}

// lastDigits of a number are what people remember of it.
const lastDigits = 4

// textFields are the built-in attributes that are texts.
var textFields = map[string]func(*Contact) *string{
	"first_name": func(c *Contact) *string { return &c.FirstName },
	"last_name":  func(c *Contact) *string { return &c.LastName },
	"email":      func(c *Contact) *string { return &c.Email },
	"phone":      func(c *Contact) *string { return &c.Phone },
	"location":   func(c *Contact) *string { return &c.Location },
	"country":    func(c *Contact) *string { return &c.Country },
	"company":    func(c *Contact) *string { return &c.Company },
	"job_title":  func(c *Contact) *string { return &c.JobTitle },
}

// reindex is index for a contact that was written past updateContact.
func reindex(ctx context.Context, tx *storage.Tx, id uuid.UUID) error {
	c, err := readContact(ctx, tx, id, "")
	if err != nil {
		return err
	}
	return index(ctx, tx, c)
}

// index brings what a contact is found by up to what the contact is.
func index(ctx context.Context, tx *storage.Tx, c Contact) error {
	ids, err := identities(ctx, tx, c.ID)
	if err != nil {
		return err
	}
	return contactWords.store(ctx, tx, c.ID, c.words(ids))
}

// Tags are the tags that contacts have, in alphabetical order.
func (s *Service) Tags(ctx context.Context, tenant uuid.UUID) (tags []string, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		// From each tag to the next: as many steps as there are tags, however many contacts have them.
		prefix := facet("tag", "")
		rows, err := tx.Query(ctx, `WITH RECURSIVE t (word) AS (
				SELECT min(word) FROM contact_words WHERE tenant_id = $3 AND word >= $1 AND word < $2
				UNION ALL SELECT (SELECT min(w.word) FROM contact_words w WHERE w.tenant_id = $3 AND w.word > t.word AND w.word < $2) FROM t WHERE t.word IS NOT NULL)
			SELECT substr(word, $4) FROM t WHERE word IS NOT NULL ORDER BY word LIMIT $5`, prefix, prefix+wordsEnd, tenant, len(prefix)+1, mostTagsListed)
		if err != nil {
			return err
		}
		tags, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list tags: %w", err)
	}
	return tags, nil
}

const mostTagsListed = 1000

const mostAlike = 20

// Alike are contacts who may be the same person: those of the same first and last name. E-mail addresses do not count, because nobody has
// verified them (CR-5).
func (s *Service) Alike(ctx context.Context, tenant, contact uuid.UUID) (list []Contact, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		c, err := readContact(ctx, tx, contact, "")
		if err != nil || c.FirstName == "" || c.LastName == "" {
			return err
		}
		q := query{}
		q.where("c.contact_id <> ?", contact)
		contactWords.has(&q, facet("last_name", c.LastName))
		contactWords.has(&q, facet("first_name", c.FirstName))
		list, err = q.contacts(ctx, tx, mostAlike)
		return err
	})
	return list, err
}
