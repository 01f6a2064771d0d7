package rt

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"tandem/crmsync"
)

const maxFile = 128 << 20 // bytes: no file of the longest part is longer as base64

func authorize(auth crmsync.Credentials) func(context.Context, *http.Request, bool) error {
	return func(_ context.Context, r *http.Request, _ bool) error {
		if auth.Token != "" {
			r.Header.Set("Authorization", "token "+auth.Token)
		} else {
			r.SetBasicAuth(auth.User, auth.Password)
		}
		return nil
	}
}

func (p *provider) get(ctx context.Context, path string, query url.Values, answer any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return p.JSON(ctx, http.MethodGet, path, nil, answer)
}

func (p *provider) post(ctx context.Context, path string, body, answer any) error {
	return p.JSON(ctx, http.MethodPost, path, body, answer)
}

// complaint is RT's own words, when it sent any.
func complaint(b []byte) string {
	var m struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(b, &m) != nil {
		return ""
	}
	return m.Message
}

// quote puts a value into TicketSQL.
func quote(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}
