package web

import (
	"context"
	"io"
	"time"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

const (
	uploadBurst = 10
	uploadEach  = 5 * time.Second
)

// Upload stores a file of a visitor's, to be sent with a message: PNG, JPEG and MP4 only, as we encode them.
func (s *Service) Upload(ctx context.Context, p *Page, name string, r io.Reader) (chat.Attachment, error) {
	w, err := s.widget(ctx, p.Account)
	if err != nil {
		return chat.Attachment{}, err
	}
	if !w.Settings.Features.Upload {
		return chat.Attachment{}, ErrOff
	}
	if err := s.may(p, "upload", uploadBurst, uploadEach); err != nil {
		return chat.Attachment{}, err
	}
	return s.cfg.Media.Upload(ctx, p.Visitor.Tenant, chat.Uploader{ID: p.Visitor.ID, Visitor: true}, name, r)
}

// media names the uploaded files of a message: the visitor's own, and not sent before.
func (s *Service) media(ctx context.Context, v Visitor, files []uuid.UUID) (refs []chat.MediaRef, err error) {
	err = s.cfg.DB.Tenant(ctx, v.Tenant, func(tx *storage.Tx) error {
		refs = nil
		for _, id := range files {
			message, uploader, err := s.cfg.Media.MessageOf(ctx, tx, id)
			if fault.KindOf(err) == fault.NotFound || err == nil && (uploader != v.ID || message != uuid.Nil) {
				return ErrFiles
			}
			if err != nil {
				return err
			}
			refs = append(refs, chat.MediaRef{ID: id.String()})
		}
		return nil
	})
	return refs, err
}

// File opens a file of the visitor's conversations, or its preview; the caller closes it.
func (s *Service) File(ctx context.Context, p *Page, id uuid.UUID, preview bool) (*chat.MediaFile, error) {
	v := p.Visitor
	if err := s.cfg.Chat.MayOpen(ctx, v.Tenant, v.Account, v.Key, id); err != nil {
		return nil, err
	}
	return s.cfg.Media.OpenAttachment(ctx, v.Tenant, id, preview)
}
