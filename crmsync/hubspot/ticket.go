package hubspot

import (
	"context"
	"fmt"
	"html"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/crmsync"
	"tandem/recording"
)

// EnsureTicket finds the ticket that bears the call or conversation in its property, or makes it. The property is unique, so that there is one
// ticket whoever asks, and however often.
func (p *provider) EnsureTicket(ctx context.Context, m crmsync.Matter) (string, error) {
	item := crmsync.ItemTag(m.Item)
	known, err := p.by(ctx, "tickets", itemProperty, item)
	if err != nil {
		return "", fmt.Errorf("look for the ticket in HubSpot: %w", err)
	}
	if known != "" {
		return known, nil
	}
	contact, err := p.EnsureContact(ctx, m.Customer)
	if err != nil {
		return "", err
	}
	with := make(map[string]string)
	maps.Copy(with, m.Fields)
	maps.Copy(with, map[string]string{itemProperty: item, queueProperty: crmsync.QueueTag(m.Queue), "subject": m.Title, "content": m.Words})
	if with["hs_pipeline"], with["hs_pipeline_stage"], err = p.where(ctx); err != nil {
		return "", err
	}
	id, err := p.create(ctx, "tickets", with, ticketToContact, contact)
	if err != nil {
		return "", fmt.Errorf("make the ticket in HubSpot: %w", err)
	}
	return id, nil
}

// pipeline is the way of tickets from new to closed.
type pipeline struct {
	ID     string
	Label  string
	Order  int `json:"displayOrder"`
	Stages []struct {
		ID       string
		Label    string
		Order    int `json:"displayOrder"`
		Metadata struct{ TicketState, IsClosed string }
	}
}

func (p *provider) pipelines(ctx context.Context) ([]pipeline, error) {
	var list struct{ Results []pipeline }
	if err := p.JSON(ctx, http.MethodGet, "/crm/pipelines/"+version+"/tickets", nil, &list); err != nil {
		return nil, fmt.Errorf("list the ticket pipelines in HubSpot: %w", err)
	}
	slices.SortStableFunc(list.Results, func(a, b pipeline) int { return a.Order - b.Order })
	return list.Results, nil
}

// where is the pipeline and the stage of new tickets.
func (p *provider) where(ctx context.Context) (in, at string, err error) {
	list, err := p.pipelines(ctx)
	if err != nil {
		return "", "", err
	}
	named := func(want, id, label string) bool { return want == "" || want == id || strings.EqualFold(want, label) }
	i := slices.IndexFunc(list, func(l pipeline) bool { return named(strings.TrimSpace(p.conn.Queue), l.ID, l.Label) })
	if i < 0 {
		return "", "", &recording.SendError{Class: recording.ClassRejected, Err: ErrPipeline}
	}
	want, best := strings.TrimSpace(p.conn.Settings[stage]), 0
	for _, s := range list[i].Stages {
		if named(want, s.ID, s.Label) && (want != "" || !closed(s.Metadata)) && (at == "" || s.Order < best) {
			at, best = s.ID, s.Order
		}
	}
	if at == "" {
		return "", "", &recording.SendError{Class: recording.ClassRejected, Err: ErrStage}
	}
	return list[i].ID, at, nil
}

func closed(state struct{ TicketState, IsClosed string }) bool {
	return state.TicketState == "CLOSED" || state.IsClosed == "true"
}

// Tickets lists the tickets of a contact.
func (p *provider) Tickets(ctx context.Context, contact string) ([]crmsync.Ticket, error) {
	if !isNumber.MatchString(contact) {
		return nil, errNoID
	}
	ids, err := p.linked(ctx, "contacts", contact, "tickets")
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	found, err := p.read(ctx, "tickets", ids, ticketProperties...)
	if err != nil {
		return nil, fmt.Errorf("read the contact's tickets in HubSpot: %w", err)
	}
	return p.shown(ctx, found)
}

// ticketProperties are what is read of tickets.
var ticketProperties = []string{"subject", "hs_pipeline_stage", queueProperty, "closed_date", "hs_lastmodifieddate"}

// shown are tickets as people see them, the newest first, at most 50.
func (p *provider) shown(ctx context.Context, found []object) ([]crmsync.Ticket, error) {
	if len(found) == 0 {
		return nil, nil
	}
	pipelines, err := p.pipelines(ctx)
	if err != nil {
		return nil, err
	}
	page, err := p.page(ctx)
	if err != nil {
		return nil, err
	}
	done := make(map[string]bool)
	for _, l := range pipelines {
		for _, s := range l.Stages {
			done[s.ID] = closed(s.Metadata)
		}
	}
	var list []crmsync.Ticket
	for _, o := range found {
		t := crmsync.Ticket{
			ID: string(o.ID), Title: o.Properties["subject"], Queue: crmsync.TaggedQueue(o.Properties[queueProperty]),
			Open: !done[o.Properties["hs_pipeline_stage"]], UpdatedAt: o.UpdatedAt, URL: page + string(o.ID),
		}
		if !t.Open {
			t.ClosedAt = t.UpdatedAt
			if at, err := time.Parse(time.RFC3339, o.Properties["closed_date"]); err == nil {
				t.ClosedAt = at
			}
		}
		list = append(list, t)
	}
	slices.SortStableFunc(list, func(a, b crmsync.Ticket) int { return b.UpdatedAt.Compare(a.UpdatedAt) })
	return list[:min(len(list), 50)], nil
}

// mark is how a note remembers what it was made for. HubSpot cleans notes of what is not text, so it stands at the end, to be seen.
func mark(what, name string) string {
	return "tandem-" + uuid.NewSHA1(uuid.NameSpaceURL, []byte(what+":"+name)).String()
}

// notes lists a ticket's notes.
func (p *provider) notes(ctx context.Context, ticket string) ([]object, error) {
	if !isNumber.MatchString(ticket) {
		return nil, errNoID
	}
	ids, err := p.linked(ctx, "tickets", ticket, "notes")
	if err == nil && len(ids) == 0 {
		return nil, p.exists(ctx, "tickets", ticket)
	}
	if err != nil {
		return nil, err
	}
	return p.read(ctx, "notes", ids, "hs_note_body", "hs_attachment_ids")
}

// longestNote is HubSpot's limit in characters, less what is written around the words.
const longestNote = 65_536 - 1000

// write puts a note on a ticket, with a file when there is one.
func (p *provider) write(ctx context.Context, ticket, words, file, mark string) (string, error) {
	body := strings.ReplaceAll(html.EscapeString(words), "\n", "<br>") + "<p>" + mark + "</p>"
	with := map[string]string{"hs_timestamp": time.Now().UTC().Format(time.RFC3339), "hs_note_body": body}
	if file != "" {
		with["hs_attachment_ids"] = file
	}
	id, err := p.create(ctx, "notes", with, noteToTicket, ticket)
	if isClass(err, recording.ClassDoubt) { // it shows only after a while whether it is there
		err = &recording.SendError{Class: recording.ClassDoubt, RetryAfter: limits.Settle, Err: err}
	}
	return id, err
}

// AddNote writes a note on a ticket unless one bears its mark. A longer one carries all of itself as a file.
func (p *provider) AddNote(ctx context.Context, ticket string, n crmsync.Note) error {
	there, err := p.notes(ctx, ticket)
	if err != nil {
		return fmt.Errorf("list the ticket's notes in HubSpot: %w", err)
	}
	own, words, file := mark("note", n.Key), n.Title+"\n\n"+n.Body, ""
	if slices.ContainsFunc(there, func(o object) bool { return strings.Contains(o.Properties["hs_note_body"], own) }) {
		return nil
	}
	if len(html.EscapeString(words)) > longestNote {
		whole := crmsync.File{Name: own + ".txt", ContentType: "text/plain; charset=utf-8", Size: int64(len(words))}
		if file, err = p.upload(ctx, ticket, whole, strings.NewReader(words)); err != nil {
			return err
		}
		words = strings.ToValidUTF8(words[:longestNote/6], "") + "\n…\n\nThe whole note is in the file." // one character may be escaped as six
	}
	if _, err := p.write(ctx, ticket, words, file, own); err != nil {
		return fmt.Errorf("write a note in HubSpot: %w", err)
	}
	return nil
}
