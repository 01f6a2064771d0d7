package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem/calls"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/queues"
	"tandem/sip/siptest"
)

var (
	soakFor  = flag.Duration("soak", 30*time.Second, "how long calls begin in TestSoak")
	soakRate = flag.Int("soak.rate", 100, "calls a minute in TestSoak")
	soakSeed = flag.Uint64("soak.seed", 1, "of what happens in TestSoak")
)

// What a soak may leave behind: connections and buffers that are kept for the next calls, not one thing for each call.
const (
	soakMemory = 64 << 20
	soakKept   = 20 // goroutines, and file descriptors
)

// soak is the real program, people who call and are called, and a supervisor.
type soak struct {
	*process
	t          *testing.T
	db         *storage.DB
	supervisor *seat
	far        string // a number that leads to a telephone outside

	mu      sync.Mutex
	rnd     *rand.Rand
	people  sync.WaitGroup // who are in a call
	made    atomic.Int64
	holds   atomic.Int64
	refers  atomic.Int64
	moved   atomic.Int64
	refused atomic.Int64 // or given up before they were
}

// Calls for a while, with everybody leaving, holding, transferring and listening at random moments, as many a minute as were asked for: afterwards
// nothing is left of them, and what was counted is what was done.
func TestSoak(t *testing.T) {
	t.Parallel()
	s := newSoak(t)
	s.call(*soakFor / 5) // what is made once, and kept
	s.settle()
	before := s.usage()
	s.call(*soakFor)
	s.settle()
	var after usage
	within(t, time.Minute, "the goroutines and descriptors of before", func() bool {
		after = s.usage()
		return after.goroutines <= before.goroutines+soakKept && after.files <= before.files+soakKept
	})
	if grown := after.memory - before.memory; grown > soakMemory {
		t.Errorf("memory grew by %.0f MB", grown/(1<<20))
	}
	made := int(s.made.Load())
	t.Logf("%d calls, %d holds, %d transfers asked for and %d made; before %+v, after %+v", made, s.holds.Load(), s.refers.Load(), s.moved.Load(), before, after)
	if n := s.sum("tandem_calls_total", `direction="inbound"`); n != made {
		t.Errorf("%d calls were made, %d are counted", made, n)
	}
	if n := count(t, s.db, `SELECT count(*) FROM calls`); n != made-int(s.refused.Load()) {
		t.Errorf("%d calls were made, %d of them refused, and %d have records", made, s.refused.Load(), n)
	}
	for _, fault := range []calls.Reason{calls.ReasonFailed, calls.ReasonMediaLost, calls.ReasonSessionExpired, calls.ReasonNodeStopped, calls.ReasonUnreachable, calls.ReasonOverCapacity} {
		if n := count(t, s.db, `SELECT count(*) FROM calls WHERE reason = $1`, fault); n != 0 {
			t.Errorf("%d calls ended as %s", n, fault)
		}
	}
	due, sealed, failed := s.sum("tandem_recordings_due_total", ""), s.sum("tandem_recordings_made_total", ""), s.sum("tandem_recordings_failed_total", "")
	if due == 0 || due != sealed || failed != 0 {
		t.Errorf("%d recordings were due, %d were made, %d failed", due, sealed, failed)
	}
	for name, n := range map[string]int64{"calls": s.made.Load(), "holds": s.holds.Load(), "transfers": s.moved.Load()} {
		if n == 0 {
			t.Errorf("no %s at all", name)
		}
	}
	if s.sum("tandem_sip_panics_total", "") != 0 {
		t.Error("panics")
	}
}

func newSoak(t *testing.T) *soak {
	t.Helper()
	url := storagetest.NewURL(t)
	s := &soak{t: t, process: run(t, url, t.TempDir()), db: open(t, url), rnd: rand.New(rand.NewPCG(*soakSeed, 0)), far: "7701"} //nolint:gosec // no secret
	quick := atOnce()
	quick.Record, quick.Missed = new(queues.RecordYes), &queues.MissedRule{Threshold: 99}
	q := ask[queues.Queue](s.client, "POST", "/api/v1/queues", map[string]any{"name": "Soak", "settings": quick})
	ask[calls.Number](s.client, "POST", "/api/v1/numbers", map[string]any{"number": "7700", "kind": "queue", "queue_id": q.ID})
	for _, other := range ask[list[queues.Queue]](s.client, "GET", "/api/v1/queues", nil).Items {
		if other.Name == "Phones" {
			ask[queues.Queue](s.client, "PATCH", "/api/v1/queues/"+other.ID.String(), map[string]any{"set": quick})
		}
	}
	var members []string
	for _, ag := range ask[list[queues.AgentView]](s.client, "GET", "/api/v1/agents?limit=500", nil).Items {
		if len(members) == 6 || !strings.HasPrefix(ag.Name, "ag") {
			continue
		}
		p := siptest.New(t, ag.Name)
		ask[queues.AgentView](s.client, "PUT", "/api/v1/agents/"+ag.ID.String(), map[string]any{"name": ag.Name, "device": "sip:" + ag.Name + "@" + p.Addr(), "always_available": true})
		s.answers(p, false)
		members = append(members, ag.ID.String())
	}
	if status, b := s.do("PUT", "/api/v1/queues/"+q.ID.String()+"/members", map[string]any{"agents": members}); status > 299 {
		t.Fatalf("members: %d %s", status, b)
	}
	for _, extension := range []string{"8001", "8002"} {
		p := siptest.New(t, extension)
		signOn(p, s.sip, extension, demoPassword, "3600")
		s.answers(p, true)
	}
	outside := siptest.New(t, "far")
	ask[calls.Number](s.client, "POST", "/api/v1/numbers", map[string]any{"number": s.far, "kind": "address", "address": "sip:far@" + outside.Addr(), "record": true})
	s.answers(outside, false)
	s.supervisor = sit(t, s.base, "supervisor@demo.test")
	return s
}

// chance is true in so many of a hundred cases.
func (s *soak) chance(percent int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rnd.IntN(100) < percent
}

// moment is a random time from now, of at most so long.
func (s *soak) moment(most time.Duration) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(time.Duration(s.rnd.Int64N(int64(most))))
}

const (
	nobody      = "4711" // is no number of ours: calls to it have no record
	longestCall = 12 * time.Second
	longestRing = 1500 * time.Millisecond
)

// call makes calls at the asked rate for so long, with a supervisor who listens to one after another.
func (s *soak) call(long time.Duration) {
	n := max(int(long.Minutes()*float64(*soakRate)), 4)
	tick := time.NewTicker(time.Minute / time.Duration(*soakRate))
	defer tick.Stop()
	where := []string{"7700", "7700", "7700", "1005", "1005", s.far, s.far, "1003", "1000", nobody}
	for i := range n {
		s.people.Go(func() { s.caller(where[i%len(where)]) })
		if i%5 == 4 {
			s.listen()
		}
		<-tick.C
	}
}

// listen has the supervisor monitor a call that goes on.
func (s *soak) listen() {
	rows := ask[list[calls.CallRow]](s.client, "GET", "/api/v1/calls?state=connected&limit=1", nil).Items
	if len(rows) > 0 { // it may be over by now, which the page is told
		s.supervisor.supervise("supervise.start", rows[0].ID.String(), "monitor")
	}
}

// answers lets a telephone answer each call, refuse some, and leave some ringing; desk: it transfers some.
func (s *soak) answers(p *siptest.Phone, desk bool) {
	eachCall(s.t, p, func(c *siptest.Call) { s.called(c, desk) })
}

// settle waits until nothing goes on any more.
func (s *soak) settle() {
	s.t.Helper()
	s.people.Wait()
	for _, gauge := range []string{"tandem_calls_active", "tandem_sip_dialogs_active", "tandem_supervisions_active"} {
		within(s.t, time.Minute, gauge+" 0", func() bool { return s.metric(gauge) == "0" })
	}
	for what, sql := range map[string]string{
		"records of calls": `SELECT count(*) FROM calls WHERE ended_at IS NULL`,
		"offers":           `SELECT count(*) FROM queue_offers WHERE ended_at IS NULL`,
		"recordings":       `SELECT count(*) FROM recordings WHERE state <> 'destroyed'`,
	} {
		within(s.t, 2*time.Minute, "the end of all "+what, func() bool { return count(s.t, s.db, sql) == 0 })
	}
}

// usage is what the program holds.
type usage struct{ goroutines, files, memory float64 }

func (s *soak) usage() usage {
	s.t.Helper()
	return usage{s.number("go_goroutines"), s.number("process_open_fds"), s.number("process_resident_memory_bytes")}
}

// number is the value of a metric without labels.
func (c client) number(name string) float64 {
	c.t.Helper()
	v, err := strconv.ParseFloat(c.metric(name), 64)
	if err != nil {
		c.t.Fatalf("%s: %v", name, err)
	}
	return v
}

// sum adds up a metric over the labels that hold with.
func (c client) sum(name, with string) (sum int) {
	c.t.Helper()
	_, b := c.do("GET", "/metrics", nil)
	for line := range strings.Lines(string(b)) {
		labels, ok := strings.CutPrefix(line, name)
		if !ok || labels == "" || labels[0] != ' ' && labels[0] != '{' || !strings.Contains(labels, with) {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), 64)
		if err != nil {
			c.t.Fatal(fmt.Errorf("%s: %w", name, err))
		}
		sum += int(v)
	}
	return sum
}
