package recording_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/media/codec"
	"tandem/recording"
	"tandem/recording/recordingtest"
)

// made records a second of two voices; many tests need no more than some recording.
func made(t *testing.T, r *recordingtest.Rig, call uuid.UUID) uuid.UUID {
	t.Helper()
	return r.Record(call, time.Second, recordingtest.NewVoice(t, codec.PCMU, 440, nil), recordingtest.NewVoice(t, codec.PCMU, 1000, nil))
}

func failure(c recording.Class) error {
	return &recording.SendError{Class: c, Err: errors.New("the CRM is unwell")}
}

func TestThrottledAndUnauthorisedTenantsArePark(t *testing.T) {
	for _, c := range []struct {
		class       recording.Class
		after       time.Duration
		least, most time.Duration
	}{
		{recording.ClassThrottled, 0, time.Minute, 61 * time.Second},
		{recording.ClassThrottled, 10 * time.Minute, 10 * time.Minute, 10*time.Minute + time.Second},
		{recording.ClassThrottled, 1000 * time.Hour, 6 * time.Hour, 6*time.Hour + time.Second},
		{recording.ClassUnauthorized, 0, time.Hour, time.Hour + time.Second},
	} {
		r := recordingtest.New(t, nil)
		s := newShelf()
		s.misbehave(misdeed{before: &recording.SendError{Class: c.class, RetryAfter: c.after, Err: errors.New("not now")}})
		call := uuid.New()
		id := made(t, r, call)
		uploader(r, s, recording.UploaderConfig{})
		began := r.Now()
		r.Link(call, "t")
		var until time.Time
		r.Await("parked", func() bool {
			var n int
			r.Scan(&n, `SELECT count(*) FROM recording_lanes`)
			return n == 1
		})
		r.Scan(&until, `SELECT parked_until FROM recording_lanes`)
		if d := until.Sub(began); d < c.least || d > c.most+10*time.Second {
			t.Errorf("%s %v: parked for %v", c.class, c.after, d)
		}
		list, err := r.Service.Waiting(context.Background(), r.Tenant, uuid.Nil, 10)
		if err != nil || len(list) != 1 || list[0].LastError == "" || list[0].NextTryAt == nil || list[0].NextTryAt.Before(until.Add(-time.Second)) || !list[0].HasTicket {
			t.Errorf("shown: %+v, %v", list, err)
		}
		if len(s.attempts()) != 1 {
			t.Errorf("%d attempts while parked", len(s.attempts()))
		}
		r.Skew(until.Sub(began) + time.Second)
		r.Await("destroyed", func() bool { return r.State(id) == recording.Destroyed })
	}
}

func TestTooLargeIsCutSmaller(t *testing.T) {
	r := recordingtest.New(t, nil)
	s := newShelf()
	s.misbehave(misdeed{before: failure(recording.ClassTooLarge)})
	call := uuid.New()
	id := r.Record(call, 3*time.Second, recordingtest.NewVoice(t, codec.G722, 440, nil), recordingtest.NewVoice(t, codec.G722, 1000, nil))
	uploader(r, s, recording.UploaderConfig{})
	r.Link(call, "t")
	r.Await("destroyed", func() bool { return r.State(id) == recording.Destroyed })
	if n := len(s.parts("t")); n < 2 || n > 3 {
		t.Errorf("%d parts", n)
	}
}

func TestQuarantine(t *testing.T) {
	r := recordingtest.New(t, nil)
	s := newShelf()
	s.misbehave(misdeed{}, misdeed{before: failure(recording.ClassRejected)})
	call := uuid.New()
	id := made(t, r, call)
	uploader(r, s, recording.UploaderConfig{MaxPart: 13_058})
	r.Link(call, "t")
	r.Await("quarantine", func() bool { return r.State(id) == recording.Quarantined })
	list, err := r.Service.Waiting(context.Background(), r.Tenant, uuid.Nil, 10)
	if err != nil || len(list) != 1 || list[0].State != recording.Quarantined || list[0].Confirmed != 1 || list[0].LastError == "" {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := r.Service.TryNow(context.Background(), r.Tenant, id); err != nil {
		t.Fatal(err)
	}
	r.Await("destroyed", func() bool { return r.State(id) == recording.Destroyed })
	if n := len(s.parts("t")); n != 2 {
		t.Errorf("%d parts", n)
	}
	if err := r.Service.TryNow(context.Background(), r.Tenant, id); !errors.Is(err, recording.ErrStep) {
		t.Errorf("released twice: %v", err)
	}
}

func TestTicketThatIsGoneIsLeft(t *testing.T) {
	r := recordingtest.New(t, nil)
	s := newShelf()
	s.misbehave(misdeed{before: failure(recording.ClassGone)})
	call := uuid.New()
	id := made(t, r, call)
	uploader(r, s, recording.UploaderConfig{})
	r.Link(call, "old")
	r.Await("unlinked", func() bool {
		var n int
		r.Scan(&n, `SELECT count(*) FROM events WHERE type = 'recording.unlinked'`)
		return n == 1
	})
	r.Link(call, "new")
	r.Await("destroyed", func() bool { return r.State(id) == recording.Destroyed })
	if len(s.parts("old")) != 0 || len(s.parts("new")) != 1 {
		t.Error("not on the new ticket")
	}
}

// Recordings of one ticket go in the order they were made; a ticket that is slow holds up no other.
func TestOrderPerTicket(t *testing.T) {
	r := recordingtest.New(t, nil)
	s := newShelf()
	var ids []uuid.UUID
	calls := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	for _, c := range calls {
		ids = append(ids, made(t, r, c))
	}
	s.misbehave(misdeed{before: &recording.SendError{Class: recording.ClassRetry, RetryAfter: time.Hour, Err: errors.New("later")}})
	r.Link(calls[0], "slow")
	uploader(r, s, recording.UploaderConfig{Workers: 1})
	r.Await("the first attempt", func() bool { return len(s.attempts()) == 1 })
	r.Link(calls[1], "slow")
	r.Link(calls[2], "other")
	r.Await("the other ticket's", func() bool { return r.State(ids[2]) == recording.Destroyed })
	if st := r.State(ids[1]); st != recording.Planned || len(s.parts("slow")) != 0 {
		t.Errorf("the second of the slow ticket overtook: %s", st)
	}
	r.Skew(61 * time.Minute)
	r.Await("the slow ticket's", func() bool { return r.State(ids[1]) == recording.Destroyed && r.State(ids[0]) == recording.Destroyed })
	names := s.attempts()
	if i, j := slices.IndexFunc(names[1:], has(ids[0])), slices.IndexFunc(names[1:], has(ids[1])); i > j {
		t.Errorf("order %v", names)
	}
}

func has(id uuid.UUID) func(string) bool {
	return func(name string) bool { return bytes.Contains([]byte(name), []byte(id.String())) }
}

// A worker that slept through its lease changes nothing when it wakes up, even with a success in its hand.
func TestSleepingWorkerIsFenced(t *testing.T) {
	r := recordingtest.New(t, nil)
	s := &sleepy{shelf: newShelf(), asleep: make(chan struct{}), wake: make(chan struct{})}
	call := uuid.New()
	id := made(t, r, call)
	uploader(r, s, recording.UploaderConfig{MaxPart: 13_058})
	r.Link(call, "t")
	<-s.asleep
	r.Skew(5 * time.Minute) // the lease has run out
	r.Await("destroyed by the other worker", func() bool { return r.State(id) == recording.Destroyed })
	var before int64
	r.Scan(&before, `SELECT sum(epoch) FROM recording_parts`)
	close(s.wake)
	r.Await("the sleeper", func() bool { return s.ended() })
	if n := len(s.parts("t")); n != 2 {
		t.Errorf("%d parts", n)
	}
	var state string
	r.Scan(&state, `SELECT string_agg(state || crm_id, ',') FROM recording_parts WHERE part = 1`)
	if state != "confirmed"+s.parts("t")[0].id {
		t.Errorf("part 1 is %s", state)
	}
}

// sleepy sleeps in its first attempt, and stores nothing in it.
type sleepy struct {
	*shelf
	asleep, wake chan struct{}
	slept, done  bool
}

func (s *sleepy) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

func (s *sleepy) Find(ctx context.Context, p recording.Part) ([]recording.Attachment, error) {
	s.mu.Lock()
	first := !s.slept && len(s.tickets[p.Ticket]) == 1
	s.slept = s.slept || first
	s.mu.Unlock()
	if first {
		close(s.asleep)
		<-s.wake
		defer func() {
			s.mu.Lock()
			s.done = true
			s.mu.Unlock()
		}()
	}
	return s.shelf.Find(ctx, p)
}

// Seven days with a dead CRM: warned on days 1, 3, 5 and 6, destroyed an hour before the seventh day ends, and readable by nobody.
func TestPurgeAtTheDeadline(t *testing.T) {
	ctx := context.Background()
	r := recordingtest.New(t, nil)
	id := made(t, r, uuid.New())
	began := r.Now()
	warned := func() (days []int) {
		r.Scan(&days, `SELECT coalesce(array_agg((data->>'days')::int ORDER BY seq), '{}') FROM events WHERE type = 'recording.delayed'`)
		return days
	}
	var want []int
	for hour := 0; hour < 7*24-1; hour += 6 {
		if hour > 0 {
			r.Skew(6 * time.Hour)
		}
		if err := r.Service.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		if hour/24*24 == hour && slices.Contains([]int{1, 3, 5, 6}, hour/24) {
			want = append(want, hour/24)
		}
		if got := warned(); !slices.Equal(got, want) {
			t.Fatalf("after %d hours warned on %v, want %v", hour, got, want)
		}
	}
	r.Skew(began.Add(7*24*time.Hour - time.Hour - 2*time.Minute).Sub(r.Now()))
	sweep(t, r)
	if st := r.State(id); st != recording.Sealed {
		t.Fatalf("%s before its time", st)
	}
	r.Skew(3 * time.Minute)
	sweep(t, r)
	if st := r.State(id); st != recording.Expired {
		t.Fatalf("%s after its time", st)
	}
	var left int
	r.Scan(&left, `SELECT count(*) FROM recordings WHERE wrapped_key IS NOT NULL OR erased_at IS NULL`)
	if left != 0 {
		t.Error("the key is left")
	}
	if keys, err := r.Keys.Epochs(); err != nil || len(keys) != 1 {
		t.Errorf("the day's key is gone before the day's last recording is: %v %v", keys, err)
	}
	r.Skew(25 * time.Hour)
	sweep(t, r)
	if keys, err := r.Keys.Epochs(); err != nil || len(keys) != 0 {
		t.Errorf("the day's key is left: %v %v", keys, err)
	}
}

func sweep(t *testing.T, r *recordingtest.Rig) {
	t.Helper()
	if err := r.Service.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// A node whose clock alone jumps a month ahead destroys nothing; one that jumps back extends no life.
func TestClockJumpsDestroyNothingEarly(t *testing.T) {
	var second func() time.Time
	r := recordingtest.New(t, func(c *recording.Config) {
		c.Second = func(context.Context) (time.Time, error) { return second(), nil }
	})
	second = time.Now
	id := made(t, r, uuid.New())
	r.Skew(30 * 24 * time.Hour)
	sweep(t, r)
	r.Skew(-60 * 24 * time.Hour)
	sweep(t, r)
	if st := r.State(id); st != recording.Sealed {
		t.Fatalf("%s after clock jumps", st)
	}
	second = func() time.Time { return time.Now().Add(7*24*time.Hour - 30*time.Minute) }
	sweep(t, r)
	if st := r.State(id); st != recording.Expired {
		t.Errorf("%s although a week has passed", st)
	}
}
