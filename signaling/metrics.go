package signaling

import "github.com/prometheus/client_golang/prometheus"

// metrics counts what browsers do. No label carries a tenant, a user or an address.
type metrics struct {
	sessions *prometheus.GaugeVec   // kind: agent, customer
	sockets  prometheus.Gauge       //
	peers    prometheus.Gauge       //
	offers   *prometheus.CounterVec // result: ringing, unreachable
	resumes  *prometheus.CounterVec // kind: resumed, reloaded
	lost     prometheus.Counter     //
	frames   *prometheus.CounterVec // direction: in, out
	refused  *prometheus.CounterVec // reason
	packets  *prometheus.CounterVec // path: direct, connection
	sent     *prometheus.CounterVec // path: direct, connection
}

func newMetrics(reg prometheus.Registerer) *metrics {
	const at = "tandem_browser_"
	m := &metrics{
		sessions: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: at + "sessions", Help: "Browser sessions, also those waiting for their socket to return."}, []string{"kind"}),
		sockets:  prometheus.NewGauge(prometheus.GaugeOpts{Name: at + "sockets", Help: "Open WebSockets."}),
		peers:    prometheus.NewGauge(prometheus.GaugeOpts{Name: at + "peer_connections", Help: "PeerConnections that exist, connected or not."}),
		offers:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: at + "offers_total", Help: "Calls offered to agents' pages: ringing, or unreachable."}, []string{"result"}),
		resumes:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: at + "resumes_total", Help: "Sockets that found their session again: resumed, or taken over by another page."}, []string{"kind"}),
		lost:     prometheus.NewCounter(prometheus.CounterOpts{Name: at + "lost_total", Help: "Calls whose browser was gone for a while."}),
		frames:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: at + "frames_total", Help: "WebSocket frames by direction."}, []string{"direction"}),
		refused:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: at + "refused_total", Help: "Sockets refused or closed by rule: origin, hello, ticket, frame, rate, slow, revoked."}, []string{"reason"}),
		sent:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: at + "rtp_sent_total", Help: "RTP packets sent to pages, by path: direct, or through the connection's stack."}, []string{"path"}),
		packets:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: at + "rtp_packets_total", Help: "RTP packets that came from pages, by path: direct, or through the connection's stack."}, []string{"path"}),
	}
	reg.MustRegister(m.sessions, m.sockets, m.peers, m.offers, m.resumes, m.lost, m.frames, m.refused, m.packets, m.sent)
	return m
}
