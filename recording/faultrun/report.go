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
	again  int // runs of a machine that stood still
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
	line := t.of(which)
	line.runs++
	line.broken = append(line.broken, broken...)
	line.stats.lost = max(line.stats.lost, r.stats.lost)
	line.stats.stall = max(line.stats.stall, r.stats.stall)
	line.stats.copies += r.stats.copies
}

// starve counts a run that is made again.
func (t *tallies) starve(which row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of(which).again++
}

// of is a row's line. The caller holds mu.
func (t *tallies) of(which row) *tally {
	for _, l := range t.list {
		if l.row == which {
			return l
		}
	}
	t.list = append(t.list, &tally{row: which})
	return t.list[len(t.list)-1]
}

// writeReport writes what was run; an empty name: nowhere.
func writeReport(name string) error {
	if name == "" {
		return nil
	}
	results.mu.Lock()
	defer results.mu.Unlock()
	var b strings.Builder
	runs, broken, again := 0, 0, 0
	for _, l := range results.list {
		runs += l.runs
		again += l.again
		broken += len(l.broken)
	}
	fmt.Fprintf(&b, "| | |\n|---|---|\n| Runs | %d |\n| Duration | %s |\n| Invariants broken | %d |\n| Runs made again, because the machine stood still | %d |\n\n",
		runs, time.Since(results.began).Round(time.Second), broken, again)
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
