package whatsapp

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"tandem/chat"
	"tandem/chat/meta"
)

// Fetch asks where the file is, an address that holds for five minutes, and opens it there; one that has just expired is asked for again.
// Callers compare the file with MediaRef.SHA256.
func (c *channel) Fetch(ctx context.Context, ref chat.MediaRef) (chat.Media, error) {
	m, err := c.fetch(ctx, ref)
	if errors.Is(err, meta.ErrExpired) {
		m, err = c.fetch(ctx, ref)
	}
	if errors.Is(err, meta.ErrExpired) {
		return chat.Media{}, chat.ErrMediaGone.Because(err)
	}
	return m, err
}

func (c *channel) fetch(ctx context.Context, ref chat.MediaRef) (chat.Media, error) {
	var at struct {
		URL  string    `json:"url"`
		Type string    `json:"mime_type"`
		Size meta.Text `json:"file_size"`
	}
	number := url.Values{"phone_number_id": {c.account.Settings["phone_number_id"]}}
	if err := c.graph.Call(ctx, http.MethodGet, url.PathEscape(ref.ID), number, nil, &at); err != nil {
		var e *chat.SendError
		if errors.As(err, &e) && (e.Verdict == chat.VerdictRejected || e.Code == "131052") {
			return chat.Media{}, chat.ErrMediaGone.Because(err)
		}
		return chat.Media{}, err
	}
	m, err := c.graph.File(ctx, at.URL, true)
	if err != nil {
		return chat.Media{}, err
	}
	if at.Type != "" {
		m.ContentType = at.Type
	}
	if m.Bytes == 0 {
		m.Bytes = at.Size.Int()
	}
	if ref.Name != "" {
		m.Name = ref.Name
	}
	return m, nil
}
