package media

import (
	"sync"
	"testing"

	"tandem/media/codec"
)

// Everything that a call may do to two streams while their peers talk; the race detector is the judge, and that it ends.
func TestEverythingAtOnce(t *testing.T) {
	w, finish := newWorld(t)
	a, _ := w.joinControl(codec.PCMU)
	b, _ := w.joinControl(codec.G722)
	prompt := asset(t, 3, map[string]int{"one": 1})
	formats := []Format{
		{Codec: codec.PCMU, EventType: 101}, {Codec: codec.PCMA, PayloadType: 8}, {Codec: codec.G722, PayloadType: 9, EventType: 101, Ptime: 3 * frameTime / 2},
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	loop := func(f func(i int)) {
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					f(i)
				}
			}
		})
	}
	for _, p := range []*party{a, b} {
		loop(func(i int) {
			p.talk.pt = []uint8{0, 8, 9, 101}[i%4]
			p.says(p.talk.packet(make([]byte, 160)))
		})
	}
	loop(func(i int) {
		tap := NewTap(4)
		remove := a.AddTap(tap)
		tap.Read(func(*Packet, Format) {})
		remove()
		a.InjectDigit(rune('0' + i%10))
		a.digits()
	})
	loop(func(i int) {
		b.SendDigits("5")
		b.SetMuted(i%2 == 0)
		b.PeerReport(PeerReport{LossShare: 0.1})
		if q := a.Quality(); q.In.MOS > 4.5 {
			t.Errorf("quality %+v", q)
		}
		b.MediaLost()
		b.LastHeard()
	})
	for i := range 600 {
		switch i % 5 {
		case 0:
			bridge(a, b)
		case 1:
			a.Negotiate(formats[i%3], SendRecv)
		case 2:
			b.Negotiate(formats[(i+1)%3], []Direction{SendRecv, SendOnly, Inactive}[i%3])
		case 3:
			Apply(map[*Stream]Source{b.Stream: Echo(), a.Stream: Sound(prompt, SoundOptions{
				Marks: map[string]func(){"one": func() { b.Play(Silence()) }}, Done: func() { bridge(a, b) },
			})})
		case 4:
			b.Play(Broadcast(prompt))
		}
		a.says(nil) // lets the others run
	}
	close(stop)
	all.Wait()
	finish()
	if len(a.listeners.list()) > 0 || len(b.listeners.list()) > 0 {
		t.Error("an ended stream is still listened to by another ended stream")
	}
}
