package chat

import (
	"context"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/queues"
)

// Counts are the numbers beside the views, of conversations that are not closed.
type Counts struct {
	Mine       int               `json:"mine"`
	Unread     int               `json:"unread"` // of mine
	Unassigned int               `json:"unassigned"`
	Team       int               `json:"team"`
	All        int               `json:"all"`
	Mentions   int               `json:"mentions"`
	Saved      map[uuid.UUID]int `json:"saved"` // by view, countedTo at most
	Ringing    []queues.Ringing  `json:"ringing"`
}

// countedTo bounds the work for a saved view, of which nobody needs to know whether it has more.
const countedTo = 1000

// Counts returns them for a user.
func (s *Service) Counts(ctx context.Context, tenant uuid.UUID, r Reader) (n Counts, err error) {
	saved, err := s.SavedViews(ctx, tenant, r.User)
	if err != nil {
		return n, err
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if n.Saved, err = countSaved(ctx, tx, r, saved); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
			SELECT count(*) FILTER (WHERE c.owner = @user OR me.collaborator),
			       count(*) FILTER (WHERE (c.owner = @user OR me.collaborator)
			         AND EXISTS (SELECT FROM messages m WHERE m.conversation_id = c.conversation_id AND m.direction = 'in' AND m.seq > coalesce(me.read_seq, 0))),
			       count(*) FILTER (WHERE c.owner_kind = 'none'), count(*) FILTER (WHERE c.owner = ANY (@users)), count(*),
			       count(*) FILTER (WHERE me.mentioned_at IS NOT NULL)`+viewRows+access+` AND c.state <> 'closed'`, r.args(tx.Now)).
			Scan(&n.Mine, &n.Unread, &n.Unassigned, &n.Team, &n.All, &n.Mentions)
	})
	if err == nil {
		n.Ringing, err = s.cfg.Queues.RingingAt(ctx, tenant, r.User)
	}
	return n, wrap("count conversations", err)
}

func countSaved(ctx context.Context, tx *storage.Tx, r Reader, saved []SavedView) (map[uuid.UUID]int, error) {
	counts := map[uuid.UUID]int{}
	for _, v := range saved {
		args := r.args(tx.Now)
		where, err := v.Filter.where(args)
		if err != nil {
			return nil, err
		}
		var n int
		args["most"] = countedTo
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM (SELECT 1`+viewRows+where+` LIMIT @most) counted`, args).Scan(&n); err != nil {
			return nil, err
		}
		counts[v.ID] = n
	}
	return counts, nil
}
