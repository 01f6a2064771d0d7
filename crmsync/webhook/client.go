package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"tandem/crmsync"
	"tandem/recording"
)

type provider struct {
	crmsync.Client
	tenant uuid.UUID
	signer *standardwebhooks.Webhook
	reads  bool
	taken  *memory
}

// message is the body of every event.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// made is what the receiver answers: its own id of what it made or knew.
type made struct {
	ID string `json:"id"`
}

// longestID in bytes of the receiver's ids.
const longestID = 200

// id is the webhook-id of a matter: the same however often it is sent, so that the receiver can tell what it knows.
func (p *provider) id(typ, key string) string {
	if key == "" {
		return uuid.NewString()
	}
	return uuid.NewSHA1(p.tenant, []byte(typ+" "+key)).String()
}

// signed are the headers of a request whose signature covers the payload.
func (p *provider) signed(id string, now time.Time, payload []byte) (http.Header, error) {
	signature, err := p.signer.Sign(id, now, payload)
	if err != nil {
		return nil, fmt.Errorf("sign a request: %w", err)
	}
	h := http.Header{}
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return h, nil
}

// event sends one. key names its matter; answer may be nil.
func (p *provider) event(ctx context.Context, typ, key string, data, answer any) error {
	now := time.Now()
	b, err := json.Marshal(message{Type: typ, Timestamp: now.UTC(), Data: data})
	if err != nil {
		return fmt.Errorf("write %s: %w", typ, err)
	}
	h, err := p.signed(p.id(typ, key), now, b)
	if err != nil {
		return err
	}
	return p.Send(ctx, crmsync.Request{Method: http.MethodPost, Header: h, ContentType: "application/json", Body: bytes.NewReader(b), Size: int64(len(b)), Answer: answer})
}

// ensure is an event that is answered by an id.
func (p *provider) ensure(ctx context.Context, typ, key string, data any) (string, error) {
	var m made
	if err := p.event(ctx, typ, key, data, &m); err != nil {
		return "", fmt.Errorf("send %s: %w", typ, crmsync.AsRetry(err))
	}
	if m.ID == "" || len(m.ID) > longestID {
		return "", &recording.SendError{Class: recording.ClassRetry, Err: errors.New("the receiver answers without a usable id")}
	}
	return m.ID, nil
}

// ask is a question, or an order to delete; its signature covers the method and the path that is added to the address, with its query.
func (p *provider) ask(ctx context.Context, method, path string, query url.Values, answer any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	h, err := p.signed(uuid.NewString(), time.Now(), []byte(method+" "+path))
	if err != nil {
		return err
	}
	return p.Send(ctx, crmsync.Request{Method: method, Path: path, Header: h, Answer: answer})
}
