package sip_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/calls"
	"tandem/internal/storage"
	"tandem/media"
	"tandem/sip"
	"tandem/sip/siptest"
)

// another is a second node of the house's cluster; what it counts is its own.
func (h *house) another() (node *sip.Server, reg *prometheus.Registry, stop func()) {
	h.t.Helper()
	ports, err := media.NewRTPPorts(media.RTPConfig{IP: netip.MustParseAddr("127.0.0.1"), MinPort: 39001, MaxPort: 39999})
	if err != nil {
		h.t.Fatal(err)
	}
	reg = prometheus.NewRegistry()
	log := slog.New(slog.DiscardHandler)
	cfg := sip.Config{Listen: sip.Listen{UDP: "127.0.0.1:0"}, RTP: sip.RTP{Ports: ports, Stream: media.StreamConfig{Clock: media.NewClock(), Log: log}}}
	node, err = sip.New(cfg, h.dir, func(_ context.Context, leg calls.Leg, _ calls.Invite) { leg.Hangup(calls.CauseNotFound); <-leg.Done() }, reg, log)
	if err != nil {
		h.t.Fatal(err)
	}
	return node, reg, h.run(node.Run, ports.Run)
}

// guess registers with a password and returns the answer to it, or to the question before; nil: silence.
func guess(p *siptest.Phone, server, user, password string) *gosip.Response {
	c := register(p, server, user, "Expires: 120")
	first, ok := c.TryNext(siptest.Wait / 10).(*gosip.Response)
	if !ok || first.StatusCode != 401 {
		return first
	}
	c.Authorize(first, "REGISTER", user, password, "SHA-256")
	second, _ := c.TryNext(siptest.Wait).(*gosip.Response)
	return second
}

// One user's password, guessed from twenty addresses: soon not even the right one gets in from where that user was never seen, and the answers are
// those for a user who does not exist. The user's own telephone registers all the while, as do others, wherever they are.
func TestGuessingFromEverywhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.phone("8001")
	h.phone("8002")
	own := siptest.NewAt(t, "8001", "127.200.0.1:0")
	if res := guess(own, h.udp, "8001", "demo-demo"); res == nil || res.StatusCode != 200 {
		t.Fatalf("the telephone registers: %v", res)
	}
	var known, unknown []string
	for i := range 20 {
		p := siptest.NewAt(t, "x", fmt.Sprintf("127.201.0.%d:0", i+1))
		known = append(known, shape(guess(p, h.udp, "8001", "guess")))
		unknown = append(unknown, shape(guess(p, h.udp, "nobody", "guess")))
	}
	if a, b := strings.Join(known, "\n"), strings.Join(unknown, "\n"); a != b {
		t.Errorf("a user who exists:\n%s\none who does not:\n%s", a, b)
	}
	if res := guess(siptest.NewAt(t, "8001", "127.201.1.1:0"), h.udp, "8001", "demo-demo"); res == nil || res.StatusCode != 401 {
		t.Errorf("the right password, found after twenty guesses: %v", res)
	}
	if res := guess(own, h.udp, "8001", "demo-demo"); res == nil || res.StatusCode != 200 {
		t.Errorf("the telephone registers again: %v", res)
	}
	if res := guess(siptest.NewAt(t, "8002", "127.201.1.2:0"), h.udp, "8002", "demo-demo"); res == nil || res.StatusCode != 200 {
		t.Errorf("another telephone: %v", res)
	}
	// Who sends with the address of others has no nonce of theirs: they are not shut out for it.
	foreign := register(siptest.NewAt(t, "8001", "127.201.1.3:0"), h.udp, "8001", "Expires: 120").Response(401)
	h.trunk(sip.Trunk{Name: "exchange", Username: "exchange", Networks: []string{"127.201.2.1"}, Enabled: true})
	others := siptest.NewAt(t, "8001", "127.201.2.1:0")
	for range 6 {
		c := register(others, h.udp, "8001", "Expires: 120")
		c.Response(401)
		c.Authorize(foreign, "REGISTER", "8001", "demo-demo", "SHA-256")
		c.Response(401)
	}
}

// Who guesses in the last moment of a node is not forgotten with it.
func TestGuessingUntilTheEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	node, _, stop := h.another()
	for i := range 2 {
		p := siptest.NewAt(t, "x", fmt.Sprintf("127.205.0.%d:0", i+1))
		for range 4 {
			guess(p, node.Addr("udp").String(), "nobody", "guess")
		}
		if i == 0 {
			h.await(`SELECT count(*) = 1 FROM sip_bans`) // and for a while no more
		}
	}
	stop()
	h.await(`SELECT count(*) = 2 FROM sip_bans`)
}

// shape is what somebody can tell an answer by.
func shape(res *gosip.Response) string {
	if res == nil {
		return "silence"
	}
	names := []string{fmt.Sprint(res.StatusCode), res.Reason}
	for _, hd := range res.Headers() {
		names = append(names, hd.Name())
	}
	return strings.Join(names, " ")
}

// Who guesses at one node is refused by the others as well, and by one that starts later, until that is over or somebody lifts it.
func TestGuessersAreKnownToAllNodes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.phone("8001")
	node, reg, _ := h.another()
	second := node.Addr("udp").String()
	p := siptest.NewAt(t, "8001", "127.202.0.1:0")
	for range 20 {
		if guess(p, h.udp, "8001", "guess") == nil {
			break
		}
	}
	waitFor(t, func() bool { return counted(t, reg, "tandem_sip_sources_banned") == 1 })
	if res := guess(p, second, "8001", "demo-demo"); res != nil {
		t.Errorf("the other node answers a guesser: %s", res.StartLine())
	}
	if res := guess(siptest.NewAt(t, "8001", "127.202.0.2:0"), second, "8001", "demo-demo"); res == nil || res.StatusCode != 200 {
		t.Errorf("a telephone at the other node: %v", res)
	}

	bans := h.bans(1)
	if b := bans[0]; b.Source != "127.202.0.1/32" || b.Username != "" || b.Fails != 4 {
		t.Errorf("the ban is %+v", b)
	}
	h.spin(bans[0].ID) // as if they had gone on
	third, _, _ := h.another()
	late := third.Addr("udp").String()
	if res := guess(p, late, "8001", "demo-demo"); res != nil {
		t.Errorf("a node that has just started answers a guesser: %s", res.StartLine())
	}
	ctx := context.Background()
	if err := h.dir.LiftBan(ctx, h.tenant, bans[0].ID); err != nil {
		t.Fatal(err)
	}
	for _, server := range []string{h.udp, second, late} {
		waitFor(t, func() bool { res := guess(p, server, "8001", "demo-demo"); return res != nil && res.StatusCode == 200 })
	}
	h.bans(0)
	if err := h.dir.LiftBan(ctx, h.tenant, bans[0].ID); !errors.Is(err, sip.ErrBanNotFound) {
		t.Errorf("lifting what is over: %v", err)
	}
}

// bans waits for so many.
func (h *house) bans(n int) (found []sip.Ban) {
	h.t.Helper()
	ctx := context.Background()
	waitFor(h.t, func() bool {
		var err error
		found, err = h.dir.Bans(ctx, h.tenant)
		return err == nil && len(found) == n
	})
	return found
}

// spin makes a ban last.
func (h *house) spin(id uuid.UUID) {
	h.t.Helper()
	ctx := context.Background()
	err := h.db.Worker(ctx, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE sip_bans SET until = until + interval '1 hour', changed_at = $2 WHERE ban_id = $1`, id, tx.Now)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// Guessing from behind an address where telephones are registered shuts none of them out.
func TestGuessingBesideATelephone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.phone("8001")
	h.phone("8002")
	desk := siptest.NewAt(t, "8001", "127.204.0.1:0")
	if res := guess(desk, h.udp, "8001", "demo-demo"); res == nil || res.StatusCode != 200 {
		t.Fatalf("the telephone registers: %v", res)
	}
	beside := siptest.NewAt(t, "8002", "127.204.0.1:0")
	var last *gosip.Response
	for range 6 {
		last = guess(beside, h.udp, "8002", "guess")
	}
	if last == nil || last.StatusCode != 403 {
		t.Errorf("who guesses beside it gets %v", last)
	}
	if res := guess(desk, h.udp, "8001", "demo-demo"); res == nil || res.StatusCode != 200 {
		t.Errorf("the telephone registers again: %v", res)
	}
	if b := h.bans(1)[0]; b.Source != "127.204.0.1/32" || b.Username != "8002" {
		t.Errorf("the ban is %+v", b)
	}
}

// Whatever a stranger asks, for numbers and users that exist and that do not, the answers are the same.
func TestNothingToEnumerate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.phone("8001")
	h.trunk(sip.Trunk{Name: "digest", Username: "carrier", Enabled: true})
	for i, method := range []string{"REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE", "MESSAGE", "REFER", "BYE", "INFO", "PUBLISH"} {
		p := siptest.NewAt(t, "x", fmt.Sprintf("127.203.0.%d:0", i+1))
		var seen []string
		for _, user := range []string{"8001", "1003", "carrier", "9999", "nobody"} {
			c := p.Request(method, h.udp, user)
			c.Resend()
			res, _ := c.TryNext(siptest.Wait / 50).(*gosip.Response)
			seen = append(seen, shape(res))
		}
		for _, s := range seen[1:] {
			if s != seen[0] || strings.Contains(s, "Server") || strings.Contains(s, "User-Agent") {
				t.Errorf("%s: %q", method, seen)
				break
			}
		}
	}
}

// A thousand connections of one source, silent or a byte at a time, leave room for others: a telephone elsewhere connects and is answered.
func TestSlowSenders(t *testing.T) {
	h := newHouse(t)
	const most, slow = 1000, 50
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 66, 1)}}
	var conns []net.Conn
	t.Cleanup(func() {
		for _, c := range conns {
			_ = c.Close()
		}
	})
	for range most {
		c, err := from.Dial("tcp", h.tcp)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	waitFor(t, func() bool { return h.count("tandem_sip_dropped_total") >= most/2 })
	for i, b := range []byte("OPTIONS sip:1003@x SIP/2.0\r\nVia: SIP/2.0/TCP x") {
		for _, c := range conns[:slow] {
			if _, err := c.Write([]byte{b}); err != nil {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	}
	ask := "OPTIONS sip:1003@x SIP/2.0\r\nVia: SIP/2.0/TCP x.invalid;branch=z9hG4bK" + siptest.ID(8) +
		"\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:1003@x>\r\nCall-ID: one\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
	if got, _ := overTCP(t, h.tcp, []byte(ask), siptest.Wait); got != 200 {
		t.Errorf("a telephone elsewhere gets %d", got)
	}
}

// Of a flood of INVITEs from one source, ACKs never coming, a bounded number is worked on; a source beside it is served.
func TestFloodOfOneSource(t *testing.T) {
	h := newHouse(t)
	go drain(h.invites)
	go drain(h.legs)
	t.Cleanup(func() { close(h.invites); close(h.legs) })
	const most = 1000
	flood := siptest.NewAt(t, "flood", "127.0.66.1:0")
	for range most {
		flood.Invite(h.udp, "1003", flood.SDP(4000, "", pcmu))
	}
	waitFor(t, func() bool { return h.count("tandem_sip_dropped_total") >= most/2 })
	if n := h.count("tandem_sip_dialogs_active"); n == 0 || n > 250 {
		t.Errorf("%v calls of the flood are worked on", n)
	}
	good := siptest.New(t, "100")
	for range 20 {
		c := good.Invite(h.udp, "1003", good.SDP(4000, "", pcmu))
		c.Response(200)
		c.Ack("")
		c.Send("BYE", "", "")
		c.Response(200)
	}
	if h.count("tandem_sip_panics_total") != 0 {
		t.Error("panics")
	}
}

func counted(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	return (&house{t: t, reg: reg}).count(name)
}
