package signaling

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sync"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/prf"
	"github.com/pion/dtls/v3/pkg/protocol/extension"
	"github.com/pion/dtls/v3/pkg/protocol/handshake"

	"tandem/media"
)

// handshakeKeys overhears the DTLS handshake of one PeerConnection, in which we are the server, for the keys of its SRTP: pion tells them nobody.
type handshakeKeys struct {
	mu      sync.Mutex // guards what follows
	profile dtls.SRTPProtectionProfile
	hash    func() hash.Hash // of the cipher suite's pseudo-random function; nil: not known
	server  []byte           // its random
	client  []byte           // its random
	master  []byte           // the secret
}

// hello takes what our ServerHello says, and leaves it as it is.
func (k *handshakeKeys) hello(m handshake.MessageServerHello) handshake.Message {
	k.mu.Lock()
	defer k.mu.Unlock()
	random := m.Random.MarshalFixed()
	k.server = random[:]
	if m.CipherSuiteID != nil {
		k.hash = hashOf(dtls.CipherSuiteID(*m.CipherSuiteID))
	}
	for _, e := range m.Extensions {
		if use, ok := e.(*extension.UseSRTP); ok && len(use.ProtectionProfiles) == 1 {
			k.profile = use.ProtectionProfiles[0]
		}
	}
	return &m
}

// hashOf is the hash of a cipher suite's pseudo-random function (RFC 5246 5); nil: not known here.
func hashOf(suite dtls.CipherSuiteID) func() hash.Hash {
	switch suite { //nolint:exhaustive // others are not for certificates, and pion does not choose them
	case dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, dtls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		dtls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, dtls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		dtls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, dtls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA:
		return sha256.New
	case dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, dtls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:
		return sha512.New384
	}
	return nil
}

// Write takes a line of pion's key log: "CLIENT_RANDOM", the client's random and the master secret. It goes nowhere else.
func (k *handshakeKeys) Write(line []byte) (int, error) {
	words := bytes.Fields(line)
	if len(words) != 3 || string(words[0]) != "CLIENT_RANDOM" {
		return len(line), nil
	}
	client, err1 := hex.AppendDecode(nil, words[1])
	master, err2 := hex.AppendDecode(nil, words[2])
	if err1 == nil && err2 == nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.client, k.master = client, master
	}
	return len(line), nil
}

var errNotOverheard = errors.New("the handshake was not overheard")

// ExportKeyingMaterial exports from the handshake (RFC 5705 4, without a context); the caller holds mu.
func (k *handshakeKeys) ExportKeyingMaterial(label string, _ []byte, length int) ([]byte, error) {
	if k.hash == nil || k.server == nil || k.master == nil {
		return nil, errNotOverheard
	}
	return prf.PHash(k.master, bytes.Join([][]byte{[]byte(label), k.client, k.server}, nil), length, k.hash)
}

// srtp makes ready to hear what the page sends and to send, once the handshake is done.
func (k *handshakeKeys) srtp() (*media.SRTP, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys, err := media.DTLSKeys(k.profile, k, false)
	if err != nil {
		return nil, fmt.Errorf("take SRTP keys from the handshake: %w", err)
	}
	return media.NewSRTP(keys, nil)
}
