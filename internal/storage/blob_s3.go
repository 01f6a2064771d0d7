package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	transfertypes "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"tandem/internal/fault"
)

// s3Blobs keeps values as objects; long ones go up in parts of 8 MiB, two at a time, so that an upload holds little memory.
type s3Blobs struct {
	client   *s3.Client
	transfer *transfermanager.Client
	bucket   string
	prefix   string
	sse      transfertypes.ServerSideEncryption // empty: the bucket's default
	kmsKey   *string
}

func openS3(ctx context.Context, u *url.URL) (*s3Blobs, error) {
	q := u.Query()
	b := &s3Blobs{bucket: u.Host, prefix: strings.Trim(u.Path, "/"), sse: transfertypes.ServerSideEncryption(q.Get("sse"))}
	if b.bucket == "" || b.prefix != "" && checkBlobKey(b.prefix) != nil {
		return nil, badBlobURL(nil)
	}
	if id := q.Get("kms_key_id"); id != "" {
		b.kmsKey = &id
	}
	for name := range q {
		switch name {
		case "region", "endpoint", "path_style", "sse", "kms_key_id":
		default:
			return nil, fault.Newf(fault.Invalid, "blob_url", "blob.url has the unknown setting %q.", name).WithField("blob.url")
		}
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the AWS settings of this machine: %w", err)
	}
	if r := q.Get("region"); r != "" {
		cfg.Region = r
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // what other makers' servers expect
	}
	b.client = s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = q.Get("path_style") == "true"
		// Our values are authenticated by their own encryption, and multipart answers cannot be verified anyway.
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		if e := q.Get("endpoint"); e != "" {
			o.BaseEndpoint = &e
			// Other makers' servers do not all know the newer checksums.
			o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		}
	})
	b.transfer = transfermanager.New(b.client, func(o *transfermanager.Options) {
		o.PartSizeBytes = 8 << 20
		o.MultipartUploadThreshold = 8 << 20
		o.Concurrency = 2
		o.FailTimeout = 30 * time.Second // to take back the parts of a failed upload
		o.RequestChecksumCalculation = b.client.Options().RequestChecksumCalculation
	})
	return b, nil
}

func (b *s3Blobs) object(key string) (*string, error) {
	if err := checkBlobKey(key); err != nil {
		return nil, err
	}
	return aws.String(path.Join(b.prefix, key)), nil
}

func (b *s3Blobs) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	object, err := b.object(key)
	if err != nil {
		return 0, err
	}
	counted := &countingReader{r: r}
	_, err = b.transfer.UploadObject(ctx, &transfermanager.UploadObjectInput{
		Bucket: &b.bucket, Key: object, Body: counted, ServerSideEncryption: b.sse, SSEKMSKeyID: b.kmsKey,
	})
	if err != nil {
		return 0, fmt.Errorf("store file in S3: %w", err)
	}
	return counted.n, nil
}

func (b *s3Blobs) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	object, err := b.object(key)
	if err != nil {
		return nil, err
	}
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: object})
	if err != nil {
		return nil, noObject("open file in S3", err)
	}
	return out.Body, nil
}

func (b *s3Blobs) Size(ctx context.Context, key string) (int64, error) {
	object, err := b.object(key)
	if err != nil {
		return 0, err
	}
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.bucket, Key: object})
	if err != nil {
		return 0, noObject("look up file in S3", err)
	}
	return aws.ToInt64(out.ContentLength), nil
}

func (b *s3Blobs) Delete(ctx context.Context, key string) error {
	object, err := b.object(key)
	if err != nil {
		return err
	}
	_, err = b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: object})
	if err := noObject("delete file in S3", err); err != nil && !errors.Is(err, ErrNoBlob) {
		return err
	}
	return nil
}

// noObject turns S3's two ways to say "no such object" into ErrNoBlob. A missing bucket is no missing object.
func noObject(doing string, err error) error {
	if err == nil {
		return nil
	}
	var noKey *types.NoSuchKey
	var notFound *types.NotFound // the answer to HEAD, which has no body to say more
	if errors.As(err, &noKey) || errors.As(err, &notFound) {
		return ErrNoBlob.Because(err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}
