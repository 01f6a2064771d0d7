package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"sync"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"tandem/crmsync"
	"tandem/recording"
)

// attachment is the first part of the form, which the request's own signature covers: strangers are refused before their files are read.
type attachment struct {
	Ticket string `json:"ticket"`
	Name   string `json:"name"`
	Type   string `json:"content_type"`
	Size   int64  `json:"size"`
	Note   string `json:"note,omitempty"`
}

// stored is what the receiver answers. Size and SHA256 may be left out; where they are not, they must be right.
type stored struct {
	ID     string `json:"id"`
	Size   *int64 `json:"size"`
	SHA256 string `json:"sha256"` // in hex
}

// Attach sends a form of three parts: what the file is, the file as it is read, and its SHA-256 with a signature of it, which is known only then.
func (p *provider) Attach(ctx context.Context, ticket string, f crmsync.File, r io.Reader) (string, error) {
	now, id := time.Now(), p.id("attachment.add", ticket+" "+f.Name)
	what, err := json.Marshal(attachment{Ticket: ticket, Name: f.Name, Type: f.ContentType, Size: f.Size, Note: f.Note})
	if err != nil {
		return "", fmt.Errorf("write what a file is: %w", err)
	}
	h, err := p.signed(id, now, what)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	form, body, size, err := formOf(what, f, io.TeeReader(io.LimitReader(r, f.Size), sum), &seal{signer: p.signer, id: id, at: now, sum: sum})
	if err != nil {
		return "", err
	}
	var s stored
	err = p.Send(ctx, crmsync.Request{Method: http.MethodPost, Path: "/attachments", Header: h, ContentType: form, Body: body, Size: size, Answer: &s})
	if err != nil {
		return "", fmt.Errorf("send a file: %w", err)
	}
	if s.Size != nil && *s.Size != f.Size || s.SHA256 != "" && s.SHA256 != hex.EncodeToString(sum.Sum(nil)) || len(s.ID) > longestID {
		return "", &recording.SendError{Class: recording.ClassDoubt, Err: errors.New("the receiver stored something else")}
	}
	p.taken.keep(p.tenant, ticket, recording.Attachment{ID: s.ID, Name: f.Name, Size: f.Size, At: now})
	return s.ID, nil
}

// sealSize in bytes of the last part: the sum in hex, a space and the signature, "v1," and 32 bytes in base64.
var sealSize = hex.EncodedLen(sha256.Size) + 1 + len("v1,") + base64.StdEncoding.EncodedLen(sha256.Size)

// seal is the last part's content; it is made when it is read, for by then the file has been.
type seal struct {
	signer *standardwebhooks.Webhook
	id     string
	at     time.Time
	sum    hash.Hash
	text   io.Reader
}

// Read makes the seal at its first call.
func (s *seal) Read(b []byte) (int, error) {
	if s.text == nil {
		digest := []byte(hex.EncodeToString(s.sum.Sum(nil)))
		signature, err := s.signer.Sign(s.id, s.at, digest)
		if err != nil {
			return 0, fmt.Errorf("sign a file: %w", err)
		}
		s.text = bytes.NewReader(append(append(digest, ' '), signature...))
	}
	return s.text.Read(b)
}

func formOf(what []byte, f crmsync.File, file, end io.Reader) (contentType string, body io.Reader, size int64, err error) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	var cuts []int
	for _, head := range []textproto.MIMEHeader{
		{"Content-Disposition": {`form-data; name="what"`}, "Content-Type": {"application/json"}},
		{"Content-Disposition": {multipart.FileContentDisposition("file", f.Name)}, "Content-Type": {f.ContentType}},
		{"Content-Disposition": {`form-data; name="digest"`}, "Content-Type": {"text/plain"}},
	} {
		part, err := w.CreatePart(head)
		if err == nil && len(cuts) == 0 {
			_, err = part.Write(what)
		}
		if err != nil {
			return "", nil, 0, fmt.Errorf("write a form: %w", err)
		}
		cuts = append(cuts, form.Len())
	}
	if err := w.Close(); err != nil {
		return "", nil, 0, fmt.Errorf("write a form: %w", err)
	}
	b := form.Bytes()
	body = io.MultiReader(bytes.NewReader(b[:cuts[1]]), file, bytes.NewReader(b[cuts[1]:cuts[2]]), end, bytes.NewReader(b[cuts[2]:]))
	return w.FormDataContentType(), body, int64(len(b)+sealSize) + f.Size, nil
}

// Attachments asks for the files of that name. Of a receiver that answers no questions we know what it has confirmed since this program started.
func (p *provider) Attachments(ctx context.Context, ticket, name string) ([]recording.Attachment, error) {
	if !p.reads {
		return p.taken.of(p.tenant, ticket, name), nil
	}
	var list struct {
		Items []struct {
			ID        string    `json:"id"`
			Name      string    `json:"name"`
			Size      int64     `json:"size"`
			CreatedAt time.Time `json:"created_at"`
		} `json:"items"`
	}
	if err := p.ask(ctx, http.MethodGet, "/attachments", url.Values{"ticket": {ticket}, "name": {name}}, &list); err != nil {
		return nil, fmt.Errorf("list the ticket's files: %w", err)
	}
	var all []recording.Attachment
	for _, a := range list.Items {
		if a.Name == name && a.ID != "" {
			all = append(all, recording.Attachment{ID: a.ID, Name: a.Name, Size: a.Size, At: a.CreatedAt})
		}
	}
	return all, nil
}

var errAnswersNone = &recording.SendError{Class: recording.ClassRejected, Err: errors.New("the receiver answers no questions")}

// Read asks for a file.
func (p *provider) Read(ctx context.Context, _, id string) (io.ReadCloser, error) {
	if !p.reads {
		return nil, errAnswersNone
	}
	path := "/attachments/" + url.PathEscape(id)
	h, err := p.signed(uuid.NewString(), time.Now(), []byte(http.MethodGet+" "+path))
	if err != nil {
		return nil, err
	}
	c := p.Client
	c.Authorize = func(_ context.Context, r *http.Request, _ bool) error {
		for name, values := range h {
			r.Header[name] = values
		}
		return nil
	}
	return c.Read(ctx, path)
}

// RemoveAttachment orders a file to be deleted.
func (p *provider) RemoveAttachment(ctx context.Context, _, id string) error {
	if !p.reads {
		return recording.ErrCannotRemove
	}
	return p.ask(ctx, http.MethodDelete, "/attachments/"+url.PathEscape(id), nil, nil)
}

// memory is what receivers that answer no questions have confirmed: the newest.
type memory struct {
	mu   sync.Mutex
	list []remembered
}

type remembered struct {
	tenant uuid.UUID
	ticket string
	file   recording.Attachment
}

// longestMemory in files; a confirmation is asked for right after it came.
const longestMemory = 1000

func (m *memory) keep(tenant uuid.UUID, ticket string, a recording.Attachment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.list = append(m.list, remembered{tenant, ticket, a}); len(m.list) > longestMemory {
		m.list = append(m.list[:0], m.list[len(m.list)-longestMemory/2:]...)
	}
}

func (m *memory) of(tenant uuid.UUID, ticket, name string) []recording.Attachment {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.list {
		if r.tenant == tenant && r.ticket == ticket && r.file.Name == name {
			return []recording.Attachment{r.file}
		}
	}
	return nil
}
