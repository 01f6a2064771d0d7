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
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"tandem/media/codec"
)

// RTCConfig says where browsers reach the media of this node.
type RTCConfig struct {
	UDP    []string   // one UDP port for all browsers; several spread the readers
	Public netip.Addr // put into ICE candidates instead of the local address, if valid and not local
}

// engine makes PeerConnections that share the node's UDP ports. The server is ICE-lite: it answers, browsers connect.
type engine struct {
	api   *webrtc.API
	muxes []ice.UDPMux
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

func newEngine(cfg RTCConfig) (*engine, error) {
	e := &engine{}
	muxes, err := openMuxes(cfg.UDP)
	if err != nil {
		return nil, err
	}
	e.muxes = muxes
	var set webrtc.SettingEngine
	set.SetLite(true)
	set.SetICEUDPMux(ice.NewMultiUDPMuxDefault(muxes...))
	set.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	set.SetIncludeLoopbackCandidate(true)
	set.SetICETimeouts(iceDisconnected, iceFailed, iceKeepAlive)
	set.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	if cfg.Public.IsValid() && !isLocal(cfg.Public) {
		err := set.SetICEAddressRewriteRules(webrtc.ICEAddressRewriteRule{
			External: []string{cfg.Public.String()}, AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace,
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("announce media.ip to browsers: %w", err), e.close())
		}
	}
	media, reports, err := codecsAndReports()
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	e.api = webrtc.NewAPI(webrtc.WithSettingEngine(set), webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(reports))
	return e, nil
}

// codecsAndReports registers what we speak, G.711 first: it is what trunks speak, and then packets pass untouched. Of the interceptors only
// the RTCP reports: NACK and congestion control bring audio nothing and cost goroutines.
func codecsAndReports() (*webrtc.MediaEngine, *interceptor.Registry, error) {
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
			return nil, nil, fmt.Errorf("register codec %s: %w", c.MimeType, err)
		}
	}
	reports := &interceptor.Registry{}
	if err := webrtc.ConfigureRTCPReports(reports); err != nil {
		return nil, nil, fmt.Errorf("register the RTCP reports: %w", err)
	}
	return m, reports, nil
}

// openMuxes listens on each address; one without a host becomes one socket per local address, because ICE needs concrete ones.
func openMuxes(addrs []string) ([]ice.UDPMux, error) {
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
			m, err := ice.NewMultiUDPMuxFromPort(n, ice.UDPMuxFromPortWithLoopback())
			if err != nil {
				return fail(fmt.Errorf("listen for browsers' media on %s: %w", addr, err))
			}
			muxes = append(muxes, m)
			continue
		}
		conn, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp", addr)
		if err != nil {
			return fail(fmt.Errorf("listen for browsers' media on %s: %w", addr, err))
		}
		muxes = append(muxes, webrtc.NewICEUDPMux(nil, conn))
	}
	return muxes, nil
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
	return err
}
