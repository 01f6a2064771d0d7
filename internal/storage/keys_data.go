package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead"
	"github.com/tink-crypto/tink-go/v2/tink"

	"tandem/internal/fault"
)

// DataKey encrypts one recording or file as a stream: AES-256-GCM over segments of 4 KiB of ciphertext, each authenticated with its
// place in the stream, the last one marked as the last (Tink's AES256_GCM_HKDF_4KB).
type DataKey struct{ stream tink.StreamingAEAD }

// ErrTruncated ends the reading of a stream that was cut off, or altered in its last segment; all that was read before is genuine. A
// stream of less than one segment also reads like this with the wrong key.
var ErrTruncated = fault.New(fault.Conflict, "stream_truncated", "The encrypted file is cut off; what comes before the cut is whole.")

// segment is the length of a segment of ciphertext, in bytes. Each holds 16 less of plaintext, the first one 56 less.
const segment = 4 << 10

// NewDataKey makes a data key and returns it with its wrapped form, which is stored. All the keys given are needed to unwrap it, in
// the same order, and the same purpose, which says what is encrypted: for a recording that waits for delivery, the tenant's key and
// the key of its epoch.
func NewDataKey(purpose string, keys ...*Key) (*DataKey, []byte, error) {
	handle, err := keyset.NewHandle(streamingaead.AES256GCMHKDF4KBKeyTemplate())
	if err != nil {
		return nil, nil, fmt.Errorf("make a data key: %w", err)
	}
	var b bytes.Buffer
	// Into memory only, to be sealed by every key in turn.
	if err := insecurecleartextkeyset.Write(handle, keyset.NewBinaryWriter(&b)); err != nil {
		return nil, nil, fmt.Errorf("write a data key: %w", err)
	}
	if len(keys) == 0 {
		return nil, nil, errors.New("storage: a data key without a key to wrap it")
	}
	wrapped := b.Bytes()
	for _, k := range keys {
		sealed, err := k.Seal(wrapped, "tandem data key "+purpose)
		clear(wrapped)
		if err != nil {
			return nil, nil, err
		}
		wrapped = sealed
	}
	key, err := newDataKey(handle)
	return key, wrapped, err
}

// UnwrapDataKey opens what NewDataKey wrapped; ErrWrongKey when a key or the purpose differs.
func UnwrapDataKey(wrapped []byte, purpose string, keys ...*Key) (*DataKey, error) {
	secret, err := unwrap(wrapped, purpose, keys)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	handle, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(secret)))
	if err != nil {
		return nil, ErrWrongKey.Because(err)
	}
	return newDataKey(handle)
}

func unwrap(wrapped []byte, purpose string, keys []*Key) (secret []byte, err error) {
	if len(keys) == 0 {
		return nil, errors.New("storage: a data key without a key to unwrap it")
	}
	for i := len(keys) - 1; i >= 0; i-- {
		if wrapped, err = keys[i].Open(wrapped, "tandem data key "+purpose); err != nil {
			return nil, err
		}
	}
	return wrapped, nil
}

func newDataKey(handle *keyset.Handle) (*DataKey, error) {
	s, err := streamingaead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("set up stream encryption: %w", err)
	}
	return &DataKey{s}, nil
}

// EncryptWriter encrypts what is written to it into w, one Write for each whole segment; up to 4,080 bytes wait in memory for theirs to
// fill. Close writes the last segment, and not w's end: a stream that is never closed reads as truncated. The purpose names this
// stream among all of the key.
func (d *DataKey) EncryptWriter(w io.Writer, purpose string) (io.WriteCloser, error) {
	e, err := d.stream.NewEncryptingWriter(w, []byte(purpose))
	if err != nil {
		return nil, fmt.Errorf("begin an encrypted stream: %w", err)
	}
	return e, nil
}

// DecryptReader decrypts what EncryptWriter made with the same purpose. It yields genuine plaintext only and ends with io.EOF after a
// complete stream; with ErrTruncated after the last whole segment of one that was cut off (a cut just behind a segment loses that
// segment when r is no io.Seeker); else with ErrWrongKey; errors of r are returned as they are.
func (d *DataKey) DecryptReader(r io.Reader, purpose string) (io.Reader, error) {
	source := &watchedReader{r: r}
	plain, err := d.stream.NewDecryptingReader(source, []byte(purpose))
	if err != nil {
		return nil, fmt.Errorf("begin to decrypt a stream: %w", err)
	}
	return &decryptReader{key: d, purpose: purpose, source: source, plain: plain}, nil
}

// watchedReader remembers how its source ended, which Tink's errors do not tell.
type watchedReader struct {
	r   io.Reader
	n   int64
	err error
}

func (w *watchedReader) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	w.n += int64(n)
	if err != nil {
		w.err = err
	}
	return n, err
}

type decryptReader struct {
	key     *DataKey
	purpose string
	source  *watchedReader
	plain   io.Reader
	given   int64
	rescued bool
	err     error
}

func (r *decryptReader) Read(b []byte) (int, error) {
	if r.err != nil || len(b) == 0 {
		return 0, r.err
	}
	n, err := r.plain.Read(b)
	r.given += int64(n)
	if err == nil {
		return n, nil
	}
	switch {
	case errors.Is(err, io.EOF) && !r.rescued:
		r.err = io.EOF
	case r.source.err != nil && !errors.Is(r.source.err, io.EOF):
		r.err = r.source.err
	case r.source.err == nil: // a segment in the middle does not open
		r.err = ErrWrongKey.Because(err)
	case r.rescued || !r.rescue():
		r.err = ErrTruncated.Because(err)
	default:
		return r.Read(b)
	}
	return n, r.err
}

// rescue gets at the last segment of a stream that ends just behind it. Tink takes that segment for the marked last one, which it is
// not; one more byte behind it shows it to be an inner one.
func (r *decryptReader) rescue() bool {
	seeker, ok := r.source.r.(io.Seeker)
	if !ok || r.source.n == 0 || r.source.n%segment != 0 {
		return false
	}
	if _, err := seeker.Seek(-r.source.n, io.SeekCurrent); err != nil {
		return false
	}
	r.rescued = true
	r.source = &watchedReader{r: io.MultiReader(r.source.r, bytes.NewReader([]byte{0}))}
	var err error
	if r.plain, err = r.key.stream.NewDecryptingReader(r.source, []byte(r.purpose)); err != nil {
		return false
	}
	_, err = io.CopyN(io.Discard, r.plain, r.given)
	return err == nil
}
