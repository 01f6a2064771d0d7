package crm

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// TicketFilter chooses tickets for a list; zero values choose all.
type TicketFilter struct {
	Open       bool // not resolved
	Status     Status
	Type       Type
	Priority   Priority
	Assignee   uuid.UUID
	Unassigned bool
	Contact    uuid.UUID
	Call       uuid.UUID // or a conversation
	SLA        SLA
	Search     string      // words of the title, the last of them as a beginning; or a number, which is the ticket's
	Within     []uuid.UUID // who must have it, or have made it; nil: anybody
	Sort       TicketSort
	Cursor     string
	Limit      int
}

// TicketSort is the order of a list of tickets; within it the newest come first.
type TicketSort string

// The orders. Each has an index of its own.
const (
	SortNewest   TicketSort = "newest"
	SortUpdated  TicketSort = "updated"  // changed last
	SortPriority TicketSort = "priority" // the most urgent
	SortDue      TicketSort = "due"      // whose promise runs out next; those without one last
)

// ticketOrder is how a sort is written in SQL, and how a cursor holds a ticket's place in it.
type ticketOrder struct {
	key, kind string // expression and type; "": the id alone
	up        bool
	place     func(Ticket) string
}

func (o TicketSort) order() ticketOrder {
	switch o {
	case SortUpdated:
		return ticketOrder{"updated_at", "timestamptz", false, func(t Ticket) string { return t.UpdatedAt.UTC().Format(time.RFC3339Nano) }}
	case SortPriority:
		return ticketOrder{"urgency", "smallint", false, func(t Ticket) string {
			return strconv.Itoa(map[Priority]int{Urgent: 4, High: 3, Medium: 2, Low: 1}[t.Priority])
		}}
	case SortDue:
		return ticketOrder{"coalesce(due_at, 'infinity')", "timestamptz", true, func(t Ticket) string {
			if t.DueAt == nil {
				return "infinity"
			}
			return t.DueAt.UTC().Format(time.RFC3339Nano)
		}}
	}
	return ticketOrder{}
}

// after narrows to what comes after a cursor.
func (o ticketOrder) after(q *query, cursor string) error {
	place, id, ok := strings.Cut(cursor, "~")
	if o.key == "" {
		place, id, ok = "", cursor, true
	}
	last, err := uuid.Parse(id)
	switch {
	case !ok || err != nil || !o.holds(place):
		return ErrCursor
	case o.key == "":
		q.where("ticket_id < ?", last)
	case o.up:
		q.where(fmt.Sprintf("(%s, ticket_id) > (?::text::%s, ?)", o.key, o.kind), place, last)
	default:
		q.where(fmt.Sprintf("(%s, ticket_id) < (?::text::%s, ?)", o.key, o.kind), place, last)
	}
	return nil
}

// holds says whether a place is one that place has made.
func (o ticketOrder) holds(place string) bool {
	var err error
	switch o.kind {
	case "timestamptz":
		if place != "infinity" {
			_, err = time.Parse(time.RFC3339Nano, place)
		}
	case "smallint":
		_, err = strconv.ParseInt(place, 10, 16)
	}
	return err == nil
}

func (o ticketOrder) sql() string {
	switch {
	case o.key == "":
		return `ticket_id DESC`
	case o.up:
		return o.key + `, ticket_id`
	}
	return o.key + ` DESC, ticket_id DESC`
}

// narrow asks for what the filter says. Only what is asked for is in the query, so that the database sees which index serves.
func (f TicketFilter) narrow(q *query) {
	q.where("merged_into IS NULL")
	if f.Open {
		q.where("status <> 'resolved'") // as the index of those that are open has it
	}
	if f.Unassigned {
		q.where("assignee IS NULL")
	}
	if f.Within != nil {
		q.where("(assignee = ANY (?) OR created_by = ANY (?))", f.Within, f.Within)
	}
	for _, asked := range []struct {
		condition string
		value     any
		given     bool
	}{
		{"status = ?", f.Status, f.Status != ""},
		{"type = ?", f.Type, f.Type != ""},
		{"priority = ?", f.Priority, f.Priority != ""},
		{"assignee = ?", f.Assignee, f.Assignee != uuid.Nil},
		{"contact_id = ?", f.Contact, f.Contact != uuid.Nil},
		{"ticket_id IN (SELECT ticket_id FROM ticket_calls WHERE call_id = ?)", f.Call, f.Call != uuid.Nil},
		{"sla = ?", f.SLA, f.SLA != ""},
	} {
		if asked.given {
			q.where(asked.condition, asked.value)
		}
	}
	search := strings.TrimSpace(f.Search)
	if number, err := strconv.ParseInt(strings.TrimPrefix(search, "#"), 10, 64); err == nil {
		q.where("number = ?", number)
		return
	}
	ticketWords.find(q, strings.Fields(storage.Words(search)), search)
}

// indexTicket makes a ticket found by its title.
func indexTicket(ctx context.Context, tx *storage.Tx, id uuid.UUID, title string) error {
	return ticketWords.store(ctx, tx, id, strings.Fields(storage.Words(title)))
}

// Tickets lists tickets.
func (s *Service) Tickets(ctx context.Context, tenant uuid.UUID, f TicketFilter) (p Page[Ticket], err error) {
	n, order := defaultLimit, f.Sort.order()
	if f.Limit > 0 {
		n = min(f.Limit, maxLimit)
	}
	var q query
	f.narrow(&q)
	if f.Cursor != "" {
		if err := order.after(&q, f.Cursor); err != nil {
			return p, err
		}
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		sql := q.bind(`SELECT `+ticketColumns+` FROM tickets WHERE `+q.sql()+` ORDER BY `+order.sql()+` LIMIT ?`, n+1)
		// Planned with the values at hand each time: a rare status and a common one need different plans.
		rows, err := tx.Query(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, q.args...)...)
		if err != nil {
			return fmt.Errorf("list tickets: %w", err)
		}
		p.Items, err = pgx.CollectRows(rows, pgx.RowToStructByName[Ticket])
		return err
	})
	if len(p.Items) > n {
		p.Items = p.Items[:n]
		last := p.Items[n-1]
		p.Next = last.ID.String()
		if order.key != "" {
			p.Next = order.place(last) + "~" + p.Next
		}
	}
	return p, err
}
