package crmsync_test

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"runtime"
	"strings"
	"testing"

	"tandem/crmsync"
)

// A form is what RFC 7578 says, and as long as it was said to be.
func TestForm(t *testing.T) {
	f := crmsync.File{Name: `a "b"ü.wav`, ContentType: "audio/x-wav", Size: 5}
	contentType, body, size, err := crmsync.Form([]crmsync.FormField{{Name: "about", ContentType: "application/json", Value: "{}"}, {Name: "plain", Value: "ü"}}, "file", f, strings.NewReader("RIFF\x00 and more"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(body)
	if err != nil || int64(len(all)) != size {
		t.Fatalf("%d bytes, said %d, %v", len(all), size, err)
	}
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	form, err := multipart.NewReader(bytes.NewReader(all), params["boundary"]).ReadForm(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	head := form.File["file"][0]
	file, err := head.Open()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(file)
	if err != nil || string(got) != "RIFF\x00" || head.Filename != f.Name || head.Header.Get("Content-Type") != f.ContentType || form.Value["about"][0] != "{}" || form.Value["plain"][0] != "ü" {
		t.Errorf("%q, %+v, %v, %v", got, head, form.Value, err)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// Two gigabytes pass through little memory.
func TestFormOfALargeFile(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, body, size, err := crmsync.Form(nil, "file", crmsync.File{Name: "a.wav", ContentType: "audio/x-wav", Size: 2_000_000_000}, endless{})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, body); err != nil || n != size {
		t.Errorf("%d of %d bytes, %v", n, size, err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d bytes were allocated", used)
	}
}
