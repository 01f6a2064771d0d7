package faultrun

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tandem/internal/storage/storagetest"
)

var (
	full   = flag.Bool("full", false, "run the full set: every row with 1 to 3 parts, a thousand calls")
	often  = flag.Uint64("seeds", 20, "how often the full set runs each row")
	report = flag.String("report", "", "write a report in Markdown to this file")
)

func TestMain(m *testing.M) {
	if Node() {
		return
	}
	flag.Parse()
	// Runs wait most of their time for calls to last: far more of them fit than there are processors.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := writeReport(*report); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.Exit(code)
	}))
}

// seeds says how often a row is run.
func seeds() uint64 {
	if *full {
		return *often
	}
	return 1
}

// few are all of the full set's numbers of parts; the quick set takes the last.
func few(parts []int) []int {
	if *full {
		return parts
	}
	return parts[len(parts)-1:]
}

// play runs a row with a seed, beside others, and fails the test for each promise that it breaks.
func play(t *testing.T, which row, parts int, seed uint64, do func(r *Run)) {
	t.Helper()
	playAt(t, which, storagetest.NewURL, parts, seed, do)
}

// playAt is play with a database of the row's choice.
func playAt(t *testing.T, which row, database func(testing.TB) string, parts int, seed uint64, do func(r *Run)) {
	t.Helper()
	t.Run(which.test(parts, seed), func(t *testing.T) {
		t.Parallel()
		judge(t, which, database, parts, seed, do)
	})
}

// playAlone is play beside nothing else.
func playAlone(t *testing.T, which row, parts int, seed uint64, do func(r *Run)) {
	t.Helper()
	t.Run(which.test(parts, seed), func(t *testing.T) { judge(t, which, storagetest.NewURL, parts, seed, do) })
}

func (r row) test(parts int, seed uint64) string {
	return fmt.Sprintf("%s/%d parts/seed %d", r.name, parts, seed)
}

// judge runs a row. When the machine keeps the process from running, voices that are to be recorded fall silent: such a run says nothing of lost audio, and is
// made again, twice at most.
func judge(t *testing.T, which row, database func(testing.TB) string, parts int, seed uint64, do func(r *Run)) {
	for again := 0; ; again++ {
		r := newRun(t, database(t), parts, seed)
		do(r)
		broken := r.finish()
		if r.starved(broken) && again < 2 && !t.Failed() {
			t.Logf("the machine stood still for %v: made again", r.stats.stall)
			results.starve(which)
			continue
		}
		results.add(which, r, broken)
		for _, b := range broken {
			t.Error(b)
		}
		return
	}
}

// starved says whether nothing but audio is missing, in a process that was kept from running for long.
func (r *Run) starved(broken []string) bool {
	other := slices.ContainsFunc(broken, func(b string) bool { return !strings.HasPrefix(b, "I1: ") })
	return len(broken) > 0 && !other && r.stats.stall > 400*time.Millisecond
}
