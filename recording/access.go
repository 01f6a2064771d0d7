package recording

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// The break-glass way to a recording that is still held (spec R4.1, R6.4): permission, a fresh second factor, and the CRM's signature over a
// nonce of ours, together, give a token for one stream. Each try is an event, and so a row of the audit log; refusals too.

const (
	nonceFor  = 5 * time.Minute
	tokenFor  = time.Minute      // to begin the stream
	streamFor = 15 * time.Minute // to end it
)

// Errors of the break-glass way.
var (
	ErrNoAccessKey = fault.New(fault.Conflict, "access_key_missing", "No access key of the CRM was registered when this recording began: it goes to the CRM, or nowhere.")
	ErrNonce       = fault.New(fault.Forbidden, "access_nonce", "Ask for a new challenge and let the CRM sign it: each is good for one try within five minutes.")
	ErrSignature   = fault.New(fault.Forbidden, "access_signature", "The signature is not one of the CRM's access key over this challenge.").WithField("signature")
	ErrToken       = fault.New(fault.Forbidden, "access_token", "This token is good once, within a minute, for whom and from where it was asked for.")
	ErrNotHeld     = fault.New(fault.Conflict, "recording_not_held", "The recording is being made, or is not here any more.")
	ErrElsewhere   = fault.New(fault.Conflict, "recording_elsewhere", "The recording lies on another node; ask that one.")
	ErrAccessKey   = fault.New(fault.Invalid, "access_key", "The key must be an Ed25519 public key as PEM, as \"openssl pkey -pubout\" writes it.").WithField("public_key")
)

// Challenge is what the CRM has to sign: Message, byte by byte.
type Challenge struct {
	ID      uuid.UUID `json:"id"`
	Message string    `json:"message" doc:"to be signed with the CRM's access key, Ed25519, byte by byte"`
	Until   time.Time `json:"until"`
}

// AccessTry is an attempt to be let in. Permission and SecondFactor say why not; the latter is asked last, since it uses up a code.
type AccessTry struct {
	User         uuid.UUID
	From         string // address
	Challenge    uuid.UUID
	Signature    []byte
	Permission   error
	SecondFactor func(context.Context) error
}

// Grant is the right to one stream.
type Grant struct {
	Token string    `json:"token"`
	Until time.Time `json:"until" doc:"to begin by"`
}

func challengeText(id uuid.UUID, nonce []byte) string {
	return "tandem recording access " + id.String() + " " + hex.EncodeToString(nonce)
}

// Challenge makes a nonce for one try at one recording.
func (s *Service) Challenge(ctx context.Context, tenant, id, user uuid.UUID, permission error) (c Challenge, err error) {
	err = s.audited(ctx, tenant, id, func(tx *storage.Tx, r *row) (string, error) {
		if permission != nil {
			return "permission", permission
		}
		if _, err := s.accessKeyOf(ctx, tx, r); err != nil {
			return "access_key", err
		}
		nonce := make([]byte, 32)
		if _, err := rand.Read(nonce); err != nil {
			return "", fmt.Errorf("make a nonce: %w", err)
		}
		c = Challenge{ID: storage.NewID(), Message: challengeText(id, nonce), Until: tx.Now.Add(nonceFor)}
		_, err := tx.Exec(ctx, `INSERT INTO recording_access (tenant_id, access_id, recording_id, user_id, nonce, nonce_until) VALUES ($1, $2, $3, $4, $5, $6)`,
			tenant, c.ID, id, user, nonce, c.Until)
		if err != nil {
			return "", fmt.Errorf("store the challenge: %w", err)
		}
		return "", s.cfg.Events.Append(ctx, tx, "recording.access_asked", id, r.event())
	})
	return c, err
}

// Access lets somebody in, or refuses: every factor is needed.
func (s *Service) Access(ctx context.Context, tenant, id uuid.UUID, try AccessTry) (g Grant, err error) {
	err = s.audited(ctx, tenant, id, func(tx *storage.Tx, r *row) (string, error) {
		if try.Permission != nil {
			return "permission", try.Permission
		}
		public, err := s.accessKeyOf(ctx, tx, r)
		if err != nil {
			return "access_key", err
		}
		var nonce []byte
		err = tx.QueryRow(ctx, `UPDATE recording_access SET spent_at = $5 WHERE access_id = $1 AND recording_id = $2 AND user_id = $3 AND nonce_until >= $4 AND spent_at IS NULL
			RETURNING nonce`, try.Challenge, id, try.User, tx.Now, tx.Now).Scan(&nonce)
		if errors.Is(err, pgx.ErrNoRows) {
			return "challenge", ErrNonce
		}
		if err != nil {
			return "", fmt.Errorf("look up the challenge: %w", err)
		}
		if !ed25519.Verify(public, []byte(challengeText(id, nonce)), try.Signature) {
			return "crm_signature", ErrSignature
		}
		if err := try.SecondFactor(ctx); err != nil {
			return "second_factor", err
		}
		token := make([]byte, 32)
		if _, err := rand.Read(token); err != nil {
			return "", fmt.Errorf("make a token: %w", err)
		}
		g = Grant{Token: base64.RawURLEncoding.EncodeToString(token), Until: tx.Now.Add(tokenFor)}
		sum := sha256.Sum256(token)
		if _, err := tx.Exec(ctx, `UPDATE recording_access SET token = $2, address = $3, begin_until = $4 WHERE access_id = $1`, try.Challenge, sum[:], try.From, g.Until); err != nil {
			return "", fmt.Errorf("store the token: %w", err)
		}
		return "", s.cfg.Events.Append(ctx, tx, "recording.access_granted", id, r.event())
	})
	return g, err
}

// Held is the sound of a recording that is still held, as one WAV file; it ends a quarter of an hour after it was opened, whatever is left.
type Held struct {
	io.ReadCloser
	Name  string
	Size  int64
	Until time.Time
}

// Listen opens the one stream of a token.
func (s *Service) Listen(ctx context.Context, tenant, id, user uuid.UUID, from, token string) (h Held, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		raw = nil // refused below, and audited
	}
	sum := sha256.Sum256(raw)
	var r *row
	var key *storage.DataKey
	err = s.audited(ctx, tenant, id, func(tx *storage.Tx, held *row) (string, error) {
		r = held
		tag, err := tx.Exec(ctx, `UPDATE recording_access SET begun_at = $6 WHERE token = $1 AND recording_id = $2 AND user_id = $3 AND address = $4 AND begin_until >= $5 AND begun_at IS NULL`,
			sum[:], id, user, from, tx.Now, tx.Now)
		if err != nil {
			return "", fmt.Errorf("look up the token: %w", err)
		}
		if tag.RowsAffected() != 1 {
			return "token", ErrToken
		}
		if key, err = s.dataKey(ctx, tx, r, s.access); err != nil {
			return "key", err
		}
		return "", s.cfg.Events.Append(ctx, tx, "recording.access_begun", id, r.event())
	})
	if err != nil {
		return h, err
	}
	if r.Node != s.cfg.Node {
		return h, ErrElsewhere
	}
	a, err := openAudio(s.cfg.Dir, id, key, r.format(), 0, r.Payload)
	if err != nil {
		return h, err
	}
	return Held{ReadCloser: a, Name: "rec_" + id.String() + ".wav", Size: r.Payload + r.format().HeaderSize(), Until: s.cfg.DB.Now().Add(streamFor)}, nil
}

// audited runs a step of the break-glass way on a recording that is held. When it is refused, what it has done stays (a nonce is spent), and
// an event says which factor was missing.
func (s *Service) audited(ctx context.Context, tenant, id uuid.UUID, step func(*storage.Tx, *row) (factor string, err error)) error {
	var refusal error
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		refusal = nil
		r, err := get(ctx, tx, id)
		if err != nil {
			return err
		}
		factor, err := "state", ErrNotHeld
		if r.State == Sealed || r.State == Planned || r.State == Quarantined {
			factor, err = step(tx, r)
		}
		if err == nil || factor == "" {
			return err
		}
		refusal = err
		e := r.event()
		e.Reason = factor
		tx.AfterCommit(func() { s.metrics.refused.WithLabelValues(factor).Inc() })
		return s.cfg.Events.Append(ctx, tx, "recording.access_refused", id, e)
	})
	if err != nil {
		return err
	}
	return refusal
}

// accessKeyOf is the key that was registered when the recording began: registering one now opens nothing that is held.
func (s *Service) accessKeyOf(ctx context.Context, tx *storage.Tx, r *row) (ed25519.PublicKey, error) {
	if r.CRMKey == nil {
		return nil, ErrNoAccessKey
	}
	k, err := oneCRMKey(ctx, tx, `key_id = $1`, *r.CRMKey)
	if err != nil {
		return nil, err
	}
	if k == nil || len(k.Access) != ed25519.PublicKeySize {
		return nil, ErrNoAccessKey
	}
	return k.Access, nil
}

// AccessKey is what a tenant sees of the CRM's access key.
type AccessKey struct {
	Fingerprint string    `json:"fingerprint" doc:"SHA-256 of the public key, hexadecimal; empty: none is registered"`
	Since       time.Time `json:"since,omitzero" doc:"recordings that began earlier are not opened by it"`
}

// AccessKey returns the current one.
func (s *Service) AccessKey(ctx context.Context, tenant uuid.UUID) (a AccessKey, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var public []byte
		var since time.Time
		err := tx.QueryRow(ctx, `SELECT access_key, made_at FROM recording_crm_keys WHERE `+currentKey+` AND access_key IS NOT NULL`, tenant).Scan(&public, &since)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the CRM's access key: %w", err)
		}
		sum := sha256.Sum256(public)
		a = AccessKey{Fingerprint: hex.EncodeToString(sum[:]), Since: since}
		return nil
	})
	return a, err
}

// SetAccessKey registers the public half of the key with which the CRM signs, for recordings that begin from now on; empty: none.
func (s *Service) SetAccessKey(ctx context.Context, tenant uuid.UUID, publicPEM string) error {
	var public []byte
	if publicPEM != "" {
		block, _ := pem.Decode([]byte(publicPEM))
		if block == nil {
			return ErrAccessKey
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		key, ok := parsed.(ed25519.PublicKey)
		if err != nil || !ok {
			return ErrAccessKey
		}
		public = key
	}
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE recording_crm_keys SET retired_at = $2 WHERE `+currentKey, tenant, tx.Now); err != nil {
			return fmt.Errorf("retire the CRM's key: %w", err)
		}
		if err := s.makeCRMKey(ctx, tx, tenant, public); err != nil {
			return err
		}
		return s.cfg.Events.Append(ctx, tx, "recording.access_key_changed", tenant, struct{}{})
	})
}
