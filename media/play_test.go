package media

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media/codec"
	"tandem/media/sound"
)

// asset is a tone of so many frames, with marks at frames.
func asset(t testing.TB, frames int, marks map[string]int) *sound.Asset {
	t.Helper()
	at := map[string]time.Duration{}
	for name, n := range marks {
		at[name] = time.Duration(n) * frameTime
	}
	a, err := sound.NewAsset(sound.PCM{Rate: 8000, Samples: sine(8000, frames*160, 600)}, at)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// frameOf tells which frame of the asset a payload is, -1 for silence.
func frameOf(a *sound.Asset, c codec.Codec, payload []byte) int {
	return slices.IndexFunc(a.Frames(c), func(f []byte) bool { return slices.Equal(f, payload) })
}

func TestSoundPlaysEveryFrameOnTime(t *testing.T) {
	for _, c := range codec.Available() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, finish := newWorld(t)
				defer finish()
				p := w.join(c)
				a := asset(t, 25, nil)
				done := make(chan time.Time, 1)
				start := time.Now()
				p.Play(Sound(a, SoundOptions{Done: func() { done <- time.Now() }}))
				took := (<-done).Sub(start)
				synctest.Wait()
				if took < a.Duration() || took > a.Duration()+2*frameTime {
					t.Errorf("done after %v, the sound lasts %v", took, a.Duration())
				}
				got := p.port.take()
				contiguous(t, got, uint32(c.ClockRate/50))
				first := slices.IndexFunc(got, func(p Packet) bool { return slices.Equal(p.Payload, a.Frames(c)[0]) })
				if first < 0 || len(got) < first+25 {
					t.Fatalf("%d packets, sound begins at %d", len(got), first)
				}
				if !got[first].Marker {
					t.Error("the sound begins without a marker")
				}
				for i, f := range a.Frames(c) {
					if !slices.Equal(got[first+i].Payload, f) {
						t.Fatalf("packet %d is not frame %d", first+i, i)
					}
				}
				if len(got) > first+25 && !slices.Equal(got[first+25].Payload, silence(c)) {
					t.Error("after the end there is no silence")
				}
			})
		})
	}
}

func TestMarksReplaceExactlyTheirFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		p := w.join(codec.PCMU)
		first, second := asset(t, 20, map[string]int{"early": 0, "half": 7, "bridge": 12, "never": 15}), asset(t, 5, nil)
		// Different sounds must have different frames for this test to see anything.
		if frameOf(first, codec.PCMU, second.Frames(codec.PCMU)[0]) >= 0 {
			second, _ = sound.NewAsset(sound.PCM{Rate: 8000, Samples: sine(8000, 800, 1711)}, nil)
		}
		var passed []string
		p.Play(Sound(first, SoundOptions{
			Done: func() { passed = append(passed, "done") },
			Marks: map[string]func(){
				"early": func() { passed = append(passed, "early") },
				"half":  func() { passed = append(passed, "half") },
				"bridge": func() {
					passed = append(passed, "bridge")
					p.Play(Sound(second, SoundOptions{Done: func() { passed = append(passed, "second") }}))
				},
				"never":  func() { passed = append(passed, "never") },
				"absent": func() { passed = append(passed, "absent") },
			},
		}))
		time.Sleep(time.Second)
		synctest.Wait()
		got := p.port.take()
		contiguous(t, got, 160)
		from := slices.IndexFunc(got, func(p Packet) bool { return frameOf(first, codec.PCMU, p.Payload) == 0 })
		for i := range 12 {
			if !slices.Equal(got[from+i].Payload, first.Frames(codec.PCMU)[i]) {
				t.Errorf("packet %d is not frame %d of the first sound", from+i, i)
			}
		}
		for i := range 5 {
			if !slices.Equal(got[from+12+i].Payload, second.Frames(codec.PCMU)[i]) {
				t.Errorf("packet %d is not frame %d of the second sound", from+12+i, i)
			}
		}
		if want := []string{"early", "half", "bridge", "second"}; !slices.Equal(passed, want) {
			t.Errorf("called %v, want %v", passed, want)
		}
	})
}

func TestLoopRepeatsWithItsMarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		p := w.join(codec.PCMA)
		a := asset(t, 10, map[string]int{"start": 0, "end": 10})
		starts, ends := 0, 0
		p.Play(Sound(a, SoundOptions{Loop: true, Done: func() { t.Error("a loop is never done") }, Marks: map[string]func(){
			"start": func() { starts++ }, "end": func() { ends++ },
		}}))
		time.Sleep(35 * frameTime)
		synctest.Wait()
		got := p.port.take()
		for i, pkt := range got {
			if !slices.Equal(pkt.Payload, a.Frames(codec.PCMA)[i%10]) {
				t.Fatalf("packet %d is not frame %d", i, i%10)
			}
		}
		if starts != 4 || ends != 3 {
			t.Errorf("passed its start %d times, its end %d times, want 4 and 3", starts, ends)
		}
	})
}

func TestBroadcastIsLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		music, err := sound.NewLoop(sound.HoldMusic())
		if err != nil {
			t.Fatal(err)
		}
		early, late, other := w.join(codec.PCMU), w.join(codec.PCMU), w.join(codec.G722)
		src := Broadcast(music)
		early.Play(src)
		time.Sleep(3 * time.Second)
		late.Play(src)
		other.Play(src)
		early.port.take()
		late.port.take()
		other.port.take()
		time.Sleep(time.Second)
		synctest.Wait()
		position := func(p *party, c codec.Codec) int {
			got := p.port.take()
			contiguous(t, got, 160)
			return frameOf(music, c, got[len(got)-1].Payload)
		}
		e, l, o := position(early, codec.PCMU), position(late, codec.PCMU), position(other, codec.G722)
		if e < 0 || l < e-1 || l > e+1 || o < e-1 || o > e+1 {
			t.Errorf("positions %d, %d and %d differ by more than the phase", e, l, o)
		}
	})
}

func TestSilenceGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		p := w.joinFormat(Format{Codec: codec.PCMU, Ptime: 30 * time.Millisecond}, StreamConfig{})
		time.Sleep(3 * time.Second)
		synctest.Wait()
		got := p.port.take()
		contiguous(t, got, 240)
		if len(got) < 99 || len(got) > 100 || len(got[0].Payload) != 240 || got[0].Payload[0] != codec.MuLawSilence {
			t.Errorf("%d packets of %d bytes in 3 s, want 100 of 240", len(got), len(got[0].Payload))
		}
	})
}

// Streams whose frames are much work do not hold up those of other shards, but for the frame by which the clock finds out.
func TestSlowStreamsHoldUpNoOthers(t *testing.T) {
	if len(NewClock().shards) < 2 {
		t.Skip("one processor has one shard")
	}
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		slow := w.join(codec.PCMU)
		synctest.Wait()
		other := w.join(codec.PCMU) // on the next shard
		var late, last time.Duration
		var slower bool
		var begun, over atomic.Bool
		slow.port.watch(func(*Packet) {
			if slower = !slower; slower && !over.Load() {
				time.Sleep(15 * time.Millisecond)
			}
		})
		other.port.watch(func(*Packet) {
			now := Now()
			if begun.Load() {
				late = max(late, now-last)
			}
			last = now
		})
		time.Sleep(200 * time.Millisecond)
		begun.Store(true)
		time.Sleep(2 * time.Second)
		over.Store(true)
		time.Sleep(100 * time.Millisecond) // nothing is held up while they end
		synctest.Wait()
		if late != frameTime {
			t.Errorf("the other stream's frames are up to %s apart", late)
		}
	})
}

// A port whose Send is held up stands for a machine that does not get to run.
func TestClockCatchesUpThenSkips(t *testing.T) {
	tests := []struct {
		name    string
		held    time.Duration
		skipped int
	}{
		{"a little late: caught up", 60 * time.Millisecond, 0},
		{"very late: skipped", 500 * time.Millisecond, 22},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, finish := newWorld(t)
				defer finish()
				p := w.join(codec.PCMU)
				var hold atomic.Bool
				p.port.watch(func(*Packet) {
					if hold.CompareAndSwap(true, false) {
						time.Sleep(tt.held)
					}
				})
				time.Sleep(time.Second)
				p.port.take()
				hold.Store(true)
				time.Sleep(2 * time.Second)
				synctest.Wait()
				got := p.port.take()
				contiguous(t, got, 160)
				if missing := 100 - len(got); missing < tt.skipped-1 || missing > tt.skipped+1 {
					t.Errorf("%d of 100 frames are missing, want about %d", missing, tt.skipped)
				}
				// A frame more at each end of the 2 s, and one because skipping rounds up to whole frames.
				if span := got[len(got)-1].Timestamp - got[0].Timestamp; span < 98*160 || span > 102*160 {
					t.Errorf("timestamps advanced by %d in 2 s", span)
				}
			})
		})
	}
}

// Clock and stream end whenever they are cancelled, and leave nothing behind.
func TestCancelAtAnyInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for delay := range 30 {
			ctx, cancel := context.WithCancel(context.Background())
			clock := NewClock()
			s := NewStream(newMemPort(), StreamConfig{Clock: clock})
			s.Negotiate(Format{Codec: codec.PCMU}, SendRecv)
			done := make(chan error, 2)
			go func() { done <- clock.Run(ctx) }()
			go func() { done <- s.Run(ctx) }()
			time.Sleep(time.Duration(delay) * time.Millisecond)
			cancel()
			for range 2 {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			if clock.count.Load() != 0 {
				t.Fatal("a stream stayed on the clock")
			}
		}
	})
}
