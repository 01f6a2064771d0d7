package telegram

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	"tandem/chat"
)

// Fetch asks where a file is and opens it. Telegram gives out files of up to 20 MB.
func (c *account) Fetch(ctx context.Context, ref chat.MediaRef) (chat.Media, error) {
	if ref.Bytes > downloadLimit {
		return chat.Media{}, chat.ErrMediaTooLarge
	}
	var said struct {
		Path string `json:"file_path"`
		Size int64  `json:"file_size"`
	}
	err := c.call(ctx, "getFile", map[string]any{"file_id": ref.ID}, &said)
	var failed *chat.SendError
	switch {
	case named(err, codeTooBig):
		return chat.Media{}, chat.ErrMediaTooLarge
	case errors.As(err, &failed) && failed.Verdict == chat.VerdictRejected:
		return chat.Media{}, chat.ErrMediaGone.Because(err)
	case err != nil:
		return chat.Media{}, err
	case said.Path == "":
		return chat.Media{}, chat.ErrMediaLater
	}
	return c.open(ctx, ref, said.Path)
}

// open opens a file by its path on the platform. Errors never hold the address: it has the token in it.
func (c *account) open(ctx context.Context, ref chat.MediaRef, where string) (chat.Media, error) {
	steps := strings.Split(strings.TrimPrefix(path.Clean("/"+where), "/"), "/")
	for i, s := range steps {
		steps[i] = url.PathEscape(s)
	}
	address := c.base.String() + "/file/bot" + c.token + "/" + strings.Join(steps, "/")
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return chat.Media{}, chat.ErrMediaGone
	}
	res, err := c.client.Do(r)
	if err != nil {
		return chat.Media{}, chat.Transport(err)
	}
	if res.StatusCode == http.StatusOK {
		m := chat.Media{Body: res.Body, Name: ref.Name, ContentType: res.Header.Get("Content-Type"), Bytes: max(res.ContentLength, 0)}
		if m.Name == "" {
			m.Name = path.Base(where)
		}
		if ref.ContentType != "" {
			m.ContentType = ref.ContentType // the file server knows no types
		}
		return m, nil
	}
	res.Body.Close()
	if res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone {
		// The path has expired, and a new one is asked for by the next try.
		return chat.Media{}, &chat.SendError{Verdict: chat.VerdictRetry, Code: "path_expired"}
	}
	return chat.Media{}, refused(&refusal{Code: res.StatusCode})
}
