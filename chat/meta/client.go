package meta

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"tandem/chat"
	"tandem/internal/fault"
)

// Version is the Graph API's version that accounts begin with.
const Version = "v23.0"

// maxAnswer bounds an answer of the API in bytes; a page of a hundred templates is the longest.
const maxAnswer = 16 << 20

// Client calls the Graph API in the name of one account.
type Client struct {
	http    *http.Client
	base    *url.URL
	version string
	token   string
	hosts   []string // that files are fetched from, with all below them, beside base
}

// Fields are what every account of Meta's has; base is the API's own address.
func Fields(base string) []chat.Field {
	return []chat.Field{
		{Name: "app_secret", Secret: true, Required: true},
		{Name: "access_token", Secret: true, Required: true},
		{Name: "verify_token", Secret: true, Required: true},
		{Name: "base_url", Required: true, Default: base},
		{Name: "version", Required: true, Default: Version},
		{Name: "media_hosts", Default: "fbsbx.com,fbcdn.net,facebook.com,whatsapp.net,cdninstagram.com"},
	}
}

// NewClient makes the client of an account.
func NewClient(a chat.Account, n chat.Needs) (*Client, error) {
	base, err := url.Parse(strings.TrimSuffix(a.Settings["base_url"], "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil {
		return nil, fault.New(fault.Invalid, "base_url_invalid", "The base URL must be like https://graph.facebook.com.").WithField("base_url")
	}
	version := a.Settings["version"]
	if version == "" {
		version = Version
	}
	return &Client{
		http: n.Client, base: base, version: url.PathEscape(version), token: a.Secrets["access_token"],
		hosts: strings.FieldsFunc(strings.ToLower(a.Settings["media_hosts"]), func(r rune) bool { return r == ',' || r == ' ' }),
	}, nil
}

// Call makes one request to path, which begins below the version, and reads the answer into out. in is sent as JSON; nil sends nothing.
// An error is a *chat.SendError.
func (c *Client) Call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return &chat.SendError{Verdict: chat.VerdictRejected, Err: fmt.Errorf("encode the request: %w", err)}
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url(path, query), body)
	if err != nil {
		return &chat.SendError{Verdict: chat.VerdictRejected, Err: errors.New("the account's base URL and ids make no address")}
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return c.do(req, out)
}

// Upload sends a file and the fields beside it as a form. Nothing has happened to a message when it fails, so it is never in doubt.
func (c *Client) Upload(ctx context.Context, path string, fields map[string]string, m *chat.OutgoingMedia, out any) error {
	file, err := m.Open()
	if err != nil {
		return &chat.SendError{Verdict: chat.VerdictRetry, Err: fmt.Errorf("open the file to upload: %w", err)}
	}
	defer file.Close()
	body, length, contentType, err := form(fields, m, file)
	if err != nil {
		return &chat.SendError{Verdict: chat.VerdictRejected, Err: fmt.Errorf("lay out the upload: %w", err)}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url(path, nil), body)
	if err != nil {
		return &chat.SendError{Verdict: chat.VerdictRejected, Err: errors.New("the account's base URL and ids make no address")}
	}
	req.ContentLength = length
	req.Header.Set("Content-Type", contentType)
	err = c.do(req, out)
	var e *chat.SendError
	if errors.As(err, &e) && e.Verdict == chat.VerdictDoubt {
		e.Verdict = chat.VerdictRetry
	}
	return err
}

// form lays a multipart form around the file without holding it in memory. The length is -1 when the file's is not known.
func form(fields map[string]string, m *chat.OutgoingMedia, file io.Reader) (body io.Reader, length int64, contentType string, err error) {
	var around bytes.Buffer
	w := multipart.NewWriter(&around)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			return nil, 0, "", err
		}
	}
	name := m.Name
	if name == "" {
		name = "file"
	}
	head := textproto.MIMEHeader{}
	head.Set("Content-Disposition", multipart.FileContentDisposition("file", name))
	head.Set("Content-Type", m.ContentType)
	if _, err := w.CreatePart(head); err != nil {
		return nil, 0, "", err
	}
	before := around.Len()
	if err := w.Close(); err != nil {
		return nil, 0, "", err
	}
	all := around.Bytes()
	length = -1
	if m.Bytes > 0 {
		length = int64(len(all)) + m.Bytes
	}
	return io.MultiReader(bytes.NewReader(all[:before]), file, bytes.NewReader(all[before:])), length, w.FormDataContentType(), nil
}

func (c *Client) url(path string, query url.Values) string {
	u := c.base.JoinPath(c.version, path)
	u.RawQuery = query.Encode()
	return u.String()
}

func (c *Client) do(req *http.Request, out any) error {
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := c.http.Do(req)
	if err != nil {
		return chat.Transport(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return &chat.SendError{Verdict: chat.VerdictDoubt, Err: fmt.Errorf("read the answer: %w", err)}
	}
	if resp.StatusCode/100 != 2 {
		return answerError(resp, body)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return &chat.SendError{Verdict: chat.VerdictDoubt, Err: fmt.Errorf("understand the answer: %w", err)}
	}
	return nil
}

// Rejected is the error of a message that we can tell will not be taken.
func Rejected(code, detail string) *chat.SendError {
	return &chat.SendError{Verdict: chat.VerdictRejected, Code: code, Detail: detail}
}

// Mute turns the platform's refusal of something that nobody depends on into nothing; trouble on the way stays an error.
func Mute(err error) error {
	var e *chat.SendError
	if !errors.As(err, &e) {
		return err
	}
	switch e.Verdict {
	case chat.VerdictRetry, chat.VerdictDoubt, chat.VerdictThrottled, chat.VerdictReauthorise:
		return err
	}
	return nil
}
