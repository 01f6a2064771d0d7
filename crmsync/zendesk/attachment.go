package zendesk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tandem/crmsync"
	"tandem/recording"
)

type comment struct {
	ID          crmsync.Number `json:"id"`
	Body        string         `json:"body"`
	CreatedAt   time.Time      `json:"created_at"`
	Attachments []file         `json:"attachments"`
}

type file struct {
	ID   crmsync.Number `json:"id"`
	Name string         `json:"file_name"`
	Size int64          `json:"size"`
	URL  string         `json:"content_url"`
}

// Attach takes two steps: the file goes up and gets a token, which a private comment then puts on the ticket. A file that stays without a comment is
// gone after 60 minutes.
func (p *provider) Attach(ctx context.Context, id string, f crmsync.File, r io.Reader) (string, error) {
	if err := p.exists(ctx, id); err != nil {
		return "", err
	}
	var up struct {
		Upload struct {
			Token      string `json:"token"`
			Attachment file   `json:"attachment"`
		} `json:"upload"`
	}
	err := p.Send(ctx, crmsync.Request{
		Method: http.MethodPost, Path: "/api/v2/uploads?" + url.Values{"filename": {f.Name}}.Encode(), ContentType: f.ContentType,
		Body: io.LimitReader(r, f.Size), Size: f.Size, Answer: &up,
	})
	if err != nil {
		return "", fmt.Errorf("send a file to Zendesk: %w", err)
	}
	if up.Upload.Token == "" || up.Upload.Attachment.Size != f.Size {
		return "", &recording.SendError{Class: recording.ClassRetry, Err: errors.New("Zendesk did not store the whole file")}
	}
	return "", p.comment(ctx, id, map[string]any{"body": cmp.Or(f.Note, f.Name), "public": false, "uploads": []string{up.Upload.Token}})
}

// exists says by ClassGone that there is no such ticket, or that it is closed, before a file is sent for nothing.
func (p *provider) exists(ctx context.Context, id string) error {
	var t struct {
		Ticket ticket `json:"ticket"`
	}
	if err := p.JSON(ctx, http.MethodGet, "/api/v2/tickets/"+url.PathEscape(id), nil, &t); err != nil {
		return fmt.Errorf("look for the ticket in Zendesk: %w", err)
	}
	if t.Ticket.Status == "closed" || t.Ticket.Status == "deleted" {
		return &recording.SendError{Class: recording.ClassGone, Err: errors.New("the ticket in Zendesk is closed for good")}
	}
	return nil
}

// maxPages of 100 comments are more than a ticket has: Zendesk allows 5,000.
const maxPages = 60

// comments lists those of a ticket, oldest first.
func (p *provider) comments(ctx context.Context, id string) (all []comment, err error) {
	after := ""
	for range maxPages {
		var list struct {
			Comments []comment `json:"comments"`
			Meta     struct {
				More  bool   `json:"has_more"`
				After string `json:"after_cursor"`
			} `json:"meta"`
		}
		query := url.Values{"page[size]": {"100"}}
		if after != "" {
			query.Set("page[after]", after)
		}
		if err := p.JSON(ctx, http.MethodGet, "/api/v2/tickets/"+url.PathEscape(id)+"/comments?"+query.Encode(), nil, &list); err != nil {
			return nil, fmt.Errorf("list the ticket's comments in Zendesk: %w", err)
		}
		all = append(all, list.Comments...)
		if after = list.Meta.After; !list.Meta.More || after == "" {
			return all, nil
		}
	}
	return nil, &recording.SendError{Class: recording.ClassRejected, Err: errors.New("the ticket in Zendesk has too many comments")}
}

// Attachments lists the ticket's files of that name. Their ids are those of the comment and the file, since redacting asks for both.
func (p *provider) Attachments(ctx context.Context, id, name string) ([]recording.Attachment, error) {
	all, err := p.comments(ctx, id)
	if err != nil {
		return nil, err
	}
	var list []recording.Attachment
	for _, c := range all {
		for _, f := range c.Attachments {
			if f.Name == name {
				list = append(list, recording.Attachment{ID: string(c.ID) + "." + string(f.ID), Name: f.Name, Size: f.Size, At: c.CreatedAt})
			}
		}
	}
	return list, nil
}

// Read opens a file. Zendesk keeps them elsewhere and leads there.
func (p *provider) Read(ctx context.Context, _, id string) (io.ReadCloser, error) {
	_, number, _ := strings.Cut(id, ".")
	var a struct {
		Attachment file `json:"attachment"`
	}
	if err := p.JSON(ctx, http.MethodGet, "/api/v2/attachments/"+url.PathEscape(number), nil, &a); err != nil {
		return nil, fmt.Errorf("look for an attachment in Zendesk: %w", err)
	}
	path, ours := strings.CutPrefix(a.Attachment.URL, p.base+"/")
	if !ours {
		return nil, &recording.SendError{Class: recording.ClassRejected, Err: errors.New("the file is not at the address of this Zendesk")}
	}
	return p.Client.Read(ctx, "/"+path)
}

// RemoveAttachment redacts a file: what is left of it is an empty redacted.txt.
func (p *provider) RemoveAttachment(ctx context.Context, ticket, id string) error {
	comment, number, _ := strings.Cut(id, ".")
	err := p.JSON(ctx, http.MethodPut, "/api/v2/tickets/"+url.PathEscape(ticket)+"/comments/"+url.PathEscape(comment)+"/attachments/"+url.PathEscape(number)+"/redact", struct{}{}, nil)
	if err != nil {
		return fmt.Errorf("redact an attachment in Zendesk: %w", err)
	}
	return nil
}
