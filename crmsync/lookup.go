package crmsync

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nyaruka/phonenumbers"

	"tandem/calls"
	"tandem/internal/storage"
)

// This file shows agents who calls. The CRM is asked beside the call, never in its way: a CRM that is slow or dead delays neither ring nor answer.

// LookupState is how far a look-up has come.
type LookupState string

// The states.
const (
	LookupLooking LookupState = "looking"
	LookupKnown   LookupState = "known"
	LookupUnknown LookupState = "unknown" // the CRM has no such contact
	LookupSilent  LookupState = "silent"  // the CRM does not answer
)

// Lookup is what the CRM knows of a customer.
type Lookup struct {
	State    LookupState `json:"state" enum:"looking,known,unknown,silent"`
	Provider string      `json:"provider" doc:"the CRM's name, as /crm-connection/vendors lists them"`
	Label    string      `json:"label" doc:"what the CRM is called"`
	Searches bool        `json:"searches" doc:"its records are found by words; others by telephone or customer number alone"`
	Contact  *Contact    `json:"contact,omitempty"`
	Tickets  []Ticket    `json:"tickets" doc:"that still take notes and files, the newest first"`
}

const (
	lookupAge   = time.Minute      // how long what was found is shown to others
	silentAge   = 10 * time.Second // how long a CRM that did not answer is left alone
	mostLookups = 8                // of a tenant at the same time
)

// lookups are those of this node: asked for, under way, and done a moment ago.
type lookups struct {
	asked chan lookupAsk
	mu    sync.Mutex
	known map[lookupKey]*lookup
	busy  map[uuid.UUID]int // by tenant
}

type lookupKey struct {
	tenant uuid.UUID
	who    string
}

type lookupAsk struct {
	key lookupKey
	who Customer
	to  *lookup
}

type lookup struct {
	done   chan struct{}
	at     time.Time // when done
	result Lookup
}

func newLookups() *lookups {
	return &lookups{asked: make(chan lookupAsk, 64), known: make(map[lookupKey]*lookup), busy: make(map[uuid.UUID]int)}
}

func (l *lookup) stale() bool {
	select {
	case <-l.done:
	default:
		return false
	}
	if l.result.State == LookupSilent {
		return time.Since(l.at) > silentAge
	}
	return time.Since(l.at) > lookupAge
}

// of is the look-up of a customer, begun if there is none; nil while the tenant has too many.
func (l *lookups) of(tenant uuid.UUID, who Customer) *lookup {
	key := lookupKey{tenant, who.ExternalID()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.known[key]; known != nil && !known.stale() {
		return known
	}
	if l.busy[tenant] >= mostLookups {
		return nil
	}
	begun := &lookup{done: make(chan struct{}), result: Lookup{State: LookupLooking}}
	select {
	case l.asked <- lookupAsk{key, who, begun}:
	default:
		return nil
	}
	l.busy[tenant]++
	l.known[key] = begun
	return begun
}

func (l *lookups) finish(a lookupAsk, result Lookup) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.to.at, a.to.result = time.Now(), result
	close(a.to.done)
	if l.busy[a.key.tenant]--; l.busy[a.key.tenant] == 0 {
		delete(l.busy, a.key.tenant)
	}
	for key, one := range l.known {
		if one.stale() {
			delete(l.known, key)
		}
	}
}

// lookUp answers what is asked for until ctx ends.
func (s *Service) lookUp(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-s.lookups.asked:
			wg.Go(func() { s.lookups.finish(a, s.askFor(ctx, a.key.tenant, a.who)) })
		}
	}
}

// nobody is a look-up of somebody whom a CRM does not know.
func (s *Service) nobody(provider string) Lookup {
	v := s.vendors[provider]
	return Lookup{State: LookupUnknown, Provider: provider, Label: v.Label, Searches: v.Searches, Tickets: []Ticket{}}
}

func (s *Service) askFor(ctx context.Context, tenant uuid.UUID, who Customer) Lookup {
	ctx, cancel := context.WithTimeout(Interactive(ctx), s.cfg.LookupFor)
	defer cancel()
	p, c, err := s.provider(ctx, tenant)
	out := s.nobody(c.Provider)
	var found Contact
	if err == nil {
		found, err = p.FindContact(ctx, who)
	}
	if err == nil && found.ID != "" {
		out.State, out.Contact = LookupKnown, &found
		var tickets []Ticket
		tickets, err = p.Tickets(ctx, found.ID)
		out.Tickets = append(out.Tickets, tickets...)
	}
	if err != nil {
		out.State = LookupSilent
		s.log.Warn("a CRM was not able to say who calls", "tenant", tenant, "class", class(err))
	}
	s.looked.WithLabelValues(string(out.State)).Inc()
	return out
}

// Lookup tells what the CRM knows of a call's customer, as far as it is known after patience. Who withholds their number is unknown.
func (s *Service) Lookup(ctx context.Context, tenant uuid.UUID, r *calls.Record, patience time.Duration) (Lookup, error) {
	conn, err := s.Connection(ctx, tenant)
	if err != nil {
		return Lookup{}, err
	}
	out := s.nobody(conn.Provider)
	who := wanted{contact: conn.ContactData}.call(r).Matter().Customer
	if who.Identity == "" && who.External == "" {
		return out, nil
	}
	out.State = LookupLooking
	begun := s.lookups.of(tenant, who)
	if begun == nil {
		return out, nil
	}
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case <-begun.done:
		return begun.result, nil
	case <-wait.C:
	case <-ctx.Done():
	}
	return out, nil
}

// foresee begins to look a caller up who waits for an agent.
func (s *Service) foresee(ctx context.Context, tx *storage.Tx, tenant uuid.UUID, r *calls.Record) error {
	if !r.Ticket {
		return nil
	}
	w, err := readWanted(ctx, tx, tenant)
	if err != nil {
		return err
	}
	if who := w.call(r).Matter().Customer; who.Identity != "" || who.External != "" {
		s.lookups.of(tenant, who)
	}
	return nil
}

// Found is what a search in the CRM has found.
type Found struct {
	Contacts []Contact `json:"contacts"`
	Tickets  []Ticket  `json:"tickets"`
}

// Searcher is a Provider that finds contacts and tickets by words: at most MostFound of each, and no ticket that takes nothing any more. Its vendor says
// so by Vendor.Searches.
type Searcher interface {
	Search(ctx context.Context, text string) (Found, error)
}

// MostFound are how many contacts, and how many tickets, a search shows.
const MostFound = 10

// Search looks for contacts and tickets in the tenant's CRM, as long as a person waits: by telephone number or customer number, where the text may be one,
// and by words, where the CRM can.
func (s *Service) Search(ctx context.Context, tenant uuid.UUID, text string) (found Found, err error) {
	p, _, err := s.provider(ctx, tenant)
	if err != nil {
		return found, err
	}
	ctx, cancel := context.WithTimeout(Interactive(ctx), s.cfg.LookupFor)
	defer cancel()
	text = strings.TrimSpace(text)
	if who := named(text); who != (Customer{}) {
		found, err = byNumber(ctx, p, who)
	}
	if by, ok := p.(Searcher); ok && len(found.Contacts) == 0 {
		found, err = by.Search(ctx, text)
	}
	if err != nil {
		return found, ErrNotSearchable.Because(err)
	}
	found.Contacts, found.Tickets = append([]Contact{}, found.Contacts...), append([]Ticket{}, found.Tickets...)
	return found, nil
}

// named is whom a text may name: by a telephone number, or by a customer number, which has digits and no spaces. The zero Customer: nobody.
func named(text string) (who Customer) {
	if number, err := phonenumbers.Parse(text, ""); err == nil {
		e164 := phonenumbers.Format(number, phonenumbers.E164)
		return Customer{Identity: e164, Phone: e164}
	}
	if strings.ContainsAny(text, "0123456789") && !strings.ContainsAny(text, " \t") {
		who.External = text
	}
	return who
}

func byNumber(ctx context.Context, p Provider, who Customer) (found Found, err error) {
	contact, err := p.FindContact(ctx, who)
	if err != nil || contact.ID == "" {
		return found, err
	}
	found.Contacts = []Contact{contact}
	found.Tickets, err = p.Tickets(ctx, contact.ID)
	return found, err
}
