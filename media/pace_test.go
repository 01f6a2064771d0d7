package media

import (
	"net"
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	for _, c := range []struct {
		name    string
		packets []int // in each paceSpan
		want    []bool
	}{
		{"few packets wake the loop", []int{0, 10, tickFrom - 1}, []bool{false, false, false}},
		{"many wait for the tick", []int{tickFrom, 1000}, []bool{true, true}},
		{"a few less do not change it", []int{tickFrom, tickBelow, tickBelow - 1}, []bool{true, true, false}},
		{"silence ends it", []int{1000, 0}, []bool{true, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p pace
			for i, n := range c.packets {
				now := time.Duration(i) * paceSpan
				if p.after(n, now+paceSpan/2) != p.ticking {
					t.Fatal("the answer is not the state")
				}
				if got := p.after(0, now+paceSpan); got != c.want[i] {
					t.Errorf("after span %d with %d packets: ticking %v, want %v", i, n, got, c.want[i])
				}
			}
		})
	}
}

func TestPaceCountsByTime(t *testing.T) {
	var p pace
	if p.after(tickFrom, 100*paceSpan) {
		t.Error("as many packets as one span needs, in a hundred spans, make the loop tick")
	}
}

// Everything is read whatever the pace, which follows what comes, and a reader that waits ends with the Pacer.
func TestPacerReadsAll(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	far, err := net.Dial("udp", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var n, all int
	buf := make([]byte, 10)
	p, err := NewPacer(func(fd uintptr) bool {
		for {
			if _, _, errno := ReceiveFrom(int(fd), buf); errno != 0 {
				return n > 0
			}
			n++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	look := func() int {
		n = 0
		if err := p.Read(raw, false); err != nil {
			t.Fatal(err)
		}
		if err := p.Found(n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	sent := 0
	send := func(packets int) {
		for range packets {
			if _, err := far.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		for sent += packets; all < sent; {
			all += look()
		}
	}
	send(1)
	for begun := time.Now(); !p.ticking; send(100) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("it never ticks")
		}
	}
	for begun := time.Now(); p.ticking; {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("it ticks though nothing comes")
		}
		look()
	}
	send(1)
	for !p.ticking {
		send(100)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for p.Read(raw, false) == nil {
		}
	}()
	p.Close()
	<-ended
}
