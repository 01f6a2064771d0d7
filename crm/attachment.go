package crm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Attachment is a file on a ticket.
type Attachment struct {
	ID          uuid.UUID `json:"id" db:"attachment_id"`
	Ticket      uuid.UUID `json:"ticket_id" db:"ticket_id"`
	Name        string    `json:"name" db:"name"`
	ContentType string    `json:"content_type" db:"content_type"`
	Size        int64     `json:"size" db:"size"`
	SHA256      []byte    `json:"-" db:"sha256"`
	Seconds     float64   `json:"seconds,omitempty" db:"seconds"` // of audio
	HasPeaks    bool      `json:"has_peaks" db:"has_peaks"`
	CreatedAt   time.Time `json:"created_at" db:"created_at"`
}

const attachmentColumns = `attachment_id, ticket_id, name, content_type, size, sha256, seconds, peaks IS NOT NULL AS has_peaks, created_at`

// Errors for people.
var (
	ErrNoAttachment   = fault.New(fault.NotFound, "attachment_not_found", "There is no such file on the ticket.")
	ErrAttachmentName = fault.New(fault.Invalid, "bad_file_name", "A file needs a name of at most 200 characters, without a path.").WithField("name")
)

func blobName(tenant, id uuid.UUID) string { return "tickets/" + tenant.String() + "/" + id.String() }
func blobContext(id uuid.UUID) string      { return "ticket attachment " + id.String() }

// Attach puts a file on a ticket, encrypted with a key of its own under the tenant's. The file is there once Attach has returned nil; an
// attempt that was cut off leaves nothing to be seen, and the next one of the same name takes its place.
func (s *Service) Attach(ctx context.Context, tenant, ticket uuid.UUID, name, contentType string, r io.Reader) (a Attachment, err error) {
	if name == "" || len(name) > longestField || strings.ContainsAny(name, "/\\\x00") {
		return a, ErrAttachmentName
	}
	a = Attachment{Ticket: ticket, Name: name, ContentType: contentType}
	var key *storage.DataKey
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		key, err = s.reserve(ctx, tx, &a)
		return err
	})
	if err != nil {
		return a, err
	}
	if err := s.store(ctx, tenant, &a, key, r); err != nil {
		return a, err
	}
	p, err := s.measure(ctx, tenant, a, key)
	if err != nil {
		return a, err
	}
	a.Seconds, a.HasPeaks = p.Seconds, p.Channels > 0
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		t, err := getTicket(ctx, tx, ticket)
		if err != nil {
			return err
		}
		a.Ticket, a.CreatedAt = t.ID, tx.Now
		_, err = tx.Exec(ctx, `UPDATE ticket_attachments SET size = $2, sha256 = $3, seconds = $4, peaks = $5, channels = $6, created_at = $7, stored_at = $7 WHERE attachment_id = $1`,
			a.ID, a.Size, a.SHA256, p.Seconds, p.bytes, p.Channels, tx.Now)
		if err != nil {
			return fmt.Errorf("write the attachment: %w", err)
		}
		return s.tellTicket(ctx, tx, "ticket.changed", t, "attachment")
	})
	return a, err
}

// reserve writes the row, or takes that of an attempt which was cut off, and returns the file's key.
func (s *Service) reserve(ctx context.Context, tx *storage.Tx, a *Attachment) (*storage.DataKey, error) {
	t, err := getTicket(ctx, tx, a.Ticket)
	if err != nil {
		return nil, err
	}
	a.Ticket = t.ID
	tenant, err := s.cfg.Keys.Tenant(ctx, tx, tx.Tenant)
	if err != nil {
		return nil, err
	}
	var wrapped []byte
	err = tx.QueryRow(ctx, `SELECT attachment_id, wrapped_key FROM ticket_attachments WHERE ticket_id = $1 AND name = $2 AND stored_at IS NULL LIMIT 1`, a.Ticket, a.Name).Scan(&a.ID, &wrapped)
	if err == nil {
		return storage.UnwrapDataKey(wrapped, blobContext(a.ID), tenant)
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("look for an unfinished attachment: %w", err)
	}
	a.ID = storage.NewID()
	key, wrapped, err := storage.NewDataKey(blobContext(a.ID), tenant)
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO ticket_attachments (tenant_id, attachment_id, ticket_id, name, content_type, blob, wrapped_key, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		tx.Tenant, a.ID, a.Ticket, a.Name, a.ContentType, blobName(tx.Tenant, a.ID), wrapped, tx.Now)
	if err != nil {
		return nil, fmt.Errorf("write the attachment: %w", err)
	}
	return key, nil
}

// store encrypts r into the blob store.
func (s *Service) store(ctx context.Context, tenant uuid.UUID, a *Attachment, key *storage.DataKey, r io.Reader) (err error) {
	a.Size, a.SHA256, err = key.PutSealed(ctx, s.cfg.Blobs, blobName(tenant, a.ID), blobContext(a.ID), r)
	return err
}

type counted struct {
	r    io.Reader
	n    int64
	hash hash.Hash
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	c.hash.Write(b[:n])
	return n, err
}

// measure reads the file back from the store, which proves that it can be read, and takes the peaks of a WAV file on the way.
func (s *Service) measure(ctx context.Context, tenant uuid.UUID, a Attachment, key *storage.DataKey) (Peaks, error) {
	f := s.file(ctx, tenant, a, key)
	defer f.Close()
	sum := &counted{r: f, hash: sha256.New()}
	p := wavPeaks(sum, a.Size)
	if _, err := io.Copy(io.Discard, sum); err != nil {
		return Peaks{}, fmt.Errorf("read the attachment back: %w", err)
	}
	if sum.n != a.Size || string(sum.hash.Sum(nil)) != string(a.SHA256) {
		return Peaks{}, fmt.Errorf("read the attachment back: %w", storage.ErrTruncated)
	}
	return p, nil
}

// Attachments lists a ticket's files, oldest first.
func (s *Service) Attachments(ctx context.Context, tenant, ticket uuid.UUID) (list []Attachment, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		t, err := readTicket(ctx, tx, ticket, "")
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT `+attachmentColumns+` FROM ticket_attachments WHERE ticket_id = $1 AND stored_at IS NOT NULL ORDER BY attachment_id`, t.ID)
		if err != nil {
			return fmt.Errorf("list attachments: %w", err)
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByName[Attachment])
		return err
	})
	return list, err
}

// RemoveAttachment deletes a file: first its key, then its bytes.
func (s *Service) RemoveAttachment(ctx context.Context, tenant, ticket, id uuid.UUID) error {
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		t, err := getTicket(ctx, tx, ticket)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `DELETE FROM ticket_attachments WHERE attachment_id = $1 AND ticket_id = $2`, id, t.ID)
		if err != nil {
			return fmt.Errorf("remove the attachment: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return ErrNoAttachment
		}
		return s.tellTicket(ctx, tx, "ticket.changed", t, "attachment")
	})
	if err != nil {
		return err
	}
	if err := s.cfg.Blobs.Delete(ctx, blobName(tenant, id)); err != nil {
		s.cfg.Log.Warn("a file whose key is destroyed stays in the store", "attachment", id, "err", err)
	}
	return nil
}

// File is a file on a ticket, opened for reading from any place: http.ServeContent answers ranges with it.
type File struct {
	*storage.Sealed
	Attachment Attachment
}

// OpenAttachment opens a file; the caller closes it.
func (s *Service) OpenAttachment(ctx context.Context, tenant, ticket, id uuid.UUID) (*File, error) {
	var a Attachment
	var key *storage.DataKey
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+attachmentColumns+` FROM ticket_attachments WHERE ticket_id = `+leadsTo+` AND attachment_id = $2 AND stored_at IS NOT NULL`, ticket, id)
		if err != nil {
			return fmt.Errorf("read the attachment: %w", err)
		}
		if a, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Attachment]); err != nil {
			return storage.Missing(err, ErrNoAttachment)
		}
		var wrapped []byte
		if err := tx.QueryRow(ctx, `SELECT wrapped_key FROM ticket_attachments WHERE attachment_id = $1`, id).Scan(&wrapped); err != nil {
			return fmt.Errorf("read the attachment's key: %w", err)
		}
		tenantKey, err := s.cfg.Keys.Tenant(ctx, tx, tenant)
		if err != nil {
			return err
		}
		key, err = storage.UnwrapDataKey(wrapped, blobContext(id), tenantKey)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.file(ctx, tenant, a, key), nil
}

func (s *Service) file(ctx context.Context, tenant uuid.UUID, a Attachment, key *storage.DataKey) *File {
	return &File{Sealed: key.OpenSealed(ctx, s.cfg.Blobs, blobName(tenant, a.ID), blobContext(a.ID), a.Size), Attachment: a}
}
