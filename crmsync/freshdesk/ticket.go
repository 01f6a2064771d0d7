package freshdesk

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/crmsync"
	"tandem/recording"
)

// Freshdesk's numbers of what tickets are.
const (
	statusOpen     = 2
	statusResolved = 4
	statusClosed   = 5
	priorityLow    = 1
	sourcePhone    = 3
	sourceChat     = 7
)

// ticket is one as Freshdesk lists it; those that are spam or deleted take nothing.
type ticket struct {
	ID        crmsync.Number `json:"id"`
	Subject   string         `json:"subject"`
	Status    int            `json:"status"`
	Tags      []string       `json:"tags"`
	Deleted   bool           `json:"deleted"`
	Spam      bool           `json:"spam"`
	UpdatedAt time.Time      `json:"updated_at"`
}

// pageSize of lists, and maxPages of them that are looked through.
const (
	pageSize = 100
	maxPages = 10
)

// allTime lets lists hold tickets that are older than 30 days.
const allTime = "2011-01-01T00:00:00Z"

// EnsureTicket finds the call's ticket among those of its contact, by its tag, or makes it. Searches would lag by minutes; the list of a requester's
// tickets does not. What was made by a request whose answer was lost is found there, too.
func (p *provider) EnsureTicket(ctx context.Context, m crmsync.Matter) (string, error) {
	requester, err := p.EnsureContact(ctx, m.Customer)
	if err != nil {
		return "", err
	}
	for page := 1; page <= maxPages; page++ {
		list, err := p.requested(ctx, requester, page)
		if err != nil {
			return "", err
		}
		for _, t := range list {
			if t.ID != "" && slices.Contains(t.Tags, tag(itemTag, m.Item)) && !t.Deleted && !t.Spam {
				return string(t.ID), nil
			}
		}
		if len(list) < pageSize {
			break
		}
	}
	return p.make(ctx, m, requester)
}

const (
	itemTag  = "ti-"
	queueTag = "tq-"
)

// short writes ids so that a tag has no more than 32 characters, which is all that Freshdesk takes, in one case.
var short = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func tag(kind string, id uuid.UUID) string { return kind + short.EncodeToString(id[:]) }

// queueOf is the leaf queue that a ticket's tags name.
func queueOf(tags []string) uuid.UUID {
	for _, t := range tags {
		if text, ok := strings.CutPrefix(t, queueTag); ok {
			if b, err := short.DecodeString(text); err == nil && len(b) == len(uuid.UUID{}) {
				return uuid.UUID(b)
			}
		}
	}
	return uuid.Nil
}

func (p *provider) requested(ctx context.Context, contact string, page int) (list []ticket, err error) {
	query := url.Values{"requester_id": {contact}, "order_by": {"updated_at"}, "updated_since": {allTime}, "order_type": {"desc"}, "per_page": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(page)}}
	if err := p.JSON(ctx, http.MethodGet, "/tickets?"+query.Encode(), nil, &list); err != nil {
		return nil, fmt.Errorf("list the customer's tickets in Freshdesk: %w", err)
	}
	return list, nil
}

func (p *provider) make(ctx context.Context, m crmsync.Matter, requester string) (string, error) {
	tags := []string{tag(itemTag, m.Item)}
	if m.Queue != nil {
		tags = append(tags, tag(queueTag, *m.Queue))
	}
	source := sourcePhone
	if m.Channel != "" {
		source = sourceChat
	}
	t := map[string]any{
		"subject": m.Title, "description": paragraphs(m.Words), "requester_id": crmsync.Number(requester), "status": statusOpen, "priority": priorityLow, "source": source, "tags": tags,
	}
	if len(m.Fields) > 0 {
		t["custom_fields"] = m.Fields
	}
	if _, err := strconv.ParseUint(p.group, 10, 63); err == nil {
		t["group_id"] = crmsync.Number(p.group)
	}
	var made thing
	if err := p.JSON(ctx, http.MethodPost, "/tickets", t, &made); err != nil {
		return "", fmt.Errorf("make the ticket in Freshdesk: %w", err)
	}
	if made.ID == "" {
		return "", &recording.SendError{Class: recording.ClassDoubt, Err: errors.New("Freshdesk made a ticket, but does not say which")}
	}
	return string(made.ID), nil
}

// paragraphs is a text as HTML, which Freshdesk takes descriptions and notes for.
func paragraphs(text string) string {
	return "<div>" + strings.ReplaceAll(html.EscapeString(text), "\n", "<br>") + "</div>"
}

// Tickets lists those that the contact asked for. Freshdesk's closed tickets take notes still, and files.
func (p *provider) Tickets(ctx context.Context, contact string) ([]crmsync.Ticket, error) {
	found, err := p.requested(ctx, contact, 1)
	if err != nil {
		return nil, err
	}
	var list []crmsync.Ticket
	for _, t := range found {
		if t.ID == "" || t.Deleted || t.Spam || len(list) == maxTickets {
			continue
		}
		one := crmsync.Ticket{
			ID: string(t.ID), Title: t.Subject, Queue: queueOf(t.Tags), Open: t.Status != statusResolved && t.Status != statusClosed, UpdatedAt: t.UpdatedAt,
			URL: p.base + "/a/tickets/" + string(t.ID),
		}
		if !one.Open {
			one.ClosedAt = t.UpdatedAt
		}
		list = append(list, one)
	}
	return list, nil
}

const maxTickets = 50

// exists says by ClassGone that there is no such ticket, or none any more.
func (p *provider) exists(ctx context.Context, id string) error {
	var t ticket
	if err := p.JSON(ctx, http.MethodGet, "/tickets/"+url.PathEscape(id), nil, &t); err != nil {
		return fmt.Errorf("look for the ticket in Freshdesk: %w", err)
	}
	if t.Deleted || t.Spam {
		return &recording.SendError{Class: recording.ClassGone, Err: errors.New("the ticket in Freshdesk is deleted or spam")}
	}
	return nil
}

// AddNote writes a private note, which ends in its key: by that it is found if it was written before.
func (p *provider) AddNote(ctx context.Context, id string, n crmsync.Note) error {
	mark := "[" + n.Key + "]"
	all, err := p.conversations(ctx, id)
	if err != nil {
		return err
	}
	for _, c := range all {
		if strings.HasSuffix(strings.TrimSpace(c.Text), mark) {
			return nil
		}
	}
	body := map[string]any{"body": paragraphs(n.Title + "\n\n" + n.Body + "\n\n" + mark), "private": true}
	if err := p.JSON(ctx, http.MethodPost, "/tickets/"+url.PathEscape(id)+"/notes", body, nil); err != nil {
		return fmt.Errorf("write a note on the ticket in Freshdesk: %w", err)
	}
	return nil
}
