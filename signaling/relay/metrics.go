package relay

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	allocations prometheus.Gauge
	refused     *prometheus.CounterVec // reason
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		allocations: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tandem_turn_allocations", Help: "Relayed addresses that browsers have at the TURN server."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tandem_turn_refused_total", Help: "What the TURN server refused: credentials, expired, quota, peer, connections.",
		}, []string{"reason"}),
	}
	reg.MustRegister(m.allocations, m.refused)
	return m
}
