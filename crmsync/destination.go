package crmsync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/recording"
)

// Service is the recordings' way to the CRMs.
var _ recording.Destination = (*Service)(nil)

// on opens the CRM that a ticket is in, and returns the ticket as the CRM calls it. The reference names its provider, "rt:42": a tenant
// may change its CRM while recordings wait. A ticket in a CRM that the tenant has left is gone.
func (s *Service) on(ctx context.Context, tenant uuid.UUID, ref string) (p Provider, ticket string, err error) {
	name, ticket, _ := strings.Cut(ref, ":")
	p, c, err := s.provider(ctx, tenant)
	if err != nil {
		return nil, "", &recording.SendError{Class: recording.ClassRetry, Err: err}
	}
	if name == c.Provider {
		return p, ticket, nil
	}
	if name == Own {
		if p, err = s.open(Connection{Tenant: tenant, Provider: Own}); err == nil {
			return p, ticket, nil
		}
	}
	return nil, "", &recording.SendError{Class: recording.ClassGone, Err: errors.New("the ticket is in a CRM that is no longer connected")}
}

// Limits is the limits of the tenant's CRM.
func (s *Service) Limits(ctx context.Context, tenant uuid.UUID) (recording.Limits, error) {
	p, _, err := s.provider(ctx, tenant)
	if err != nil {
		return recording.Limits{}, err
	}
	return p.Limits(), nil
}

// Attach puts a part of a recording on its ticket.
func (s *Service) Attach(ctx context.Context, part recording.Part, audio io.Reader) (recording.Confirmation, error) {
	p, ticket, err := s.on(ctx, part.Tenant, part.Ticket)
	if err != nil {
		return recording.Confirmation{}, err
	}
	what := "Recording of the call"
	if part.Kind == recording.KindVoicemail {
		what = "Voicemail"
	}
	if part.Of > 1 {
		what += fmt.Sprintf(", part %d of %d", part.Number, part.Of)
	}
	if part.Truncated {
		what += " (cut off by a fault)"
	}
	id, err := p.Attach(ctx, ticket, File{Name: part.Name, ContentType: part.ContentType, Size: part.Size, Note: what}, audio)
	note := s.cfg.DB.Worker(context.WithoutCancel(ctx), func(tx *storage.Tx) error { return s.heard(ctx, tx, part.Tenant, err) })
	if note != nil {
		s.log.Error("it is not noted how the CRM does", "err", note)
	}
	return recording.Confirmation{ID: id}, err
}

// Find lists what the ticket holds under the part's name.
func (s *Service) Find(ctx context.Context, part recording.Part) ([]recording.Attachment, error) {
	p, ticket, err := s.on(ctx, part.Tenant, part.Ticket)
	if err != nil {
		return nil, err
	}
	return p.Attachments(ctx, ticket, part.Name)
}

// Read opens a part that was delivered, for a person to listen to. It can seek where the CRM is Tandem's own.
func (s *Service) Read(ctx context.Context, tenant uuid.UUID, ref, name string) (io.ReadCloser, error) {
	p, ticket, err := s.on(ctx, tenant, ref)
	if err != nil {
		return nil, ErrNotReadable.Because(err)
	}
	found, err := p.Attachments(ctx, ticket, name)
	if err != nil {
		return nil, ErrNotReadable.Because(err)
	}
	if len(found) == 0 {
		return nil, ErrNotReadable
	}
	r, err := p.Read(ctx, ticket, found[0].ID)
	if err != nil {
		return nil, ErrNotReadable.Because(err)
	}
	return r, nil
}

// ErrNotSearchable says that a CRM cannot be searched now.
var ErrNotSearchable = fault.New(fault.Unavailable, "crm_not_searchable", "The CRM does not answer; try again, or choose later in the CRM.")

// ErrNotReadable says that a CRM does not hand out a file now.
var ErrNotReadable = fault.New(fault.Unavailable, "crm_not_readable", "The CRM does not hand out this file now; listen to it there, or try again.")

// Remove deletes a surplus attachment.
func (s *Service) Remove(ctx context.Context, part recording.Part, a recording.Attachment) error {
	p, ticket, err := s.on(ctx, part.Tenant, part.Ticket)
	if err != nil {
		return err
	}
	return p.RemoveAttachment(ctx, ticket, a.ID)
}
