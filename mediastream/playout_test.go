package mediastream

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tandem/media"
)

func names(marks []placedMark) (out []string) {
	for _, m := range marks {
		out = append(out, m.name)
	}
	return out
}

func TestPlayout(t *testing.T) {
	var p playout
	var f [frameBytes]byte
	p.add(bytes.Repeat([]byte{1}, 2*frameBytes))
	if now, ok := p.mark("a", nil); now || !ok {
		t.Fatalf("a mark behind audio is due at once")
	}
	p.add(bytes.Repeat([]byte{2}, 10))
	p.mark("b", nil)
	for i, want := range []struct {
		first  byte
		last   byte
		ok     bool
		passed string
	}{{1, 1, true, ""}, {1, 1, true, ""}, {2, ulawSilence, true, "a"}, {0, 0, false, "b"}, {0, 0, false, ""}} {
		ok, marks := p.frame(&f)
		if ok != want.ok || ok && (f[0] != want.first || f[frameBytes-1] != want.last) || len(marks) > 0 != (want.passed != "") || len(marks) > 0 && marks[0].name != want.passed {
			t.Errorf("frame %d: %v, %d…%d, marks %v; want %+v", i, ok, f[0], f[frameBytes-1], names(marks), want)
		}
	}
	if now, _ := p.mark("c", nil); !now {
		t.Errorf("a mark behind nothing is not due at once")
	}
}

// A piece that is shorter than a frame waits one frame for its rest.
func TestPlayoutWaitsForTheRest(t *testing.T) {
	var p playout
	var f [frameBytes]byte
	p.add(bytes.Repeat([]byte{1}, 100))
	if ok, _ := p.frame(&f); ok {
		t.Fatal("a piece was played before its rest could come")
	}
	p.add(bytes.Repeat([]byte{1}, 60))
	if ok, _ := p.frame(&f); !ok || f[frameBytes-1] != 1 {
		t.Fatal("a frame in two pieces is not played")
	}
	p.add([]byte{1})
	p.frame(&f)
	if ok, _ := p.frame(&f); !ok || f[0] != 1 || f[1] != ulawSilence {
		t.Fatal("the last piece is not played")
	}
}

func TestPlayoutClearAndLimits(t *testing.T) {
	var p playout
	var f [frameBytes]byte
	p.add(make([]byte, 1000))
	p.mark("a", nil)
	p.mark("b", nil)
	if got := names(p.clear()); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("clear gives back %v", got)
	}
	if ok, marks := p.frame(&f); ok || len(marks) > 0 {
		t.Error("something is played after clear")
	}
	if refused := p.add(make([]byte, maxBuffered+7)); refused != 7 {
		t.Errorf("%d bytes were refused, want 7", refused)
	}
	for i := range maxMarks {
		if _, ok := p.mark(strconv.Itoa(i), nil); !ok {
			t.Fatalf("mark %d is refused", i)
		}
	}
	if now, ok := p.mark("too many", nil); now || ok {
		t.Error("marks are not bounded")
	}
}

// Whatever a bot does, each byte is played once and in order, and each mark comes once, in order, and not before its audio.
func TestPlayoutProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var p playout
		var f [frameBytes]byte
		var want []byte // what is to be played
		next, due := byte(0), []string{}
		placed := map[string]int{} // bytes that were to be played before
		played, skipped := 0, 0
		pass := func(marks []placedMark) {
			for _, m := range marks {
				if len(due) == 0 || due[0] != m.name || placed[m.name] > played+skipped {
					rt.Fatalf("mark %s came when %v were due", m.name, due)
				}
				due = due[1:]
			}
		}
		for i := range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 5).Draw(rt, "step") {
			case 0, 1:
				piece := make([]byte, rapid.IntRange(0, 500).Draw(rt, "bytes"))
				for j := range piece {
					piece[j] = next
					next = (next + 1) % 200
				}
				want = append(want, piece...)
				p.add(piece)
			case 2:
				name := strconv.Itoa(i)
				if now, _ := p.mark(name, nil); !now {
					due, placed[name] = append(due, name), played+skipped+len(want)
				} else if len(want) > 0 {
					rt.Fatal("a mark was due before its audio")
				}
			case 3:
				skipped += len(want)
				want = nil
				pass(p.clear())
			default:
				ok, marks := p.frame(&f)
				pass(marks)
				if ok {
					n := min(len(want), frameBytes)
					if !bytes.Equal(f[:n], want[:n]) {
						rt.Fatal("audio is played out of order")
					}
					want, played = want[n:], played+n
				}
			}
		}
		for range 200 {
			ok, marks := p.frame(&f)
			pass(marks)
			if n := min(len(want), frameBytes); ok {
				want, played = want[n:], played+n
			}
		}
		if len(due) > 0 || len(want) > 0 {
			rt.Fatalf("%d bytes and the marks %v are left", len(want), due)
		}
	})
}

// A bot that says two seconds in one message is heard for two seconds, frame by frame, and its mark comes at the end.
func TestPortPaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var at []time.Duration
		var sequence []uint16
		marked := time.Duration(0)
		began := time.Now()
		p := newPort(func([]placedMark) { mu.Lock(); marked = time.Since(began); mu.Unlock() }, func(int) {})
		p.play.add(make([]byte, 100*frameBytes))
		p.play.mark("end", nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = p.Run(ctx, func(pkt *media.Packet) {
				mu.Lock()
				defer mu.Unlock()
				at, sequence = append(at, time.Since(began)), append(sequence, pkt.Sequence)
			})
		}()
		time.Sleep(3 * time.Second)
		cancel()
		<-done
		if len(at) != 100 || at[99]-at[0] < 1900*time.Millisecond || at[99]-at[0] > 2*time.Second {
			t.Fatalf("%d frames were heard, from %v to %v", len(at), at[0], at[len(at)-1])
		}
		for i := 1; i < len(sequence); i++ {
			if sequence[i] != sequence[i-1]+1 {
				t.Fatalf("packet %d follows %d", sequence[i], sequence[i-1])
			}
		}
		if marked < at[99] || marked > at[99]+3*frameTime {
			t.Errorf("the mark came at %v, the last frame at %v", marked, at[99])
		}
	})
}

// A bot that does not read loses what it does not read, and holds nobody up.
func TestPortNeverBlocks(t *testing.T) {
	lost := 0
	p := newPort(func([]placedMark) {}, func(n int) { lost += n })
	pkt := &media.Packet{Payload: make([]byte, frameBytes)}
	for range outRoom + 10 {
		if err := p.Send(pkt); err != nil {
			t.Fatal(err)
		}
	}
	if lost != 10 {
		t.Errorf("%d frames were lost, want 10", lost)
	}
	if n := testing.AllocsPerRun(100, func() { _ = p.Send(pkt) }); n != 0 {
		t.Errorf("sending allocates %v times", n)
	}
	if err := p.Send(&media.Packet{Payload: make([]byte, 5*frameBytes)}); err == nil {
		t.Error("a packet that is too long is taken")
	}
}
