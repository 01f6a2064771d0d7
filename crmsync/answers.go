package crmsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/recording"
	"tandem/smartactions"
)

// This file takes what customers answer to agents' requests (V3.7) to the ticket of the call or conversation: at once,
// and so before it has ended.

// answerJob is the body of kindAnswer and kindFile.
type answerJob struct {
	Action uuid.UUID             `json:"action"`
	File   int                   `json:"file,omitempty"` // 0: the answer itself
	On     smartactions.ItemKind `json:"on,omitempty"`
}

func (s *Service) answered(ctx context.Context, tx *storage.Tx, e events.Event, a smartactions.Event) error {
	if err := s.enqueue(ctx, tx, e.Tenant, a.Item, kindAnswer, answerJob{Action: e.Subject, On: a.ItemKind}); err != nil {
		return err
	}
	for _, n := range a.Files {
		if err := s.enqueue(ctx, tx, e.Tenant, a.Item, kindFile, answerJob{Action: e.Subject, File: n, On: a.ItemKind}); err != nil {
			return err
		}
	}
	return nil
}

// answer tells the CRM of an answer, or brings a file of it there.
func (s *Service) answer(ctx context.Context, j job) error {
	var body answerJob
	if err := json.Unmarshal(j.Body, &body); err != nil {
		return &recording.SendError{Class: recording.ClassRejected, Err: err}
	}
	p, ticket, err := s.ticketNow(ctx, j, body.On)
	if err != nil || p == nil {
		return err
	}
	if body.File > 0 {
		return s.answerFile(ctx, j.Tenant, p, ticket, body)
	}
	a, err := s.cfg.Actions.Get(ctx, j.Tenant, body.Action)
	if err != nil {
		return forgotten(err)
	}
	return p.AddNote(ctx, ticket, answerNote(a))
}

// ticketNow is the ticket of what may still last, made when there is none yet; nil when there is to be none.
func (s *Service) ticketNow(ctx context.Context, j job, kind smartactions.ItemKind) (Provider, string, error) {
	if kind == smartactions.OnConversation {
		return s.conversationTicketNow(ctx, j)
	}
	ref, err := s.callTicketNow(ctx, j)
	if err != nil || ref == "" {
		return nil, "", err
	}
	return s.on(ctx, j.Tenant, ref)
}

func (s *Service) callTicketNow(ctx context.Context, j job) (ref string, err error) {
	if ref, err = s.TicketOf(ctx, j.Tenant, j.Item); err != nil || ref != "" {
		return ref, err
	}
	r, err := s.cfg.Record(ctx, j.Tenant, j.Item)
	if err != nil || !r.Ticket && r.Recording == nil {
		return "", forgotten(err)
	}
	var w wanted
	err = s.cfg.DB.Tenant(ctx, j.Tenant, func(tx *storage.Tx) error {
		w, err = readWanted(ctx, tx, j.Tenant)
		return err
	})
	if err != nil {
		return "", err
	}
	if j.Body, err = json.Marshal(w.call(&r.Record)); err != nil {
		return "", fmt.Errorf("write of a call: %w", err)
	}
	if err := s.ticket(ctx, j); err != nil {
		return "", err
	}
	return s.TicketOf(ctx, j.Tenant, j.Item)
}

// forgotten makes something of ours that is no longer there a thing that nobody need be told of.
func forgotten(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return &recording.SendError{Class: recording.ClassGone, Err: err}
	}
	return err
}

func (s *Service) answerFile(ctx context.Context, tenant uuid.UUID, p Provider, ticket string, body answerJob) error {
	f, data, err := s.cfg.Actions.File(ctx, tenant, body.Action, body.File)
	if err != nil {
		return forgotten(err)
	}
	defer data.Close()
	return attachOnce(ctx, p, ticket, File{Name: f.Name, ContentType: f.ContentType, Size: f.Size, Note: "Sent by the customer"}, data)
}

// attachOnce puts a file on a ticket, unless one of its name is there: names are made so that each is one file's.
func attachOnce(ctx context.Context, p Provider, ticket string, f File, data io.Reader) error {
	there, err := p.Attachments(ctx, ticket, f.Name)
	if err != nil || len(there) > 0 {
		return err
	}
	_, err = p.Attach(ctx, ticket, f, data)
	var e *recording.SendError
	if errors.As(err, &e) && e.Class == recording.ClassDoubt { // it shows only after a while whether it is there
		e.RetryAfter = max(e.RetryAfter, p.Limits().Settle)
	}
	return err
}

// answerNote is what a ticket says of an answer.
func answerNote(a smartactions.Action) Note {
	n := Note{Key: "action " + a.ID.String(), Title: map[smartactions.Kind]string{
		smartactions.Verification: "Verification of the customer", smartactions.Photos: "Photos of the customer", smartactions.Screenshot: "Screenshot of the customer",
		smartactions.Video: "Video of the customer", smartactions.Text: "Text of the customer",
	}[a.Kind]}
	var lines []string
	if a.Prompt != "" {
		lines = append(lines, "Asked: "+a.Prompt)
	}
	switch {
	case a.State == smartactions.StateDeclined:
		lines = append(lines, "The customer declined.")
	case a.Verified != nil && a.Verified.FirstUse:
		lines = append(lines, "Confirmed by a device that was registered just now.")
	case a.Verified != nil:
		lines = append(lines, "Confirmed by the customer's device, which is known since "+a.Verified.Since.UTC().Format(time.DateTime)+" UTC.")
	case len(a.Files) > 0:
		lines = append(lines, fmt.Sprintf("Files: %d", len(a.Files)))
	default:
		lines = append(lines, a.Answer)
	}
	n.Body = strings.Join(lines, "\n")
	return n
}
