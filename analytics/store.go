package analytics

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/calls"
	"tandem/internal/storage"
	"tandem/queues"
)

// load fetches what a batch of events is about.
func (p *projection) load(ctx context.Context, tx *storage.Tx, batch []happened) error {
	items, offers, agents := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
	for _, h := range batch {
		switch d := h.data.(type) {
		case *queues.Queued:
			items[d.Item] = true
		case *queues.Left:
			items[d.Item] = true
		case *queues.OfferMade:
			items[d.Item] = true
		case *queues.StateChanged:
			items[d.Item], offers[d.Offer], agents[d.Agent] = true, true, true
		case *queues.PresenceChanged:
			agents[d.Agent] = true
		case *calls.Record:
			items[d.ID] = true
		}
	}
	b := &pgx.Batch{}
	b.Queue(`SELECT DISTINCT ON (item_id) to_jsonb(v) FROM report_visits v WHERE item_id = ANY ($1) ORDER BY item_id, visit DESC`, bare(items)).
		Query(func(rows pgx.Rows) error { return collect(rows, func(v *visit) { p.visits[v.Item] = v }) })
	b.Queue(`SELECT to_jsonb(o) FROM report_offers o WHERE offer_id = ANY ($1)`, bare(offers)).
		Query(func(rows pgx.Rows) error { return collect(rows, func(o *offer) { p.offers[o.ID] = o }) })
	b.Queue(`SELECT to_jsonb(a) FROM report_agents a WHERE agent_id = ANY ($1)`, bare(agents)).
		Query(func(rows pgx.Rows) error { return collect(rows, func(a *agent) { p.agents[a.ID] = a }) })
	return tx.SendBatch(ctx, b).Close()
}

// bare are ids as bytes: pgx writes a slice of uuid.UUID by way of strings, many times slower.
func bare(ids map[uuid.UUID]bool) [][16]byte {
	all := make([][16]byte, 0, len(ids))
	for id := range ids {
		all = append(all, id)
	}
	return all
}

// collect reads rows of one jsonb column each.
func collect[T any](rows pgx.Rows, f func(*T)) error {
	var body []byte
	_, err := pgx.ForEachRow(rows, []any{&body}, func() error {
		v := new(T)
		if err := json.Unmarshal(body, v); err != nil {
			return fmt.Errorf("read a row of the reports: %w", err)
		}
		f(v)
		return nil
	})
	return err
}

// save writes what the batch changed, and adds its facts.
func (p *projection) save(ctx context.Context, tx *storage.Tx) error {
	var visits []visit
	for _, v := range p.visits {
		visits = append(visits, v.before...)
		if v.changed {
			visits = append(visits, v.bare())
		}
	}
	var offers []*offer
	over := map[uuid.UUID]bool{}
	for _, o := range p.offers {
		if o.over {
			over[o.ID] = true
		} else {
			offers = append(offers, o)
		}
	}
	w := writer{b: &pgx.Batch{}}
	write(&w, "report_visits", "item_id, visit", visits, replace[visit]())
	write(&w, "report_offers", "offer_id", offers, replace[offer]())
	if len(over) > 0 {
		w.b.Queue(`DELETE FROM report_offers WHERE offer_id = ANY ($1)`, bare(over))
	}
	write(&w, "report_agents", "agent_id", slices.Collect(maps.Values(p.agents)), replace[agent]())
	p.writeFacts(&w)
	if w.err != nil || w.b.Len() == 0 {
		return w.err
	}
	if err := tx.SendBatch(ctx, w.b).Close(); err != nil {
		return fmt.Errorf("store facts: %w", err)
	}
	return nil
}

func (p *projection) writeFacts(w *writer) {
	type queueRow struct {
		Tenant uuid.UUID `json:"tenant_id"`
		Queue  uuid.UUID `json:"queue_id"`
		Start  time.Time `json:"start"`
		QueueCounts
	}
	var qs []queueRow
	for k, c := range p.facts.queues {
		qs = append(qs, queueRow{k.tenant, k.queue, k.start, *c})
	}
	write(w, "report_queue_intervals", "tenant_id, start, queue_id", qs, addUp(columns[QueueCounts]()))
	type agentRow struct {
		Tenant uuid.UUID `json:"tenant_id"`
		Agent  uuid.UUID `json:"agent_id"`
		Queue  uuid.UUID `json:"queue_id"`
		Start  time.Time `json:"start"`
		AgentCounts
	}
	var as []agentRow
	for k, c := range p.facts.agents {
		as = append(as, agentRow{k.tenant, k.agent, k.queue, k.start, *c})
	}
	write(w, "report_agent_intervals", "tenant_id, start, agent_id, queue_id", as, addUp(columns[AgentCounts]()))
	type reasonRow struct {
		Tenant   uuid.UUID `json:"tenant_id"`
		Agent    uuid.UUID `json:"agent_id"`
		Start    time.Time `json:"start"`
		Presence string    `json:"presence"`
		Reason   string    `json:"reason"`
		Seconds  float64   `json:"seconds"`
	}
	var rs []reasonRow
	for k, s := range p.reasons {
		rs = append(rs, reasonRow{k.tenant, k.agent, k.start, k.presence, k.reason, s})
	}
	write(w, "report_agent_reasons", "tenant_id, start, agent_id, presence, reason", rs, addUp([]string{"seconds"}))
}

type writer struct {
	b   *pgx.Batch
	err error
}

// write inserts rows whose JSON names are the table's columns; those that exist already are changed as set says.
func write[T any](w *writer, table, key string, rows []T, set string) {
	if len(rows) == 0 || w.err != nil {
		return
	}
	body, err := json.Marshal(rows)
	if err != nil {
		w.err = fmt.Errorf("encode rows of %s: %w", table, err)
		return
	}
	w.b.Queue(`INSERT INTO `+table+` AS t SELECT * FROM jsonb_populate_recordset(NULL::`+table+`, $1) ON CONFLICT (`+key+`) DO UPDATE SET `+set, body)
}

// replace sets every column of T to its new value.
func replace[T any]() string {
	var set []string
	for _, c := range columns[T]() {
		set = append(set, c+" = excluded."+c)
	}
	return strings.Join(set, ", ")
}

func addUp(names []string) string {
	var set []string
	for _, c := range names {
		if c == greatest {
			set = append(set, c+" = greatest(t."+c+", excluded."+c+")")
		} else {
			set = append(set, c+" = t."+c+" + excluded."+c)
		}
	}
	return strings.Join(set, ", ")
}
