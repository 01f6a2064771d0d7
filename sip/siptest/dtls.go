package siptest

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v4/packetio"
)

// handshakes is what a phone needs for DTLS-SRTP: a certificate, and the datagrams of the handshake.
type handshakes struct {
	once sync.Once
	cert tls.Certificate
	in   *packetio.Buffer
}

func (a *Audio) certificate() tls.Certificate {
	a.dtls.once.Do(func() {
		var err error
		if a.dtls.cert, err = selfsign.GenerateSelfSigned(); err != nil {
			a.t.Error(err)
		}
	})
	return a.dtls.cert
}

// Fingerprint is the a=fingerprint of the phone's certificate.
func (a *Audio) Fingerprint() string { return fingerprint(a.certificate().Certificate[0]) }

func fingerprint(cert []byte) string {
	return "a=fingerprint:sha-256 " + strings.ReplaceAll(fmt.Sprintf("% X", sha256.Sum256(cert)), " ", ":")
}

// Handshake shakes hands with the peer, who must have named the certificate in its description; begins: as the client. From then on the phone
// sends and hears with the keys that come of it. It is to be called after Follow, and returns when it has failed or is done.
func (a *Audio) Handshake(begins bool, description string) error {
	a.t.Helper()
	a.mu.Lock()
	peer := net.UDPAddrFromAddrPort(a.peer)
	a.mu.Unlock()
	check := dtls.WithVerifyConnection(func(s *dtls.State) error {
		if shown := fingerprint(s.PeerCertificates[0]); !strings.Contains(description, shown+"\r\n") {
			return fmt.Errorf("the certificate has %s", shown)
		}
		return nil
	})
	own, insecure, suites := dtls.WithCertificates(a.certificate()), dtls.WithInsecureSkipVerify(true), dtls.WithSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	at := pipe{a.conn, a.dtls.in}
	var conn *dtls.Conn
	var err error
	if begins {
		conn, err = dtls.ClientWithOptions(at, peer, own, insecure, suites, check)
	} else {
		conn, err = dtls.ServerWithOptions(at, peer, own, insecure, suites, check, dtls.WithClientAuth(dtls.RequireAnyClientCert))
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), Wait)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	a.t.Cleanup(func() { conn.Close() })
	state, _ := conn.ConnectionState()
	cfg := srtp.Config{Profile: srtp.ProtectionProfileAes128CmHmacSha1_80}
	if err := cfg.ExtractSessionKeysFromDTLS(&state, begins); err != nil {
		return err
	}
	k := cfg.Keys
	out, err := srtp.CreateContext(k.LocalMasterKey, k.LocalMasterSalt, cfg.Profile)
	if err != nil {
		return err
	}
	in, err := srtp.CreateContext(k.RemoteMasterKey, k.RemoteMasterSalt, cfg.Profile)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.out, a.in = out, in
	return err
}

// pipe is the socket as the handshake sees it: what is none of its datagrams is read elsewhere.
type pipe struct {
	*net.UDPConn
	in *packetio.Buffer
}

// ReadFrom gives the next of the handshake's datagrams.
func (p pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := p.in.Read(b)
	return n, p.LocalAddr(), err
}

// SetReadDeadline ends a ReadFrom.
func (p pipe) SetReadDeadline(t time.Time) error { return p.in.SetReadDeadline(t) }

// SetDeadline is SetReadDeadline: writing does not wait.
func (p pipe) SetDeadline(t time.Time) error { return p.in.SetReadDeadline(t) }

// Close ends the handshake's part of the socket.
func (p pipe) Close() error { return p.in.Close() }
