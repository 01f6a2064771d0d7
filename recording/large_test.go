package recording_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/media/sound"
	"tandem/recording"
	"tandem/recording/recordingtest"
)

// meter is a CRM that keeps nothing of its parts but their sizes and one checksum of all their audio, and looks at the process's memory meanwhile.
type meter struct {
	mu    sync.Mutex
	sizes map[string]int64
	order []int64
	audio hash.Hash
	heap  uint64 // largest seen, bytes
}

func newMeter() *meter { return &meter{sizes: map[string]int64{}, audio: sha256.New()} }

func (m *meter) Limits(context.Context, uuid.UUID) (recording.Limits, error) {
	return recording.Limits{}, nil
}

func (m *meter) Attach(_ context.Context, p recording.Part, r io.Reader) (recording.Confirmation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w, err := sound.NewReader(r)
	if err != nil {
		return recording.Confirmation{}, err
	}
	audio := w.Payload()
	header := p.Size - w.Declared()
	sum, err := m.audio.(hash.Cloner).Clone() // what is cut off in the middle does not count
	n := int64(0)
	for err == nil {
		var some int64
		some, err = io.CopyN(sum, audio, 16<<20)
		n += some
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		m.heap = max(m.heap, now.HeapInuse)
	}
	if !errors.Is(err, io.EOF) {
		return recording.Confirmation{}, err
	}
	m.audio = sum
	m.sizes[p.Name] = n + header
	m.order = append(m.order, n+header)
	return recording.Confirmation{}, nil
}

func (m *meter) Find(_ context.Context, p recording.Part) ([]recording.Attachment, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if size, ok := m.sizes[p.Name]; ok {
		return []recording.Attachment{{ID: p.Name, Name: p.Name, Size: size}}, nil
	}
	return nil, nil
}

func (m *meter) Remove(context.Context, recording.Part, recording.Attachment) error { return nil }

// deliver forges a recording and takes it all the way.
func deliver(t testing.TB, r *recordingtest.Rig, m *meter, payload int64) (same bool) {
	t.Helper()
	call := uuid.New()
	id, sum := recording.Forge(t, r.Service, r.Tenant, call, payload)
	runtime.GC()
	r.Link(call, call.String())
	limit, tick := time.After(10*time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for r.State(id) != recording.Destroyed {
		select {
		case <-limit:
			t.Fatal("not delivered")
		case <-tick.C:
		}
	}
	return [32]byte(m.audio.Sum(nil)) == sum
}

// 70 MB become 50 and 20, exactly 50,000,000 bytes stay one part; joined they are what was recorded, and it takes little memory.
func TestLargeRecordings(t *testing.T) {
	const header = 58 // of a WAV file in mu-law
	for _, c := range []struct {
		payload int64
		parts   []int64
	}{
		{70_000_000 - 2*header, []int64{50_000_000, 20_000_000}},
		{50_000_000 - header, []int64{50_000_000}},
		{50_000_000 - header + 2, []int64{50_000_000, header + 2}},
	} {
		r := recordingtest.New(t, nil)
		m := newMeter()
		r.Run(recording.NewUploader(r.Service, m, recording.UploaderConfig{Poll: 20 * time.Millisecond}).Run)
		if !deliver(t, r, m, c.payload) {
			t.Errorf("%d bytes: the parts do not join", c.payload)
		}
		if !slices.Equal(m.order, c.parts) {
			t.Errorf("%d bytes become parts of %v, want %v", c.payload, m.order, c.parts)
		}
		if m.heap > 64<<20 {
			t.Errorf("%d bytes took %d MB of memory", c.payload, m.heap>>20)
		}
		r.Stop()
	}
}

// One recording of 2 GB, from the end of the call to the last trace.
func BenchmarkTwoGigabytes(b *testing.B) {
	r := recordingtest.New(b, nil)
	b.SetBytes(2_000_000_000)
	for b.Loop() {
		m := newMeter()
		stop := r.Run(recording.NewUploader(r.Service, m, recording.UploaderConfig{}).Run)
		if !deliver(b, r, m, 2_000_000_000) {
			b.Error("the parts do not join")
		}
		stop()
		b.ReportMetric(float64(m.heap)/1e6, "heap-MB")
		b.ReportMetric(float64(len(m.order)), "parts")
	}
}

// Recordings of three minutes (G.711, stereo: 2.9 MB), from the end of the call to the last trace, PostgreSQL counted apart.
func BenchmarkDelivery(b *testing.B) {
	r := recordingtest.New(b, nil)
	m := newMeter()
	const at = 50
	for b.Loop() {
		b.StopTimer()
		for range at {
			call := uuid.New()
			recording.Forge(b, r.Service, r.Tenant, call, 180*16_000)
			r.Link(call, call.String())
		}
		before := used(b)
		b.StartTimer()
		stop := r.Run(recording.NewUploader(r.Service, m, recording.UploaderConfig{}).Run)
		r.Await("all", func() bool {
			var left int
			r.Scan(&left, `SELECT count(*) FROM recordings WHERE state <> 'destroyed'`)
			return left == 0
		})
		stop()
		b.ReportMetric((used(b)-before).Seconds()*1000/at, "cpu-ms/recording")
	}
	b.ReportMetric(float64(b.N*at)/b.Elapsed().Seconds()*3600, "recordings/h")
}

// used is the processor time of this process.
func used(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
