package recording_test

import (
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"tandem/media/codec"
	"tandem/recording"
	"tandem/recording/recordingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func uploader(r *recordingtest.Rig, d recording.Destination, cfg recording.UploaderConfig) (stop func()) {
	if cfg.Base == 0 {
		cfg.Base = 10 * time.Millisecond
	}
	cfg.Poll = 20 * time.Millisecond
	return r.Run(recording.NewUploader(r.Service, d, cfg).Run)
}

// From two voices to the ticket, and nothing left: left is the customer, right the agent, in parts that join without a gap.
func TestRecordSplitDeliverDestroy(t *testing.T) {
	r := recordingtest.New(t, nil)
	shelf := newShelf()
	uploader(r, shelf, recording.UploaderConfig{MaxPart: 100_000})
	call := uuid.New()
	const talk = 4 * time.Second
	began := time.Now()
	id := r.Record(call, talk, recordingtest.NewVoice(t, codec.G722, 440, nil), recordingtest.NewVoice(t, codec.G722, 1000, nil))
	length := time.Since(began)
	r.Link(call, "ticket1")
	r.Await("destroyed", func() bool { return r.State(id) == recording.Destroyed })

	parts := shelf.parts("ticket1")
	if len(parts) < 3 {
		t.Fatalf("%d parts", len(parts))
	}
	var files [][]byte
	for i, p := range parts {
		if len(p.data) > 100_000 || i < len(parts)-1 && len(p.data) < 99_990 {
			t.Errorf("part %d has %d bytes", i+1, len(p.data))
		}
		files = append(files, p.data)
	}
	sides, f := recordingtest.Join(t, files...)
	if f.Channels != 2 || f.Rate != 16000 {
		t.Fatalf("format %+v", f)
	}
	got := time.Duration(len(sides[0])) * time.Second / time.Duration(f.Rate)
	if got < talk-40*time.Millisecond || got > length+40*time.Millisecond { // Start and Stop write to the database within length
		t.Errorf("recorded %v of %v to %v", got, talk, length)
	}
	checkTones(t, sides, f.Rate, 440, 1000)
	left, err := os.ReadDir(r.Dir)
	if err != nil || len(left) != 1 { // the lock
		t.Errorf("left in the spool: %v %v", left, err)
	}
	var keys int
	r.Scan(&keys, `SELECT count(*) FROM recordings WHERE wrapped_key IS NOT NULL`)
	if keys != 0 {
		t.Errorf("%d keys left", keys)
	}
}

func checkTones(t *testing.T, sides [][]int16, rate int, left, right float64) {
	t.Helper()
	for second := 0; second+1 < len(sides[0])/rate; second++ {
		l, r := sides[0][second*rate:(second+1)*rate], sides[1][second*rate:(second+1)*rate]
		if a, b := recordingtest.Level(l, rate, left), recordingtest.Level(l, rate, right); a < 3000 || b > a/50 {
			t.Errorf("second %d left: own tone %.0f, other %.0f", second, a, b)
		}
		if a, b := recordingtest.Level(r, rate, right), recordingtest.Level(r, rate, left); a < 3000 || b > a/50 {
			t.Errorf("second %d right: own tone %.0f, other %.0f", second, a, b)
		}
	}
}
