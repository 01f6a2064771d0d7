package servicenow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"tandem/crmsync"
	"tandem/recording"
)

// attachments is the table of what is attached, which has an API of its own.
const attachments = "sys_attachment"

// Attach sends the file as it is to the Attachment API. What ServiceNow says it stored must be all of it.
func (p *provider) Attach(ctx context.Context, ticket string, f crmsync.File, r io.Reader) (string, error) {
	if _, err := p.read(ctx, ticket, "sys_id"); err != nil {
		return "", err
	}
	query := url.Values{"table_name": {p.table}, "table_sys_id": {ticket}, "file_name": {f.Name}}
	var a struct {
		Result record `json:"result"`
	}
	err := p.Send(ctx, crmsync.Request{
		Method: http.MethodPost, Path: "/attachment/file?" + query.Encode(), ContentType: f.ContentType, Body: io.LimitReader(r, f.Size), Size: f.Size, Answer: &a,
	})
	if err != nil {
		return "", fmt.Errorf("attach to the ticket in ServiceNow: %w", err)
	}
	if a.Result.Size != strconv.FormatInt(f.Size, 10) {
		return "", &recording.SendError{Class: recording.ClassDoubt, Err: errors.New("ServiceNow stored something else")}
	}
	return a.Result.ID, nil
}

// maxFiles of one name are more than a ticket has.
const maxFiles = 100

// Attachments lists the ticket's files of that name.
func (p *provider) Attachments(ctx context.Context, ticket, name string) ([]recording.Attachment, error) {
	where := []condition{{"table_name", p.table}, {"table_sys_id", ticket}, {"file_name", name}}
	found, err := p.list(ctx, attachments, where, oldest, url.Values{"sysparm_limit": {strconv.Itoa(maxFiles)}})
	if err != nil {
		return nil, fmt.Errorf("list the ticket's files in ServiceNow: %w", err)
	}
	if len(found) == 0 { // ServiceNow lists no files of tickets that there are none of, without a word
		_, err := p.read(ctx, ticket, "sys_id")
		return nil, err
	}
	var list []recording.Attachment
	for _, r := range found {
		size, err := strconv.ParseInt(r.Size, 10, 64)
		if err != nil {
			size = -1
		}
		if r.FileName == name {
			list = append(list, recording.Attachment{ID: r.ID, Name: r.FileName, Size: size, At: r.Created.Time})
		}
	}
	return list, nil
}

// Read opens a file.
func (p *provider) Read(ctx context.Context, _, id string) (io.ReadCloser, error) {
	return p.Client.Read(ctx, "/attachment/"+url.PathEscape(id)+"/file")
}

// RemoveAttachment deletes a file.
func (p *provider) RemoveAttachment(ctx context.Context, _, id string) error {
	if err := p.JSON(ctx, http.MethodDelete, "/attachment/"+url.PathEscape(id), nil, nil); err != nil {
		return fmt.Errorf("remove an attachment in ServiceNow: %w", err)
	}
	return nil
}
