package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// docs/metrics.md lists every metric with its type and labels, and no other.
func TestEveryMetricIsDescribed(t *testing.T) {
	t.Parallel()
	a := start(t)
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ kind, labels string }
	rows := map[string]row{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if name, ok := strings.CutPrefix(cells[min(1, len(cells)-1)], " `tandem_"); ok && len(cells) == 6 {
			rows["tandem_"+strings.TrimRight(name, "` ")] = row{strings.TrimSpace(cells[2]), cells[3]}
		}
	}

	// The registry also knows the metrics that no scrape shows because nothing was counted yet.
	descs := make(chan *prometheus.Desc, 1000)
	a.metrics.Describe(descs)
	close(descs)
	known := map[string]bool{}
	for d := range descs {
		m := regexp.MustCompile(`fqName: "(tandem_\w+)".*variableLabels: \{([^}]*)\}`).FindStringSubmatch(d.String())
		if m == nil {
			continue
		}
		known[m[1]] = true
		r, ok := rows[m[1]]
		if !ok {
			t.Errorf("%s is not in docs/metrics.md", m[1])
		}
		for _, label := range strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' }) {
			if !strings.Contains(r.labels, "`"+label+"`") {
				t.Errorf("the label %s of %s is not in docs/metrics.md", label, m[1])
			}
		}
	}
	for name := range rows {
		if !known[name] {
			t.Errorf("docs/metrics.md describes %s, which does not exist", name)
		}
	}

	status, scrape := a.client(t).do("GET", "/metrics", nil)
	types := regexp.MustCompile(`(?m)^# TYPE (tandem_\w+) (\w+)$`).FindAllStringSubmatch(string(scrape), -1)
	if status != 200 || len(types) < 20 {
		t.Fatalf("/metrics: %d, %d metrics", status, len(types))
	}
	for _, m := range types {
		if rows[m[1]].kind != m[2] {
			t.Errorf("%s is a %s; docs/metrics.md has %q", m[1], m[2], rows[m[1]].kind)
		}
	}
}
