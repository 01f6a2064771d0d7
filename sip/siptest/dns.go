package siptest

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// DNS is a resolver that knows these records, each a line of a zone file, by UDP and TCP; it ends with the test.
func DNS(t testing.TB, records ...string) *net.Resolver {
	t.Helper()
	var zone []dns.RR
	for _, line := range records {
		r, err := dns.NewRR(line)
		if err != nil {
			t.Fatalf("record %q: %v", line, err)
		}
		zone = append(zone, r)
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	streams, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve := func(s *dns.Server, limit int) {
		s.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			answer := new(dns.Msg).SetReply(q)
			for _, r := range zone {
				if h := r.Header(); h.Rrtype == q.Question[0].Qtype && strings.EqualFold(h.Name, q.Question[0].Name) {
					answer.Answer = append(answer.Answer, r)
				}
			}
			answer.Truncate(limit)
			_ = w.WriteMsg(answer) // who gets none asks again
		})
		up, done := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		go func() {
			defer close(done)
			_ = s.ActivateAndServe()
		}()
		<-up
		t.Cleanup(func() {
			_ = s.Shutdown()
			<-done
		})
	}
	serve(&dns.Server{PacketConn: packets}, dns.MinMsgSize)
	serve(&dns.Server{Listener: streams}, dns.MaxMsgSize)
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		addr := packets.LocalAddr()
		if strings.HasPrefix(network, "tcp") {
			addr = streams.Addr()
		}
		return new(net.Dialer).DialContext(ctx, addr.Network(), addr.String())
	}}
}
