package notify_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/notify"
)

// pushService is a browser with its push service: it checks who pushes (RFC 8292) and decrypts what (RFC 8291), and misbehaves on request.
type pushService struct {
	*httptest.Server
	key  *ecdh.PrivateKey
	auth []byte

	mu     sync.Mutex
	status int // answered to the next pushes; 0: 201
	server string
	pushed []pushed
}

type pushed struct {
	Title, Body, Tag, Path string
	header                 http.Header
	size                   int
}

func newPushService(t *testing.T) *pushService {
	t.Helper()
	p := &pushService{auth: make([]byte, 16)}
	var err error
	if p.key, err = ecdh.P256().GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if _, err := rand.Read(p.auth); err != nil {
		t.Fatal(err)
	}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		got, err := p.read(r)
		if err != nil {
			t.Errorf("a push that no browser takes: %v", err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if p.status != 0 {
			w.WriteHeader(p.status)
			return
		}
		p.pushed = append(p.pushed, got)
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *pushService) subscription() notify.Subscription {
	b64 := base64.RawURLEncoding
	return notify.Subscription{Endpoint: p.URL + "/push/capability", Keys: notify.SubscriptionKeys{
		P256dh: b64.EncodeToString(p.key.PublicKey().Bytes()), Auth: b64.EncodeToString(p.auth),
	}}
}

// answer makes the service refuse with a status; serverKey is what the page subscribed with.
func (p *pushService) expect(serverKey string, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.server, p.status = serverKey, status
}

func (p *pushService) all() []pushed {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]pushed(nil), p.pushed...)
}

func (p *pushService) read(r *http.Request) (pushed, error) {
	got := pushed{header: r.Header}
	if err := p.authorized(r); err != nil {
		return got, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return got, err
	}
	got.size = len(body)
	plain, err := p.decrypt(body)
	if err != nil {
		return got, err
	}
	return got, json.Unmarshal(plain, &got)
}

// authorized checks the VAPID token: signed by the key that the page subscribed with, for this service, and not for long.
func (p *pushService) authorized(r *http.Request) error {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "vapid ")
	if !ok {
		return errors.New("no vapid authorization")
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	if fields["k"] != p.server {
		return errors.New("another key than the page subscribed with")
	}
	point, err := base64.RawURLEncoding.DecodeString(fields["k"])
	if err != nil {
		return err
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return err
	}
	parts := strings.Split(fields["t"], ".")
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(sig) != 64 {
		return fmt.Errorf("signature: %w", err)
	}
	hash := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(public, hash[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		return errors.New("the signature does not fit")
	}
	var claims struct {
		Aud, Sub string
		Exp      int64
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, &claims); err != nil {
		return err
	}
	if left := time.Until(time.Unix(claims.Exp, 0)); claims.Aud != p.URL || left <= 0 || left > 24*time.Hour || claims.Sub != "mailto:ops@example.com" {
		return fmt.Errorf("claims %+v", claims)
	}
	return nil
}

func (p *pushService) decrypt(body []byte) ([]byte, error) {
	if len(body) < 86 || binary.BigEndian.Uint32(body[16:20]) < uint32(len(body)) || body[20] != 65 {
		return nil, errors.New("no aes128gcm record")
	}
	salt, sender := body[:16], body[21:86]
	public, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return nil, err
	}
	secret, err := p.key.ECDH(public)
	if err != nil {
		return nil, err
	}
	info := "WebPush: info\x00" + string(p.key.PublicKey().Bytes()) + string(sender)
	ikm, err := hkdf.Key(sha256.New, secret, p.auth, info, 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	padded, err := gcm.Open(nil, nonce, body[86:], nil)
	if err != nil {
		return nil, err
	}
	end := strings.LastIndexByte(string(padded), 2)
	if end < 0 {
		return nil, errors.New("no delimiter")
	}
	return padded[:end], nil
}
