package smartactions

import (
	"context"
	"errors"
	"io"

	"github.com/google/uuid"

	"tandem/chat/attach"
	"tandem/internal/storage"
)

func blobName(tenant, blob uuid.UUID) string {
	return "actions/" + tenant.String() + "/" + blob.String()
}
func blobPurpose(blob uuid.UUID) string { return "customer's file " + blob.String() }

// clean looks into a file and makes it safe to show. Pictures must be JPEG or PNG; films are what telephones make.
func (s *Service) clean(ctx context.Context, k Kind, r io.Reader) (attach.Clean, error) {
	most, from := int64(MaxPhotoBytes), attach.FromWidget
	if k == Video {
		most, from = MaxVideoBytes, attach.FromChannel // which takes QuickTime too
	}
	src, _, err := s.cfg.Cleaner.Fill(&upload{r: r}, most)
	if err != nil {
		return attach.Clean{}, err
	}
	clean, err := s.cfg.Cleaner.Clean(ctx, src, from)
	if err != nil || clean.File != src {
		err = errors.Join(err, src.Close())
	}
	want := attach.Image
	if k == Video {
		want = attach.Video
	}
	if err == nil && (clean.Kind != want || !clean.Show || clean.MIME == attach.WebM.MIME) {
		err = errors.Join(errRefused(k), clean.File.Close())
	}
	return clean, err
}

func errRefused(k Kind) error {
	if k == Video {
		return ErrNoVideo
	}
	return ErrNoPicture
}

// upload is a body that a customer's page sends: when it breaks off, that is not our mistake.
type upload struct{ r io.Reader }

func (u *upload) Read(b []byte) (int, error) {
	n, err := u.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = ErrCutOff.Because(err)
	}
	return n, err
}

// seal encrypts a file with a key of its own under the tenant's, into the store.
func (s *Service) seal(ctx context.Context, tenant uuid.UUID, clean attach.Clean) (f stored, err error) {
	f.Blob, f.Size, f.ContentType = storage.NewID(), clean.Bytes, clean.MIME
	var key *storage.DataKey
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		under, err := s.cfg.Keys.Tenant(ctx, tx, tenant)
		if err == nil {
			key, f.Key, err = storage.NewDataKey(blobPurpose(f.Blob), under)
		}
		return err
	})
	if err != nil {
		return f, err
	}
	_, _, err = key.PutSealed(ctx, s.cfg.Blobs, blobName(tenant, f.Blob), blobPurpose(f.Blob), clean.File)
	return f, err
}

// File opens a file that a customer sent; the caller closes it.
func (s *Service) File(ctx context.Context, tenant, action uuid.UUID, n int) (File, *storage.Sealed, error) {
	var f stored
	var key *storage.DataKey
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) (err error) {
		if f, err = loadFile(ctx, tx, action, n); err != nil {
			return err
		}
		under, err := s.cfg.Keys.Tenant(ctx, tx, tenant)
		if err == nil {
			key, err = storage.UnwrapDataKey(f.Key, blobPurpose(f.Blob), under)
		}
		return err
	})
	if err != nil {
		return File{}, nil, err
	}
	return f.File, key.OpenSealed(ctx, s.cfg.Blobs, blobName(tenant, f.Blob), blobPurpose(f.Blob), f.Size), nil
}

// removeBlob deletes bytes that nobody has the key for any more.
func (s *Service) removeBlob(ctx context.Context, name string) {
	if err := s.cfg.Blobs.Delete(ctx, name); err != nil {
		s.log.Warn("a file whose key is destroyed stays in the store", "err", err)
	}
}
