package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"

	"tandem/crmsync"
	"tandem/recording"
)

// Attach makes a file of the case: a ContentVersion that is published there. An attachment's id is the version's.
func (p *provider) Attach(ctx context.Context, ticket string, f crmsync.File, r io.Reader) (string, error) {
	if err := p.exists(ctx, ticket); err != nil {
		return "", err
	}
	about, err := json.Marshal(map[string]string{
		"Title": cut(f.Name, 255), "PathOnClient": f.Name, "FirstPublishLocationId": ticket, "Description": cut(f.Note, 1000),
	})
	if err != nil {
		return "", fmt.Errorf("write of a file for Salesforce: %w", err)
	}
	entity := []crmsync.FormField{{Name: "entity_content", ContentType: "application/json", Value: string(about)}}
	contentType, body, size, err := crmsync.Form(entity, "VersionData", f, r)
	if err != nil {
		return "", err
	}
	var made saved
	err = p.Send(ctx, crmsync.Request{Method: http.MethodPost, Path: sobjects + "ContentVersion", ContentType: contentType, Body: body, Size: size, Answer: &made})
	if err != nil {
		return "", fmt.Errorf("attach to the case in Salesforce: %w", err)
	}
	return made.ID, nil
}

// link is a file of a record.
type link struct {
	ContentDocument struct {
		LatestPublishedVersionID string
		Title                    string
		ContentSize              int64
		CreatedDate              when
	}
}

// Attachments lists the case's files of that name. They are looked for by the case alone: SOQL does not filter such a list by the file's fields
// in every release.
func (p *provider) Attachments(ctx context.Context, ticket, name string) (list []recording.Attachment, err error) {
	if _, err := record("Case", ticket); err != nil {
		return nil, err
	}
	const columns = "ContentDocument.LatestPublishedVersionId, ContentDocument.Title, ContentDocument.ContentSize, ContentDocument.CreatedDate"
	some := false
	err = query(ctx, p, "SELECT "+columns+" FROM ContentDocumentLink WHERE LinkedEntityId = "+quote(ticket), func(l link) {
		some = true
		if d := l.ContentDocument; d.Title == cut(name, 255) && recordID.MatchString(d.LatestPublishedVersionID) {
			list = append(list, recording.Attachment{ID: d.LatestPublishedVersionID, Name: name, Size: d.ContentSize, At: d.CreatedDate.Time})
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list the case's files in Salesforce: %w", err)
	}
	if !some {
		return nil, p.exists(ctx, ticket)
	}
	slices.SortStableFunc(list, func(a, b recording.Attachment) int { return a.At.Compare(b.At) })
	return list, nil
}

// Read opens a file.
func (p *provider) Read(ctx context.Context, _, id string) (io.ReadCloser, error) {
	path, err := record("ContentVersion", id)
	if err != nil {
		return nil, err
	}
	r, err := p.Client.Read(ctx, path+"/VersionData")
	if err != nil {
		return nil, fmt.Errorf("fetch a file from Salesforce: %w", err)
	}
	return r, nil
}

// RemoveAttachment deletes a file with all its versions.
func (p *provider) RemoveAttachment(ctx context.Context, _, id string) error {
	path, err := record("ContentVersion", id)
	if err != nil {
		return err
	}
	var version struct{ ContentDocumentID string }
	if err = p.JSON(ctx, http.MethodGet, path+"?fields=ContentDocumentId", nil, &version); err == nil {
		if path, err = record("ContentDocument", version.ContentDocumentID); err == nil {
			err = p.JSON(ctx, http.MethodDelete, path, nil, nil)
		}
	}
	if gone(err) {
		return nil // already
	}
	if err != nil {
		return fmt.Errorf("delete a file in Salesforce: %w", err)
	}
	return nil
}
