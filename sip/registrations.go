package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// Registration is where a phone is reached until it expires.
type Registration struct {
	Contact   string    `json:"contact" db:"contact"`
	Received  string    `json:"received" db:"received" doc:"host:port it registered from, which is where calls go"`
	Transport string    `json:"transport" db:"transport"`
	UserAgent string    `json:"user_agent" db:"user_agent" doc:"as it calls itself"`
	Node      string    `json:"node" db:"node" doc:"the server that it is registered with"`
	CallID    string    `json:"-" db:"call_id"`
	CSeq      int64     `json:"-" db:"cseq"`
	Since     time.Time `json:"since" db:"registered_at"`
	Expires   time.Time `json:"expires_at" db:"expires_at"`
}

const registrationColumns = `contact, received, transport, user_agent, node, call_id, cseq, registered_at, expires_at`

// maxBindings is how many contacts a phone has at most; beyond that, those that expire first go.
const maxBindings = 8

// registrations returns a phone's live registrations, the newest first.
func registrations(ctx context.Context, tx *storage.Tx, phone uuid.UUID) ([]Registration, error) {
	rows, err := tx.Query(ctx, `SELECT `+registrationColumns+` FROM sip_registrations WHERE phone_id = $1 AND expires_at > $2 ORDER BY registered_at DESC, contact`, phone, tx.Now)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Registration])
}

// Registered returns where the phone with this user name is, the newest registration first; none when it is not registered.
func (d *Directory) Registered(ctx context.Context, tenant uuid.UUID, username string) ([]Registration, error) {
	var found []Registration
	err := d.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var phone uuid.UUID
		err := tx.QueryRow(ctx, `SELECT phone_id FROM sip_phones WHERE username = $1`, username).Scan(&phone)
		if err != nil {
			return storage.Missing(err, ErrPhoneNotFound)
		}
		found, err = registrations(ctx, tx, phone)
		return err
	})
	return found, err
}

// registeredAt says that a phone is registered, from the address that it is now heard from.
func (d *Directory) registeredAt(ctx context.Context, p *Phone, src netip.Addr) (yes bool, err error) {
	if p == nil {
		return false, nil
	}
	err = d.db.Worker(ctx, func(tx *storage.Tx) error {
		found, err := registrations(ctx, tx, p.ID)
		for _, r := range found {
			at, _ := netip.ParseAddrPort(r.Received)
			yes = yes || at.Addr().Unmap() == src.Unmap()
		}
		return err
	})
	return yes, err
}

// wish is what a REGISTER asks for: when each contact is to expire (zero: remove), and whether all others go.
type wish struct {
	from   Registration // what its new contacts have in common
	change map[string]time.Duration
	all    bool
}

func wishOf(req *gosip.Request, src netip.AddrPort, change map[string]time.Duration, all bool) wish {
	w := wish{change: change, all: all, from: Registration{
		Received: src.String(), Transport: strings.ToLower(req.Transport()), CallID: req.CallID().Value(), CSeq: int64(req.CSeq().SeqNo),
	}}
	if h := req.GetHeader("User-Agent"); h != nil && !hasControl(h.Value()) {
		w.from.UserAgent = strings.ToValidUTF8(h.Value()[:min(len(h.Value()), 100)], "")
	}
	return w
}

// register writes and removes a phone's registrations in one step. moved: from elsewhere, or in another number, than before. Nobody
// is told of those that are only renewed, as most are.
func (d *Directory) register(ctx context.Context, p Phone, w wish) (now []Registration, moved bool, err error) {
	err = d.db.Tenant(ctx, p.Tenant, func(tx *storage.Tx) error {
		before, err := registrations(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		for _, r := range before {
			if r.CallID == w.from.CallID && w.from.CSeq <= r.CSeq {
				return refuse(400, "CSeq Not Rising") // RFC 3261 10.3, step 7
			}
		}
		if err := d.rebind(ctx, tx, p, w); err != nil {
			return fmt.Errorf("write the registrations: %w", err)
		}
		if now, err = registrations(ctx, tx, p.ID); err != nil {
			return err
		}
		if moved = !slices.Equal(places(before), places(now)); moved {
			tx.AfterCommit(func() { d.bus.Publish(directoryChanged, nil) })
		}
		if (len(before) > 0) == (len(now) > 0) {
			return nil
		}
		return d.tellPresence(ctx, tx, p, len(now) > 0)
	})
	return now, moved, err
}

// places are where registrations came from, sorted.
func places(list []Registration) []string {
	from := make([]string, 0, len(list))
	for _, r := range list {
		from = append(from, r.Received)
	}
	slices.Sort(from)
	return from
}

func (d *Directory) rebind(ctx context.Context, tx *storage.Tx, p Phone, w wish) error {
	if w.all {
		if _, err := tx.Exec(ctx, `DELETE FROM sip_registrations WHERE phone_id = $1`, p.ID); err != nil {
			return err
		}
	}
	f := w.from
	for contact, life := range w.change {
		if life == 0 {
			if _, err := tx.Exec(ctx, `DELETE FROM sip_registrations WHERE phone_id = $1 AND contact = $2`, p.ID, contact); err != nil {
				return err
			}
			continue
		}
		// A refresh keeps since when the contact has been there.
		_, err := tx.Exec(ctx, `
			INSERT INTO sip_registrations AS r (registration_id, tenant_id, phone_id, contact, received, transport, user_agent, node, call_id, cseq, registered_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (phone_id, contact) DO UPDATE SET received = excluded.received, transport = excluded.transport, user_agent = excluded.user_agent,
				node = excluded.node, call_id = excluded.call_id, cseq = excluded.cseq, expires_at = excluded.expires_at,
				registered_at = CASE WHEN r.expires_at > excluded.registered_at THEN r.registered_at ELSE excluded.registered_at END`,
			storage.NewID(), p.Tenant, p.ID, contact, f.Received, f.Transport, f.UserAgent, d.node, f.CallID, f.CSeq, tx.Now, tx.Now.Add(life))
		if err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `
		DELETE FROM sip_registrations WHERE registration_id IN
			(SELECT registration_id FROM sip_registrations WHERE phone_id = $1 ORDER BY expires_at DESC OFFSET $2)`, p.ID, maxBindings)
	return err
}

// forget removes a contact that has turned out to be gone: the connection it came by is closed (RFC 5626 4.2.2).
func (d *Directory) forget(ctx context.Context, tenant uuid.UUID, username string, gone Registration) error {
	return d.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var p Phone
		err := tx.QueryRow(ctx, `
			DELETE FROM sip_registrations r USING sip_phones p WHERE p.phone_id = r.phone_id AND p.username = $1 AND r.contact = $2 AND r.received = $3
			RETURNING p.phone_id, p.tenant_id, p.username, p.agent_id`, username, gone.Contact, gone.Received).Scan(&p.ID, &p.Tenant, &p.Username, &p.Agent)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // it has registered again meanwhile
		}
		if err != nil {
			return err
		}
		tx.AfterCommit(func() { d.bus.Publish(directoryChanged, nil) })
		left, err := registrations(ctx, tx, p.ID)
		if err != nil || len(left) > 0 {
			return err
		}
		return d.tellPresence(ctx, tx, p, false)
	})
}

// sweep removes expired registrations and says so for phones that have none left.
func (d *Directory) sweep(ctx context.Context) error {
	return d.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			WITH gone AS (DELETE FROM sip_registrations WHERE expires_at <= $1 RETURNING phone_id)
			SELECT DISTINCT p.phone_id, p.tenant_id, p.username, p.agent_id FROM gone JOIN sip_phones p USING (phone_id)
			WHERE NOT EXISTS (SELECT FROM sip_registrations r WHERE r.phone_id = p.phone_id AND r.expires_at > $1)`, tx.Now)
		if err != nil {
			return err
		}
		phones, err := pgx.CollectRows(rows, pgx.RowToStructByName[Phone])
		if err != nil {
			return err
		}
		for _, p := range phones {
			if err := d.tellPresence(ctx, tx, p, false); err != nil {
				return err
			}
		}
		if len(phones) > 0 {
			tx.AfterCommit(func() { d.bus.Publish(directoryChanged, nil) })
		}
		return nil
	})
}

// readRegistered returns the addresses that registered phones send from, and how many contacts there are.
func (d *Directory) readRegistered(ctx context.Context) (from map[netip.Addr]bool, contacts int, err error) {
	from = map[netip.Addr]bool{}
	err = d.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT received, count(*) FROM sip_registrations WHERE expires_at > $1 GROUP BY 1`, tx.Now)
		if err != nil {
			return err
		}
		var s string
		var n int
		_, err = pgx.ForEachRow(rows, []any{&s, &n}, func() error {
			contacts += n
			if ap, err := netip.ParseAddrPort(s); err == nil {
				from[ap.Addr().Unmap()] = true
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read registrations: %w", err)
	}
	return from, contacts, nil
}
