package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"tandem/internal/storage/storagetest"
	"tandem/sip/siptest"
)

// A trunk's address sends five times the INVITEs that the program can take, and no ACK; calls from another one succeed all the same, at least 99 of a
// hundred, and memory stays bounded (security bar 5).
func TestFlood(t *testing.T) {
	p := run(t, storagetest.NewURL(t), t.TempDir())
	good := make([]*siptest.Phone, 4)
	for i := range good {
		good[i] = siptest.New(t, fmt.Sprintf("+4930800%04d", i))
	}
	const calls = 200
	began := time.Now()
	if n := succeed(good, p.sip, calls); n != calls {
		t.Fatalf("%d of %d calls succeed without a flood", n, calls)
	}
	capacity := int(calls / time.Since(began).Seconds())
	before := p.resident(t)

	ctx, stop := context.WithCancel(context.Background())
	var flooding sync.WaitGroup
	var sent atomic.Int64
	flooding.Go(func() { flood(ctx, t, p.sip, 5*capacity, &sent) })
	within(t, 20*time.Second, "the flood to be refused", func() bool { return p.sum("tandem_sip_dropped_total", "overload") > 0 })
	n := succeed(good, p.sip, calls)
	stop()
	flooding.Wait()
	t.Logf("%d of %d calls beside a flood of %d INVITEs, %d a second; memory %d MB, %d before", n, calls, sent.Load(), 5*capacity, p.resident(t)>>20, before>>20)
	if n < calls*99/100 {
		t.Errorf("%d of %d calls succeed", n, calls)
	}
	if grown := p.resident(t) - before; grown > 256<<20 {
		t.Errorf("memory grew by %d MB", grown>>20)
	}
	if p.sum("tandem_sip_panics_total", "") != 0 {
		t.Error("panics")
	}
}

func (p *process) resident(t testing.TB) int64 {
	t.Helper()
	return int64(p.number("process_resident_memory_bytes"))
}

// flood sends INVITEs from an address of its own until ctx ends. Nobody reads what comes back.
func flood(ctx context.Context, t *testing.T, server string, perSecond int, sent *atomic.Int64) {
	to, err := net.ResolveUDPAddr("udp4", server)
	if err != nil {
		t.Error(err)
		return
	}
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 66, 1)}, to)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	sdp := "v=0\r\no=- 1 1 IN IP4 127.0.66.1\r\ns=-\r\nc=IN IP4 127.0.66.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
	invite := strings.Join([]string{
		"INVITE sip:1003@" + server + " SIP/2.0", "Via: SIP/2.0/UDP " + conn.LocalAddr().String() + ";branch=z9hG4bK%[1]d", "Max-Forwards: 70", "From: <sip:flood@x>;tag=%[1]d",
		"To: <sip:1003@x>", "Call-ID: flood-%[1]d", "CSeq: 1 INVITE", "Contact: <sip:flood@" + conn.LocalAddr().String() + ">", "Content-Type: application/sdp",
		fmt.Sprintf("Content-Length: %d", len(sdp)), "", sdp,
	}, "\r\n")
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ctx.Err() == nil; <-tick.C {
		for due := int64(time.Since(began).Seconds() * float64(perSecond)); sent.Load() < due; {
			_, _ = fmt.Fprintf(conn, invite, sent.Add(1)) // whom it does not reach it does not hurt
		}
	}
}

// succeed makes calls, each phone one after another, and says how many were answered and ended in order.
func succeed(phones []*siptest.Phone, server string, calls int) int {
	var ok atomic.Int64
	var work sync.WaitGroup
	for _, p := range phones {
		work.Go(func() {
			for range calls / len(phones) {
				if complete(p, server) {
					ok.Add(1)
				}
			}
		})
	}
	work.Wait()
	return int(ok.Load())
}

// complete is one call as a telephone makes it: what is not answered is sent again, for 32 s at most (RFC 3261 17.1.1).
func complete(p *siptest.Phone, server string) bool {
	c := p.Invite(server, "1003", p.SDP(40000, "", "0"))
	res := answerTo(c, gosip.INVITE)
	if res == nil || !res.IsSuccess() {
		return false
	}
	c.Learn(res)
	c.Ack("")
	c.Send("BYE", "", "")
	res = answerTo(c, gosip.BYE)
	return res != nil && res.IsSuccess()
}

func answerTo(c *siptest.Call, method gosip.RequestMethod) *gosip.Response {
	wait := gosip.T1
	for end := time.Now().Add(64 * gosip.T1); time.Now().Before(end); {
		switch res, ok := c.TryNext(wait).(*gosip.Response); {
		case !ok:
			c.Resend()
			wait *= 2
		case res.CSeq().MethodName == method && res.StatusCode >= 200:
			return res
		case res.CSeq().MethodName == gosip.INVITE && res.IsSuccess():
			c.Ack("") // the one before was lost
		}
	}
	return nil
}
