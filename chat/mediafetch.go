package chat

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"tandem/chat/attach"
	"tandem/internal/egress"
	"tandem/internal/storage"
)

// MediaHoster is a Channel whose platform keeps files on other hosts than those of the account's settings.
type MediaHoster interface {
	// MediaHosts are hosts, or ".suffix" for all below one.
	MediaHosts() []string
}

const (
	wakeMedia   = "chat.media"
	mediaLease  = 3 * time.Minute // how long one try may take, and some for writing it down
	mediaWithin = mediaLease - 15*time.Second
	mediaTries  = 3
	mediaLater  = time.Hour // for so long a platform may be at preparing a file
	unsentKept  = 24 * time.Hour
)

// openAccount returns an account's channel, for fetching its files.
type openAccount func(ctx context.Context, tenant, account uuid.UUID) (Channel, Account, error)

// mediaChanged notes that a file of a message is there, or will never be.
type mediaChanged func(ctx context.Context, tx *storage.Tx, message uuid.UUID) error

// openAccount implements openAccount.
func (s *Service) openAccount(ctx context.Context, tenant, id uuid.UUID) (Channel, Account, error) {
	a, c, err := s.opened(ctx, tenant, id)
	if err != nil {
		return nil, Account{}, err
	}
	return c, a.Account, nil
}

// mediaChanged implements mediaChanged: the message counts as changed, and screens that show it are told.
func (s *Service) mediaChanged(ctx context.Context, tx *storage.Tx, message uuid.UUID) error {
	c, err := lockConversationOf(ctx, tx, message)
	if err != nil {
		return wrap("find a file's conversation", err)
	}
	if err := touch(ctx, tx, message); err != nil {
		return err
	}
	return s.tell(ctx, tx, c, "conversation.media", func(t *told) { t.Message = message })
}

// Run fetches what customers send, until ctx ends. Several nodes may run it: a file is fetched by one at a time.
func (m *MediaStore) Run(ctx context.Context, open openAccount, changed mediaChanged) error {
	g, ctx := errgroup.WithContext(ctx)
	for range m.cfg.Workers {
		g.Go(func() error { return m.work(ctx, open, changed) })
	}
	g.Go(func() error { return m.tidy(ctx) })
	return g.Wait()
}

func (m *MediaStore) work(ctx context.Context, open openAccount, changed mediaChanged) error {
	wake, stop := m.cfg.Bus.Wake(wakeMedia)
	defer stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		more, err := m.fetchNext(ctx, open, changed)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			m.log.Error("fetching files of customers failed and is tried again", "err", err)
		} else if more {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-tick.C:
		}
	}
}

// fetching is a file that this worker has leased.
type fetching struct {
	mediaRow
	account  uuid.UUID
	ref      MediaRef
	tries    int
	lease    uuid.UUID
	leftover string // the blob of a try that was cut off
}

// fetchNext fetches one file, if any is due.
func (m *MediaStore) fetchNext(ctx context.Context, open openAccount, changed mediaChanged) (more bool, err error) {
	f, err := m.leaseNext(ctx)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lease a file: %w", err)
	}
	if f.leftover != "" {
		m.shred(ctx, f.leftover)
	}
	if f.tries > mediaTries { // each time the program ended over it
		return true, m.finish(ctx, f, outcome{state: MediaFailed, code: "fetch_interrupted"}, changed)
	}
	within, cancel := context.WithTimeout(ctx, mediaWithin)
	defer cancel()
	err = m.fetch(within, f, open, changed)
	if err == nil {
		m.fetched.WithLabelValues(string(MediaStored)).Inc()
		return true, nil
	}
	if errors.Is(err, errLeaseLost) {
		return true, nil
	}
	if ctx.Err() != nil { // the program ends: the try does not count
		return false, m.finish(context.WithoutCancel(ctx), f, outcome{state: MediaPending, free: true}, changed)
	}
	o := f.outcome(err, m.cfg.Wait, m.cfg.DB.Now())
	m.log.Warn("a customer's file was not fetched", "attachment", f.ID, "try", f.tries, "state", o.state, "err", err)
	return true, m.finish(ctx, f, o, changed)
}

func (m *MediaStore) leaseNext(ctx context.Context) (*fetching, error) {
	f := fetching{lease: storage.NewID()}
	err := m.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `
			SELECT attachment_id, tenant_id, message_id, account_id, kind, name, seconds, voice, ref, tries + 1, blob, created_at FROM chat_media
			WHERE state = 'pending' AND next_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
			ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED`, tx.Now).
			Scan(&f.ID, &f.tenant, &f.message, &f.account, &f.Kind, &f.Name, &f.Seconds, &f.Voice, &f.ref, &f.tries, &f.leftover, &f.at)
		if err != nil {
			return err
		}
		f.blob = newBlob(f.tenant)
		_, err = tx.Exec(ctx, `UPDATE chat_media SET tries = $2, lease = $3, lease_until = $4, blob = $5 WHERE attachment_id = $1`, f.ID, f.tries, f.lease, tx.Now.Add(mediaLease), f.blob)
		return err
	})
	return &f, err
}

// outcome is how a try ended.
type outcome struct {
	state MediaState
	code  string
	next  time.Time // of a pending one
	free  bool      // the try does not count
}

// outcome decides what becomes of a file after a try that failed.
func (f *fetching) outcome(err error, wait time.Duration, now time.Time) outcome {
	switch {
	case errors.Is(err, ErrMediaGone):
		return outcome{state: MediaGone, code: "media_gone"}
	case errors.Is(err, ErrMediaTooLarge), errors.Is(err, attach.ErrTooLarge), errors.Is(err, egress.ErrTooLarge):
		return outcome{state: MediaTooLarge, code: "media_too_large"}
	case errors.Is(err, attach.ErrEmpty):
		return outcome{state: MediaFailed, code: "file_empty"}
	case errors.Is(err, errHost), errors.Is(err, egress.ErrPrivate):
		return outcome{state: MediaFailed, code: "host_not_allowed"}
	case errors.Is(err, ErrMediaLater) && now.Sub(f.at) < mediaLater:
		return outcome{state: MediaPending, next: now.Add(wait / 2), free: true}
	case f.tries < mediaTries:
		return outcome{state: MediaPending, next: now.Add(wait * time.Duration([]int{1, 1, 3}[f.tries]))}
	case errors.Is(err, errChecksum):
		return outcome{state: MediaFailed, code: "checksum_differs"}
	}
	return outcome{state: MediaFailed, code: "fetch_failed"}
}

var (
	errLeaseLost = errors.New("somebody else fetches the file now, or nobody wants it any more")
	errHost      = errors.New("the file is on a host that the account's platform does not use")
	errChecksum  = errors.New("the file is not the one that the platform has told of")
)

// finish writes down how a try that stored nothing has ended.
func (m *MediaStore) finish(ctx context.Context, f *fetching, o outcome, changed mediaChanged) error {
	counted := f.tries
	if o.free {
		counted--
	}
	if o.state == MediaPending {
		m.fetched.WithLabelValues("again").Inc()
	} else {
		m.fetched.WithLabelValues(string(o.state)).Inc()
	}
	return m.cfg.DB.Tenant(ctx, f.tenant, func(tx *storage.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE chat_media SET state = $3, error = $4, tries = $5, next_at = greatest(next_at, $6), lease = NULL, lease_until = NULL, blob = ''
			WHERE attachment_id = $1 AND lease = $2 AND state = 'pending'`, f.ID, f.lease, o.state, o.code, counted, o.next)
		if err != nil || tag.RowsAffected() == 0 || o.state == MediaPending || f.message == nil {
			return wrap("write down how fetching a file ended", err)
		}
		return changed(ctx, tx, *f.message)
	})
}

// fetch gets a file, makes it safe and stores it.
func (m *MediaStore) fetch(ctx context.Context, f *fetching, open openAccount, changed mediaChanged) error {
	if f.ref.Bytes > m.cfg.MaxBytes {
		return ErrMediaTooLarge
	}
	channel, account, err := open(ctx, f.tenant, f.account)
	if err != nil {
		return err
	}
	if err := allowed(f.ref.URL, channel, account, m.cfg.Private); err != nil {
		return err
	}
	got, err := channel.Fetch(ctx, f.ref)
	if err != nil {
		return err
	}
	file, err := m.receive(got, f.ref)
	if err != nil {
		return err
	}
	defer file.Close()
	found, err := m.cfg.Cleaner.Clean(ctx, file, attach.FromChannel)
	if err != nil {
		return err
	}
	if found.File != file {
		defer found.File.Close()
	}
	kind := MediaKind(found.Kind)
	if f.Kind == Sticker && kind == Image {
		kind = Sticker
	}
	f.Kind = kind
	name := got.Name
	if f.ref.Name != "" {
		name = f.ref.Name
	}
	return m.keep(ctx, &f.mediaRow, found, name, func(tx *storage.Tx) error { return f.stored(ctx, tx, changed) })
}

// stored writes down that the file is there, if this worker still has the lease.
func (f *fetching) stored(ctx context.Context, tx *storage.Tx, changed mediaChanged) error {
	tag, err := tx.Exec(ctx, `
		UPDATE chat_media SET state = 'stored', kind = $3, name = $4, content_type = $5, shown = $6, bytes = $7, width = $8, height = $9, seconds = $10, blob = $11, wrapped_key = $12,
			preview_bytes = $13, sha256 = $14, error = '', lease = NULL, lease_until = NULL
		WHERE attachment_id = $1 AND lease = $2 AND state = 'pending'`,
		f.ID, f.lease, f.Kind, f.Name, f.ContentType, f.shown, f.Bytes, f.Width, f.Height, f.Seconds, f.blob, f.wrapped, f.preview, f.sum)
	if err != nil {
		return fmt.Errorf("write down a file: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errLeaseLost
	}
	if f.message == nil {
		return nil
	}
	return changed(ctx, tx, *f.message)
}

// receive reads what the platform sends, up to the limit, and compares it with what it has told.
func (m *MediaStore) receive(got Media, ref MediaRef) (file *os.File, err error) {
	defer func() { err = errors.Join(err, got.Body.Close()) }()
	if got.Bytes > m.cfg.MaxBytes {
		return nil, ErrMediaTooLarge
	}
	sum := sha256.New()
	file, _, err = m.cfg.Cleaner.Fill(io.TeeReader(got.Body, sum), m.cfg.MaxBytes)
	if err != nil {
		return nil, err
	}
	if want := checksum(ref.SHA256); want != nil && subtle.ConstantTimeCompare(want, sum.Sum(nil)) == 0 {
		return nil, errors.Join(errChecksum, file.Close())
	}
	return file, nil
}

// checksum reads a SHA-256 in hex or base64, as platforms write it; nil: it is none.
func checksum(s string) []byte {
	for _, read := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString, base64.URLEncoding.DecodeString, base64.RawStdEncoding.DecodeString, base64.RawURLEncoding.DecodeString} {
		if b, err := read(s); err == nil && len(b) == sha256.Size {
			return b
		}
	}
	return nil
}

// allowed says whether a message may name an address: one of the platform's hosts, which are those of the account's settings and those
// that its channel tells. What an address leads to beyond is the client's to refuse, and the channel's.
func allowed(address string, c Channel, a Account, private bool) error {
	if address == "" {
		return nil
	}
	guard := egress.Guard{Private: private, Hosts: []string{}}
	for _, value := range a.Settings {
		if u, err := url.Parse(value); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
			guard.Hosts = append(guard.Hosts, u.Host, u.Hostname())
		}
	}
	if h, ok := c.(MediaHoster); ok {
		guard.Hosts = append(guard.Hosts, h.MediaHosts()...)
	}
	u, err := url.Parse(address)
	if err != nil || guard.Check(u) != nil {
		return errHost
	}
	return nil
}

// tidy removes what nobody has sent within a day and what has expired, once an hour.
func (m *MediaStore) tidy(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		err := m.cfg.DB.Worker(ctx, func(tx *storage.Tx) error { return m.tidyIn(ctx, tx) })
		if err != nil && ctx.Err() == nil {
			m.log.Error("removing files that nobody has sent failed and is tried again", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (m *MediaStore) tidyIn(ctx context.Context, tx *storage.Tx) error {
	if _, err := tx.Exec(ctx, `DELETE FROM chat_media_links WHERE expires_at <= $1`, tx.Now); err != nil {
		return fmt.Errorf("remove links: %w", err)
	}
	return m.remove(ctx, tx, `message_id IS NULL AND original IS NULL AND created_at <= $1`, tx.Now.Add(-unsentKept))
}
