package faultrun

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"tandem/recording/crmsim"
)

const (
	largestPart = 50_000_000
	wavHeader   = 58 // bytes, in mu-law
)

// Recordings made at speed: at the limit one part, above it two, joined what was recorded; and the server's memory does not grow with them.
func TestLarge(t *testing.T) {
	t.Parallel()
	type size struct {
		name  string
		audio int64 // bytes
		parts int
	}
	sizes := []size{{"50,000,000 bytes with the header: one part", largestPart - wavHeader, 1}, {"two bytes more: two parts", largestPart - wavHeader + 2, 2}}
	if *full {
		sizes = append(sizes, size{"a call of 5 hours", 5 * 3600 * 16_000, 6}, size{"2 GB", 2_000_000_000, 41})
	}
	for _, c := range sizes {
		play(t, row{"size", "all", c.name}, 1, 1, func(r *Run) {
			r.cfg.MaxPart, r.cfg.Timeout, r.patience = largestPart, 10*time.Minute, 20*time.Minute
			r.start("", 0)
			talk := r.begin()
			r.listen(callTime)
			idle := r.memory("VmRSS")
			r.kill()
			r.forge(talk, c.audio)
			r.resume()
			r.until("the end", r.over)
			grown := r.memory("VmHWM") - idle
			t.Logf("the server's memory: %d MB, %d MB more at most", idle>>20, grown>>20)
			if grown > 64<<20 {
				t.Errorf("the server took %d MB more", grown>>20)
			}
			if n := r.files(); n != c.parts {
				t.Errorf("%d parts, want %d", n, c.parts)
			}
		})
	}
}

// The connection is cut behind each megabyte of a part: nothing of what came is left on the ticket.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	play(t, row{"CRM", "c10", "connection cut behind each MB"}, 1, 1, func(r *Run) {
		r.cfg.MaxPart, r.cfg.Timeout = largestPart, time.Minute
		for mb := range 5 {
			r.crm.Script(crmsim.Fault{Op: crmsim.OpAttach, Times: 1, Do: crmsim.Cut, Bytes: int64(mb+1) * 1_000_000})
		}
		r.start("", 0)
		talk := r.begin()
		r.listen(callTime)
		r.kill()
		r.forge(talk, 6_000_000)
		r.resume()
	})
}

// memory is what the kernel says of the process's memory, in bytes.
func (r *Run) memory(what string) (n int64) {
	r.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.proc.cmd.Process.Pid))
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if _, err := fmt.Sscanf(line, what+": %d kB", &n); err == nil {
			return n << 10
		}
	}
	r.t.Fatalf("the kernel does not tell %s", what)
	return 0
}
