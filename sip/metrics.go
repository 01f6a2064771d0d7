package sip

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what the SIP side does. No label carries a tenant, a number or an address.
type metrics struct {
	requests     *prometheus.CounterVec // method, direction
	responses    *prometheus.CounterVec // method, class, direction
	dropped      *prometheus.CounterVec // reason
	refused      *prometheus.CounterVec // reason
	refusedOut   *prometheus.CounterVec // reason
	transactions *prometheus.CounterVec // role, result
	failovers    prometheus.Counter
	trunks       *prometheus.GaugeVec // state
	dialogs      prometheus.Gauge
	panics       prometheus.Counter
	orphans      prometheus.Counter
	retransmits  prometheus.Counter
	tooLarge     *prometheus.CounterVec // transport
	transfers    *prometheus.CounterVec // method, result
}

func newMetrics(reg prometheus.Registerer) *metrics {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tandem_sip_" + name, Help: help}, labels)
	}
	one := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "tandem_sip_" + name, Help: help})
	}
	m := &metrics{
		requests:     vec("requests_total", "SIP requests by method and direction (in, out).", "method", "direction"),
		responses:    vec("responses_total", "SIP responses by the request's method, status class and direction (in, out).", "method", "class", "direction"),
		dropped:      vec("dropped_total", "SIP messages dropped before a transaction, by reason.", "reason"),
		refused:      vec("refused_total", "SIP requests refused, by status, or by the rule that refused them.", "reason"),
		refusedOut:   vec("outbound_refused_total", "Calls to telephone numbers that the outbound rules refused, by the error's code; cut: ended because a day's limit was reached.", "reason"),
		transactions: vec("transactions_total", "SIP transactions by role (client, server) and result.", "role", "result"),
		dialogs:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "tandem_sip_dialogs_active", Help: "SIP dialogs that exist now, early ones included."}),
		panics:       one("panics_total", "Panics caught while handling a SIP message; each is a defect."),
		orphans:      one("late_answers_total", "2xx answers to calls already given up or to another fork, ended with ACK and BYE."),
		retransmits:  one("answer_retransmits_total", "2xx answers, and reliable provisional ones, sent again because no ACK or PRACK had come."),
		failovers:    one("failovers_total", "Calls that went out by another trunk or server because the one before did not answer."),
		trunks:       prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tandem_sip_trunks", Help: "Outbound trunks by whether they answer (up, down, unknown), and registered ones."}, []string{"state"}),
		tooLarge:     vec("large_requests_total", "Requests too large for a datagram, by how they went (tcp, or udp because TCP was refused).", "transport"),
		transfers:    vec("transfers_total", "Transfers that a peer asked for, by method (REFER, Replaces) and result (accepted, refused).", "method", "result"),
	}
	reg.MustRegister(m.requests, m.responses, m.dropped, m.refused, m.refusedOut, m.transactions, m.dialogs, m.panics, m.orphans, m.retransmits,
		m.tooLarge, m.transfers, m.failovers, m.trunks)
	return m
}

// methodLabel keeps the label set closed: strangers choose method names.
func methodLabel(method string) string {
	switch method {
	case "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "INFO", "UPDATE", "PRACK", "REFER", "NOTIFY":
		return method
	}
	return "other"
}

func (m *metrics) countResponse(method string, status int, direction string) {
	m.responses.WithLabelValues(methodLabel(method), strconv.Itoa(status/100)+"xx", direction).Inc()
}

// countRefusal counts a refusal by its status; challenges, which are no refusals, and rare codes apart.
func (m *metrics) countRefusal(status int) {
	switch status {
	case 400, 403, 404, 405, 415, 416, 420, 422, 423, 480, 481, 482, 486, 488, 500, 503, 603:
		m.refused.WithLabelValues(itoa(status)).Inc()
	default:
		if status >= 300 && status != 401 && status != 407 {
			m.refused.WithLabelValues("other").Inc()
		}
	}
}
