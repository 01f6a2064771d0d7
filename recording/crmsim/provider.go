package crmsim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"tandem/crmsync"
	"tandem/recording"
)

// Access is how a client reaches a CRM.
type Access struct {
	URL     string
	Token   func() string
	Timeout time.Duration // of one request; 0: only the caller's
	Limits  recording.Limits
	Client  *http.Client
}

// Provider is a client of the simulator, as any vendor's.
func (a Access) Provider() crmsync.Provider { return client{a} }

// Vendor offers the CRM to crmsync under a name.
func (a Access) Vendor(name string) crmsync.Vendor {
	return crmsync.Vendor{Name: name, Label: "Simulator", Limits: a.Limits, Open: func(crmsync.Connection) (crmsync.Provider, error) { return client{a}, nil }}
}

type client struct{ Access }

func (c client) Limits() recording.Limits { return c.Access.Limits }

// FindContact finds everybody: a contact is a number here.
func (c client) FindContact(_ context.Context, who crmsync.Customer) (crmsync.Contact, error) {
	return crmsync.Contact{ID: who.Identity}, nil
}

func (c client) EnsureContact(_ context.Context, who crmsync.Customer) (string, error) {
	return who.Identity, nil
}

func (c client) EnsureTicket(ctx context.Context, m crmsync.Matter) (string, error) {
	var t listed
	err := c.do(ctx, "PUT", "/tickets", url.Values{"key": {m.Item.String()}}, nil, 0, &t)
	return t.ID, err
}

// Tickets is empty: each call has a ticket of its own here.
func (c client) Tickets(context.Context, string) ([]crmsync.Ticket, error) { return nil, nil }

func (c client) Attach(ctx context.Context, ticket string, f crmsync.File, r io.Reader) (string, error) {
	var a listed
	if err := c.do(ctx, "POST", "/tickets/"+ticket+"/files", url.Values{"name": {f.Name}}, r, f.Size, &a); err != nil {
		return "", err
	}
	return a.ID, nil
}

func (c client) Attachments(ctx context.Context, ticket, name string) (list []recording.Attachment, err error) {
	var found []listed
	err = c.do(ctx, "GET", "/tickets/"+ticket+"/files", url.Values{"name": {name}}, nil, 0, &found)
	for _, f := range found {
		list = append(list, recording.Attachment{ID: f.ID, Name: f.Name, Size: f.Size, At: f.At})
	}
	return list, err
}

func (c client) Read(ctx context.Context, ticket, id string) (io.ReadCloser, error) {
	var b []byte
	err := c.do(ctx, "GET", "/tickets/"+ticket+"/files/"+id, nil, nil, 0, &b)
	return io.NopCloser(bytes.NewReader(b)), err
}

func (c client) RemoveAttachment(ctx context.Context, ticket, id string) error {
	return c.do(ctx, "DELETE", "/tickets/"+ticket+"/files/"+id, nil, nil, 0, nil)
}

func (c client) AddNote(ctx context.Context, ticket string, n crmsync.Note) error {
	body, err := json.Marshal(Note{Key: n.Key, Title: n.Title, Body: n.Body})
	if err != nil {
		return fmt.Errorf("write a note: %w", err)
	}
	return c.do(ctx, "PUT", "/tickets/"+ticket+"/notes", url.Values{"key": {n.Key}}, bytes.NewReader(body), int64(len(body)), nil)
}

func (c client) Test(ctx context.Context) error {
	return c.do(ctx, "GET", "/tickets/0/files", nil, nil, 0, nil)
}

// do sends one request and reads its answer into to: the bytes themselves, or what their JSON says.
func (c client) do(ctx context.Context, method, path string, query url.Values, body io.Reader, size int64, to any) error {
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path+"?"+query.Encode(), body)
	if err != nil {
		return fmt.Errorf("ask the CRM: %w", err)
	}
	if body != nil {
		req.ContentLength = size
	}
	req.Header.Set("Authorization", "Bearer "+c.Token())
	resp, err := c.Client.Do(req)
	if err != nil {
		return &recording.SendError{Class: recording.ClassDoubt, Err: fmt.Errorf("ask the CRM: %w", err)}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if resp.StatusCode >= 300 {
		return crmsync.Refused(resp.StatusCode, resp.Header, fmt.Errorf("the CRM answers %s", resp.Status))
	}
	if err != nil {
		return &recording.SendError{Class: recording.ClassDoubt, Err: fmt.Errorf("read the CRM's answer: %w", err)}
	}
	switch to := to.(type) {
	case nil:
	case *[]byte:
		*to = b
	default:
		if err := json.Unmarshal(b, to); err != nil {
			return &recording.SendError{Class: recording.ClassDoubt, Err: fmt.Errorf("read the CRM's answer: %w", err)}
		}
	}
	return nil
}
