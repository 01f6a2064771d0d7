package hubspottest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"
)

func (f *file) json() map[string]any {
	return map[string]any{"id": f.id, "path": f.path, "size": len(f.data), "access": "PRIVATE", "createdAt": f.at, "updatedAt": f.at}
}

// upload wants a form with a file, its name, a folder, and that it be private.
func (a *Account) upload(w http.ResponseWriter, r *http.Request) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		refuse(w, http.StatusUnsupportedMediaType, "VALIDATION_ERROR", "no form")
		return
	}
	form, fields := multipart.NewReader(r.Body, params["boundary"]), make(map[string]string)
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		var b []byte
		if err == nil {
			b, err = io.ReadAll(part)
		}
		if err != nil {
			refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "the form ends too early")
			return
		}
		fields[part.FormName()] = string(b)
	}
	var options struct{ Access string }
	if json.Unmarshal([]byte(fields["options"]), &options) != nil || options.Access != "PRIVATE" || !strings.HasPrefix(fields["folderPath"], "/tandem/") || fields["fileName"] == "" {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "options, folderPath and fileName are required")
		return
	}
	data := []byte(fields["file"])
	if a.Largest > 0 && len(data) > a.Largest {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "the file is too large for this account")
		return
	}
	a.made++
	f := &file{id: fmt.Sprint(9000 + a.made), path: fields["folderPath"] + "/" + fields["fileName"], data: data, at: time.Now().UTC()}
	a.files = append(a.files, f)
	answer(w, http.StatusCreated, f.json())
}

func (a *Account) stat(w http.ResponseWriter, r *http.Request) {
	for _, f := range a.files {
		if f.path == "/tandem/"+r.PathValue("ticket")+"/"+r.PathValue("name") {
			answer(w, http.StatusOK, map[string]any{"file": f.json()})
			return
		}
	}
	refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "no such file")
}

func (a *Account) file(id string) *file {
	for _, f := range a.files {
		if f.id == id {
			return f
		}
	}
	return nil
}

func (a *Account) getFile(w http.ResponseWriter, r *http.Request) {
	f := a.file(r.PathValue("id"))
	if f == nil {
		refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "no such file")
		return
	}
	answer(w, http.StatusOK, f.json())
}

func (a *Account) removeFile(w http.ResponseWriter, r *http.Request) {
	f := a.file(r.PathValue("id"))
	if f == nil {
		refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "no such file")
		return
	}
	a.files = slices.DeleteFunc(a.files, func(x *file) bool { return x == f })
	w.WriteHeader(http.StatusNoContent)
}

func (a *Account) sign(w http.ResponseWriter, r *http.Request) {
	if a.file(r.PathValue("id")) == nil {
		refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "no such file")
		return
	}
	answer(w, http.StatusOK, map[string]any{"url": a.Signed + "/signed/" + r.PathValue("id") + "?signature=s", "expiresAt": time.Now().Add(time.Hour)})
}

// download is where the store of files is, which must not see a token.
func (a *Account) download(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.file(r.PathValue("file"))
	if f == nil || r.URL.Query().Get("signature") != "s" || r.Header.Get("Authorization") != "" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	_, _ = w.Write(f.data)
}
