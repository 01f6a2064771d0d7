package wechat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"tandem/chat"
)

// sendMedia uploads a file, which the platform keeps for three days, and sends it.
func (c *account) sendMedia(ctx context.Context, m chat.Outgoing) (chat.Sent, error) {
	types := map[chat.MediaKind]string{chat.Image: "image", chat.Sticker: "image", chat.Audio: "voice", chat.Video: "video"}
	kind, ok := types[m.Media.Kind]
	if !ok {
		return chat.Sent{}, unable("The platform takes pictures, recordings and videos only.")
	}
	id, err := c.upload(ctx, kind, *m.Media)
	if err != nil {
		return chat.Sent{}, err
	}
	content := map[string]string{"media_id": id}
	if kind == "video" {
		thumb, err := c.thumb(ctx)
		if err != nil {
			return chat.Sent{}, err
		}
		content["thumb_media_id"], content["title"], content["description"] = thumb, m.Media.Name, m.Text
	}
	return c.sendCustom(ctx, m.To, kind, content)
}

// thumb uploads the picture that a video must come with: a dark rectangle, because making one of the video is no business of a channel.
func (c *account) thumb(ctx context.Context) (string, error) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 160, 90)), nil); err != nil {
		return "", &chat.SendError{Verdict: chat.VerdictRejected, Err: err}
	}
	return c.upload(ctx, "thumb", chat.OutgoingMedia{
		Name: "thumb.jpg", ContentType: "image/jpeg", Bytes: int64(b.Len()),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil },
	})
}

func (c *account) upload(ctx context.Context, kind string, f chat.OutgoingMedia) (string, error) {
	head, tail, contentType, err := envelope(f)
	if err != nil {
		return "", &chat.SendError{Verdict: chat.VerdictRejected, Err: err}
	}
	var said struct {
		ID    string `json:"media_id"`
		Thumb string `json:"thumb_media_id"`
	}
	err = c.call(ctx, request{
		method: http.MethodPost, path: "/cgi-bin/media/upload", query: url.Values{"type": {kind}},
		kind: contentType, length: int64(len(head)+len(tail)) + f.Bytes,
		stream: func() (io.ReadCloser, error) {
			file, err := f.Open()
			if err != nil {
				return nil, fmt.Errorf("open the file: %w", err)
			}
			return reading{io.MultiReader(bytes.NewReader(head), file, bytes.NewReader(tail)), file}, nil
		},
	}, &said)
	if err != nil {
		return "", err
	}
	if said.ID == "" {
		said.ID = said.Thumb
	}
	if said.ID == "" {
		return "", &chat.SendError{Verdict: chat.VerdictRetry, Detail: "the platform gave the file no id"}
	}
	return said.ID, nil
}

// envelope is what stands around the file in an upload. Its length has to be known before: the platform takes no chunks.
func envelope(f chat.OutgoingMedia) (head, tail []byte, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	header := textproto.MIMEHeader{}
	header.Set("Content-Disposition", mime.FormatMediaType("form-data", map[string]string{"name": "media", "filename": "media" + extension(f.ContentType)}))
	header.Set("Content-Type", f.ContentType)
	if _, err = w.CreatePart(header); err != nil {
		return nil, nil, "", err
	}
	n := b.Len()
	if err = w.Close(); err != nil {
		return nil, nil, "", err
	}
	return b.Bytes()[:n], b.Bytes()[n:], w.FormDataContentType(), nil
}

// extension is what the platform knows a file's type by; the customer sees no name.
func extension(contentType string) string {
	switch contentType {
	case "image/png":
		return ".png"
	case "image/gif":
		return ".gif"
	case "audio/amr":
		return ".amr"
	case "audio/mpeg":
		return ".mp3"
	case "video/mp4":
		return ".mp4"
	}
	return ".jpg"
}

// reading is a reader that closes something else.
type reading struct {
	io.Reader
	io.Closer
}

// Fetch opens a file that a customer has sent. For a video the platform gives a URL, which is followed where its host is on the list.
func (c *account) Fetch(ctx context.Context, ref chat.MediaRef) (chat.Media, error) {
	if ref.ID == "" {
		return chat.Media{}, chat.ErrMediaGone
	}
	r := request{method: http.MethodGet, path: "/cgi-bin/media/get", query: url.Values{"media_id": {ref.ID}}}
	token, err := c.access.get(ctx, "")
	if err != nil {
		return chat.Media{}, err
	}
	media, video, err := c.file(ctx, r, token)
	if refusedToken(err) {
		if token, err = c.access.get(ctx, token); err != nil {
			return chat.Media{}, err
		}
		media, video, err = c.file(ctx, r, token)
	}
	switch {
	case codeOf(err) == "40007": // no such file, or no longer
		return chat.Media{}, chat.ErrMediaGone
	case err != nil:
		return chat.Media{}, err
	case video != "":
		return c.video(ctx, video)
	}
	return media, nil
}

// file asks for a file once; the answer is the file, or JSON: a video's URL or a refusal.
func (c *account) file(ctx context.Context, r request, token string) (chat.Media, string, error) {
	res, err := c.do(ctx, r, token)
	if err != nil {
		return chat.Media{}, "", err
	}
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if res.StatusCode == http.StatusOK && (err != nil || kind != "application/json" && kind != "text/plain") {
		return opened(res), "", nil
	}
	defer res.Body.Close()
	var said struct {
		URL     string `json:"video_url"`
		DownURL string `json:"down_url"`
	}
	if err := r.read(res, &said); err != nil {
		return chat.Media{}, "", err
	}
	if said.URL == "" {
		said.URL = said.DownURL
	}
	if said.URL == "" {
		return chat.Media{}, "", chat.ErrMediaGone
	}
	return chat.Media{}, said.URL, nil
}

// video fetches from a URL that the platform has named.
func (c *account) video(ctx context.Context, address string) (chat.Media, error) {
	u, err := url.Parse(address)
	if err != nil || !c.trusted(u) {
		return chat.Media{}, errors.New("the platform names a host that is not on the account's list")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return chat.Media{}, withoutURL(err)
	}
	res, err := c.client.Do(req)
	if err != nil {
		return chat.Media{}, fmt.Errorf("fetch a video: %w", withoutURL(err))
	}
	switch res.StatusCode {
	case http.StatusOK:
		return opened(res), nil
	case http.StatusNotFound, http.StatusGone, http.StatusForbidden:
		err = chat.ErrMediaGone
	default:
		err = fmt.Errorf("fetch a video: the platform answered %d", res.StatusCode)
	}
	res.Body.Close()
	return chat.Media{}, err
}

// trusted says whether a URL is the platform's: its API's own host, or one of the account's list.
func (c *account) trusted(u *url.URL) bool {
	if u.Scheme == c.base.Scheme && u.Host == c.base.Host {
		return true
	}
	if u.Scheme != "https" && u.Scheme != "http" || u.Port() != "" || u.User != nil {
		return false
	}
	for _, host := range c.hosts {
		if u.Hostname() == host || strings.HasSuffix(u.Hostname(), "."+host) {
			return true
		}
	}
	return false
}

func opened(res *http.Response) chat.Media {
	m := chat.Media{Body: res.Body, ContentType: res.Header.Get("Content-Type"), Bytes: max(res.ContentLength, 0)}
	if _, params, err := mime.ParseMediaType(res.Header.Get("Content-Disposition")); err == nil {
		m.Name = params["filename"]
	}
	return m
}

func codeOf(err error) string {
	var e *chat.SendError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
