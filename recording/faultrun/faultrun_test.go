package faultrun

import (
	"flag"
	"fmt"
	"os"
	"testing"

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

// play runs a row with a seed and fails the test for each promise that it breaks.
func play(t *testing.T, which row, parts int, seed uint64, do func(r *Run)) {
	t.Helper()
	playAt(t, which, storagetest.NewURL, parts, seed, do)
}

// playAt is play with a database of the row's choice.
func playAt(t *testing.T, which row, database func(testing.TB) string, parts int, seed uint64, do func(r *Run)) {
	t.Run(fmt.Sprintf("%s/%d parts/seed %d", which.name, parts, seed), func(t *testing.T) {
		t.Parallel()
		r := newRun(t, database(t), parts, seed)
		do(r)
		broken := r.finish()
		results.add(which, r, broken)
		for _, b := range broken {
			t.Error(b)
		}
	})
}
