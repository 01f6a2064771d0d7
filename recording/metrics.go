package recording

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	due, made, failed, dropped, undecodable, expired prometheus.Counter
	oldest, waiting, missing, clockDoubt             prometheus.Gauge
	unmade, spoolUsed, copyLag                       prometheus.Gauge
	warnings, releases, refused                      *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	if reg == nil {
		reg = prometheus.NewRegistry() // counted for nobody
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		reg.MustRegister(g)
		return g
	}
	m := &metrics{
		due:         counter("tandem_recordings_due_total", "Recordings that were to be made."),
		made:        counter("tandem_recordings_made_total", "Recordings that were sealed."),
		failed:      counter("tandem_recordings_failed_total", "Recordings that could not begin, or ended before their call."),
		dropped:     counter("tandem_recording_packets_dropped_total", "Packets that a tap had no room for."),
		undecodable: counter("tandem_recording_packets_undecodable_total", "Packets that no decoder took."),
		expired:     counter("tandem_recordings_expired_total", "Recordings destroyed undelivered at their deadline."),
		oldest:      gauge("tandem_recording_oldest_seconds", "Age of the oldest recording that is not delivered."),
		waiting:     gauge("tandem_recordings_waiting", "Recordings that are not delivered, those being made included."),
		missing:     gauge("tandem_recordings_missing", "Recordings of the last day that were begun and are neither running nor sealed."),
		unmade:      gauge("tandem_recordings_unmade", "Recordings that were to be made since this process began, and neither were made nor are running."),
		spoolUsed:   gauge("tandem_recording_spool_used_ratio", "Share of the spool's disk that is used: alarm at 0.8, nothing new is recorded from 0.95."),
		copyLag:     gauge("tandem_recording_copy_lag_seconds", "Time since everything in the spool was in the second copy; 0 without one."),
		clockDoubt:  gauge("tandem_recording_clock_doubt", "1 while the clock of this node disagrees with the second one."),
		warnings:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tandem_recording_warnings_total", Help: "Recordings still waiting after so many days."}, []string{"day"}),
	}
	m.releases = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tandem_recording_key_releases_total", Help: "Times that the key of a recording was released, by what for."}, []string{"reason"})
	m.refused = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tandem_recording_access_refused_total", Help: "Tries to hear a recording that is still held which were refused, by the factor that was missing."}, []string{"factor"})
	reg.MustRegister(m.warnings, m.releases, m.refused)
	return m
}
