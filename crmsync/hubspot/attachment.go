package hubspot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tandem/crmsync"
	"tandem/recording"
)

const files = "/files/" + version + "/files"

// freeLimit is the largest file of accounts that pay nothing. They refuse a larger one as a bad request.
const freeLimit = 20_000_000

// stored is a file as HubSpot tells of it.
type stored struct {
	ID        number    `json:"id"`
	Size      int64     `json:"size"`
	CreatedAt time.Time `json:"createdAt"`
}

// folder is where a ticket's files are.
func folder(ticket string) string { return "/tandem/" + ticket }

// upload stores a file that only people of the account may see, and returns its id. One that was stored before, by a request whose answer was
// lost, is taken.
func (p *provider) upload(ctx context.Context, ticket string, f crmsync.File, r io.Reader) (string, error) {
	var there struct{ File *stored }
	path := strings.TrimPrefix(folder(ticket), "/") + "/" + url.PathEscape(f.Name)
	err := p.JSON(ctx, http.MethodGet, files+"/stat/"+path, nil, &there)
	if err != nil && !isClass(err, recording.ClassGone) {
		return "", fmt.Errorf("look for a file in HubSpot: %w", err)
	}
	if err == nil && there.File != nil && there.File.Size == f.Size {
		return string(there.File.ID), nil
	}
	contentType, body, size, err := crmsync.Form([]crmsync.FormField{
		{Name: "fileName", Value: f.Name}, {Name: "folderPath", Value: folder(ticket)}, {Name: "options", ContentType: "application/json", Value: `{"access":"PRIVATE"}`},
	}, "file", f, r)
	if err != nil {
		return "", err
	}
	var made stored
	err = p.Send(ctx, crmsync.Request{Method: http.MethodPost, Path: files, ContentType: contentType, Body: body, Size: size, Answer: &made})
	if isClass(err, recording.ClassRejected) && f.Size > freeLimit {
		err = &recording.SendError{Class: recording.ClassTooLarge, Err: err}
	}
	if err != nil {
		return "", fmt.Errorf("store a file in HubSpot: %w", err)
	}
	if made.ID == "" {
		return "", &recording.SendError{Class: recording.ClassDoubt, Err: errors.New("HubSpot stored a file, but does not say which")}
	}
	return string(made.ID), nil
}

// Attach stores a file and writes a note on the ticket that carries it. An attachment's id is the note's and the file's.
func (p *provider) Attach(ctx context.Context, ticket string, f crmsync.File, r io.Reader) (string, error) {
	if err := p.exists(ctx, "tickets", ticket); err != nil {
		return "", fmt.Errorf("look for the ticket in HubSpot: %w", err)
	}
	file, err := p.upload(ctx, ticket, f, r)
	if err != nil {
		return "", err
	}
	words := f.Name
	if f.Note != "" {
		words = f.Note + "\n" + f.Name
	}
	note, err := p.write(ctx, ticket, words, file, mark("file", f.Name))
	if err != nil {
		return "", fmt.Errorf("attach to the ticket in HubSpot: %w", err)
	}
	return note + "-" + file, nil
}

// carried are the files of a note.
func carried(note object) []string {
	return slices.DeleteFunc(strings.Split(note.Properties["hs_attachment_ids"], ";"), func(id string) bool { return !isNumber.MatchString(id) })
}

// Attachments lists the ticket's files of that name.
func (p *provider) Attachments(ctx context.Context, ticket, name string) (list []recording.Attachment, err error) {
	notes, err := p.notes(ctx, ticket)
	if err != nil {
		return nil, fmt.Errorf("list the ticket's files in HubSpot: %w", err)
	}
	for _, n := range notes {
		if !strings.Contains(n.Properties["hs_note_body"], mark("file", name)) {
			continue
		}
		for _, id := range carried(n) {
			var f stored
			err := p.JSON(ctx, http.MethodGet, files+"/"+id, nil, &f)
			if isClass(err, recording.ClassGone) {
				continue // somebody has deleted it
			}
			if err != nil {
				return nil, fmt.Errorf("look at a file in HubSpot: %w", err)
			}
			list = append(list, recording.Attachment{ID: string(n.ID) + "-" + id, Name: name, Size: f.Size, At: n.CreatedAt})
		}
	}
	slices.SortStableFunc(list, func(a, b recording.Attachment) int { return a.At.Compare(b.At) })
	return list, nil
}

// parts are a note's id and a file's.
func parts(id string) (note, file string, err error) {
	note, file, _ = strings.Cut(id, "-")
	if !isNumber.MatchString(note) || !isNumber.MatchString(file) {
		return "", "", errNoID
	}
	return note, file, nil
}

// Read opens a file at the address that HubSpot signs for it. The token does not go there.
func (p *provider) Read(ctx context.Context, _, id string) (io.ReadCloser, error) {
	_, file, err := parts(id)
	if err != nil {
		return nil, err
	}
	var signed struct{ URL string }
	if err := p.JSON(ctx, http.MethodGet, files+"/"+file+"/signed-url", nil, &signed); err != nil {
		return nil, fmt.Errorf("ask HubSpot for a file: %w", err)
	}
	if !strings.HasPrefix(signed.URL, "https://") && !strings.HasPrefix(signed.URL, p.Base+"/") {
		return nil, &recording.SendError{Class: recording.ClassRetry, Err: errors.New("HubSpot's address of a file is not a safe one")}
	}
	elsewhere := crmsync.Client{Name: p.Name, HTTP: p.HTTP, Authorize: func(context.Context, *http.Request, bool) error { return nil }}
	r, err := elsewhere.Read(ctx, signed.URL)
	if err != nil {
		return nil, fmt.Errorf("fetch a file of HubSpot's: %w", err)
	}
	return r, nil
}

// RemoveAttachment deletes the note, and the file unless another note carries it too.
func (p *provider) RemoveAttachment(ctx context.Context, ticket, id string) error {
	note, file, err := parts(id)
	if err != nil {
		return err
	}
	notes, err := p.notes(ctx, ticket)
	if err != nil {
		return fmt.Errorf("list the ticket's notes in HubSpot: %w", err)
	}
	paths := []string{objects("notes") + "/" + note}
	if !slices.ContainsFunc(notes, func(n object) bool { return string(n.ID) != note && slices.Contains(carried(n), file) }) {
		paths = []string{files + "/" + file, paths[0]}
	}
	for _, path := range paths {
		if err := p.JSON(ctx, http.MethodDelete, path, nil, nil); err != nil && !isClass(err, recording.ClassGone) {
			return fmt.Errorf("delete a file in HubSpot: %w", err)
		}
	}
	return nil
}
