package chat

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/chat/attach"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// MediaFile is a stored file, or its preview, opened for reading from any place; the caller closes it.
type MediaFile struct {
	*storage.Sealed
	Attachment Attachment
	shown      bool
	preview    bool
	at         time.Time
}

// OpenAttachment opens a file, or its preview. Whether the asking user may see it is the caller's to decide, by MessageOf.
func (m *MediaStore) OpenAttachment(ctx context.Context, tenant, id uuid.UUID, preview bool) (*MediaFile, error) {
	row, key, err := m.unlock(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	if preview && !row.Preview {
		return nil, ErrNoAttachment
	}
	return m.file(ctx, row, key, preview), nil
}

// unlock reads a stored file's row and key.
func (m *MediaStore) unlock(ctx context.Context, tenant, id uuid.UUID) (row mediaRow, key *storage.DataKey, err error) {
	err = m.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if row, err = mediaByID(ctx, tx, id); err != nil {
			return err
		}
		if row.State != string(MediaStored) {
			return ErrNoAttachment
		}
		tenantKey, err := m.cfg.Keys.Tenant(ctx, tx, tenant)
		if err != nil {
			return err
		}
		key, err = storage.UnwrapDataKey(row.wrapped, filePurpose(id), tenantKey)
		return err
	})
	return row, key, err
}

func (m *MediaStore) file(ctx context.Context, row mediaRow, key *storage.DataKey, preview bool) *MediaFile {
	f := &MediaFile{Attachment: row.Attachment, shown: row.shown, preview: preview, at: row.at}
	if preview {
		f.Sealed = key.OpenSealed(ctx, m.cfg.Blobs, row.blob+previewOf, previewPurpose(row.ID), row.preview)
	} else {
		f.Sealed = key.OpenSealed(ctx, m.cfg.Blobs, row.blob, filePurpose(row.ID), row.Bytes)
	}
	return f
}

// Serve answers a request with the file, whole or in ranges. Only what we have made safe is shown by a browser; the rest is downloaded.
func (f *MediaFile) Serve(w http.ResponseWriter, r *http.Request) {
	kind, name, disposition := f.Attachment.ContentType, f.Attachment.Name, "inline"
	switch {
	case f.preview:
		kind, name = attach.JPEG.MIME, attach.Name(name, attach.JPEG)
	case !f.shown:
		disposition = "attachment"
		if kind != attach.PDF.MIME && !strings.HasPrefix(kind, "application/vnd.") {
			kind = attach.Unknown.MIME
		}
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": name}))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "private, no-store")
	http.ServeContent(w, r, "", f.at, f)
}

// linkLasts is how long an address of a file is good. Platforms fetch at once, but try again.
const linkLasts = 24 * time.Hour

// link makes an address at which anybody who has it may fetch a file. It tells nothing of whose it is.
func (m *MediaStore) link(ctx context.Context, tenant, id uuid.UUID, preview bool) (string, error) {
	if m.cfg.PublicURL == "" {
		return "", ErrNoPublicURL
	}
	token := rand.Text()
	err := m.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO chat_media_links (token_hash, tenant_id, attachment_id, preview, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			tokenHash(token), tenant, id, preview, tx.Now.Add(linkLasts))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("make a link to a file: %w", err)
	}
	return m.cfg.PublicURL + "/media/" + token, nil
}

func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte("chat media " + token))
	return sum[:]
}

// ServePublic answers GET and HEAD of /media/{token}, without anybody being signed in.
func (m *MediaStore) ServePublic(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	f, err := m.openPublic(r.Context(), r.PathValue("token"))
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		http.Error(w, "not found, or no longer", http.StatusNotFound)
	case err != nil:
		m.log.Error("a public file was not served", "err", err)
		http.Error(w, "try again later", http.StatusServiceUnavailable)
	default:
		defer f.Close()
		f.Serve(w, r)
	}
}

func (m *MediaStore) openPublic(ctx context.Context, token string) (*MediaFile, error) {
	var tenant, id uuid.UUID
	var preview bool
	// The token is all that is known: it says which tenant's file is meant.
	err := m.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `SELECT tenant_id, attachment_id, preview FROM chat_media_links WHERE token_hash = $1 AND expires_at > $2`, tokenHash(token), tx.Now).Scan(&tenant, &id, &preview)
		return storage.Missing(err, ErrNoAttachment)
	})
	if err != nil {
		return nil, err
	}
	return m.OpenAttachment(ctx, tenant, id, preview)
}

// outgoing prepares a file for a platform: as it is, converted, or as a link where the platform does not take it.
func (m *MediaStore) outgoing(ctx context.Context, tenant, id uuid.UUID, t Traits) (*OutgoingMedia, error) {
	row, key, err := m.unlock(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	kind := row.Kind
	fits, fitKey, err := m.fitted(ctx, row, key, kind, t)
	if errors.Is(err, attach.ErrNoFit) && kind != File {
		kind = File // larger and stranger ones go as files, where there are such
		fits, fitKey, err = m.fitted(ctx, row, key, kind, t)
	}
	if errors.Is(err, attach.ErrNoFit) {
		url, err := m.link(ctx, tenant, id, false)
		return &OutgoingMedia{Kind: row.Kind, Name: row.Name, ContentType: row.ContentType, Bytes: row.Bytes, URL: url, Link: true}, err
	}
	if err != nil {
		return nil, err
	}
	out := &OutgoingMedia{Kind: kind, Name: fits.Name, ContentType: fits.ContentType, Bytes: fits.Bytes, Seconds: fits.Seconds, Voice: row.Voice}
	out.Open = func() (io.ReadCloser, error) { return m.file(ctx, fits, fitKey, false), nil }
	if !t.ByURL {
		return out, nil
	}
	if out.URL, err = m.link(ctx, tenant, fits.ID, false); err != nil {
		return nil, err
	}
	if row.Preview {
		out.Preview, err = m.link(ctx, tenant, row.ID, true)
	}
	return out, err
}

// fitted returns a file as the platform takes it as one of that kind: itself, or what it was converted to, now or for an earlier message.
func (m *MediaStore) fitted(ctx context.Context, row mediaRow, key *storage.DataKey, kind MediaKind, t Traits) (mediaRow, *storage.DataKey, error) {
	allowed, ok := t.Media[kind]
	if !ok {
		return row, nil, attach.ErrNoFit
	}
	rule := attach.Rule{Bytes: allowed.Bytes, Types: allowed.Types}
	if rule.Fits(row.ContentType, row.Bytes) {
		return row, key, nil
	}
	if kind == File || !row.shown { // what is only kept is not converted
		return row, nil, attach.ErrNoFit
	}
	what, err := json.Marshal(rule)
	if err != nil {
		return row, nil, fmt.Errorf("encode a rule: %w", err)
	}
	if id, err := m.converted(ctx, row, string(what)); err != nil || id != uuid.Nil {
		if err != nil {
			return row, nil, err
		}
		return m.unlock(ctx, row.tenant, id)
	}
	return m.convert(ctx, row, key, rule, string(what))
}

// converted looks for what a file was converted to before.
func (m *MediaStore) converted(ctx context.Context, row mediaRow, rule string) (id uuid.UUID, err error) {
	err = m.cfg.DB.Tenant(ctx, row.tenant, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `SELECT attachment_id FROM chat_media WHERE original = $1 AND rule = $2`, row.ID, rule).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return wrap("look for a converted file", err)
	})
	return id, err
}

func (m *MediaStore) convert(ctx context.Context, row mediaRow, key *storage.DataKey, rule attach.Rule, what string) (mediaRow, *storage.DataKey, error) {
	sealed := m.file(ctx, row, key, false)
	file, _, err := m.cfg.Cleaner.Fill(sealed, row.Bytes)
	if err = errors.Join(err, sealed.Close()); err != nil {
		return row, nil, err
	}
	defer file.Close()
	made, err := m.cfg.Cleaner.Fit(ctx, attach.Clean{
		Type: attach.Shown(row.ContentType), File: file, Bytes: row.Bytes, Width: row.Width, Height: row.Height, Seconds: row.Seconds,
	}, rule)
	if err != nil {
		return row, nil, err
	}
	if made.File != file {
		defer made.File.Close()
	}
	made.Preview = nil // the original has one
	fit := mediaRow{Attachment: Attachment{ID: storage.NewID(), Kind: row.Kind, Seconds: row.Seconds, Voice: row.Voice}, tenant: row.tenant, blob: newBlob(row.tenant)}
	err = m.keep(ctx, &fit, made, row.Name, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO chat_media (attachment_id, tenant_id, original, rule, kind, name, content_type, shown, bytes, width, height, seconds, voice, state, blob, wrapped_key, sha256, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'stored', $14, $15, $16, $17)`,
			fit.ID, fit.tenant, row.ID, what, fit.Kind, fit.Name, fit.ContentType, fit.shown, fit.Bytes, fit.Width, fit.Height, fit.Seconds, fit.Voice, fit.blob, fit.wrapped, fit.sum, tx.Now)
		return err
	})
	if storage.Duplicate(err, "chat_media_converted") { // another message was quicker
		id, err := m.converted(ctx, row, what)
		if err != nil {
			return row, nil, err
		}
		return m.unlock(ctx, row.tenant, id)
	}
	if err != nil {
		return row, nil, err
	}
	return m.unlock(ctx, row.tenant, fit.ID)
}
