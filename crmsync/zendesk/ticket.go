package zendesk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tandem/crmsync"
	"tandem/recording"
)

type ticket struct {
	ID        crmsync.Number `json:"id"`
	Subject   string         `json:"subject"`
	Status    string         `json:"status"`
	Tags      []string       `json:"tags"`
	UpdatedAt time.Time      `json:"updated_at"`
}

type tickets struct {
	Tickets []ticket `json:"tickets"`
}

// EnsureTicket finds the ticket by its external id, or makes it. One that is closed takes nothing any more: if it was merged, the other is taken,
// else a follow-up is made. What is sent again within two hours makes nothing twice: it bears an idempotency key.
func (p *provider) EnsureTicket(ctx context.Context, m crmsync.Matter) (string, error) {
	var found tickets
	if err := p.JSON(ctx, http.MethodGet, "/api/v2/tickets?"+url.Values{"external_id": {crmsync.ItemTag(m.Item)}}.Encode(), nil, &found); err != nil {
		return "", fmt.Errorf("look for the ticket in Zendesk: %w", err)
	}
	var before *ticket
	for i, t := range found.Tickets {
		switch {
		case t.ID == "" || t.Status == "deleted":
		case t.Status != "closed":
			return string(t.ID), nil
		default:
			before = &found.Tickets[i]
		}
	}
	if before != nil && slices.Contains(before.Tags, "closed_by_merge") {
		into, err := p.mergedInto(ctx, string(before.ID))
		if err != nil || into != "" {
			return into, err
		}
	}
	requester, err := p.EnsureContact(ctx, m.Customer)
	if err != nil {
		return "", err
	}
	made, err := p.make(ctx, m, requester, before)
	if err != nil {
		return "", err
	}
	err = p.exists(ctx, made)
	var e *recording.SendError
	if errors.As(err, &e) && e.Class == recording.ClassGone { // the key still stands for one that was deleted
		return p.make(ctx, m, requester, &ticket{ID: crmsync.Number(made), Status: "deleted"})
	}
	return made, err
}

func (p *provider) make(ctx context.Context, m crmsync.Matter, requester string, before *ticket) (string, error) {
	t := map[string]any{
		"subject": m.Title, "requester_id": crmsync.Number(requester), "external_id": crmsync.ItemTag(m.Item), "comment": map[string]any{"body": m.Words, "public": false},
		"custom_fields": customFields(m.Fields),
	}
	key := crmsync.ItemTag(m.Item)
	if tag := crmsync.QueueTag(m.Queue); tag != "" {
		t["tags"] = []string{tag}
	}
	if _, err := strconv.ParseUint(p.group, 10, 63); err == nil {
		t["group_id"] = crmsync.Number(p.group)
	}
	if before != nil && before.Status == "closed" {
		t["via_followup_source_id"] = before.ID
	}
	if before != nil {
		key += "-after-" + string(before.ID)
	}
	b, err := json.Marshal(map[string]any{"ticket": t})
	if err != nil {
		return "", fmt.Errorf("write a ticket for Zendesk: %w", err)
	}
	var made struct {
		Ticket ticket `json:"ticket"`
	}
	err = p.Send(ctx, crmsync.Request{
		Method: http.MethodPost, Path: "/api/v2/tickets", ContentType: "application/json", Body: bytes.NewReader(b), Size: int64(len(b)), Answer: &made,
		Header: http.Header{"Idempotency-Key": {key}},
	})
	if err != nil {
		return "", fmt.Errorf("make the ticket in Zendesk: %w", err)
	}
	if made.Ticket.ID == "" {
		return "", &recording.SendError{Class: recording.ClassDoubt, Err: errors.New("Zendesk made a ticket, but does not say which")}
	}
	return string(made.Ticket.ID), nil
}

// customFields are named by their numbers in Zendesk.
func customFields(fields map[string]string) []map[string]any {
	list := []map[string]any{}
	for name, value := range fields {
		if _, err := strconv.ParseUint(name, 10, 63); err == nil {
			list = append(list, map[string]any{"id": crmsync.Number(name), "value": value})
		}
	}
	slices.SortFunc(list, func(a, b map[string]any) int {
		return strings.Compare(string(a["id"].(crmsync.Number)), string(b["id"].(crmsync.Number)))
	})
	return list
}

var ticketNumber = regexp.MustCompile(`#(\d{1,18})`)

// mergedInto is the ticket that another was merged into, as its last comment says: "This request was closed and merged into request #7".
func (p *provider) mergedInto(ctx context.Context, id string) (string, error) {
	all, err := p.comments(ctx, id)
	if err != nil {
		return "", err
	}
	for _, c := range slices.Backward(all) {
		named := ticketNumber.FindStringSubmatch(c.Body)
		if named == nil || named[1] == id {
			continue
		}
		var t struct {
			Ticket ticket `json:"ticket"`
		}
		err := p.JSON(ctx, http.MethodGet, "/api/v2/tickets/"+named[1], nil, &t)
		var e *recording.SendError
		if errors.As(err, &e) && e.Class == recording.ClassGone || err == nil && t.Ticket.Status == "closed" {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("follow a merged ticket in Zendesk: %w", err)
		}
		return string(t.Ticket.ID), nil
	}
	return "", nil
}

// Tickets lists those that the user asked for and that are not closed; solved ones take comments still.
func (p *provider) Tickets(ctx context.Context, contact string) ([]crmsync.Ticket, error) {
	var found tickets
	query := url.Values{"sort_by": {"updated_at"}, "sort_order": {"desc"}, "per_page": {"50"}}
	if err := p.JSON(ctx, http.MethodGet, "/api/v2/users/"+url.PathEscape(contact)+"/tickets/requested?"+query.Encode(), nil, &found); err != nil {
		return nil, fmt.Errorf("list the customer's tickets in Zendesk: %w", err)
	}
	list := make([]crmsync.Ticket, 0, len(found.Tickets))
	for _, t := range found.Tickets {
		if t.takes() {
			list = append(list, p.shown(t))
		}
	}
	return list, nil
}

// takes says that a ticket takes comments.
func (t *ticket) takes() bool { return t.ID != "" && t.Status != "closed" && t.Status != "deleted" }

func (p *provider) shown(t ticket) crmsync.Ticket {
	one := crmsync.Ticket{
		ID: string(t.ID), Title: t.Subject, Queue: crmsync.TaggedQueue(t.Tags...), Open: t.Status != "solved", UpdatedAt: t.UpdatedAt,
		URL: p.base + "/agent/tickets/" + string(t.ID),
	}
	if !one.Open {
		one.ClosedAt = t.UpdatedAt
	}
	return one
}

// Search finds users and tickets by words. Zendesk's index knows what is new after some minutes.
func (p *provider) Search(ctx context.Context, text string) (found crmsync.Found, err error) {
	words := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`:"<>*-`, r) { // what Zendesk takes for more than words
			return ' '
		}
		return r
	}, text)
	var people struct{ Results []user }
	var matters struct{ Results []ticket }
	for kind, results := range map[string]any{"user": &people, "ticket": &matters} {
		query := url.Values{"query": {"type:" + kind + " " + words}, "per_page": {strconv.Itoa(crmsync.MostFound)}}
		if err := p.JSON(ctx, http.MethodGet, "/api/v2/search?"+query.Encode(), nil, results); err != nil {
			return found, fmt.Errorf("search in Zendesk: %w", err)
		}
	}
	for _, u := range people.Results {
		found.Contacts = append(found.Contacts, p.person(u))
	}
	for _, t := range matters.Results {
		if t.takes() {
			found.Tickets = append(found.Tickets, p.shown(t))
		}
	}
	return found, nil
}

// AddNote writes a private comment, which ends in the note's key: by it the comment is found if it was written before.
func (p *provider) AddNote(ctx context.Context, id string, n crmsync.Note) error {
	mark := "[" + n.Key + "]"
	all, err := p.comments(ctx, id)
	if err != nil {
		return err
	}
	for _, c := range all {
		if strings.HasSuffix(strings.TrimSpace(c.Body), mark) {
			return nil
		}
	}
	return p.comment(ctx, id, map[string]any{"body": n.Title + "\n\n" + n.Body + "\n\n" + mark, "public": false})
}

// comment adds a comment to a ticket, with files or without.
func (p *provider) comment(ctx context.Context, id string, c map[string]any) error {
	if err := p.JSON(ctx, http.MethodPut, "/api/v2/tickets/"+url.PathEscape(id), map[string]any{"ticket": map[string]any{"comment": c}}, nil); err != nil {
		return fmt.Errorf("comment on the ticket in Zendesk: %w", err)
	}
	return nil
}
