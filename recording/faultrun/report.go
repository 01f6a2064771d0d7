package faultrun

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// row is a line of the fault matrix.
type row struct{ fault, at, name string }

// tally is what the runs of one row have shown.
type tally struct {
	row    row
	runs   int
	broken []string
	stats  stats
}

// tallies are the report in the making.
type tallies struct {
	mu    sync.Mutex
	began time.Time
	list  []*tally
}

var results = tallies{began: time.Now()}

// add counts a run.
func (t *tallies) add(which row, r *Run, broken []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var line *tally
	for _, l := range t.list {
		if l.row == which {
			line = l
		}
	}
	if line == nil {
		line = &tally{row: which}
		t.list = append(t.list, line)
	}
	line.runs++
	line.broken = append(line.broken, broken...)
	line.stats.lost = max(line.stats.lost, r.stats.lost)
	line.stats.stall = max(line.stats.stall, r.stats.stall)
	line.stats.copies += r.stats.copies
}

// writeReport writes what was run; an empty name: nowhere.
func writeReport(name string) error {
	if name == "" {
		return nil
	}
	results.mu.Lock()
	defer results.mu.Unlock()
	var b strings.Builder
	runs, broken := 0, 0
	for _, l := range results.list {
		runs += l.runs
		broken += len(l.broken)
	}
	fmt.Fprintf(&b, "| | |\n|---|---|\n| Runs | %d |\n| Duration | %s |\n| Invariants broken | %d |\n\n", runs, time.Since(results.began).Round(time.Second), broken)
	b.WriteString("| Fault | At | Row | Runs | Broken | Most audio lost | Surplus copies removed | Longest stall |\n|---|---|---|---:|---:|---:|---:|---:|\n")
	for _, l := range results.list {
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d | %s | %d | %s |\n", l.row.fault, l.row.at, l.row.name, l.runs, len(l.broken),
			l.stats.lost.Round(10*time.Millisecond), l.stats.copies, l.stats.stall.Round(10*time.Millisecond))
	}
	for _, l := range results.list {
		for _, text := range l.broken {
			fmt.Fprintf(&b, "\n- **%s**: %s", l.row.name, text)
		}
	}
	if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
