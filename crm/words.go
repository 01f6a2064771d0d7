package crm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// wordTable is what rows of a table are found by: "contact" is contact_words, of contacts. Under row-level security PostgreSQL uses an index
// only for operators that are leakproof, which equality and order of text are, and those of LIKE, trigrams and full text are not.
type wordTable struct{ of, row string }

// The tables; row is how statements call a row of what is found.
var (
	contactWords = wordTable{"contact", "c"}
	ticketWords  = wordTable{"ticket", "tickets"}
)

// wordsEnd comes after every word with the same beginning.
const wordsEnd = "\U0010FFFF"

// is asks for the word ?.
func (t wordTable) is() string {
	return fmt.Sprintf("EXISTS (SELECT FROM %[1]s_words w WHERE w.word = ? AND w.%[1]s_id = %[2]s.%[1]s_id)", t.of, t.row)
}

// begins asks for a word from ? until ?.
func (t wordTable) begins() string {
	return fmt.Sprintf("EXISTS (SELECT FROM %[1]s_words w WHERE w.word >= ? AND w.word < ? AND w.%[1]s_id = %[2]s.%[1]s_id)", t.of, t.row)
}

func (t wordTable) has(q *query, word string) { q.where(t.is(), word) }

// find asks for all words of a search, the last of them as a beginning. A search of none finds nothing.
func (t wordTable) find(q *query, words []string, search string) {
	if len(words) == 0 && strings.TrimSpace(search) != "" {
		q.where("false")
	}
	for i, word := range words {
		if word = clip(word); i < len(words)-1 {
			t.has(q, word)
			continue
		}
		q.where(t.begins(), word, word+wordsEnd)
	}
}

// store makes a row found by these words and no others.
func (t wordTable) store(ctx context.Context, tx *storage.Tx, id uuid.UUID, words []string) error {
	for i := range words {
		words[i] = clip(words[i])
	}
	slices.Sort(words)
	words = slices.Compact(words)
	b := &pgx.Batch{}
	b.Queue(fmt.Sprintf(`DELETE FROM %[1]s_words WHERE %[1]s_id = $1 AND word <> ALL ($2)`, t.of), id, words)
	b.Queue(fmt.Sprintf(`INSERT INTO %[1]s_words (tenant_id, word, %[1]s_id) SELECT $1, word, $2 FROM unnest($3::text[]) word ON CONFLICT DO NOTHING`, t.of), tx.Tenant, id, words)
	b.Queue(fmt.Sprintf(`UPDATE %[1]ss SET indexed = true WHERE %[1]s_id = $1 AND NOT indexed`, t.of), id)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("index a %s: %w", t.of, err)
	}
	return nil
}

const indexBatch = 200

// Index makes found what was written past this package, by an import or an earlier version.
func (s *Service) Index(ctx context.Context) error {
	if err := s.indexStale(ctx, contactWords, reindex); err != nil {
		return err
	}
	return s.indexStale(ctx, ticketWords, func(ctx context.Context, tx *storage.Tx, id uuid.UUID) error {
		var title string
		if err := tx.QueryRow(ctx, `SELECT title FROM tickets WHERE ticket_id = $1`, id).Scan(&title); err != nil {
			return err
		}
		return indexTicket(ctx, tx, id, title)
	})
}

func (s *Service) indexStale(ctx context.Context, t wordTable, index func(context.Context, *storage.Tx, uuid.UUID) error) error {
	type ref struct{ Tenant, ID uuid.UUID }
	for {
		done := 0
		err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
			rows, err := tx.Query(ctx, fmt.Sprintf(`SELECT tenant_id, %[1]s_id FROM %[1]ss WHERE NOT indexed ORDER BY %[1]s_id LIMIT $1 FOR UPDATE SKIP LOCKED`, t.of), indexBatch)
			if err != nil {
				return err
			}
			due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ref])
			if err != nil {
				return err
			}
			for _, d := range due {
				if err := index(ctx, tx.For(d.Tenant), d.ID); err != nil {
					return err
				}
			}
			done = len(due)
			return nil
		})
		if err != nil {
			return fmt.Errorf("index %ss: %w", t.of, err)
		}
		if done < indexBatch {
			return nil
		}
	}
}
