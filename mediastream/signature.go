package mediastream

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio's scheme, which bots verify
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"

	"tandem/internal/egress"
)

// signature is X-Twilio-Signature of a WebSocket handshake: the address, signed with the account's token, as Twilio describes in "Validating
// requests"; a handshake has no parameters.
func signature(url, token string) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(url))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// connectError says in one sentence why a bot's WebSocket did not open.
func connectError(res *http.Response, err error) error {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, egress.ErrPrivate):
		return errPrivate
	case res != nil:
		return fmt.Errorf("the bot answered the WebSocket handshake with HTTP status %d: %w", res.StatusCode, err)
	case errors.As(err, &dns):
		return fmt.Errorf("the bot's host name cannot be resolved: %w", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens at the bot's address: %w", err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("the bot did not answer in time: %w", err)
	}
	return fmt.Errorf("the connection to the bot failed: %w", err)
}
