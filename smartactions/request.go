package smartactions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// This file is the agent's side.

// Asked is an action with the link that the customer gets. The link is known to whoever asked, and never shown again.
type Asked struct {
	Action
	URL string `json:"url" doc:"the customer's link, to be read out or copied; shown this once"`
}

// Ask asks a customer for something and sends them the link. When it cannot be sent the action stands all the same, and says why.
func (s *Service) Ask(ctx context.Context, tenant uuid.UUID, n NewAction) (Asked, error) {
	files, err := n.check()
	if err != nil {
		return Asked{}, err
	}
	if n.Kind == Verification { // better now than when the customer has the link
		if _, err := s.cfg.Contact(ctx, tenant, n.ItemKind, n.Item); err != nil {
			return Asked{}, err
		}
	}
	token, hash := newSecret()
	asked := Asked{URL: s.cfg.URL() + "/a/" + token}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var before int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM smartactions WHERE item_id = $1`, n.Item).Scan(&before); err != nil {
			return fmt.Errorf("count a customer's actions: %w", err)
		}
		if before >= mostForOneItem {
			return ErrTooMany
		}
		asked.Action = Action{
			ID: storage.NewID(), ItemKind: n.ItemKind, Item: n.Item, Agent: n.Agent, Kind: n.Kind, Prompt: n.Prompt, Max: files, State: StateRequested, Delivery: Sending,
			CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(s.cfg.Expire), Files: []File{},
		}
		if err := insert(ctx, tx, &asked.Action, hash); err != nil {
			return err
		}
		tx.AfterCommit(func() { s.count(n.Kind, "requested") })
		return s.tell(ctx, tx, "requested", &asked.Action)
	})
	if err != nil {
		return Asked{}, err
	}
	return asked, s.send(ctx, tenant, n.Number, &asked)
}

const sendLimit = 15 * time.Second

// send brings the link to the customer and notes what became of it, also when the agent's page has gone meanwhile.
func (s *Service) send(ctx context.Context, tenant uuid.UUID, number string, a *Asked) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendLimit)
	defer cancel()
	who, err := s.cfg.Tenant(ctx, tenant)
	if err != nil {
		return err
	}
	err = s.cfg.Send(ctx, Delivery{
		Tenant: tenant, Action: a.ID, Item: a.Item, ItemKind: a.ItemKind, Number: number, URL: a.URL, Text: strings.TrimSpace(who.Name+": "+sentence(who.Language, a.Kind)) + " " + a.URL,
	})
	a.Delivery = Sent
	if err != nil {
		a.Delivery, a.DeliveryCode, a.DeliveryDetail = Failed, "not_sent", "The link could not be sent; read it out, or copy it."
		var f *fault.Error
		if errors.As(err, &f) && f.Kind != fault.Internal {
			a.DeliveryCode, a.DeliveryDetail = f.Code, f.Message
		} else {
			s.log.Warn("a link was not sent to a customer", "action", a.ID, "err", err)
		}
		s.count(a.Kind, "undelivered")
	}
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error { return setDelivery(ctx, tx, &a.Action) })
}

// Of lists the actions of a call or conversation, the newest first.
func (s *Service) Of(ctx context.Context, tenant uuid.UUID, kind ItemKind, item uuid.UUID) (list []Action, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		list, err = collect(ctx, tx, `item_kind = $1 AND item_id = $2 ORDER BY action_id DESC`, kind, item)
		for i := range list {
			list[i].settle(tx.Now)
		}
		return err
	})
	return list, err
}

// Get returns one action.
func (s *Service) Get(ctx context.Context, tenant, id uuid.UUID) (a Action, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		a, err = load(ctx, tx, id)
		a.settle(tx.Now)
		return err
	})
	return a, err
}

// settle shows an action whose time has come as what the sweep is about to make of it.
func (a *Action) settle(now time.Time) {
	if a.late(now) {
		a.State = StateExpired
	}
}

// Cancel takes a request back; the link is good for nothing from then on.
func (s *Service) Cancel(ctx context.Context, tenant, id uuid.UUID) (a Action, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if a, _, err = locked(ctx, tx, id); err != nil {
			return err
		}
		return s.step(ctx, tx, &a, StepCancel, "cancelled")
	})
	return a, err
}

const sweepBatch = 200

// expire ends the actions whose time has come.
func (s *Service) expire(ctx context.Context) error {
	type due struct{ Tenant, ID uuid.UUID }
	var late []due
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT tenant_id, action_id FROM smartactions WHERE state IN ('requested', 'opened') AND expires_at <= $1 ORDER BY expires_at LIMIT $2`, tx.Now, sweepBatch)
		if err == nil {
			late, err = pgx.CollectRows(rows, pgx.RowToStructByPos[due])
		}
		if err != nil {
			return fmt.Errorf("look for actions that have expired: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, l := range late {
		err := s.cfg.DB.Tenant(ctx, l.Tenant, func(tx *storage.Tx) error {
			a, _, err := locked(ctx, tx, l.ID)
			if err != nil || !a.late(tx.Now) { // another node was quicker, or the customer
				return err
			}
			return s.step(ctx, tx, &a, StepExpire, "expired")
		})
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// purge forgets what was answered long ago: first the keys of its files, then their bytes.
func (s *Service) purge(ctx context.Context) error {
	var gone []string
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		gone = nil
		var old []uuid.UUID
		rows, err := tx.Query(ctx, `SELECT a.action_id, a.tenant_id, f.blob_id
			FROM (SELECT action_id, tenant_id FROM smartactions WHERE ended_at <= $1 ORDER BY ended_at LIMIT $2) a LEFT JOIN smartaction_files f USING (action_id)`, tx.Now.Add(-s.cfg.Keep), sweepBatch)
		if err != nil {
			return fmt.Errorf("look for old actions: %w", err)
		}
		for rows.Next() {
			var id, tenant uuid.UUID
			var blob *uuid.UUID
			if err := rows.Scan(&id, &tenant, &blob); err != nil {
				rows.Close()
				return err
			}
			old = append(old, id)
			if blob != nil {
				gone = append(gone, blobName(tenant, *blob))
			}
		}
		if err := rows.Err(); err != nil {
			return fmt.Errorf("look for old actions: %w", err)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM smartactions WHERE action_id = ANY ($1)`, old); err != nil {
			return fmt.Errorf("forget old actions: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range gone {
		s.removeBlob(ctx, name)
	}
	return nil
}
