package chat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/chat/attach"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/queues"
)

// MediaConfig is what a MediaStore stands on. Zero values stand for the defaults.
type MediaConfig struct {
	DB      *storage.DB
	Bus     *events.Bus
	Keys    *storage.Keys
	Blobs   storage.Blobs
	Cleaner *attach.Cleaner
	Log     *slog.Logger
	Metrics prometheus.Registerer

	PublicURL string        // where platforms reach us, without a slash at its end
	MaxBytes  int64         // of one file, both ways; default 25 MiB
	Workers   int           // files fetched at the same time; default 2
	Private   bool          // platforms may be inside the own networks
	Wait      time.Duration // before the second try, and three times as long before the third; default 10 s
}

// MediaStore keeps the files of messages: it fetches what customers have sent, takes what agents and visitors upload, and gives both out.
type MediaStore struct {
	cfg     MediaConfig
	log     *slog.Logger
	fetched *prometheus.CounterVec
}

// NewMediaStore makes a MediaStore; nothing is fetched before Run.
func NewMediaStore(cfg MediaConfig) *MediaStore {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = MaxFileBytes
	}
	if cfg.Workers == 0 {
		cfg.Workers = 2
	}
	if cfg.Wait == 0 {
		cfg.Wait = 10 * time.Second
	}
	m := &MediaStore{cfg: cfg, log: cfg.Log, fetched: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tandem_media_fetched_total", Help: "Files of customers by how fetching them ended: stored, failed, too_large, gone; again: a try that is repeated.",
	}, []string{"result"})}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(m.fetched)
	}
	return m
}

// MaxBytes is the size of the largest file that is taken.
func (m *MediaStore) MaxBytes() int64 { return m.cfg.MaxBytes }

// MediaState is how far a file of a message has come.
type MediaState string

// States of files. Only a pending one changes.
const (
	MediaPending  MediaState = "pending"
	MediaStored   MediaState = "stored"
	MediaFailed   MediaState = "failed"
	MediaTooLarge MediaState = "too_large"
	MediaGone     MediaState = "gone" // the platform has it no longer
)

// Errors of files.
var (
	ErrNoAttachment = fault.New(fault.NotFound, "attachment_not_found", "There is no such file.")
	ErrNotUploaded  = fault.New(fault.Illegal, "attachment_not_ready", "A file of this message was sent already, belongs to somebody else, or was never uploaded; upload it again.").WithField("attachments")
	ErrFileTooLarge = fault.New(fault.TooLarge, "file_too_large", "The file is too large; send a smaller one.").WithField("file")
	ErrNoPublicURL  = fault.New(fault.Illegal, "public_url_missing", "The channel fetches files from this server, which does not know its public address; set http.public_url in the configuration.")
)

// mediaRow is a row of chat_media.
type mediaRow struct {
	Attachment
	tenant  uuid.UUID
	message *uuid.UUID
	shown   bool
	blob    string
	wrapped []byte
	preview int64
	sum     []byte
	at      time.Time
}

const mediaColumns = `attachment_id, tenant_id, message_id, kind, name, content_type, bytes, width, height, seconds, voice, state, shown, blob, wrapped_key, preview_bytes, created_at`

func scanMedia(row pgx.CollectableRow) (r mediaRow, err error) {
	err = row.Scan(&r.ID, &r.tenant, &r.message, &r.Kind, &r.Name, &r.ContentType, &r.Bytes, &r.Width, &r.Height, &r.Seconds, &r.Voice, &r.State, &r.shown, &r.blob, &r.wrapped, &r.preview, &r.at)
	r.Preview = r.preview > 0
	return r, err
}

func filePurpose(id uuid.UUID) string    { return "chat file " + id.String() }
func previewPurpose(id uuid.UUID) string { return "chat preview " + id.String() }

// newBlob is a name that no other try uses.
func newBlob(tenant uuid.UUID) string {
	return "chat/" + tenant.String() + "/" + storage.NewID().String()
}

// attachIncoming writes down the files of a customer's message, to be fetched. One that the message has already stays as it is. The widget's
// are here already: their ids are ours.
func (m *MediaStore) attachIncoming(ctx context.Context, tx *storage.Tx, account, message uuid.UUID, refs []MediaRef) error {
	if len(refs) == 0 {
		return nil
	}
	var channel queues.Channel
	if err := tx.QueryRow(ctx, `SELECT channel FROM chat_accounts WHERE account_id = $1`, account).Scan(&channel); err != nil {
		return fmt.Errorf("read a file's account: %w", err)
	}
	if channel == Web {
		return m.bindUploads(ctx, tx, message, refs)
	}
	for i, ref := range refs {
		_, err := tx.Exec(ctx, `
			INSERT INTO chat_media (attachment_id, tenant_id, message_id, position, account_id, kind, name, content_type, bytes, seconds, voice, state, ref, next_at, created_at)
			SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'pending', $12, $13, $13
			WHERE NOT EXISTS (SELECT FROM chat_media WHERE message_id = $3 AND ref = $12)`,
			storage.NewID(), tx.Tenant, message, i, account, ref.Kind, attach.Name(clean(ref.Name), attach.Unknown), clean(ref.ContentType), max(ref.Bytes, 0), max(ref.Seconds, 0), ref.Voice,
			ref, tx.Now)
		if err != nil {
			return fmt.Errorf("write down a file of a message: %w", err)
		}
	}
	tx.AfterCommit(func() { m.cfg.Bus.Publish(wakeMedia, nil) })
	return nil
}

// bindUploads binds what a visitor has uploaded; whose it is was looked at by the widget's side.
func (m *MediaStore) bindUploads(ctx context.Context, tx *storage.Tx, message uuid.UUID, refs []MediaRef) error {
	files := make([]uuid.UUID, len(refs))
	for i, ref := range refs {
		var err error
		if files[i], err = uuid.Parse(ref.ID); err != nil {
			return ErrNotUploaded.Because(err)
		}
	}
	return m.bind(ctx, tx, message, files)
}

// bind gives uploaded files to the message that they are sent with.
func (m *MediaStore) bind(ctx context.Context, tx *storage.Tx, message uuid.UUID, files []uuid.UUID) error {
	tag, err := tx.Exec(ctx, `
		UPDATE chat_media m SET message_id = $1, position = f.position
		FROM unnest($2::uuid[]) WITH ORDINALITY AS f (id, position)
		WHERE attachment_id = f.id AND message_id IS NULL AND original IS NULL AND state = 'stored'`, message, files)
	if err != nil {
		return fmt.Errorf("bind files to a message: %w", err)
	}
	if int(tag.RowsAffected()) != len(files) {
		return ErrNotUploaded
	}
	return nil
}

// forget removes the files of a message: their keys with tx, their bytes soon after.
func (m *MediaStore) forget(ctx context.Context, tx *storage.Tx, message uuid.UUID) error {
	return m.remove(ctx, tx, `message_id = $1`, message)
}

func (m *MediaStore) remove(ctx context.Context, tx *storage.Tx, where string, args ...any) error {
	rows, err := tx.Query(ctx, `
		WITH gone AS (SELECT attachment_id FROM chat_media WHERE `+where+`)
		DELETE FROM chat_media WHERE attachment_id IN (SELECT attachment_id FROM gone) OR original IN (SELECT attachment_id FROM gone) RETURNING blob, preview_bytes`, args...)
	if err != nil {
		return fmt.Errorf("remove files: %w", err)
	}
	var blobs []string
	var blob string
	var preview int64
	if _, err := pgx.ForEachRow(rows, []any{&blob, &preview}, func() error { blobs = append(blobs, blob); return nil }); err != nil {
		return fmt.Errorf("remove files: %w", err)
	}
	tx.AfterCommit(func() { m.shred(context.WithoutCancel(ctx), blobs...) })
	return nil
}

// shred deletes bytes that nobody can read any more, because their key is gone.
func (m *MediaStore) shred(ctx context.Context, blobs ...string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, b := range blobs {
		if b == "" {
			continue
		}
		if err := errors.Join(m.cfg.Blobs.Delete(ctx, b), m.cfg.Blobs.Delete(ctx, b+previewOf)); err != nil {
			m.log.Warn("a file whose key is destroyed stays in the store", "err", err)
		}
	}
}

// attachTo fills in the files of messages.
func attachTo(ctx context.Context, tx *storage.Tx, messages []Message) error {
	if len(messages) == 0 {
		return nil
	}
	at := make(map[uuid.UUID]int, len(messages))
	ids := make([]uuid.UUID, len(messages))
	for i, m := range messages {
		at[m.ID], ids[i] = i, m.ID
	}
	rows, err := tx.Query(ctx, `SELECT `+mediaColumns+` FROM chat_media WHERE message_id = ANY ($1) ORDER BY message_id, position, attachment_id`, ids)
	if err != nil {
		return fmt.Errorf("list files of messages: %w", err)
	}
	all, err := pgx.CollectRows(rows, scanMedia)
	if err != nil {
		return fmt.Errorf("list files of messages: %w", err)
	}
	for _, r := range all {
		of := &messages[at[*r.message]]
		of.Attachments = append(of.Attachments, r.Attachment)
	}
	return nil
}

func mediaByID(ctx context.Context, tx *storage.Tx, id uuid.UUID) (mediaRow, error) {
	rows, err := tx.Query(ctx, `SELECT `+mediaColumns+` FROM chat_media WHERE attachment_id = $1`, id)
	if err != nil {
		return mediaRow{}, fmt.Errorf("read a file: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanMedia)
	return r, storage.Missing(err, ErrNoAttachment)
}

// MessageOf says which message a file belongs to; uuid.Nil when it is not sent yet.
func (m *MediaStore) MessageOf(ctx context.Context, tx *storage.Tx, attachment uuid.UUID) (message uuid.UUID, uploader uuid.UUID, err error) {
	err = tx.QueryRow(ctx, `SELECT coalesce(message_id, $2), coalesce(uploader, $2) FROM chat_media WHERE attachment_id = $1 AND original IS NULL`, attachment, uuid.Nil).Scan(&message, &uploader)
	return message, uploader, storage.Missing(err, ErrNoAttachment)
}

// Uploader is who uploads a file.
type Uploader struct {
	ID      uuid.UUID // of the user or visitor
	Visitor bool      // of the web widget: anybody, who may send PNG, JPEG and MP4
}

// Upload makes a file safe and stores it, until it is sent with a message; after a day without one it is removed.
func (m *MediaStore) Upload(ctx context.Context, tenant uuid.UUID, by Uploader, name string, r io.Reader) (Attachment, error) {
	from := attach.FromAgent
	if by.Visitor {
		from = attach.FromWidget
	}
	file, _, err := m.cfg.Cleaner.Fill(r, m.cfg.MaxBytes)
	if err != nil {
		return Attachment{}, tooLarge(err)
	}
	defer file.Close()
	found, err := m.cfg.Cleaner.Clean(ctx, file, from)
	if err != nil {
		return Attachment{}, err
	}
	if found.File != file {
		defer found.File.Close()
	}
	row := mediaRow{Attachment: Attachment{ID: storage.NewID(), Kind: MediaKind(found.Kind)}, tenant: tenant, blob: newBlob(tenant)}
	err = m.keep(ctx, &row, found, name, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO chat_media (attachment_id, tenant_id, uploader, kind, name, content_type, shown, bytes, width, height, seconds, state, blob, wrapped_key, preview_bytes, sha256, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'stored', $12, $13, $14, $15, $16)`,
			row.ID, tenant, by.ID, row.Kind, row.Name, row.ContentType, row.shown, row.Bytes, row.Width, row.Height, row.Seconds, row.blob, row.wrapped, row.preview, row.sum, tx.Now)
		return err
	})
	return row.Attachment, err
}

func tooLarge(err error) error {
	if errors.Is(err, attach.ErrTooLarge) {
		return ErrFileTooLarge
	}
	return err
}

// previewOf is what a preview's blob is called, behind the file's name.
const previewOf = "-preview"

// keep encrypts a clean file into the store under a new key, and then lets write write the row in a transaction. Where that fails the bytes go again.
func (m *MediaStore) keep(ctx context.Context, row *mediaRow, found attach.Clean, name string, write func(*storage.Tx) error) (err error) {
	var key *storage.DataKey
	err = m.cfg.DB.Tenant(ctx, row.tenant, func(tx *storage.Tx) error {
		tenant, err := m.cfg.Keys.Tenant(ctx, tx, row.tenant)
		if err != nil {
			return err
		}
		key, row.wrapped, err = storage.NewDataKey(filePurpose(row.ID), tenant)
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			m.shred(context.WithoutCancel(ctx), row.blob)
		}
	}()
	row.Name, row.ContentType, row.shown = attach.Name(clean(name), found.Type), found.MIME, found.Show
	row.Width, row.Height, row.State = found.Width, found.Height, string(MediaStored)
	if found.Seconds > 0 {
		row.Seconds = found.Seconds
	}
	if row.Bytes, row.sum, err = key.PutSealed(ctx, m.cfg.Blobs, row.blob, filePurpose(row.ID), found.File); err != nil {
		return err
	}
	row.preview, row.Preview = int64(len(found.Preview)), len(found.Preview) > 0
	if row.Preview {
		if _, _, err = key.PutSealed(ctx, m.cfg.Blobs, row.blob+previewOf, previewPurpose(row.ID), bytes.NewReader(found.Preview)); err != nil {
			return err
		}
	}
	return m.cfg.DB.Tenant(ctx, row.tenant, write)
}
