package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"tandem/internal/storage/storagetest"
	"tandem/media/codec"
	"tandem/sip/siptest"
)

// served is the program in a process of its own, so that what it costs can be told from what the load costs.
type served struct {
	sip, http string
	pid       int
}

func serveForBench(b *testing.B) *served {
	b.Helper()
	dir := b.TempDir()
	bin := filepath.Join(dir, "tandem")
	build := exec.Command("go", "build", "-o", bin, ".")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build the program: %v\n%s", err, out)
	}
	s := &served{sip: freeAddr(b, "udp"), http: freeAddr(b, "tcp")}
	cmd := exec.Command(bin, "serve", "--demo")
	cmd.Env = append(os.Environ(), "TANDEM_HTTP_ADDR="+s.http, "TANDEM_SIP_UDP="+s.sip, "TANDEM_SIP_TCP="+s.sip, "TANDEM_WEBRTC_UDP="+freeAddr(b, "udp"),
		"TANDEM_DATA_DIR="+dir, "TANDEM_DATABASE_URL="+storagetest.NewURL(b), "TANDEM_LOG_LEVEL=error", "TANDEM_DEMO_API_KEY="+testKey)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	s.pid = cmd.Process.Pid
	b.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself, which Wait reports
		_ = cmd.Wait()
		if b.Failed() {
			b.Log(log.String())
		}
	})
	within(b, time.Minute, "the server", func() bool {
		res, err := http.Get("http://" + s.http + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	s.settle(b)
	return s
}

// settle waits until the server has done what it does once after its start.
func (s *served) settle(b *testing.B) {
	b.Helper()
	within(b, time.Minute, "an idle server", func() bool {
		before := s.cpu(b)
		<-time.After(time.Second)
		return s.cpu(b)-before < 100*time.Millisecond
	})
}

func freeAddr(b testing.TB, network string) string {
	b.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().String()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// cpu is the processor time that the server has used, RSS its resident memory (proc(5)).
func (s *served) cpu(b *testing.B) time.Duration {
	b.Helper()
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(s.pid) + "/stat")
	if err != nil {
		b.Fatal(err)
	}
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
	var ticks int64
	for _, v := range f[11:13] {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100
}

func (s *served) rss(b *testing.B) int64 {
	b.Helper()
	statm, err := os.ReadFile("/proc/" + strconv.Itoa(s.pid) + "/statm")
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// uas answers every call to the demo's outside address until stop.
func uas(b *testing.B) (stop func()) {
	p := siptest.NewAt(b, "uas", demoUAS)
	ctx, cancel := context.WithCancel(context.Background())
	var calls sync.WaitGroup
	calls.Go(func() {
		for ctx.Err() == nil {
			c := p.TryAnswer(100 * time.Millisecond)
			if c == nil {
				continue
			}
			v := siptest.NewVoice(b, codec.PCMU)
			c.Reply(c.Invite, 200, "OK", p.SDP(v.Port(), "", "0"))
			v.Send(string(c.Invite.Body()), 620)
			calls.Go(func() {
				defer v.Close()
				for ctx.Err() == nil {
					if req, ok := c.TryNext(time.Second).(*gosip.Request); ok && req.Method == gosip.BYE {
						c.Reply(req, 200, "OK", "")
						return
					}
				}
			})
		}
	})
	return func() { cancel(); calls.Wait() }
}

const (
	benchCalls = 30
	benchHold  = 8 * time.Second
)

// BenchmarkCalls holds calls of SIP to SIP, G.711, both ends sending 50 packets a second, and reports what they cost the server.
func BenchmarkCalls(b *testing.B) {
	s := serveForBench(b)
	defer uas(b)()
	for _, n := range []struct{ name, number string }{{"bridged", "1900"}, {"recorded", "1901"}} {
		b.Run(n.name, func(b *testing.B) {
			for b.Loop() {
				s.hold(b, n.number)
			}
		})
	}
	for _, calls := range []int{20, 100} {
		for _, c := range []codec.Codec{codec.PCMU, codec.Opus} {
			b.Run(fmt.Sprintf("browser-%s-%d", c.Name, calls), func(b *testing.B) {
				for b.Loop() {
					s.holdBrowsers(b, calls, c)
				}
			})
		}
	}
}

// cost reports what a number of calls cost the server during wait.
func (s *served) cost(b *testing.B, calls int, memory int64, wait func()) {
	before, from := s.cpu(b), time.Now()
	wait()
	spent, minutes := s.cpu(b)-before, time.Since(from).Minutes()*float64(calls)
	b.ReportMetric(spent.Seconds()/minutes, "cpu-s/call-min")
	b.ReportMetric(float64(s.rss(b)-memory)/float64(calls)/1024, "kB/call")
	b.ReportMetric(0, "ns/op")
}

func (s *served) hold(b *testing.B, number string) {
	memory := s.rss(b)
	defer s.callIn(b, benchCalls, number)()
	s.cost(b, benchCalls, memory, func() { <-time.After(benchHold) })
}

// callIn sets up calls of SIP phones that speak, until the end.
func (s *served) callIn(b *testing.B, calls int, number string) (end func()) {
	var live []*siptest.Call
	var voices []*siptest.Voice
	for i := range calls {
		p := siptest.New(b, fmt.Sprintf("4930200%04d", i))
		v := siptest.NewVoice(b, codec.PCMU)
		c := p.Invite(s.sip, number, p.SDP(v.Port(), "", "0"))
		answer := c.Response(200)
		c.Ack("")
		v.Send(string(answer.Body()), 440)
		live, voices = append(live, c), append(voices, v)
	}
	return func() {
		for i, c := range live {
			c.Send("BYE", "", "")
			c.Response(200)
			voices[i].Close()
		}
	}
}

// BenchmarkSetups sets calls to the echo number up and down, as fast as a few phones can.
func BenchmarkSetups(b *testing.B) {
	s := serveForBench(b)
	const phones = 20
	work := make(chan struct{})
	var wg sync.WaitGroup
	for i := range phones {
		p := siptest.New(b, fmt.Sprintf("4930300%04d", i))
		wg.Go(func() {
			for range work {
				c := p.Invite(s.sip, "1003", p.SDP(40000, "", "0"))
				c.Response(200)
				c.Ack("")
				c.Send("BYE", "", "")
				c.Response(200)
			}
		})
	}
	before := s.cpu(b)
	for b.Loop() {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "setups/s")
	b.ReportMetric((s.cpu(b)-before).Seconds()*1000/float64(b.N), "cpu-ms/call")
}
