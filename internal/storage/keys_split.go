package storage

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	stdsubtle "crypto/subtle"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead"
)

// A data key in two shares: key = S1 xor S2. Each share alone is noise. S1 is sealed to the key pair of the tenant's CRM, S2 under the key
// of the day, which opens it for a Release only.

// Shares are the two sealed halves of a data key.
type Shares struct {
	CRM []byte // S1, sealed to the CRM's SealingKey
	Day []byte // S2, sealed under the day's key
}

// NewSplitKey makes a data key and its two shares. The purpose says what is encrypted; opening the shares needs the same.
func NewSplitKey(purpose string, crm *SealingKey, day *Key) (*DataKey, Shares, error) {
	handle, err := keyset.NewHandle(streamingaead.AES256GCMHKDF4KBKeyTemplate())
	if err != nil {
		return nil, Shares{}, fmt.Errorf("make a data key: %w", err)
	}
	key, err := newDataKey(handle)
	if err != nil {
		return nil, Shares{}, err
	}
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewBinaryWriter(&b)); err != nil {
		return nil, Shares{}, fmt.Errorf("write a data key: %w", err)
	}
	shares, err := split(b.Bytes(), purpose, crm, day)
	return key, shares, err
}

// SplitWrapped takes a data key that NewDataKey has wrapped, and returns it in shares.
func SplitWrapped(wrapped []byte, purpose string, crm *SealingKey, day *Key, keys ...*Key) (Shares, error) {
	secret, err := unwrap(wrapped, purpose, keys)
	if err != nil {
		return Shares{}, err
	}
	return split(secret, purpose, crm, day)
}

// split overwrites secret.
func split(secret []byte, purpose string, crm *SealingKey, day *Key) (s Shares, err error) {
	defer clear(secret)
	first := make([]byte, len(secret))
	defer clear(first)
	if _, err := rand.Read(first); err != nil {
		return s, fmt.Errorf("split a data key: %w", err)
	}
	stdsubtle.XORBytes(secret, secret, first)
	if s.CRM, err = crm.Seal(first, purpose); err != nil {
		return s, err
	}
	s.Day, err = day.Seal(secret, sharePurpose(purpose))
	return s, err
}

func sharePurpose(purpose string) string { return "tandem day share " + purpose }

// JoinKey makes the data key of its two opened shares, and overwrites them.
func JoinKey(crm, day []byte) (*DataKey, error) {
	defer clear(crm)
	defer clear(day)
	if len(crm) != len(day) {
		return nil, ErrWrongKey
	}
	stdsubtle.XORBytes(crm, crm, day)
	handle, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(crm)))
	if err != nil {
		return nil, ErrWrongKey.Because(err)
	}
	return newDataKey(handle)
}

// SealingKey is the public half of a key pair: who has it seals, and opens nothing. HPKE (RFC 9180): X25519, HKDF-SHA256, AES-256-GCM.
type SealingKey struct{ public hpke.PublicKey }

// OpeningKey is the private half.
type OpeningKey struct {
	seed    []byte
	private hpke.PrivateKey
}

// NewOpeningKey makes a key pair.
func NewOpeningKey() (*OpeningKey, error) {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key pair: %w", err)
	}
	return openingKey(k.Bytes())
}

func openingKey(seed []byte) (*OpeningKey, error) {
	k, err := ecdh.X25519().NewPrivateKey(seed)
	if err != nil {
		return nil, ErrWrongKey.Because(err)
	}
	private, err := hpke.NewDHKEMPrivateKey(k)
	if err != nil {
		return nil, fmt.Errorf("read a private key: %w", err)
	}
	return &OpeningKey{seed, private}, nil
}

// Public is the public half, as ReadSealingKey takes it.
func (k *OpeningKey) Public() []byte { return k.private.PublicKey().Bytes() }

// ReadSealingKey reads what Public gave.
func ReadSealingKey(b []byte) (*SealingKey, error) {
	k, err := ecdh.X25519().NewPublicKey(b)
	if err != nil {
		return nil, ErrWrongKey.Because(err)
	}
	public, err := hpke.NewDHKEMPublicKey(k)
	if err != nil {
		return nil, fmt.Errorf("read a public key: %w", err)
	}
	return &SealingKey{public}, nil
}

// Seal encrypts a short value so that only the private half opens it, for the same purpose.
func (k *SealingKey) Seal(plain []byte, purpose string) ([]byte, error) {
	sealed, err := hpke.Seal(k.public, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte("tandem crm share "+purpose), plain)
	if err != nil {
		return nil, fmt.Errorf("seal to a public key: %w", err)
	}
	return sealed, nil
}

// Open decrypts what Seal made for the same purpose; ErrWrongKey otherwise.
func (k *OpeningKey) Open(sealed []byte, purpose string) ([]byte, error) {
	plain, err := hpke.Open(k.private, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte("tandem crm share "+purpose), sealed)
	if err != nil {
		return nil, ErrWrongKey.Because(err)
	}
	return plain, nil
}

// Keep seals the private half under a tenant's key and a secret that the caller does not store, such as the credentials of a CRM. Both are
// needed to open it again.
func (k *OpeningKey) Keep(tenant *Key, secret []byte, purpose string) ([]byte, error) {
	inner, err := secretKey(secret, purpose)
	if err != nil {
		return nil, err
	}
	sealed, err := inner.Encrypt(k.seed, []byte(purpose))
	if err != nil {
		return nil, fmt.Errorf("seal a private key: %w", err)
	}
	return tenant.Seal(sealed, purpose)
}

// OpenKept opens what Keep sealed; ErrWrongKey when key, secret or purpose differ.
func OpenKept(kept []byte, tenant *Key, secret []byte, purpose string) (*OpeningKey, error) {
	sealed, err := tenant.Open(kept, purpose)
	if err != nil {
		return nil, err
	}
	inner, err := secretKey(secret, purpose)
	if err != nil {
		return nil, err
	}
	seed, err := inner.Decrypt(sealed, []byte(purpose))
	if err != nil {
		return nil, ErrWrongKey.Because(err)
	}
	return openingKey(seed)
}

func secretKey(secret []byte, purpose string) (*subtle.AESGCM, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "tandem kept key "+purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	a, err := subtle.NewAESGCM(key)
	if err != nil {
		return nil, fmt.Errorf("set up encryption: %w", err)
	}
	return a, nil
}
