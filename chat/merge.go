package chat

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// merged gives everything of somebody who was nobody known to the customer whom they have turned out to be (W-3): conversations, tickets, and
// what is under way. Of two conversations that are not closed the one that was spoken in last goes on.
func (r *receiver) merged(ctx context.Context, was Person) error {
	if was.ID == "" || was.ID == r.e.From.ID {
		return nil
	}
	// Two logins at the same instant come one after the other.
	if _, err := r.tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, r.account.ID.String()+"/merge/"+r.e.From.ID); err != nil {
		return err
	}
	from, err := r.lookUp(ctx, []string{was.ID}, "")
	if err != nil || len(from) == 0 {
		return err // they have said nothing yet
	}
	into, err := r.lookUp(ctx, []string{r.e.From.ID}, "")
	if err != nil {
		return err
	}
	if len(into) == 0 {
		_, err := r.tx.Exec(ctx, `UPDATE chat_people SET key = $2, name = coalesce(nullif($3, ''), name) WHERE person_id = $1`, from[0].id, r.e.From.ID, r.e.From.Name)
		if err == nil && r.e.From.Name != "" {
			err = r.s.cfg.CRM.Rename(ctx, r.tx, from[0].contact, from[0].Name, r.e.From.Name)
		}
		if err != nil {
			return wrap("give a customer their id", err)
		}
		return r.s.tellPerson(ctx, r.tx, from[0])
	}
	other, keep := from[0], into[0]
	if err := r.onlyNewestOpen(ctx, keep.id, other.id); err != nil {
		return err
	}
	if err := r.absorb(ctx, keep, other); err != nil {
		return err
	}
	return r.s.tellPerson(ctx, r.tx, keep)
}

// onlyNewestOpen closes all conversations of two people but the one that was spoken in last.
func (r *receiver) onlyNewestOpen(ctx context.Context, people ...uuid.UUID) error {
	rows, err := r.tx.Query(ctx, `SELECT conversation_id FROM conversations WHERE person_id = ANY ($1) AND state <> 'closed' ORDER BY last_at DESC, created_at DESC FOR UPDATE`, people)
	if err != nil {
		return err
	}
	open, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil || len(open) < 2 {
		return err
	}
	for _, id := range open[1:] {
		c, err := lockConversation(ctx, r.tx, id)
		if err != nil {
			return err
		}
		if err := r.s.close(ctx, r.tx, c, ClosedMerged, uuid.Nil, ""); err != nil {
			return err
		}
	}
	return nil
}
