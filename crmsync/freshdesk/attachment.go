package freshdesk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tandem/crmsync"
	"tandem/recording"
)

// conversation is a note or an answer of a ticket.
type conversation struct {
	ID        crmsync.Number `json:"id"`
	Text      string         `json:"body_text"`
	CreatedAt time.Time      `json:"created_at"`
	Files     []file         `json:"attachments"`
}

type file struct {
	ID   crmsync.Number `json:"id"`
	Name string         `json:"name"`
	Size int64          `json:"size"`
	URL  string         `json:"attachment_url"` // elsewhere, signed, and good for a short while
}

// Attach writes a private note with the file.
func (p *provider) Attach(ctx context.Context, id string, f crmsync.File, r io.Reader) (string, error) {
	if err := p.exists(ctx, id); err != nil {
		return "", err
	}
	fields := []crmsync.FormField{{Name: "body", Value: paragraphs(cmp.Or(f.Note, f.Name))}, {Name: "private", Value: "true"}}
	form, body, size, err := crmsync.Form(fields, "attachments[]", f, r)
	if err != nil {
		return "", err
	}
	var made conversation
	err = p.Send(ctx, crmsync.Request{Method: http.MethodPost, Path: "/tickets/" + url.PathEscape(id) + "/notes", ContentType: form, Body: body, Size: size, Answer: &made})
	if err != nil {
		return "", fmt.Errorf("attach to the ticket in Freshdesk: %w", err)
	}
	for _, stored := range made.Files {
		if stored.Name == f.Name {
			return string(stored.ID), nil
		}
	}
	return "", nil
}

// conversations lists those of a ticket, oldest first.
func (p *provider) conversations(ctx context.Context, id string) (all []conversation, err error) {
	for page := 1; page <= maxPages; page++ {
		var list []conversation
		path := "/tickets/" + url.PathEscape(id) + "/conversations?per_page=" + strconv.Itoa(pageSize) + "&page=" + strconv.Itoa(page)
		if err := p.JSON(ctx, http.MethodGet, path, nil, &list); err != nil {
			return nil, fmt.Errorf("list the ticket's notes in Freshdesk: %w", err)
		}
		if all = append(all, list...); len(list) < pageSize {
			return all, nil
		}
	}
	return nil, &recording.SendError{Class: recording.ClassRejected, Err: errors.New("the ticket in Freshdesk has too many notes")}
}

// Attachments lists the ticket's files of that name. Their ids are those of the ticket's note and of the file.
func (p *provider) Attachments(ctx context.Context, id, name string) ([]recording.Attachment, error) {
	all, err := p.conversations(ctx, id)
	if err != nil {
		return nil, err
	}
	var list []recording.Attachment
	for _, c := range all {
		for _, f := range c.Files {
			if f.Name == name && f.ID != "" {
				list = append(list, recording.Attachment{ID: string(f.ID), Name: f.Name, Size: f.Size, At: c.CreatedAt})
			}
		}
	}
	return list, nil
}

// Read opens a file, whose address changes each time the ticket's notes are listed. It is not Freshdesk's own, so it is asked without the API key.
func (p *provider) Read(ctx context.Context, ticket, id string) (io.ReadCloser, error) {
	all, err := p.conversations(ctx, ticket)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		for _, f := range c.Files {
			if string(f.ID) != id {
				continue
			}
			elsewhere := p.Client
			elsewhere.Base, elsewhere.Authorize = "", func(context.Context, *http.Request, bool) error { return nil }
			if !strings.HasPrefix(f.URL, "https://") && !strings.HasPrefix(f.URL, p.base+"/") {
				return nil, &recording.SendError{Class: recording.ClassRejected, Err: errors.New("the file is at no address that is asked")}
			}
			return elsewhere.Read(ctx, f.URL)
		}
	}
	return nil, &recording.SendError{Class: recording.ClassGone, Err: errors.New("the ticket in Freshdesk has no such file")}
}

// RemoveAttachment deletes a file.
func (p *provider) RemoveAttachment(ctx context.Context, _, id string) error {
	if err := p.JSON(ctx, http.MethodDelete, "/attachments/"+url.PathEscape(id), nil, nil); err != nil {
		return fmt.Errorf("remove an attachment in Freshdesk: %w", err)
	}
	return nil
}
