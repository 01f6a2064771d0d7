// Package signaling is the server's side of a browser: the WebSocket session with resume, the PeerConnection, presence, live push, and
// the legs that agents answer and customers call with.
package signaling

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/media"
	"tandem/media/codec"
	"tandem/signaling/relay"
)

// RTCConfig says where browsers reach the media of this node.
type RTCConfig struct {
	UDP    []string     // one UDP port for all browsers; several spread the readers
	TCP    string       // a TCP port for browsers that UDP does not reach (ICE-TCP, RFC 6544); empty: none
	Public netip.Addr   // put into ICE candidates instead of the local address, if valid and not local
	TURN   relay.Config // Media and Public are filled in
}

// engine makes PeerConnections that share the node's UDP ports. The server is ICE-lite: it answers, browsers connect.
type engine struct {
	set     webrtc.SettingEngine
	media   *webrtc.MediaEngine
	muxes   []ice.UDPMux
	pages   pages
	tcp     *ice.TCPMuxDefault // nil: none
	relay   *relay.Server
	metrics *metrics
	drops   *media.Metrics // counts what of the direct path is dropped; may be nil
}

// Payload types of the audio codecs, both ways; the offers of Chromium use the same ones, and an answer follows the offer anyway.
const (
	payloadPCMU  = 0
	payloadPCMA  = 8
	payloadG722  = 9
	payloadOpus  = 111
	payloadEvent = 126
)

// ICE timings: a browser that does not answer for 5 s is disconnected, for 25 s failed.
const (
	iceDisconnected = 5 * time.Second
	iceFailed       = 25 * time.Second
	iceKeepAlive    = 5 * time.Second
)

func newEngine(cfg RTCConfig, m *metrics, drops *media.Metrics, reg prometheus.Registerer) (e *engine, err error) {
	e = &engine{metrics: m, drops: drops}
	if err := e.open(cfg, reg); err != nil {
		return nil, errors.Join(err, e.close())
	}
	if e.set, err = e.settings(cfg.Public); err != nil {
		return nil, errors.Join(err, e.close())
	}
	if e.media, err = codecs(); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// connection makes a PeerConnection for an offer, and has keys overhear its handshake: we are its server, because only the server gets to know what the keys are
// made of. A page that insists on being that itself is served without.
func (e *engine) connection(offer string, keys *handshakeKeys) (*webrtc.PeerConnection, error) {
	set := e.set
	if !strings.Contains(offer, "a=setup:passive") {
		if err := set.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
			return nil, err
		}
	}
	set.SetDTLSServerHelloMessageHook(keys.hello)
	set.SetDTLSKeyLogWriter(keys)
	// No interceptors: NACK and congestion control bring audio nothing, and reports are our own (inbound).
	api := webrtc.NewAPI(webrtc.WithSettingEngine(set), webrtc.WithMediaEngine(e.media), webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	return api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
}

// open opens the ports.
func (e *engine) open(cfg RTCConfig, reg prometheus.Registerer) (err error) {
	if e.muxes, err = openMuxes(cfg.UDP, &e.pages); err != nil {
		return err
	}
	if err := e.openRelay(cfg, reg); err != nil {
		return err
	}
	if cfg.TCP != "" {
		e.tcp, err = openTCP(cfg.TCP, e.relay.Full)
	}
	return err
}

func (e *engine) settings(public netip.Addr) (set webrtc.SettingEngine, err error) {
	networks := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if e.tcp != nil {
		set.SetICETCPMux(e.tcp)
		networks = append(networks, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	set.SetLite(true)
	set.SetICEUDPMux(ice.NewMultiUDPMuxDefault(e.muxes...))
	set.SetNetworkTypes(networks)
	set.SetIncludeLoopbackCandidate(true)
	set.SetICETimeouts(iceDisconnected, iceFailed, iceKeepAlive)
	set.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	// Clients need no cookie to show that they are where they say: ICE has shown that. Of the SRTP profiles those that media knows, the cheaper one first;
	// every browser has the last.
	set.SetDTLSInsecureSkipHelloVerify(true)
	set.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	if public.IsValid() && !isLocal(public) {
		err = set.SetICEAddressRewriteRules(webrtc.ICEAddressRewriteRule{
			External: []string{public.String()}, AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace,
		})
		if err != nil {
			return set, fmt.Errorf("announce media.ip to browsers: %w", err)
		}
	}
	return set, nil
}

// codecs registers what we speak, G.711 first: it is what trunks speak, and then packets pass untouched.
func codecs() (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	register := []webrtc.RTPCodecParameters{
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}, PayloadType: payloadPCMU},
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMA, ClockRate: 8000}, PayloadType: payloadPCMA},
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeG722, ClockRate: 8000}, PayloadType: payloadG722},
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "audio/telephone-event", ClockRate: 8000}, PayloadType: payloadEvent},
	}
	if codec.OpusEncoding() {
		register = append(register, webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"},
			PayloadType:        payloadOpus,
		})
	}
	for _, c := range register {
		if err := m.RegisterCodec(c, webrtc.RTPCodecTypeAudio); err != nil {
			return nil, fmt.Errorf("register codec %s: %w", c.MimeType, err)
		}
	}
	return m, nil
}

// openMuxes listens on each address; one without a host becomes one socket per local address, because ICE needs concrete ones.
func openMuxes(addrs []string, to *pages) ([]ice.UDPMux, error) {
	var muxes []ice.UDPMux
	fail := func(err error) ([]ice.UDPMux, error) {
		for _, m := range muxes {
			err = errors.Join(err, m.Close())
		}
		return nil, err
	}
	for _, addr := range addrs {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return fail(fmt.Errorf("webrtc.udp %s: %w", addr, err))
		}
		n, err := strconv.Atoi(port)
		if err != nil {
			return fail(fmt.Errorf("webrtc.udp %s: %w", addr, err))
		}
		if host == "" {
			m, err := openPort(n, to)
			if err != nil {
				return fail(fmt.Errorf("listen for browsers' media on %s: %w", addr, err))
			}
			muxes = append(muxes, m)
			continue
		}
		m, err := openAddress(addr, to)
		if err != nil {
			return fail(fmt.Errorf("listen for browsers' media on %s: %w", addr, err))
		}
		muxes = append(muxes, m)
	}
	return muxes, nil
}

func openPort(port int, to *pages) (ice.UDPMux, error) {
	std, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	return ice.NewMultiUDPMuxFromPort(port, ice.UDPMuxFromPortWithLoopback(), ice.UDPMuxFromPortWithNet(shunts{std, to}))
}

func openAddress(addr string, to *pages) (ice.UDPMux, error) {
	at, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", at)
	if err != nil {
		return nil, err
	}
	socket, err := newShunt(conn, to)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return webrtc.NewICEUDPMux(nil, socket), nil
}

// tcpWaiting is how many bytes wait for a browser at most that takes its audio slowly: a second of it. What comes beyond is dropped.
const tcpWaiting = 16 << 10

func openTCP(addr string, full func()) (*ice.TCPMuxDefault, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for browsers' media on webrtc.tcp %s: %w", addr, err)
	}
	return ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener: relay.Bound(l, full), ReadBufferSize: 64, WriteBufferSize: tcpWaiting, FirstStunBindTimeout: iceDisconnected, AliveDurationForConnFromStun: iceDisconnected,
	}), nil
}

// openRelay makes the way to the muxes by TURN.
func (e *engine) openRelay(cfg RTCConfig, reg prometheus.Registerer) (err error) {
	to := cfg.TURN
	for _, m := range e.muxes {
		for _, at := range m.GetListenAddresses() {
			if udp, ok := at.(*net.UDPAddr); ok {
				to.Media = append(to.Media, udp.AddrPort())
			}
		}
	}
	if cfg.Public.IsValid() && !isLocal(cfg.Public) {
		to.Public = cfg.Public
	}
	e.relay, err = relay.New(to, reg)
	return err
}

func isLocal(ip netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr() == ip {
			return true
		}
	}
	return ip.IsLoopback()
}

func (e *engine) close() error {
	var err error
	for _, m := range e.muxes {
		err = errors.Join(err, m.Close())
	}
	if e.tcp != nil {
		err = errors.Join(err, e.tcp.Close())
	}
	if e.relay != nil {
		err = errors.Join(err, e.relay.Close())
	}
	return err
}
