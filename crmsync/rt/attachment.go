package rt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"strconv"
	"time"

	"tandem/crmsync"
	"tandem/recording"
)

// Attach comments on the ticket with the file. The form is sent as it is read: its length is known beforehand, the file never in memory
// as a whole.
func (p *provider) Attach(ctx context.Context, ticket string, f crmsync.File, r io.Reader) (string, error) {
	if err := p.exists(ctx, ticket); err != nil {
		return "", err
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	words, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="JSON"`}, "Content-Type": {"application/json"}})
	if err == nil {
		err = json.NewEncoder(words).Encode(map[string]string{"Subject": f.Name, "Content": f.Note, "ContentType": "text/plain"})
	}
	if err == nil {
		_, err = w.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {multipart.FileContentDisposition("Attachments", f.Name)}, "Content-Type": {f.ContentType},
		})
	}
	head := form.Len()
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", fmt.Errorf("write a form for RT: %w", err)
	}
	body := io.MultiReader(bytes.NewReader(form.Bytes()[:head]), io.LimitReader(r, f.Size), bytes.NewReader(form.Bytes()[head:]))
	err = p.Send(ctx, crmsync.Request{Method: "POST", Path: "/ticket/" + url.PathEscape(ticket) + "/comment", ContentType: w.FormDataContentType(), Body: body, Size: int64(form.Len()) + f.Size})
	if err != nil {
		return "", fmt.Errorf("attach to the ticket in RT: %w", err)
	}
	return "", nil // RT answers with words, not with an id
}

// file is one attachment as RT lists it.
type file struct {
	ID            number `json:"id"`
	Filename      string
	Subject       string
	ContentLength number
	Created       time.Time
}

// maxPages of 100 attachments are more than any ticket has.
const maxPages = 100

// files lists every attachment of a ticket, comments included, oldest first.
func (p *provider) files(ctx context.Context, ticket string) ([]file, error) {
	var all []file
	for page := 1; ; page++ {
		var list struct {
			Items []file  `json:"items"`
			Pages float64 `json:"pages"` // RT writes none as 0.0
		}
		query := url.Values{"fields": {"Filename,Subject,ContentLength,Created"}, "per_page": {"100"}, "page": {strconv.Itoa(page)}}
		if err := p.get(ctx, "/ticket/"+url.PathEscape(ticket)+"/attachments", query, &list); err != nil {
			return nil, fmt.Errorf("list the ticket's attachments in RT: %w", err)
		}
		all = append(all, list.Items...)
		if len(list.Items) == 0 || float64(page) >= list.Pages {
			break
		}
		if page == maxPages {
			return nil, &recording.SendError{Class: recording.ClassRejected, Err: errors.New("the ticket in RT has too many attachments")}
		}
	}
	if len(all) == 0 {
		return nil, p.exists(ctx, ticket)
	}
	return all, nil
}

// Attachments lists the ticket's files of that name.
func (p *provider) Attachments(ctx context.Context, ticket, name string) ([]recording.Attachment, error) {
	files, err := p.files(ctx, ticket)
	if err != nil {
		return nil, err
	}
	var list []recording.Attachment
	for _, f := range files {
		if f.Filename != name {
			continue
		}
		size, err := strconv.ParseInt(string(f.ContentLength), 10, 64)
		if err != nil {
			size = -1
		}
		list = append(list, recording.Attachment{ID: string(f.ID), Name: f.Filename, Size: size, At: f.Created})
	}
	return list, nil
}

// Read fetches a file. RT sends it as text inside JSON, so it is in memory as a whole.
func (p *provider) Read(ctx context.Context, _, id string) (io.ReadCloser, error) {
	var a struct{ Content []byte }
	if err := p.Send(ctx, crmsync.Request{Method: "GET", Path: "/attachment/" + url.PathEscape(id), Answer: &a, Most: maxFile}); err != nil {
		return nil, fmt.Errorf("fetch an attachment from RT: %w", err)
	}
	return io.NopCloser(bytes.NewReader(a.Content)), nil
}

// RemoveAttachment: RT's REST2 deletes no attachments.
func (p *provider) RemoveAttachment(context.Context, string, string) error {
	return recording.ErrCannotRemove
}
