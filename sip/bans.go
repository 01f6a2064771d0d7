package sip

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// bans are what all nodes know of guessers, in the database, so that no restart forgets it. What this node counts is written soon after, beside the
// messages; what the others count comes over the bus, and from the table what the bus has lost.
type bans struct {
	dir     *Directory
	sources *sources
	log     *slog.Logger

	mu      sync.Mutex
	pending map[suspect]guess // not written yet
	news    chan struct{}
	looked  time.Time // up to when changes of the table are known; by run alone
}

const (
	// guessedAt is the bus subject on which nodes tell each other who guesses passwords.
	guessedAt = "sip.guesses"

	bansEvery = 30 * time.Second       // a look at the table
	bansPause = 500 * time.Millisecond // between writes; what happens meanwhile goes together
	bansSlack = 10 * time.Second       // a transaction may take so long from its time to its end
	keepBans  = time.Hour              // after their end
)

func newBans(dir *Directory, sources *sources, log *slog.Logger) *bans {
	return &bans{dir: dir, sources: sources, log: log, pending: map[suspect]guess{}, news: make(chan struct{}, 1)}
}

// tell passes on what this node has counted. It does not wait.
func (b *bans) tell(g guess) {
	b.mu.Lock()
	b.pending[g.suspect] = g
	b.mu.Unlock()
	select {
	case b.news <- struct{}{}:
	default:
	}
	b.dir.tellGuess(g)
}

func (d *Directory) tellGuess(g guess) {
	if body, err := json.Marshal(g); err == nil {
		d.bus.Publish(guessedAt, body)
	}
}

func (b *bans) hear(_ string, data []byte) {
	var g guess
	if err := json.Unmarshal(data, &g); err != nil || g.User == "" && !g.Source.IsValid() {
		b.log.Error("a node tells of a guesser in words of its own", "err", err)
		return
	}
	if g.Fails == 0 {
		b.mu.Lock()
		if b.pending[g.suspect].Fails > 0 { // or this node has forgiven them itself, hears that, and is to write it yet
			delete(b.pending, g.suspect)
		}
		b.mu.Unlock()
	}
	b.sources.heard(g, time.Now())
}

// run writes what this node counts and reads what others did, until ctx ends; then it writes the rest.
func (b *bans) run(ctx context.Context) {
	tick := time.NewTicker(bansEvery)
	defer tick.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
		case <-b.news:
		case <-tick.C:
			b.look(ctx)
		}
		over := ctx.Err() != nil // before the last write, so that nothing comes after it
		b.write(context.WithoutCancel(ctx))
		if over {
			return
		}
		pause.Reset(bansPause)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
	}
}

// write brings the table up to date. What it does not take is tried again with the next.
func (b *bans) write(ctx context.Context) {
	b.mu.Lock()
	batch := b.pending
	b.pending = map[suspect]guess{}
	b.mu.Unlock()
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	if err := b.dir.writeBans(ctx, slices.Collect(maps.Values(batch))); err != nil {
		b.log.Error("cannot write who guesses passwords; tried again", "err", err)
		b.mu.Lock()
		maps.Copy(batch, b.pending)
		b.pending = batch
		b.mu.Unlock()
	}
}

func (d *Directory) writeBans(ctx context.Context, batch []guess) error {
	var ids []uuid.UUID
	var tenants []*uuid.UUID
	var sources, users []string
	var fails []int
	var until []time.Time
	for _, g := range batch {
		ids, tenants, users, fails, until = append(ids, storage.NewID()), append(tenants, storage.Nullable(g.Tenant)), append(users, g.User), append(fails, g.Fails), append(until, g.Until)
		sources = append(sources, sourceText(g.Source))
	}
	return d.db.Worker(ctx, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO sip_bans AS b (ban_id, tenant_id, source, username, fails, since, until, changed_at)
			SELECT n.ban_id, n.tenant_id, n.source, n.username, n.fails, $7, n.until, $7
			FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::int[], $6::timestamptz[]) AS n (ban_id, tenant_id, source, username, fails, until)
			ORDER BY n.source, n.username
			ON CONFLICT (source, username) DO UPDATE SET tenant_id = coalesce(excluded.tenant_id, b.tenant_id), changed_at = excluded.changed_at,
				since = CASE WHEN b.until < excluded.since THEN excluded.since ELSE b.since END,
				fails = CASE WHEN excluded.fails = 0 THEN 0 ELSE greatest(b.fails, excluded.fails) END,
				until = CASE WHEN excluded.fails = 0 THEN excluded.since ELSE greatest(b.until, excluded.until) END`,
			ids, tenants, sources, users, fails, until, tx.Now)
		return err
	})
}

func sourceText(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return p.String()
}

// look reads what has changed since the last look, by whichever node.
func (b *bans) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	err := b.dir.db.Worker(ctx, func(tx *storage.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM sip_bans WHERE until < $1`, tx.Now.Add(-keepBans)); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT source, username, coalesce(tenant_id, $3), fails, until FROM sip_bans WHERE changed_at > $1 AND until > $2`,
			b.looked, tx.Now.Add(-sourceIdle), uuid.Nil)
		if err != nil {
			return err
		}
		var source string
		var g guess
		_, err = pgx.ForEachRow(rows, []any{&source, &g.User, &g.Tenant, &g.Fails, &g.Until}, func() error {
			g.Source, _ = netip.ParsePrefix(source) // "": of a user name alone
			b.sources.heard(g, time.Now())
			return nil
		})
		if err == nil {
			b.looked = tx.Now.Add(-bansSlack)
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		b.log.Error("cannot read who guesses passwords", "err", err)
	}
}

// Ban is a guesser, or a user name whose password is guessed, that is refused for a while.
type Ban struct {
	ID       uuid.UUID `json:"id" db:"ban_id"`
	Source   string    `json:"source,omitempty" db:"source" doc:"network that is refused"`
	Username string    `json:"username,omitempty" db:"username" doc:"that is refused: to strangers, or at the source where there is one"`
	Fails    int       `json:"fails" db:"fails" doc:"wrong passwords in a row"`
	Since    time.Time `json:"since" db:"since"`
	Until    time.Time `json:"until" db:"until"`
}

// ErrBanNotFound says that a ban is over, or never was.
var ErrBanNotFound = fault.New(fault.NotFound, "sip_ban_not_found", "Nobody is refused there (any more).")

// concerns are the bans that a tenant may see: of its own user names, and of sources that guess names of nobody.
const concerns = `until > $2 AND (tenant_id = $1 OR tenant_id IS NULL AND username = '')`

const maxBans = 500

// Bans lists who is refused on all nodes, as far as it concerns a tenant; those that last longest come first.
func (d *Directory) Bans(ctx context.Context, tenant uuid.UUID) (found []Ban, err error) {
	err = d.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT ban_id, source, username, fails, since, until FROM sip_bans WHERE `+concerns+` ORDER BY until DESC, ban_id LIMIT $3`, tenant, tx.Now, maxBans)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByName[Ban])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list who is refused: %w", err)
	}
	return found, nil
}

// LiftBan lets somebody try again who is refused, on all nodes, as if nothing had been guessed.
func (d *Directory) LiftBan(ctx context.Context, tenant, id uuid.UUID) error {
	return d.db.Worker(ctx, func(tx *storage.Tx) error {
		var b Ban
		err := tx.QueryRow(ctx, `UPDATE sip_bans SET fails = 0, until = $2, changed_at = $2 WHERE ban_id = $3 AND `+concerns+` RETURNING source, username`,
			tenant, tx.Now, id).Scan(&b.Source, &b.Username)
		if err != nil {
			return storage.Missing(err, ErrBanNotFound)
		}
		g := guess{suspect: suspect{User: b.Username}}
		g.Source, _ = netip.ParsePrefix(b.Source) // "": of a user name alone
		tx.AfterCommit(func() { d.tellGuess(g) })
		return d.log.AppendFor(ctx, tx, tenant, "sip_ban.lifted", id, BanLifted{Source: b.Source, Username: b.Username})
	})
}

// BanLifted is the data of the event sip_ban.lifted.
type BanLifted struct {
	Source   string `json:"source,omitempty"`
	Username string `json:"username,omitempty"`
}
