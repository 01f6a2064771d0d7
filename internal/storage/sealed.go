package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// PutSealed encrypts what r yields until its end into the blob store, and returns how long it was and its SHA-256, both before encryption.
// It is durable once PutSealed has returned nil.
func (d *DataKey) PutSealed(ctx context.Context, blobs Blobs, name, purpose string, r io.Reader) (n int64, sum []byte, err error) {
	read, write := io.Pipe()
	hash := sha256.New()
	encrypted := make(chan struct{})
	go func() {
		defer close(encrypted)
		w, err := d.EncryptWriter(write, purpose)
		if err == nil {
			n, err = io.Copy(w, io.TeeReader(r, hash))
		}
		if err == nil {
			err = w.Close()
		}
		write.CloseWithError(err) // nil: the end
	}()
	_, err = blobs.Put(ctx, name, read)
	read.CloseWithError(io.ErrClosedPipe)
	<-encrypted
	if err != nil {
		return 0, nil, fmt.Errorf("store an encrypted file: %w", err)
	}
	return n, hash.Sum(nil), nil
}

// Sealed is an encrypted file of the blob store, read as what it was before: from any place, so that http.ServeContent answers ranges with it.
type Sealed struct {
	ctx      context.Context // bounds every read; a Sealed lives as long as one request
	open     func() (io.ReadCloser, io.Reader, error)
	size     int64
	blob     io.Closer
	plain    io.Reader
	at, want int64
}

// OpenSealed reads what PutSealed has stored, of size bytes before encryption. Nothing is opened before the first Read; the caller closes it.
func (d *DataKey) OpenSealed(ctx context.Context, blobs Blobs, name, purpose string, size int64) *Sealed {
	return &Sealed{ctx: ctx, size: size, open: func() (io.ReadCloser, io.Reader, error) {
		blob, err := blobs.Get(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		plain, err := d.DecryptReader(blob, purpose)
		if err != nil {
			return nil, nil, errors.Join(err, blob.Close())
		}
		return blob, plain, nil
	}}
}

// Read reads on from where Seek has gone. Going forward costs decrypting what lies between, going back starts again.
func (f *Sealed) Read(b []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	if f.plain == nil || f.want < f.at {
		if err := f.Close(); err != nil {
			return 0, err
		}
		blob, plain, err := f.open()
		if err != nil {
			return 0, err
		}
		f.blob, f.plain, f.at = blob, plain, 0
	}
	if f.want > f.at {
		n, err := io.CopyN(io.Discard, f.plain, f.want-f.at)
		f.at += n
		if err != nil {
			return 0, err
		}
	}
	n, err := f.plain.Read(b)
	f.at += int64(n)
	f.want = f.at
	return n, err
}

// Seek chooses where the next Read begins.
func (f *Sealed) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.want
	case io.SeekEnd:
		offset += f.size
	}
	if offset < 0 {
		return 0, errors.New("storage: seek before the start of a file")
	}
	f.want = offset
	return offset, nil
}

// Close frees what Read has opened.
func (f *Sealed) Close() error {
	if f.blob == nil {
		return nil
	}
	err := f.blob.Close()
	f.blob, f.plain = nil, nil
	return err
}
