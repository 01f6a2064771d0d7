package media

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/rtp"
)

// dtlsPeer is a far end with a certificate. Its DTLS connection reads its socket, and puts what is no DTLS aside.
type dtlsPeer struct {
	*peer
	cert tls.Certificate
	rest chan []byte
}

func newDTLSPeer(t *testing.T) *dtlsPeer {
	t.Helper()
	cert, err := selfsign.GenerateSelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	return &dtlsPeer{newPeer(t, loopback, 7), cert, make(chan []byte, 1000)}
}

// named is what signalling says of it.
func (p *dtlsPeer) named(weBegin bool) *DTLSPeer {
	return &DTLSPeer{Hash: "sha-256", Fingerprint: fingerprint(crypto.SHA256, p.cert.Certificate[0]), Client: weBegin}
}

type asideConn struct {
	*net.UDPConn
	rest chan []byte
}

func (c asideConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.UDPConn.ReadFrom(b)
		if err != nil || isDTLS(b[:n]) {
			return n, from, err
		}
		c.rest <- bytes.Clone(b[:n])
	}
}

// Close leaves the socket to the test.
func (c asideConn) Close() error { return nil }

// shake shakes hands with a port; begins: as the client.
func (p *dtlsPeer) shake(port *RTPPort, begins bool) (*farEnd, error) {
	p.t.Helper()
	options := []dtls.Option{
		dtls.WithCertificates(p.cert), dtls.WithInsecureSkipVerify(true), dtls.WithSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithFlightInterval(50 * time.Millisecond),
	}
	var conn *dtls.Conn
	var err error
	at, to := asideConn{p.conn, p.rest}, net.UDPAddrFromAddrPort(port.LocalAddr())
	if begins {
		conn, err = dtls.ClientWithOptions(at, to, options[0], options[1], options[2], options[3])
	} else {
		conn, err = dtls.ServerWithOptions(at, to, options[0], options[1], options[2], options[3], dtls.WithClientAuth(dtls.RequireAnyClientCert))
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	keys, err := keysOf(conn, begins)
	if err != nil {
		p.t.Fatal(err)
	}
	return newFarEnd(p.t, p.peer, keys.Suite, keys.Local, keys.Remote), nil
}

// heard is the first byte of the next packet that comes, decrypted.
func (p *dtlsPeer) heard(far *farEnd) byte {
	p.t.Helper()
	var packet rtp.Packet
	b, err := far.in.DecryptRTP(nil, next(p.t, p.rest), nil)
	if err == nil {
		err = packet.Unmarshal(b)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return packet.Payload[0]
}

// say sends until the packet is on its way: the port has its keys a moment after the far end has.
func say(t *testing.T, port *RTPPort, mark byte) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := port.Send(&Packet{Sequence: uint16(mark), SSRC: 3, Payload: []byte{mark, 1, 2}})
		if err == nil {
			return
		}
		if !errors.Is(err, errNoKeys) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// Whoever begins, and whether the first packet is before or after what signalling says: nothing is sent or heard until the certificate has been
// seen, and then both ways. Signalling that says the same again changes nothing.
func TestDTLSBothWays(t *testing.T) {
	pool, m := newPool(t, 19000, 19099)
	for _, weBegin := range []bool{true, false} {
		for _, early := range []bool{true, false} {
			t.Run(fmt.Sprintf("we begin %v, early %v", weBegin, early), func(t *testing.T) {
				port, err := pool.Open(loopback)
				if err != nil {
					t.Fatal(err)
				}
				p := newDTLSPeer(t)
				heard, _ := listen(t, port)
				trust := RTPTrust{PayloadTypes: []uint8{0}, Mux: true, DTLS: p.named(weBegin)}
				shaken := make(chan *farEnd, 1)
				shake := func() {
					far, err := p.shake(port, !weBegin)
					if err != nil {
						t.Error(err)
					}
					shaken <- far
				}
				refused := count(t, m.dropped[dropMalformed])
				if early && !weBegin {
					go shake()
					within(t, func() bool { return count(t, m.dropped[dropMalformed]) > refused })
				}
				port.SetRemote(p.addr(), trust)
				if err := port.Send(&Packet{SSRC: 3, Payload: []byte("in the clear")}); !errors.Is(err, errNoKeys) {
					t.Errorf("sent in the clear: %v", err)
				}
				p.send(port.LocalAddr(), 'c') // in the clear
				if !early || weBegin {
					go shake()
				}
				far := next(t, shaken)
				if far == nil {
					return
				}
				say(t, port, 'A')
				if b := p.heard(far); b != 'A' {
					t.Errorf("they hear %c", b)
				}
				far.says(port.LocalAddr(), 'b')
				if b := next(t, heard); b != 'b' {
					t.Errorf("heard %c", b)
				}
				port.SetRemote(p.addr(), trust)
				port.SetRemote(netip.AddrPortFrom(netip.IPv4Unspecified(), p.addr().Port()), trust) // hold, the old way
				port.SetRemote(p.addr(), trust)
				p.raw(port.LocalAddr(), append([]byte{22, 0xFE, 0xFD}, make([]byte, 40)...)) // as if another handshake began
				p.send(port.LocalAddr(), 'c')
				far.says(port.LocalAddr(), 'd')
				if b := next(t, heard); b != 'd' {
					t.Errorf("heard %c", b)
				}
			})
		}
	}
}

func within(t *testing.T, ok func() bool) {
	t.Helper()
	tick, late := time.NewTicker(5*time.Millisecond), time.After(5*time.Second)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it did not come to that within 5 s")
		}
	}
}

// A peer whose certificate is not the one that signalling named ends the port, whoever begins, and nothing of it was heard.
func TestDTLSFingerprint(t *testing.T) {
	pool, _ := newPool(t, 19100, 19199)
	for _, weBegin := range []bool{true, false} {
		port, err := pool.Open(loopback)
		if err != nil {
			t.Fatal(err)
		}
		p, other := newDTLSPeer(t), newDTLSPeer(t)
		ended := make(chan error, 1)
		go func() {
			ended <- port.RunControl(context.Background(), func(*Packet) { t.Error("a packet was heard") }, func([]byte) {})
		}()
		port.SetRemote(p.addr(), RTPTrust{PayloadTypes: []uint8{0}, Mux: true, DTLS: other.named(weBegin)})
		_, _ = p.shake(port, !weBegin) // it may be done before we have seen the certificate
		if err := next(t, ended); !errors.Is(err, errFingerprint) {
			t.Errorf("we begin %v: ended with %v", weBegin, err)
		}
		if err := port.Send(&Packet{SSRC: 3, Payload: []byte("in the clear")}); !errors.Is(err, errNoKeys) {
			t.Errorf("sent in the clear: %v", err)
		}
		port.Close()
	}
}

// Signalling that names another peer has it shake hands anew; what the old one sends is not heard any more.
func TestDTLSPeerChanges(t *testing.T) {
	pool, _ := newPool(t, 19200, 19299)
	port, err := pool.Open(loopback)
	if err != nil {
		t.Fatal(err)
	}
	heard, _ := listen(t, port)
	var before *farEnd
	for i := range 3 {
		p := newDTLSPeer(t)
		port.SetRemote(p.addr(), RTPTrust{PayloadTypes: []uint8{0}, Mux: true, DTLS: p.named(i%2 == 0)})
		far, err := p.shake(port, i%2 != 0)
		if err != nil {
			t.Fatal(err)
		}
		say(t, port, 'A')
		if b := p.heard(far); b != 'A' {
			t.Errorf("they hear %c", b)
		}
		if before != nil {
			before.says(port.LocalAddr(), 'o')
		}
		far.says(port.LocalAddr(), byte('a'+i))
		if b := next(t, heard); b != byte('a'+i) {
			t.Errorf("heard %c", b)
		}
		before = far
	}
}

// Only where a NAT may be between, the peer's handshake may come from elsewhere than signalling said.
func TestDTLSBehindNAT(t *testing.T) {
	pool, m := newPool(t, 19300, 19399)
	for _, nat := range []bool{true, false} {
		port, err := pool.Open(loopback)
		if err != nil {
			t.Fatal(err)
		}
		listen(t, port)
		p := newDTLSPeer(t)
		port.SetRemote(netip.MustParseAddrPort("192.0.2.1:4000"), RTPTrust{PayloadTypes: []uint8{0}, Mux: true, NAT: nat, DTLS: p.named(false)})
		foreign := count(t, m.dropped[dropSource])
		done := make(chan error, 1)
		go func() {
			_, err := p.shake(port, true)
			done <- err
		}()
		if nat {
			if err := next(t, done); err != nil {
				t.Error(err)
			}
			continue
		}
		within(t, func() bool { return count(t, m.dropped[dropSource]) > foreign })
		p.conn.Close()
		<-done
	}
}

// A handshake that fails ends the port, but not once signalling has named a peer without a certificate.
func TestDTLSGivenUp(t *testing.T) {
	pool, _ := newPool(t, 19500, 19599)
	for _, givenUp := range []bool{false, true} {
		port, err := pool.Open(loopback)
		if err != nil {
			t.Fatal(err)
		}
		p := newDTLSPeer(t)
		port.SetRemote(p.addr(), RTPTrust{PayloadTypes: []uint8{0}, Mux: true, DTLS: p.named(true)})
		a := port.dtls.Load()
		if givenUp {
			port.SetRemote(p.addr(), RTPTrust{PayloadTypes: []uint8{0}, Mux: true})
		}
		a.Close() // nothing comes of the handshake
		if err := a.run(context.Background(), pool.certificate); (err == nil) != givenUp {
			t.Errorf("given up %v: %v", givenUp, err)
		}
		port.Close()
	}
}
