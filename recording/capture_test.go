package recording_test

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/media/codec"
	"tandem/media/sound"
	"tandem/recording"
	"tandem/recording/recordingtest"
)

// delivered waits until the recording is on its ticket and returns its channels; the recording must have one part.
func delivered(t *testing.T, r *recordingtest.Rig, s *shelf, call, id uuid.UUID) ([][]int16, sound.Format) {
	t.Helper()
	r.Link(call, call.String())
	r.Await("destroyed", func() bool { return r.State(id) == recording.Destroyed })
	parts := s.parts(call.String())
	if len(parts) != 1 {
		t.Fatalf("%d parts", len(parts))
	}
	return recordingtest.Join(t, parts[0].data)
}

func start(t *testing.T, r *recordingtest.Rig, kind recording.Kind) (*recording.Recorder, uuid.UUID) {
	t.Helper()
	call := uuid.New()
	rec, err := r.Service.Start(t.Context(), recording.NewRecording{Tenant: r.Tenant, Call: call, Kind: kind})
	if err != nil {
		t.Fatal(err)
	}
	return rec, call
}

func length(sides [][]int16, f sound.Format) time.Duration {
	return time.Duration(len(sides[0])) * time.Second / time.Duration(f.Rate)
}

// With one packet in ten lost the file is as long as the talk, and the tones stay on their sides.
func TestLengthIsTheTalkTimeDespiteLoss(t *testing.T) {
	r := recordingtest.New(t, nil)
	s := newShelf()
	uploader(r, s, recording.UploaderConfig{})
	rec, call := start(t, r, "")
	lose := func(n int) bool { return n*7919%100 < 10 }
	rec.Hear(recording.Customer, recordingtest.NewVoice(t, codec.PCMU, 440, lose).Stream)
	rec.Hear(recording.Agent, recordingtest.NewVoice(t, codec.PCMU, 1000, lose).Stream)
	<-time.After(3 * time.Second)
	talk := rec.Elapsed()
	if err := rec.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := rec.Stop(t.Context()); err != nil {
		t.Fatalf("the second Stop: %v", err)
	}
	sides, f := delivered(t, r, s, call, rec.ID())
	if d := length(sides, f) - talk; d < -40*time.Millisecond || d > 40*time.Millisecond {
		t.Errorf("recorded %v of %v", length(sides, f), talk)
	}
	if f.Encoding != sound.MuLaw || f.Rate != 8000 {
		t.Errorf("format %+v", f)
	}
	checkTones(t, sides, f.Rate, 440, 1000)
	// What was lost is exact silence, whole packets of it.
	silent := 0
	for _, v := range sides[0][4000 : len(sides[0])-4000] {
		if v == 0 {
			silent++
		}
	}
	if share := float64(silent) / float64(len(sides[0])-8000); share < 0.08 || share > 0.13 {
		t.Errorf("%.1f %% of the customer is silence", 100*share)
	}
}

// Hold is exact silence; an agent's other stream with another codec goes on in the same file at the right time.
func TestHoldAndTransfer(t *testing.T) {
	r := recordingtest.New(t, nil)
	s := newShelf()
	uploader(r, s, recording.UploaderConfig{})
	rec, call := start(t, r, "")
	rec.Hear(recording.Customer, recordingtest.NewVoice(t, codec.PCMA, 440, nil).Stream)
	first := recordingtest.NewVoice(t, codec.G722, 1000, nil)
	rec.Hear(recording.Agent, first.Stream)
	step := func() time.Duration {
		<-time.After(900 * time.Millisecond)
		return rec.Elapsed()
	}
	hold := step()
	rec.Unhear(recording.Agent)
	resume := step()
	rec.Hear(recording.Agent, recordingtest.NewVoice(t, codec.PCMU, 1500, nil).Stream)
	step()
	if err := rec.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	rec.Hear(recording.Agent, first.Stream) // too late: nothing happens
	sides, f := delivered(t, r, s, call, rec.ID())
	if f.Encoding != sound.PCM16 || f.Rate != 8000 {
		t.Errorf("format %+v", f)
	}
	at := func(d time.Duration) int { return int(d * 8000 / time.Second) }
	margin := at(60 * time.Millisecond)
	talk, held, back := sides[1][margin:at(hold)-margin], sides[1][at(hold)+margin:at(resume)-margin], sides[1][at(resume)+margin:len(sides[1])-margin]
	if l := recordingtest.Level(talk, 8000, 1000); l < 6000 {
		t.Errorf("first agent at %.0f", l)
	}
	for i, v := range held {
		if v != 0 {
			t.Fatalf("sample %d of the hold is %d", i, v)
		}
	}
	if l, old := recordingtest.Level(back, 8000, 1500), recordingtest.Level(back, 8000, 1000); l < 6000 || old > 100 {
		t.Errorf("second agent at %.0f, first at %.0f", l, old)
	}
	if l := recordingtest.Level(sides[0][margin:len(sides[0])-margin], 8000, 440); l < 6000 {
		t.Errorf("customer at %.0f", l)
	}
}

func TestVoicemailIsMono(t *testing.T) {
	r := recordingtest.New(t, nil)
	s := newShelf()
	uploader(r, s, recording.UploaderConfig{})
	rec, call := start(t, r, recording.KindVoicemail)
	rec.Hear(recording.Customer, recordingtest.NewVoice(t, codec.PCMA, 440, nil).Stream)
	rec.Hear(recording.Agent, recordingtest.NewVoice(t, codec.PCMA, 1000, nil).Stream) // nobody to hear here
	<-time.After(time.Second)
	if err := rec.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	sides, f := delivered(t, r, s, call, rec.ID())
	if f.Channels != 1 || f.Encoding != sound.ALaw || recordingtest.Level(sides[0], f.Rate, 440) < 6000 || recordingtest.Level(sides[0], f.Rate, 1000) > 200 {
		t.Errorf("%+v", f)
	}
}

// A recording with no sample in it makes no attachment, and is told of.
func TestEmptyRecording(t *testing.T) {
	r := recordingtest.New(t, nil)
	s := newShelf()
	uploader(r, s, recording.UploaderConfig{})
	rec, call := start(t, r, "")
	recording.BreakDisk(t, rec, fullDisk(t))
	if err := rec.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Link(call, "t")
	r.Await("destroyed", func() bool { return r.State(rec.ID()) == recording.Destroyed })
	if len(s.attempts()) != 0 {
		t.Error("an empty file was attached")
	}
	var told int
	r.Scan(&told, `SELECT count(*) FROM events WHERE type IN ('recording.sealed', 'recording.delivered')`)
	if told != 2 {
		t.Errorf("%d events", told)
	}
}

// fullDisk has no room (ENOSPC).
func fullDisk(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// unsynced takes every write, and cannot say that it is on a disk: it is a pipe.
func unsynced(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return w
}

// tooShort takes less than it is given, then nothing: a pipe that nobody empties, and that does not wait.
func tooShort(t *testing.T) *os.File {
	t.Helper()
	var p [2]int
	if err := syscall.Pipe2(p[:], syscall.O_NONBLOCK|syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(p[0]) })
	// Filled but for a little, which a write of some thousand bytes does not fit in.
	if _, _, no := syscall.Syscall(syscall.SYS_FCNTL, uintptr(p[1]), syscall.F_SETPIPE_SZ, 4096); no != 0 {
		t.Fatal(no)
	}
	f := os.NewFile(uintptr(p[1]), "pipe")
	if err := f.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	return f
}

// A disk that fails ends the capture, not the call; what was on it for certain reaches the ticket, marked as incomplete from there.
func TestDiskThatFails(t *testing.T) {
	for name, broken := range map[string]func(*testing.T) *os.File{"full": fullDisk, "does not sync": unsynced, "writes too little": tooShort} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := recordingtest.New(t, nil)
			s := newShelf()
			uploader(r, s, recording.UploaderConfig{})
			rec, call := start(t, r, "")
			rec.Hear(recording.Customer, recordingtest.NewVoice(t, codec.PCMU, 440, nil).Stream)
			rec.Hear(recording.Agent, recordingtest.NewVoice(t, codec.PCMU, 1000, nil).Stream)
			r.Await("a second on disk", func() bool {
				var n int
				r.Scan(&n, `SELECT count(*) FROM recording_chunks`)
				return n >= 4
			})
			recording.BreakDisk(t, rec, broken(t))
			r.Await("told while the call goes on", func() bool {
				var n int
				r.Scan(&n, `SELECT count(*) FROM events WHERE type = 'recording.incomplete'`)
				return n == 1
			})
			if err := rec.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			sides, f := delivered(t, r, s, call, rec.ID())
			var incomplete bool
			var from int64
			r.Scan(&incomplete, `SELECT incomplete FROM recordings`)
			r.Scan(&from, `SELECT incomplete_at FROM recordings`)
			if got := length(sides, f); !incomplete || got < 900*time.Millisecond || from != int64(len(sides[0])*f.BlockAlign()) {
				t.Errorf("incomplete %v from byte %d, %v is left", incomplete, from, got)
			}
			if n := counted(t, r, "tandem_recordings_failed_total"); n != 1 {
				t.Errorf("%v failures", n)
			}
		})
	}
}

// From 95 % on nothing new is recorded, and what runs goes on; the call is told, and so is whoever reads the metrics.
func TestNoRoom(t *testing.T) {
	var used atomic.Int64
	r := recordingtest.New(t, func(c *recording.Config) {
		c.Used = func(string) (float64, error) { return float64(used.Load()) / 100, nil }
	})
	used.Store(94)
	rec, _ := start(t, r, "")
	used.Store(95)
	if _, err := r.Service.Start(t.Context(), recording.NewRecording{Tenant: r.Tenant, Call: uuid.New()}); !errors.Is(err, recording.ErrFull) || r.Service.HasRoom() {
		t.Errorf("with 95 %% used: %v", err)
	}
	if err := rec.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	sweep(t, r)
	for metric, want := range map[string]float64{
		"tandem_recording_spool_used_ratio": 0.95, "tandem_recordings_due_total": 2, "tandem_recordings_made_total": 1, "tandem_recordings_unmade": 1,
	} {
		if got := counted(t, r, metric); got != want {
			t.Errorf("%s is %v, want %v", metric, got, want)
		}
	}
}

// counted is the value of a metric, over all its labels.
func counted(t *testing.T, r *recordingtest.Rig, name string) (sum float64) {
	t.Helper()
	families, err := r.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		found = true
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	if !found {
		t.Errorf("no metric %s", name)
	}
	return sum
}

func TestDueAndMadeAreCounted(t *testing.T) {
	r := recordingtest.New(t, nil)
	s := newShelf()
	r.Run(recording.NewUploader(r.Service, s, recording.UploaderConfig{Metrics: r.Registry, Poll: 20 * time.Millisecond}).Run)
	call := uuid.New()
	id := made(t, r, call)
	_, _ = start(t, r, "")
	sweep(t, r)
	for name, want := range map[string]float64{
		"tandem_recordings_due_total": 2, "tandem_recordings_made_total": 1, "tandem_recordings_waiting": 2, "tandem_recordings_missing": 0, "tandem_recordings_failed_total": 0,
	} {
		if got := counted(t, r, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if age := counted(t, r, "tandem_recording_oldest_seconds"); age < 1 || age > 60 {
		t.Errorf("the oldest is %v s old", age)
	}
	r.Link(call, "t")
	r.Await("destroyed", func() bool { return r.State(id) == recording.Destroyed })
	if n := counted(t, r, "tandem_recording_uploads_total"); n != 1 {
		t.Errorf("%v uploads", n)
	}
}

// Run may be ended at any instant; what was being recorded then is sealed by the next start, as truncated.
func TestStopAndStartAtAnyInstant(t *testing.T) {
	r := recordingtest.New(t, nil)
	rec, call := start(t, r, "")
	rec.Hear(recording.Customer, recordingtest.NewVoice(t, codec.PCMU, 440, nil).Stream)
	<-time.After(1200 * time.Millisecond)
	r.Stop()
	if _, err := r.Service.Start(t.Context(), recording.NewRecording{Tenant: r.Tenant, Call: call}); !errors.Is(err, recording.ErrClosed) {
		t.Errorf("Start after the end: %v", err)
	}
	for i := range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*3*time.Millisecond)
		s, err := recording.New(r.Config())
		if err != nil {
			t.Fatal(err)
		}
		u := recording.NewUploader(s, newShelf(), recording.UploaderConfig{})
		done := make(chan error, 1)
		go func() { done <- u.Run(ctx) }()
		if err := s.Run(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("the uploader's Run: %v", err)
		}
		cancel()
	}
	r.Restart(nil)
	r.Await("sealed", func() bool { return r.State(rec.ID()) != recording.Capturing })
	list, err := r.Service.Waiting(t.Context(), r.Tenant, uuid.Nil, 10)
	if err != nil || len(list) != 1 || !list[0].Truncated || list[0].Seconds < 0.5 {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := r.Service.Waiting(t.Context(), uuid.New(), uuid.Nil, 10); err != nil || len(list) != 0 {
		t.Errorf("another tenant sees %+v, %v", list, err)
	}
}

// The first ticket stays: a call has one.
func TestRecordingKeepsItsTicket(t *testing.T) {
	r := recordingtest.New(t, nil)
	s := newShelf()
	call := uuid.New()
	id := made(t, r, call)
	r.Link(call, "first")
	r.Link(call, "second")
	uploader(r, s, recording.UploaderConfig{})
	r.Await("destroyed", func() bool { return r.State(id) == recording.Destroyed })
	if len(s.parts("first")) != 1 {
		t.Error("not on its first ticket")
	}
}

// What it costs to record 50 calls, tap to disk, PostgreSQL counted apart: all record the same two voices.
func BenchmarkCapture(b *testing.B) {
	r := recordingtest.New(b, nil)
	customer, agent := recordingtest.NewVoice(b, codec.PCMU, 440, nil), recordingtest.NewVoice(b, codec.PCMU, 1000, nil)
	const calls, lasting = 50, 5 * time.Second
	for b.Loop() {
		var all []*recording.Recorder
		for range calls {
			rec, err := r.Service.Start(b.Context(), recording.NewRecording{Tenant: r.Tenant, Call: uuid.New()})
			if err != nil {
				b.Fatal(err)
			}
			rec.Hear(recording.Customer, customer.Stream)
			rec.Hear(recording.Agent, agent.Stream)
			all = append(all, rec)
		}
		before := used(b)
		<-time.After(lasting)
		b.ReportMetric((used(b)-before).Seconds()/(calls*lasting.Minutes()), "cpu-s/call-min")
		for _, rec := range all {
			if err := rec.Stop(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
}
