package storage

import (
	"context"
	"io"
	"net/url"
	"strings"

	"tandem/internal/fault"
)

// Blobs keeps large values, whole and by key: prompts, attachments, recordings (these only ever encrypted, see Keys). An implementation
// survives crashes: after Put returns nil the value is durable, before that it is absent or still the old one, never a part.
type Blobs interface {
	// Put stores what r yields until its end and returns how many bytes that was; it replaces an earlier value. When r fails, nothing
	// is stored and its error is returned, wrapped.
	Put(ctx context.Context, key string, r io.Reader) (int64, error)
	// Get opens a value; ErrNoBlob when there is none. The caller closes it.
	Get(ctx context.Context, key string) (io.ReadCloser, error)
	// Size returns a value's length in bytes; ErrNoBlob when there is none.
	Size(ctx context.Context, key string) (int64, error)
	// Delete removes a value; one that is not there is no error.
	Delete(ctx context.Context, key string) error
}

// ErrNoBlob says that there is no value under the key.
var ErrNoBlob = fault.New(fault.NotFound, "blob_not_found", "The file is not in the store (any more).")

// ErrBlobKey says that a key is not made of 1 to 512 letters, digits and "._-" in parts separated by "/", none beginning with a dot.
var ErrBlobKey = fault.New(fault.Internal, "blob_key", "That is no name for a stored file.")

// OpenBlobs opens the store that blob.url names: file:FOLDER, or s3://bucket/prefix?region=R&endpoint=URL&path_style=true&sse=AES256,
// also sse=aws:kms with kms_key_id=ID. Credentials for S3 come from the environment, the shared files or the machine's role, as with
// every AWS program.
func OpenBlobs(ctx context.Context, blobURL string) (Blobs, error) {
	u, err := url.Parse(blobURL)
	if err != nil {
		return nil, badBlobURL(err)
	}
	switch u.Scheme {
	case "file":
		dir := u.Path
		if u.Opaque != "" { // file:relative/path
			dir = u.Opaque
		}
		if dir == "" || u.Host != "" {
			return nil, badBlobURL(nil)
		}
		return openFolder(dir)
	case "s3":
		return openS3(ctx, u)
	}
	return nil, badBlobURL(nil)
}

func badBlobURL(err error) error {
	return fault.New(fault.Invalid, "blob_url", "blob.url must be file:FOLDER or s3://bucket/prefix?endpoint=URL.").WithField("blob.url").Because(err)
}

func checkBlobKey(key string) error {
	if len(key) == 0 || len(key) > 512 {
		return ErrBlobKey
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part[0] == '.' || strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
			return ErrBlobKey
		}
	}
	return nil
}
