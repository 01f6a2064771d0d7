package sip_test

import (
	"crypto/tls"
	mrand "math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/gorilla/websocket"

	"tandem/calls"
	"tandem/sip"
	"tandem/sip/siptest"
)

// Bridged calls of which one side or we hang up at a random moment: every leg ends, and nothing stays behind.
func TestRandomEnds(t *testing.T) {
	h := newHouse(t)
	callee := siptest.New(t, "uas")
	h.setFar("sip:uas@" + callee.Addr())
	const n = 60
	go drain(h.invites)
	ended := make(chan calls.Leg, 2*n)
	collect := func(ch <-chan calls.Leg, ours bool) {
		for leg := range ch {
			if ours && mrand.IntN(3) == 0 {
				time.AfterFunc(time.Duration(mrand.IntN(30))*time.Millisecond, func() { leg.Hangup(calls.CauseEndedByUs) })
			}
			ended <- leg
		}
	}
	go collect(h.legs, true)
	go collect(h.dialed, false)
	t.Cleanup(func() { close(h.legs); close(h.dialed); close(h.invites) })

	stop := make(chan struct{})
	var far sync.WaitGroup
	far.Go(func() { answerAtRandom(callee, stop) })
	var work sync.WaitGroup
	for i := range n {
		p := siptest.New(t, strconv.Itoa(i))
		work.Go(func() { callAtRandom(p, h.udp) })
	}
	work.Wait()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 400 {
		if h.count("tandem_sip_dialogs_active") == 0 {
			break
		}
		<-tick.C
	}
	close(stop)
	far.Wait()
	if left := h.count("tandem_sip_dialogs_active"); left != 0 {
		t.Fatalf("%v dialogs are left", left)
	}
	for len(ended) > 0 {
		leg := <-ended
		select {
		case <-leg.Done():
		case <-time.After(siptest.Wait):
			t.Fatalf("a leg has not ended (%s)", leg.Direction())
		}
	}
	if h.count("tandem_sip_panics_total") != 0 {
		t.Error("panics")
	}
}

func drain[T any](ch <-chan T) {
	for range ch { // thrown away
	}
}

func answerAtRandom(p *siptest.Phone, stop <-chan struct{}) {
	var talking sync.WaitGroup
	defer talking.Wait()
	for {
		c := p.TryAnswer(50 * time.Millisecond)
		if c == nil {
			select {
			case <-stop:
				return
			default:
				continue
			}
		}
		switch mrand.IntN(4) {
		case 0:
			c.Reply(c.Invite, 486, "Busy Here", "")
		case 1:
			c.Reply(c.Invite, 180, "Ringing", "")
			talking.Go(func() { c.Obey(false) })
		default:
			c.Reply(c.Invite, 180, "Ringing", "")
			c.Reply(c.Invite, 200, "OK", p.SDP(4000, "", pcmu))
			leave := mrand.IntN(2) == 0
			talking.Go(func() { c.Obey(leave) })
		}
	}
}

// callAtRandom calls 1900 and leaves somehow, at some time.
func callAtRandom(p *siptest.Phone, server string) {
	c := p.Invite(server, "1900", p.SDP(4000, "", pcmu))
	leave := time.After(time.Duration(mrand.IntN(40)) * time.Millisecond)
	over := time.After(3 * time.Second)
	answered, left := false, false
	for {
		select {
		case <-over:
			return
		case <-leave:
			left = true
			if answered {
				c.Send("BYE", "", "")
			} else {
				c.Cancel()
			}
		default:
		}
		switch m := c.TryNext(10 * time.Millisecond).(type) {
		case *gosip.Response:
			switch {
			case m.CSeq().MethodName == gosip.BYE:
				return
			case m.CSeq().MethodName != gosip.INVITE || m.StatusCode < 200:
			case m.StatusCode < 300:
				first := !answered
				answered = true
				c.Learn(m)
				c.Ack("")
				if left && first {
					c.Send("BYE", "", "")
				}
			default:
				c.AckRefusal(m)
				return
			}
		case *gosip.Request:
			if m.Method == gosip.BYE {
				c.Reply(m, 200, "OK", "")
				return
			}
		}
	}
}

// TLS, WebSocket and secure WebSocket listeners answer.
func TestOtherTransports(t *testing.T) {
	cert := siptest.Certificate(t)
	h := newHouse(t, func(cfg *sip.Config) {
		cfg.Listen.TLS, cfg.Listen.WS, cfg.Listen.WSS = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
		cfg.Listen.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	})
	trust := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the test's own certificate
	ask := func(transport string) string {
		return strings.Join([]string{
			"OPTIONS sip:1003@x SIP/2.0", "Via: SIP/2.0/" + transport + " client.invalid;branch=z9hG4bK" + siptest.ID(8), "From: <sip:a@b>;tag=1",
			"To: <sip:1003@x>", "Call-ID: " + siptest.ID(8), "CSeq: 1 OPTIONS", "Max-Forwards: 70", "Content-Length: 0", "", "",
		}, "\r\n")
	}
	conn, err := tls.Dial("tcp", h.srv.Addr("tls").String(), trust)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(siptest.Wait))
	buf := make([]byte, 4096)
	if _, err := conn.Write([]byte(ask("TLS"))); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(buf); err != nil || status(buf[:n]) != 200 {
		t.Errorf("TLS: %q, %v", buf[:n], err)
	}
	for network, scheme := range map[string]string{"ws": "ws://", "wss": "wss://"} {
		d := websocket.Dialer{Subprotocols: []string{"sip"}, TLSClientConfig: trust}
		ws, _, err := d.Dial(scheme+h.srv.Addr(network).String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = ws.SetReadDeadline(time.Now().Add(siptest.Wait))
		if err := ws.WriteMessage(websocket.TextMessage, []byte(ask(strings.ToUpper(network)))); err != nil {
			t.Fatal(err)
		}
		if _, msg, err := ws.ReadMessage(); err != nil || status(msg) != 200 {
			t.Errorf("%s: %q, %v", network, msg, err)
		}
		_ = ws.Close()
	}
}

// A message sent a byte at a time, and one in three pieces with another behind it, are read all the same.
func TestStreamPieces(t *testing.T) {
	h := newHouse(t)
	conn, err := net.Dial("tcp", h.tcp)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(siptest.Wait))
	ask := func(id string) string {
		return "OPTIONS sip:1003@x SIP/2.0\r\nv: SIP/2.0/TCP c.invalid;branch=z9hG4bK" + siptest.ID(8) + "\r\nf: <sip:a@b>;tag=1\r\nt: <sip:1003@x>\r\ni: " + id +
			"\r\nCSeq: 1 OPTIONS\r\nl: 0\r\n\r\n"
	}
	for _, b := range []byte(ask("one")) {
		if _, err := conn.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	two := "\r\n\r\n" + ask("two") + ask("three")
	for _, piece := range []string{two[:40], two[40:200], two[200:]} {
		if _, err := conn.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	got := ""
	buf := make([]byte, 4096)
	for strings.Count(got, "SIP/2.0 200") < 3 {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		got += string(buf[:n])
	}
}

// BenchmarkCallSetup sets up and ends calls through the whole of sip: INVITE, 200, ACK, BYE, 200, with a leg and its RTP port.
func BenchmarkCallSetup(b *testing.B) {
	h := newHouse(b)
	go drain(h.invites)
	go drain(h.legs)
	b.Cleanup(func() { close(h.invites); close(h.legs) })
	p := siptest.New(b, "100")
	sdp := p.SDP(4000, "", pcmu)
	for b.Loop() {
		c := p.Invite(h.udp, "1003", sdp)
		c.Response(200)
		c.Ack("")
		c.Send("BYE", "", "")
		c.Response(200)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
