package faultrun

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/recording/crmsim"
)

// The checker finds what is wrong: processes that break a promise on purpose, and a world that was tampered with.
func TestCheckerFinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, want string
		mutant     mutant
		tamper     func(r *Run)
	}{
		{"an uploader that deletes before the CRM has confirmed", "I2: call 0: 0 files", hasty, nil},
		{"an uploader that sends twice", "I2: call 0: part 1 stands at place 2", doubling, nil},
		{"an uploader that sends in the wrong order", "I2: call 0: part 1 stands at place", reversing, nil},
		{"a recording in the clear on the disk", "I5: ", spilling, nil},
		{"a copy that is kept", "I3: ", hoarding, nil},
		{"seconds that are exchanged", "I1: call 0: side 0: a second is", mangling, nil},
		{"a key that is left", "I3: call 0: its key is left", "", func(r *Run) { r.tell(`UPDATE recordings SET wrapped_key = 'x'`) }},
		{"an event that is missing", "I6: call 0: the log tells", "", func(r *Run) { r.tell(`DELETE FROM events WHERE type = 'recording.destroyed'`) }},
		{"a number in the log", "I6: call 0: the log holds personal data", "", func(r *Run) {
			r.tell(`UPDATE events SET data = data || '{"caller": "+49891234560000"}' WHERE type = 'recording.sealed'`)
		}},
		{"a removal that comes late", "I3: call 0: removed", "", func(r *Run) { r.tell(`UPDATE recordings SET erased_at = erased_at + interval '2 minutes'`) }},
		{"a removal that comes early", "I3: call 0: removed", "", func(r *Run) { r.tell(`UPDATE recordings SET erased_at = started_at`) }},
		{"a recording that is not there", "I1: call 0: there is no recording", "", func(r *Run) { r.tell(`UPDATE recordings SET call_id = tenant_id`) }},
		{"a call that was longer", "I1: call 0: ", "", func(r *Run) { r.talks[0].ended = r.talks[0].ended.Add(3 * time.Second) }},
		{"a deadline that was missed", "I4: call 0: it is destroyed", "", func(r *Run) { r.talks[0].want = expired }},
		{"a file that is gone too early", "I3: call 0: its file was gone", "", func(r *Run) { r.watched.gone[r.found(r.talks[0]).ID.String()] = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, storagetest.NewURL(t), 2, 1)
			r.cfg.Mutant = c.mutant
			r.start("", 0)
			r.speak()
			broken := r.finish()
			if c.mutant == "" && len(broken) > 0 {
				t.Fatalf("broken before anything was done: %q", broken)
			}
			if c.tamper != nil {
				c.tamper(r)
				broken = r.check()
			}
			if !strings.Contains("\n"+strings.Join(broken, "\n"), "\n"+c.want) {
				t.Errorf("found %q, want %s…", broken, c.want)
			}
		})
	}
}

func (r *Run) tell(sql string) {
	r.t.Helper()
	err := r.db.Worker(r.t.Context(), func(tx *storage.Tx) error {
		_, err := tx.Exec(r.t.Context(), "SET LOCAL ROLE postgres")
		if err == nil {
			_, err = tx.Exec(r.t.Context(), sql)
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// The watcher of the disk sees a file that is gone while the CRM is still asked about its part.
func TestWatcherSeesEarlyRemoval(t *testing.T) {
	t.Parallel()
	r := newRun(t, storagetest.NewURL(t), 1, 1)
	id := r.found(r.failing("", 0, crmsim.Fault{Op: crmsim.OpAttach, Do: crmsim.Refuse, Status: 500, Times: 1})).ID.String()
	if err := os.Rename(filepath.Join(r.cfg.Spool, id+".rec"), filepath.Join(r.dir, "hidden")); err != nil {
		t.Fatal(err)
	}
	r.until("the next look", func() bool {
		r.watched.mu.Lock()
		defer r.watched.mu.Unlock()
		return r.watched.gone[id]
	})
}

// The tones tell order, gaps and repetitions.
func TestTones(t *testing.T) {
	t.Parallel()
	speech := func(seconds ...int) (pcm []int16) {
		for _, s := range seconds {
			pcm = append(pcm, sine(tone(3, 0, s))...)
		}
		return pcm
	}
	for _, c := range []struct {
		name    string
		pcm     []int16
		healthy bool
	}{
		{"whole", speech(0, 1, 2, 3), true},
		{"longer than there are tones", speech(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21), true},
		{"second missing", speech(0, 1, 3), false},
		{"first missing", speech(1, 2), false},
		{"second twice", speech(0, 1, 1, 2), false},
		{"exchanged", speech(0, 2, 1, 3), false},
		{"silence", append(speech(0, 1), make([]int16, 8000)...), false},
	} {
		if wrong := faultsOf(heard(c.pcm, 8000, 0), 3, 2); (len(wrong) == 0) != c.healthy {
			t.Errorf("%s: %q", c.name, wrong)
		}
	}
}

func sine(hz float64) (pcm []int16) {
	for i := range 8000 {
		pcm = append(pcm, int16(8000*math.Sin(2*math.Pi*hz*float64(i)/8000)))
	}
	return pcm
}
