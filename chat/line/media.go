package line

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"tandem/chat"
)

// Fetch opens a customer's file at LINE's content host, or a sticker's picture at its shop.
func (c *account) Fetch(ctx context.Context, ref chat.MediaRef) (chat.Media, error) {
	address := c.files.String() + "/v2/bot/message/" + url.PathEscape(ref.ID) + "/content"
	if ref.Kind == chat.Sticker {
		address = c.stickers.String() + "/stickershop/v1/sticker/" + url.PathEscape(ref.ID) + "/android/sticker.png"
	}
	res, err := c.get(ctx, address, ref.Kind != chat.Sticker)
	if err != nil {
		return chat.Media{}, err
	}
	switch res.StatusCode {
	case http.StatusOK:
		return chat.Media{Body: res.Body, Name: ref.Name, ContentType: res.Header.Get("Content-Type"), Bytes: max(res.ContentLength, 0)}, nil
	case http.StatusAccepted:
		res.Body.Close()
		return chat.Media{}, c.transcoding(ctx, address)
	case http.StatusNotFound, http.StatusGone:
		res.Body.Close()
		return chat.Media{}, chat.ErrMediaGone
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, megabyte))
	if err != nil {
		return chat.Media{}, chat.Transport(err)
	}
	return chat.Media{}, refused(res, b)
}

// transcoding says how a video or sound fares that is not ready yet.
func (c *account) transcoding(ctx context.Context, address string) error {
	res, err := c.get(ctx, address+"/transcoding", true)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var said struct {
		Status string `json:"status"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, megabyte)).Decode(&said); err == nil && said.Status == "failed" {
		return chat.ErrMediaGone.Because(errors.New("LINE could not convert it"))
	}
	return chat.ErrMediaLater
}

// get asks for a file. The token goes to LINE's own host only.
func (c *account) get(ctx context.Context, address string, authorised bool) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for the file: %w", chat.ErrMediaGone)
	}
	if authorised {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.client.Do(r)
	if err != nil {
		return nil, chat.Transport(err)
	}
	return res, nil
}
