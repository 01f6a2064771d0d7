package crmsync

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
)

// FormField is a field of a form that goes before its file.
type FormField struct {
	Name        string
	ContentType string // empty: none is said
	Value       string
}

// Form is the body of a POST of multipart/form-data (RFC 7578) with a file in the field named at: its type, itself, and its size in bytes. The
// file is sent as it is read, never in memory as a whole.
func Form(fields []FormField, at string, f File, file io.Reader) (contentType string, body io.Reader, size int64, err error) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for _, field := range fields {
		head := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name=%q`, field.Name)}}
		if field.ContentType != "" {
			head.Set("Content-Type", field.ContentType)
		}
		part, err := w.CreatePart(head)
		if err == nil {
			_, err = io.WriteString(part, field.Value)
		}
		if err != nil {
			return "", nil, 0, fmt.Errorf("write a form: %w", err)
		}
	}
	head := textproto.MIMEHeader{"Content-Disposition": {multipart.FileContentDisposition(at, f.Name)}, "Content-Type": {f.ContentType}}
	if _, err = w.CreatePart(head); err != nil {
		return "", nil, 0, fmt.Errorf("write a form: %w", err)
	}
	before := form.Len()
	if err = w.Close(); err != nil {
		return "", nil, 0, fmt.Errorf("write a form: %w", err)
	}
	b := form.Bytes()
	body = io.MultiReader(bytes.NewReader(b[:before]), io.LimitReader(file, f.Size), bytes.NewReader(b[before:]))
	return w.FormDataContentType(), body, int64(len(b)) + f.Size, nil
}
