package chat

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// leastJudged is how many templates an account must have sent in a day before complaints about them are judged.
const leastJudged = 50

// complaintRate is the share of customers who have blocked the account or opted out, in per cent, of those whom it has sent templates.
func complaintRate(sent, complaints int) float64 {
	if sent < leastJudged {
		return 0
	}
	return 100 * float64(complaints) / float64(sent)
}

// judge says what becomes of an account by its rate: "" nothing, "warn", "pause".
func (set Settings) judge(rate float64) string {
	switch {
	case set.ComplaintPause > 0 && rate >= set.ComplaintPause:
		return "pause"
	case set.ComplaintWarn > 0 && rate >= set.ComplaintWarn:
		return "warn"
	}
	return ""
}

// complaints looks at what customers made of the templates of the last day (CH-4): it warns, and pauses the account before the platform does.
func (s *Service) complaints(ctx context.Context) error {
	type day struct {
		Tenant, Account  uuid.UUID
		Sent, Complaints int
	}
	var days []day
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT o.tenant_id, o.account_id, count(*), count(*) FILTER (WHERE o.verdict IN ('opted_out', 'unreachable') OR p.consent->>'messages' = 'false' OR p.consent->>'marketing' = 'false')
			FROM chat_outbox o JOIN chat_accounts a USING (account_id) JOIN chat_people p USING (person_id)
			WHERE o.done_at > $1::timestamptz - interval '24 hours' AND o.outgoing->>'kind' = 'template' AND a.state = 'ok'
			GROUP BY 1, 2 HAVING count(*) >= $2`, tx.Now, leastJudged)
		if err != nil {
			return err
		}
		days, err = pgx.CollectRows(rows, pgx.RowToStructByPos[day])
		return err
	})
	for _, d := range days {
		if err == nil {
			err = s.judgeAccount(ctx, d.Tenant, d.Account, complaintRate(d.Sent, d.Complaints))
		}
	}
	return wrap("look at complaints", err)
}

func (s *Service) judgeAccount(ctx context.Context, tenant, id uuid.UUID, rate float64) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		set, err := readSettings(ctx, tx)
		if err != nil {
			return err
		}
		a, err := s.account(ctx, tx, id)
		if err != nil {
			return err
		}
		said := fmt.Sprintf("%.1f %%", rate)
		switch set.judge(rate) {
		case "pause":
			return s.setState(ctx, tx, a, AccountPaused, "complaints: "+said)
		case "warn":
			tag, err := tx.Exec(ctx, `UPDATE chat_accounts SET detail = detail || jsonb_build_object('complaints', $2::text) WHERE account_id = $1 AND detail->>'complaints' IS DISTINCT FROM $2`, id, said)
			if err != nil || tag.RowsAffected() == 0 {
				return err
			}
			return s.tellAccount(ctx, tx, "channel.complaints", a)
		}
		return nil
	})
}
