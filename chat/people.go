package chat

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/crm"
	"tandem/internal/storage"
)

// person is a row of chat_people, locked.
type person struct {
	Person
	id, account, contact uuid.UUID
	reachable            bool
	why                  string
	consent              map[string]bool
	window               Window
	windowAt             *time.Time
	windowSends          int
	entryAt              *time.Time
	reply                string
	replyUntil           *time.Time
}

const personColumns = `person_id, account_id, contact_id, coalesce(key, ''), coalesce(alias, ''), phone, name, username, language, country, avatar, reachable, unreachable,
	consent, window_kind, window_at, window_sends, entry_at, reply_token, reply_until`

func scanPerson(row pgx.Row) (*person, error) {
	var p person
	err := row.Scan(&p.id, &p.account, &p.contact, &p.ID, &p.Alias, &p.Phone, &p.Name, &p.Username, &p.Language, &p.Country, &p.Avatar, &p.reachable, &p.why,
		&p.consent, &p.window, &p.windowAt, &p.windowSends, &p.entryAt, &p.reply, &p.replyUntil)
	if err != nil {
		return nil, err
	}
	return &p, nil
}

func personOf(ctx context.Context, tx *storage.Tx, id uuid.UUID) (*person, error) {
	return scanPerson(tx.QueryRow(ctx, `SELECT `+personColumns+` FROM chat_people WHERE person_id = $1 FOR UPDATE`, id))
}

// keys are what the customer of the event may be known by: their id, in all its spellings.
func (r *receiver) keys() []string {
	id := r.e.From.ID
	if id == "" {
		return nil
	}
	keys := []string{id}
	if f := r.s.makers[r.account.Channel].Variants; f != nil {
		keys = append(keys, f(id)...)
	}
	return keys
}

// person finds the customer of an event, or makes one with a contact, and locks them: what happens to one customer happens in a row.
func (r *receiver) person(ctx context.Context) (*person, error) {
	keys, alias := r.keys(), r.e.From.Alias
	found, err := r.lookUp(ctx, keys, alias)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		// Two first messages in the same instant are one customer.
		names := []string{alias}
		if len(keys) > 0 {
			names = []string{slices.Min(keys), alias}
		}
		for _, name := range names {
			if name == "" {
				continue
			}
			if _, err := r.tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, r.account.ID.String()+"/"+name); err != nil {
				return nil, err
			}
		}
		if found, err = r.lookUp(ctx, keys, alias); err != nil {
			return nil, err
		}
	}
	switch len(found) {
	case 0:
		return r.newPerson(ctx)
	case 1:
		return found[0], r.learn(ctx, found[0])
	}
	// One event shows that two are the same.
	keep := found[0]
	for _, other := range found[1:] {
		if err := r.unite(ctx, keep, other); err != nil {
			return nil, err
		}
	}
	return keep, r.learn(ctx, keep)
}

// acquainted finds the customers of several events and locks them. Whoever is not exactly one known person, or is another event's too, is unusual.
func acquainted(ctx context.Context, rs []*receiver) (known, unusual []*receiver, err error) {
	var keys, aliases []string
	for _, r := range rs {
		keys, aliases = append(keys, r.keys()...), append(aliases, r.e.From.Alias)
	}
	found, err := rs[0].lookUp(ctx, keys, aliases...)
	if err != nil {
		return nil, nil, err
	}
	byKey, byAlias, taken := map[string]*person{}, map[string]*person{}, map[uuid.UUID]bool{}
	for _, p := range found {
		byKey[p.ID], byAlias[p.Alias] = p, p
	}
	for _, r := range rs {
		are := map[*person]bool{}
		for _, key := range r.keys() {
			are[byKey[key]] = true
		}
		if r.e.From.Alias != "" {
			are[byAlias[r.e.From.Alias]] = true
		}
		delete(are, nil)
		for p := range are {
			r.p = p
		}
		if len(are) != 1 || taken[r.p.id] {
			unusual = append(unusual, r)
			continue
		}
		taken[r.p.id] = true
		known = append(known, r)
		if err := r.learn(ctx, r.p); err != nil {
			return nil, nil, err
		}
	}
	return known, unusual, nil
}

// lookUp finds and locks those who are known by one of the names.
func (r *receiver) lookUp(ctx context.Context, keys []string, aliases ...string) ([]*person, error) {
	named := func(names []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "" })
	}
	rows, err := r.tx.Query(ctx, `SELECT `+personColumns+` FROM chat_people WHERE account_id = $1 AND (key = ANY ($2) OR alias = ANY ($3)) ORDER BY created_at, person_id FOR UPDATE`,
		r.account.ID, named(keys), named(aliases))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (*person, error) { return scanPerson(row) })
}

func (r *receiver) newPerson(ctx context.Context) (*person, error) {
	who := r.e.From
	contact, err := r.s.cfg.CRM.EnsureWriter(ctx, r.tx, crm.Writer{Name: who.Name, Phone: who.Phone, Language: who.Language, Country: who.Country, Channel: string(r.account.Channel)})
	if err != nil {
		return nil, err
	}
	p := &person{Person: who, id: storage.NewID(), account: r.account.ID, contact: contact, reachable: true, consent: map[string]bool{}}
	_, err = r.tx.Exec(ctx, `
		INSERT INTO chat_people (person_id, tenant_id, account_id, contact_id, key, alias, phone, name, username, language, country, avatar, created_at)
		VALUES ($1, $2, $3, $4, nullif($5, ''), nullif($6, ''), $7, $8, $9, $10, $11, $12, $13)`,
		p.id, r.tx.Tenant, r.account.ID, contact, who.ID, who.Alias, who.Phone, who.Name, who.Username, who.Language, who.Country, who.Avatar, r.tx.Now)
	return p, wrap("write a customer", err)
}

// learn takes over what an event says anew of a customer.
func (r *receiver) learn(ctx context.Context, p *person) error {
	n := r.e.From
	before := p.Person
	for _, f := range []struct {
		to   *string
		from string
	}{
		{&p.ID, n.ID}, {&p.Alias, n.Alias}, {&p.Phone, n.Phone}, {&p.Name, n.Name}, {&p.Username, n.Username}, {&p.Language, n.Language}, {&p.Country, n.Country}, {&p.Avatar, n.Avatar},
	} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	if p.Person == before {
		return nil
	}
	_, err := r.tx.Exec(ctx, `
		UPDATE chat_people SET key = nullif($2, ''), alias = nullif($3, ''), phone = $4, name = $5, username = $6, language = $7, country = $8, avatar = $9 WHERE person_id = $1`,
		p.id, p.ID, p.Alias, p.Phone, p.Name, p.Username, p.Language, p.Country, p.Avatar)
	return wrap("write what is known of a customer", err)
}

// unite makes one of two who have turned out to be the same. Both histories stay; of two conversations that are not closed the later one is.
func (r *receiver) unite(ctx context.Context, keep, other *person) error {
	var open []uuid.UUID
	rows, err := r.tx.Query(ctx, `SELECT conversation_id FROM conversations WHERE person_id IN ($1, $2) AND state <> 'closed' ORDER BY opened_at FOR UPDATE`, keep.id, other.id)
	if err == nil {
		open, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	}
	if err != nil {
		return err
	}
	if len(open) > 1 {
		for _, id := range open[1:] {
			c, err := lockConversation(ctx, r.tx, id)
			if err != nil {
				return err
			}
			if err := r.s.close(ctx, r.tx, c, ClosedMerged, uuid.Nil, ""); err != nil {
				return err
			}
		}
	}
	if err := r.absorb(ctx, keep, other); err != nil {
		return err
	}
	if keep.ID == "" {
		keep.ID = other.ID
	}
	if keep.Alias == "" {
		keep.Alias = other.Alias
	}
	if other.windowAt != nil && (keep.windowAt == nil || other.windowAt.After(*keep.windowAt)) {
		keep.window, keep.windowAt, keep.windowSends = other.window, other.windowAt, other.windowSends
	}
	if other.entryAt != nil && (keep.entryAt == nil || other.entryAt.After(*keep.entryAt)) {
		keep.entryAt = other.entryAt
	}
	for category, on := range other.consent { // a no is a no
		if was, said := keep.consent[category]; !said || was {
			keep.consent[category] = on
		}
	}
	_, err = r.tx.Exec(ctx, `UPDATE chat_people SET key = nullif($2, ''), alias = nullif($3, ''), window_kind = $4, window_at = $5, window_sends = $6, entry_at = $7, consent = $8 WHERE person_id = $1`,
		keep.id, keep.ID, keep.Alias, keep.window, keep.windowAt, keep.windowSends, keep.entryAt, keep.consent)
	return wrap("unite two customers", err)
}

// absorb gives everything of one customer to another, on this account and as contacts, and removes them.
func (r *receiver) absorb(ctx context.Context, keep, other *person) error {
	b := &pgx.Batch{}
	b.Queue(`UPDATE conversations SET person_id = $1 WHERE person_id = $2`, keep.id, other.id)
	b.Queue(`UPDATE chat_outbox SET person_id = $1 WHERE person_id = $2`, keep.id, other.id)
	b.Queue(`DELETE FROM chat_openings WHERE person_id = $1`, other.id)
	b.Queue(`DELETE FROM chat_people WHERE person_id = $1`, other.id)
	if err := r.tx.SendBatch(ctx, b).Close(); err != nil {
		return wrap("make one of two customers", err)
	}
	return r.s.cfg.CRM.Merge(ctx, r.tx, other.contact, keep.contact)
}

// opens notes what the customer did that lets us write (CH-3), and says whether that changes anything: only what is newer than the last counts.
func (r *receiver) opens(p *person, w Window) bool {
	if w == NoWindow || p.windowAt != nil && !r.e.At.After(*p.windowAt) && p.window != NoWindow {
		return false
	}
	if old := windowRules[r.account.Channel][p.window]; w == ByAction && p.window == ByMessage && p.windowSends < old.sends && r.e.At.Before(p.windowAt.Add(old.lasts)) {
		return false // a click's minute is less than what is left
	}
	p.window, p.windowAt, p.windowSends = w, &r.e.At, 0
	if w == ByEntryPoint {
		p.entryAt = &r.e.At
	}
	return true
}

// reach is the statement that writes how a customer can be written to.
func (p *person) reach() (sql string, args []any) {
	return `UPDATE chat_people SET reachable = $2, unreachable = $3, consent = $4, window_kind = $5, window_at = $6, window_sends = $7, entry_at = $8, reply_token = $9, reply_until = $10
		WHERE person_id = $1`, []any{p.id, p.reachable, p.why, p.consent, p.window, p.windowAt, p.windowSends, p.entryAt, p.reply, p.replyUntil}
}

// reaches writes what a message says of how its customer can be written to.
func (r *receiver) reaches(b *pgx.Batch) {
	in, p := r.e.Message, r.p
	if in.Echo {
		return
	}
	news := r.opens(p, in.Window)
	if in.Reply != "" {
		p.reply, p.replyUntil, news = in.Reply, &in.ReplyUntil, true
	}
	if !p.reachable { // who writes can be written to
		p.reachable, p.why, news = true, "", true
	}
	if news {
		sql, args := p.reach()
		b.Queue(sql, args...)
	}
}

// contact takes over what has become of a customer.
func (r *receiver) contact(ctx context.Context, n ContactEvent) error {
	if n.Merged.ID != "" {
		return r.merged(ctx, n.Merged)
	}
	if n.Was.ID != "" || n.Was.Alias != "" {
		if err := r.renamed(ctx, n.Was); err != nil {
			return err
		}
	}
	p, err := r.person(ctx)
	if err != nil {
		return err
	}
	if n.Reachable != nil {
		p.reachable, p.why = *n.Reachable, ""
		if !p.reachable {
			p.why = n.Why
		}
	}
	for category, on := range n.Consent {
		p.consent[category] = on
	}
	r.opens(p, n.Window)
	sql, args := p.reach()
	if _, err := r.tx.Exec(ctx, sql, args...); err != nil {
		return wrap("write what has become of a customer", err)
	}
	return r.s.tellPerson(ctx, r.tx, p)
}

// renamed gives a customer whose id has changed the new one, before they are looked up by it.
func (r *receiver) renamed(ctx context.Context, was Person) error {
	now := r.e.From
	tag, err := r.tx.Exec(ctx, `
		UPDATE chat_people SET key = coalesce(nullif($4, ''), key), alias = coalesce(nullif($5, ''), alias), phone = coalesce(nullif($6, ''), phone)
		WHERE account_id = $1 AND (key = nullif($2, '') OR alias = nullif($3, ''))
		  AND NOT EXISTS (SELECT FROM chat_people o WHERE o.account_id = $1 AND (o.key = nullif($4, '') OR o.alias = nullif($5, '')))`,
		r.account.ID, was.ID, was.Alias, now.ID, now.Alias, now.Phone)
	if err != nil || tag.RowsAffected() > 0 {
		return err
	}
	// The new id is known already: then the two are one.
	older, err := r.lookUp(ctx, []string{was.ID}, was.Alias)
	if err != nil || len(older) == 0 {
		return err
	}
	newer, err := r.lookUp(ctx, []string{now.ID}, now.Alias)
	if err != nil || len(newer) == 0 || newer[0].id == older[0].id {
		return err
	}
	newer[0].ID, newer[0].Alias = now.ID, now.Alias
	if err := r.unite(ctx, older[0], newer[0]); err != nil {
		return err
	}
	_, err = r.tx.Exec(ctx, `UPDATE chat_people SET key = coalesce(nullif($2, ''), key), alias = coalesce(nullif($3, ''), alias) WHERE person_id = $1`, older[0].id, now.ID, now.Alias)
	return err
}

// called is how a customer is called: by name, or by what the channel knows them by.
func called(ctx context.Context, tx *storage.Tx, person uuid.UUID) (name string, err error) {
	err = tx.QueryRow(ctx, `SELECT coalesce(nullif(name, ''), nullif(username, ''), nullif(phone, ''), left(key, 24), '') FROM chat_people WHERE person_id = $1`, person).Scan(&name)
	return name, wrap("read how a customer is called", err)
}

// tellPerson lets pages look again at the conversation of a customer, and the queue call them by their name.
func (s *Service) tellPerson(ctx context.Context, tx *storage.Tx, p *person) error {
	c, err := openConversation(ctx, tx, p.id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	name, err := called(ctx, tx, c.person)
	if err != nil {
		return err
	}
	if err := s.cfg.Queues.NameChat(ctx, tx, c.id, name); err != nil {
		return err
	}
	return s.tell(ctx, tx, c, "conversation.changed", nil)
}
