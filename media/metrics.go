package media

import "github.com/prometheus/client_golang/prometheus"

// drop is why a packet went no further.
type drop uint8

const (
	dropSource         drop = iota // not from the peer that signalling or learning named
	dropSSRC                       // a second SSRC beside the one that is heard
	dropPayloadType                // a payload type that was not negotiated
	dropMalformed                  // no RTP version 2
	dropRTCP                       // RTCP on the RTP port without rtcp-mux
	dropRate                       // more packets a second than any codec sends
	dropDirection                  // the peer may not send now (hold), or nothing is negotiated yet
	dropDuplicate                  // seen before
	dropLate                       // after its place in the stream was filled or passed over
	dropCodec                      // the codec could not read it
	dropSend                       // the port did not take it
	dropDigits                     // nobody reads the digits
	dropAuthentication             // SRTP or SRTCP whose tag is wrong
	dropReasons
)

var dropNames = [dropReasons]string{
	"source", "ssrc", "payload_type", "malformed", "rtcp", "rate", "direction", "duplicate", "late", "codec", "send", "digits", "authentication",
}

// Metrics are the counters of all ports and streams of a process.
type Metrics struct {
	received prometheus.Counter
	sent     prometheus.Counter
	dropped  [dropReasons]prometheus.Counter
	resyncs  prometheus.Counter
	streams  prometheus.Gauge
	mos      prometheus.Histogram
	oneWay   prometheus.Counter

	handshakes *prometheus.CounterVec
}

// NewMetrics makes the counters and registers them; with a nil Registerer they are counted and not shown. It panics when reg has them
// already, as prometheus does.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	packets := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tandem_rtp_packets_total", Help: "RTP packets accepted from peers (in) and sent to them (out).",
	}, []string{"direction"})
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tandem_rtp_dropped_total", Help: "RTP packets that went no further, by reason.",
	}, []string{"reason"})
	m := &Metrics{
		received: packets.WithLabelValues("in"),
		sent:     packets.WithLabelValues("out"),
		resyncs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tandem_media_clock_skipped_frames_total", Help: "Frames of 20 ms that were never sent because the clock came too late.",
		}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tandem_media_streams", Help: "Streams that run.",
		}),
		mos: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tandem_media_mos", Help: "Estimated listening quality (E-model MOS) of what peers send, each 5 s and stream.",
			Buckets: []float64{2, 2.5, 3, 3.3, 3.6, 3.8, 4, 4.2, 4.4},
		}),
		oneWay: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tandem_media_one_way_total", Help: "Times that a peer was spoken to for more than 3 s and nothing was heard of it.",
		}),
		handshakes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tandem_dtls_handshakes_total", Help: "DTLS-SRTP handshakes with SIP peers, by result.",
		}, []string{"result"}),
	}
	for i, name := range dropNames {
		m.dropped[i] = dropped.WithLabelValues(name)
	}
	if reg != nil {
		reg.MustRegister(packets, dropped, m.resyncs, m.streams, m.mos, m.oneWay, m.handshakes)
	}
	return m
}

// withoutPeer are those of a stream that has no peer: it runs, but its packets are not to be counted as what peers send and get.
func (m *Metrics) withoutPeer() *Metrics {
	own, apart := *m, NewMetrics(nil)
	own.received, own.sent, own.mos = apart.received, apart.sent, apart.mos
	return &own
}

func (m *Metrics) drop(why drop) { m.dropped[why].Inc() }
