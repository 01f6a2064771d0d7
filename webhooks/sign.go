package webhooks

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"tandem/internal/storage"
)

// secretBytes of a secret; Standard Webhooks wants 24 to 64.
const secretBytes = 32

// newSecret is one as receivers' libraries take it.
func newSecret() string {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return "whsec_" + base64.StdEncoding.EncodeToString(b)
}

// sign sets the headers of Standard Webhooks, with a signature by each secret: a receiver takes whichever it knows.
func sign(h http.Header, message uuid.UUID, at time.Time, body []byte, secrets ...string) error {
	var signatures []string
	for _, secret := range secrets {
		w, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return fmt.Errorf("read a webhook's secret: %w", err)
		}
		signature, err := w.Sign(message.String(), at, body)
		if err != nil {
			return fmt.Errorf("sign a webhook: %w", err)
		}
		signatures = append(signatures, signature)
	}
	h.Set(standardwebhooks.HeaderWebhookID, message.String())
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}

func sealContext(endpoint uuid.UUID) string { return "webhook secret of " + endpoint.String() }

func (s *Service) seal(ctx context.Context, tx *storage.Tx, endpoint uuid.UUID, secret string) ([]byte, error) {
	key, err := s.cfg.Keys.Tenant(ctx, tx, tx.Tenant)
	if err != nil {
		return nil, err
	}
	return key.Seal([]byte(secret), sealContext(endpoint))
}

// secrets are those that sign a delivery now, the newest first.
func (s *Service) secrets(ctx context.Context, j job) (open []string, err error) {
	err = s.cfg.DB.Tenant(ctx, j.Tenant, func(tx *storage.Tx) error {
		open = nil
		key, err := s.cfg.Keys.Tenant(ctx, tx, j.Tenant)
		if err != nil {
			return err
		}
		for _, sealed := range [][]byte{j.Secret, j.OldSecret} {
			if sealed == nil {
				continue
			}
			plain, err := key.Open(sealed, sealContext(j.Endpoint))
			if err != nil {
				return err
			}
			open = append(open, string(plain))
		}
		return nil
	})
	return open, err
}
