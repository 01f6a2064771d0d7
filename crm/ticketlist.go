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
	Search     string      // in the title; or a number, which is the ticket's
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

// after is the condition of what comes after a cursor.
func (o ticketOrder) after(cursor string, args pgx.NamedArgs) (string, error) {
	place, id, ok := strings.Cut(cursor, "~")
	if o.key == "" {
		place, id, ok = "", cursor, true
	}
	last, err := uuid.Parse(id)
	if !ok || err != nil || !o.holds(place) {
		return "", ErrCursor
	}
	args["last"] = last
	if o.key == "" {
		return `ticket_id < @last`, nil
	}
	args["place"] = place
	sign := "<"
	if o.up {
		sign = ">"
	}
	return fmt.Sprintf(`(%s, ticket_id) %s (@place::text::%s, @last)`, o.key, sign, o.kind), nil
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

// where is what a filter asks for in SQL. Only what is asked for is in it, so that the database sees which index serves.
func (f TicketFilter) where(args pgx.NamedArgs) string {
	all := []string{`merged_into IS NULL`}
	add := func(asked bool, condition, name string, value any) {
		if asked {
			all = append(all, condition)
			args[name] = value
		}
	}
	if f.Open {
		all = append(all, `status <> 'resolved'`) // as the index of those that are open has it
	}
	add(f.Status != "", `status = @status`, "status", f.Status)
	add(f.Type != "", `type = @type`, "type", f.Type)
	add(f.Priority != "", `priority = @priority`, "priority", f.Priority)
	add(f.Assignee != uuid.Nil, `assignee = @assignee`, "assignee", f.Assignee)
	add(f.Unassigned, `assignee IS NULL`, "nobody", nil)
	add(f.Contact != uuid.Nil, `contact_id = @contact`, "contact", f.Contact)
	add(f.Call != uuid.Nil, `ticket_id IN (SELECT ticket_id FROM ticket_calls WHERE call_id = @call)`, "call", f.Call)
	add(f.SLA != "", `sla = @sla`, "sla", f.SLA)
	add(f.Within != nil, `(assignee = ANY(@within) OR created_by = ANY(@within))`, "within", f.Within)
	search := strings.TrimSpace(f.Search)
	if number, err := strconv.ParseInt(strings.TrimPrefix(search, "#"), 10, 64); err == nil {
		add(true, `number = @number`, "number", number)
	} else {
		add(search != "", `title ILIKE @like`, "like", like(search))
	}
	return strings.Join(all, " AND ")
}

// Tickets lists tickets.
func (s *Service) Tickets(ctx context.Context, tenant uuid.UUID, f TicketFilter) (p Page[Ticket], err error) {
	n, order := defaultLimit, f.Sort.order()
	if f.Limit > 0 {
		n = min(f.Limit, maxLimit)
	}
	args := pgx.NamedArgs{}
	where := f.where(args)
	if f.Cursor != "" {
		after, err := order.after(f.Cursor, args)
		if err != nil {
			return p, err
		}
		where += " AND " + after
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		// Planned with the values at hand each time: a rare status and a common one need different plans.
		rows, err := tx.Query(ctx, `SELECT `+ticketColumns+` FROM tickets WHERE `+where+` ORDER BY `+order.sql()+` LIMIT `+strconv.Itoa(n+1), pgx.QueryExecModeCacheDescribe, args)
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
