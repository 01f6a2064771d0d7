package media

import (
	"bytes"
	"context"
	"crypto"
	_ "crypto/sha512" // SHA-384 and SHA-512, of fingerprints
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v4/packetio"
)

// DTLSPeer is what signalling says of a peer whose SRTP keys come from a DTLS handshake (RFC 5763).
type DTLSPeer struct {
	Hash        string // of the fingerprint, by its name in SDP
	Fingerprint string // of its certificate, upper-case hexadecimal with colons (RFC 8122 5)
	Client      bool   // we begin the handshake
}

// hashes are those that fingerprints may be made with.
var hashes = map[string]crypto.Hash{"sha-256": crypto.SHA256, "sha-384": crypto.SHA384, "sha-512": crypto.SHA512}

// Valid says whether there can be a certificate with the fingerprint.
func (d DTLSPeer) Valid() bool {
	h := hashes[d.Hash]
	raw, err := hex.DecodeString(strings.ReplaceAll(d.Fingerprint, ":", ""))
	return h != 0 && err == nil && len(raw) == h.Size() && d.Fingerprint == colons(raw)
}

// colons writes bytes as fingerprints are written.
func colons(b []byte) string { return strings.ReplaceAll(fmt.Sprintf("% X", b), " ", ":") }

// fingerprint is a certificate's, as SDP has it.
func fingerprint(h crypto.Hash, cert []byte) string {
	sum := h.New()
	sum.Write(cert)
	return colons(sum.Sum(nil))
}

var errFingerprint = errors.New("media: the certificate is not the one that signalling named")

// check is called in the handshake, before anything is agreed with the peer.
func (d DTLSPeer) check(certs [][]byte, _ [][]*x509.Certificate) error {
	if !d.Valid() || len(certs) == 0 || fingerprint(hashes[d.Hash], certs[0]) != d.Fingerprint {
		return errFingerprint
	}
	return nil
}

const (
	handshakeTime  = 20 * time.Second // at most, from when the peer is known
	flightInterval = 200 * time.Millisecond
	maxHandshake   = 32 // datagrams that wait to be read
)

// association is a DTLS association of a port with its peer. To the handshake it is a net.PacketConn.
type association struct {
	port  *RTPPort
	peer  DTLSPeer
	named netip.AddrPort // the peer, by signalling
	in    *packetio.Buffer
	to    atomic.Pointer[netip.AddrPort]
	done  atomic.Bool // the peer has shown its certificate's key
}

func newAssociation(p *RTPPort, peer DTLSPeer, named netip.AddrPort) *association {
	a := &association{port: p, peer: peer, named: named, in: packetio.NewBuffer()}
	a.in.SetLimitCount(maxHandshake)
	a.to.Store(&named)
	return a
}

// hear takes a datagram of the peer's. Until the handshake is done, the peer is where its last came from: its certificate says who it is.
func (a *association) hear(b []byte, from netip.AddrPort) bool {
	if !a.done.Load() && *a.to.Load() != from {
		a.to.Store(&from)
	}
	_, err := a.in.Write(b)
	return err == nil
}

// run shakes hands, gives the port its keys, and answers repetitions until ctx ends.
func (a *association) run(ctx context.Context, own tls.Certificate) error {
	conn, err := a.open(own)
	if err != nil {
		return fmt.Errorf("begin DTLS: %w", err)
	}
	defer conn.Close()
	soon, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	err = conn.HandshakeContext(soon)
	if ctx.Err() != nil || a.port.dtls.Load() != a { // signalling has named another peer since, or one without a certificate
		return nil
	}
	a.port.metrics.handshakes.WithLabelValues(resultOf(err)).Inc()
	if err != nil {
		return fmt.Errorf("DTLS handshake: %w", err)
	}
	keys, err := keysOf(conn, a.peer.Client)
	if err != nil {
		return fmt.Errorf("take SRTP keys from DTLS: %w", err)
	}
	s, err := NewSRTP(keys, nil)
	if err != nil {
		return err
	}
	a.done.Store(true)
	a.port.secured(a, s)
	<-ctx.Done()
	return nil
}

func resultOf(handshake error) string {
	switch {
	case handshake == nil:
		return "done"
	case errors.Is(handshake, errFingerprint):
		return "fingerprint"
	}
	return "failed"
}

func (a *association) open(own tls.Certificate) (*dtls.Conn, error) {
	to := net.UDPAddrFromAddrPort(a.named)
	options := []dtls.Option{
		dtls.WithCertificates(own), dtls.WithInsecureSkipVerify(true), dtls.WithVerifyPeerCertificate(a.peer.check),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80), dtls.WithFlightInterval(flightInterval),
	}
	if a.peer.Client {
		var client []dtls.ClientOption
		for _, o := range options {
			client = append(client, o)
		}
		return dtls.ClientWithOptions(a, to, client...)
	}
	server := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
	for _, o := range options {
		server = append(server, o)
	}
	return dtls.ServerWithOptions(a, to, server...)
}

// keysOf are the SRTP keys that both sides of a handshake have.
func keysOf(conn *dtls.Conn, client bool) (SRTPKeys, error) {
	profile, _ := conn.SelectedSRTPProtectionProfile()
	state, ok := conn.ConnectionState()
	if !ok {
		return SRTPKeys{}, errors.New("the handshake left no state")
	}
	return DTLSKeys(profile, &state, client)
}

// DTLSKeys are the SRTP keys of a handshake (RFC 5764 4.2) that agreed on a profile; state exports from it, and client says whether we began it.
func DTLSKeys(profile dtls.SRTPProtectionProfile, state srtp.KeyingMaterialExporter, client bool) (k SRTPKeys, err error) {
	switch profile {
	case dtls.SRTP_AEAD_AES_128_GCM:
		k.Suite = SRTPGCM128
	case dtls.SRTP_AES128_CM_HMAC_SHA1_80:
		k.Suite = SRTPCM80
	default:
		return k, errors.New("no SRTP suite was agreed on that is known here")
	}
	var cfg srtp.Config
	cfg.Profile, _ = k.Suite.profile()
	if err := cfg.ExtractSessionKeysFromDTLS(state, client); err != nil {
		return k, err
	}
	k.Local = string(bytes.Join([][]byte{cfg.Keys.LocalMasterKey, cfg.Keys.LocalMasterSalt}, nil))
	k.Remote = string(bytes.Join([][]byte{cfg.Keys.RemoteMasterKey, cfg.Keys.RemoteMasterSalt}, nil))
	return k, nil
}

// ReadFrom implements net.PacketConn.
func (a *association) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := a.in.Read(b)
	return n, net.UDPAddrFromAddrPort(a.named), err
}

// WriteTo implements net.PacketConn.
func (a *association) WriteTo(b []byte, _ net.Addr) (int, error) {
	if to := *a.to.Load(); to.Port() != 0 && !to.Addr().IsUnspecified() {
		_ = a.port.rtp.send(b, to) // what is lost is sent again
	}
	return len(b), nil
}

// Close implements net.PacketConn; the port stays open.
func (a *association) Close() error { return a.in.Close() }

// LocalAddr implements net.PacketConn.
func (a *association) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(a.port.local) }

// SetDeadline implements net.PacketConn.
func (a *association) SetDeadline(t time.Time) error { return a.in.SetReadDeadline(t) }

// SetReadDeadline implements net.PacketConn.
func (a *association) SetReadDeadline(t time.Time) error { return a.in.SetReadDeadline(t) }

// SetWriteDeadline implements net.PacketConn; writing does not block.
func (a *association) SetWriteDeadline(time.Time) error { return nil }

// isDTLS tells DTLS from RTP, RTCP and STUN on one port (RFC 7983 7).
func isDTLS(b []byte) bool { return len(b) > 0 && b[0] >= 20 && b[0] <= 63 }

// ownCertificate is what the ports of this process show in handshakes. It lives as long as the process; signalling names it in each call.
func ownCertificate() (cert tls.Certificate, shown string, err error) {
	if cert, err = selfsign.GenerateSelfSigned(); err != nil {
		return cert, "", fmt.Errorf("make the certificate for DTLS-SRTP: %w", err)
	}
	return cert, "sha-256 " + fingerprint(crypto.SHA256, cert.Certificate[0]), nil
}
