package sip_test

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/calls"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/media"
	"tandem/sip"
	"tandem/sip/siptest"
)

// house is a real server with a directory and media, and a small switchboard of the test's: 1003 echoes, 1900 bridges to the address
// in far, 1008 rings until told otherwise, 1011 sounds before it answers, "full" is over capacity; anything else is unknown.
type house struct {
	t       testing.TB
	srv     *sip.Server
	dir     *sip.Directory
	db      *storage.DB
	tenant  uuid.UUID
	reg     *prometheus.Registry
	udp     string
	tcp     string
	mu      sync.Mutex
	far     string
	invites chan calls.Invite
	legs    chan calls.Leg
	dialed  chan calls.Leg
	there   map[string]bool // agents' phones, as the directory has told; guarded by mu
}

// presence hears of agents' phones.
func (h *house) presence(_ context.Context, _ *storage.Tx, _, _ uuid.UUID, device string, there bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.there[device] = there
	return nil
}

func newHouse(t testing.TB, change ...func(*sip.Config)) *house {
	t.Helper()
	db := storagetest.New(t)
	log := slog.New(slog.DiscardHandler)
	bus, err := events.NewBus(events.BusConfig{}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	h := &house{
		t: t, db: db, tenant: storagetest.Tenant(t, db, "demo"), reg: prometheus.NewRegistry(),
		invites: make(chan calls.Invite, 64), legs: make(chan calls.Leg, 64), dialed: make(chan calls.Leg, 64), there: map[string]bool{},
	}
	keys, err := storage.OpenKeys(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	h.dir = sip.NewDirectory(db, bus, events.NewLog(bus), keys, log, "tandem", "test", h.presence)
	ports, err := media.NewRTPPorts(media.RTPConfig{IP: netip.MustParseAddr("127.0.0.1"), MinPort: 31000, MaxPort: 39000})
	if err != nil {
		t.Fatal(err)
	}
	clock := media.NewClock()
	cfg := sip.Config{
		Listen: sip.Listen{UDP: "127.0.0.1:0", TCP: "127.0.0.1:0"},
		RTP:    sip.RTP{Ports: ports, Stream: media.StreamConfig{Clock: clock, Log: log}},
	}
	for _, f := range change {
		f(&cfg)
	}
	h.srv, err = sip.New(cfg, h.dir, h.incoming, h.reg, log)
	if err != nil {
		t.Fatal(err)
	}
	h.udp, h.tcp = h.srv.Addr("udp").String(), h.srv.Addr("tcp").String()
	h.trunk(sip.Trunk{Name: "loopback", Networks: []string{"127.0.0.0/9"}, Trusted: true, Enabled: true, Headers: []string{"x-crm-*", "user-to-user"}})
	h.run(h.srv.Run, clock.Run, ports.Run)
	return h
}

// run runs parts until stop, or the end of the test.
func (h *house) run(parts ...func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	for _, f := range parts {
		work.Go(func() {
			if err := f(ctx); err != nil {
				h.t.Errorf("run: %v", err)
			}
		})
	}
	stop = sync.OnceFunc(func() {
		cancel()
		work.Wait()
	})
	h.t.Cleanup(stop)
	return stop
}

func (h *house) trunk(tr sip.Trunk) sip.Trunk {
	h.t.Helper()
	tr, err := h.dir.PutTrunk(context.Background(), h.tenant, tr, sip.Passwords{Inbound: "trunk-secret", Outbound: "way-out"})
	if err == nil {
		err = h.dir.Load(context.Background())
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return tr
}

func (h *house) incoming(ctx context.Context, leg calls.Leg, inv calls.Invite) {
	h.invites <- inv
	h.legs <- leg
	switch inv.Number {
	case "1003":
		leg.Stream().Play(media.Echo())
		if leg.Answer(ctx) == nil {
			<-leg.Done()
		}
	case "1008":
		_ = leg.Ring()
		<-leg.Done()
	case "1011":
		_ = leg.(interface{ Early() error }).Early()
		if leg.Answer(ctx) == nil {
			<-leg.Done()
		}
	case "1900":
		h.bridge(ctx, leg, inv)
	case "full":
		leg.Hangup(calls.CauseCapacity)
	case "crash":
		panic("a defect in the switchboard")
	default:
		leg.Hangup(calls.CauseNotFound)
	}
	<-leg.Done()
}

func (h *house) bridge(ctx context.Context, a calls.Leg, inv calls.Invite) {
	h.mu.Lock()
	device := h.far
	h.mu.Unlock()
	b, err := h.srv.Dialer().Dial(ctx, calls.Target{Tenant: inv.Tenant, Device: device, From: inv.Caller})
	if err != nil {
		a.Hangup(calls.CauseUnreachable)
		return
	}
	h.dialed <- b
	a.Stream().Play(media.Forward(b.Stream()))
	b.Stream().Play(media.Forward(a.Stream()))
	defer func() { a.Hangup(b.Cause()); <-b.Done() }()
	for {
		select {
		case e := <-b.Events():
			switch e {
			case calls.LegRinging:
				_ = a.Ring()
			case calls.LegAnswered:
				_ = a.Answer(ctx)
			}
		case <-b.Done():
			return
		case <-a.Done():
			b.Hangup(a.Cause())
			return
		}
	}
}

func (h *house) setFar(device string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.far = device
}

func (h *house) phone(username string) {
	h.t.Helper()
	err := h.db.Tenant(context.Background(), h.tenant, func(tx *storage.Tx) error {
		return h.dir.PutPhone(context.Background(), tx, username, uuid.Nil, "demo-demo")
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// count adds up a counter over all its labels.
func (h *house) count(name string) (sum float64) {
	h.t.Helper()
	families, err := h.reg.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func get[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(siptest.Wait):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

const (
	pcmu = "0 PCMU/8000"
	pcma = "8 PCMA/8000"
)

// A tone is heard back, through a hold, a resume, a new port and another codec.
func TestEchoThroughRenegotiation(t *testing.T) {
	h := newHouse(t)
	p, audio := siptest.New(t, "100"), siptest.NewAudio(t)
	c := p.Invite(h.udp, "1003", p.SDP(audio.Port(), "", pcmu))
	audio.Follow(c.Response(200).Body())
	c.Ack("")
	leg := get(t, h.legs, "leg")
	audio.Tone(440)
	audio.Hears(440)

	change := func(sdp string) {
		t.Helper()
		c.Send("INVITE", "application/sdp", sdp)
		audio.Follow(c.Response(200).Body())
		c.Ack("")
	}
	change(p.SDP(audio.Port(), "sendonly", pcmu))
	if e := get(t, leg.Events(), "event"); e != calls.LegHeld {
		t.Errorf("event %s", e)
	}
	change(p.SDP(audio.Port(), "sendrecv", pcmu))
	if e := get(t, leg.Events(), "event"); e != calls.LegResumed {
		t.Errorf("event %s", e)
	}
	audio.Forget()
	audio.Tone(500)
	audio.Hears(500)
	change(p.SDP(audio.Port(), "", pcma))
	audio.Forget()
	audio.Tone(600)
	audio.Hears(600)
	if audio.Packets(8) == 0 {
		t.Error("the answer's codec is not used")
	}
	moved := siptest.NewAudio(t)
	moved.Tone(700)
	c.Send("INVITE", "application/sdp", p.SDP(moved.Port(), "", pcma))
	moved.Follow(c.Response(200).Body())
	c.Ack("")
	audio.Mute(true)
	moved.Hears(700)

	c.Send("INFO", "application/dtmf-relay", "Signal=7\r\nDuration=160\r\n")
	c.Response(200)
	if d := get(t, leg.Stream().Digits(), "digit"); d.Key != '7' {
		t.Errorf("digit %c", d.Key)
	}
	c.Send("BYE", "", "")
	c.Response(200)
	<-leg.Done()
	if leg.Cause() != calls.CauseNormal || leg.Direction() != calls.Inbound {
		t.Errorf("cause %s", leg.Cause())
	}
}

// A call that is to become a fax goes on as it is.
func TestFaxLeavesTheAudio(t *testing.T) {
	h := newHouse(t)
	p, audio := siptest.New(t, "100"), siptest.NewAudio(t)
	talk := p.SDP(audio.Port(), "", pcmu)
	fax := "m=image 41000 udptl t38\r\na=T38FaxVersion:0\r\n"
	alone, _, _ := strings.Cut(talk, "m=audio")
	c := p.Invite(h.udp, "1003", talk)
	audio.Follow(c.Response(200).Body())
	c.Ack("")
	for _, method := range []string{"INVITE", "UPDATE"} {
		c.Send(method, "application/sdp", alone+fax)
		res := c.Response(488)
		if w := res.GetHeader("Warning"); w == nil || !strings.HasPrefix(w.Value(), "304 ") {
			t.Errorf("%s is refused with %v", method, w)
		}
		if method == "INVITE" {
			c.AckRefusal(res)
		}
		audio.Forget()
		audio.Tone(440)
		audio.Hears(440)
	}
	c.Send("INVITE", "application/sdp", talk+fax)
	answer := string(c.Response(200).Body())
	c.Ack("")
	if !strings.HasSuffix(strings.TrimSpace(answer), "m=image 0 udptl t38") {
		t.Errorf("fax beside audio is answered with\n%s", answer)
	}
	audio.Follow([]byte(answer))
	audio.Forget()
	audio.Tone(600)
	audio.Hears(600)
}

// Two legs over one call: the caller's user part reaches the far end unchanged, both hear each other, and ends travel.
func TestBridge(t *testing.T) {
	h := newHouse(t)
	caller, callee := siptest.New(t, "+49 30%20x"), siptest.New(t, "uas")
	caller.User = "sipp-17"
	h.setFar("sip:uas@" + callee.Addr())
	aAudio, bAudio := siptest.NewAudio(t), siptest.NewAudio(t)
	a := caller.Invite(h.udp, "1900", caller.SDP(aAudio.Port(), "", pcmu))
	b := callee.Answer()
	if user := b.Invite.From().Address.User; user != "sipp-17" {
		t.Errorf("From user %q", user)
	}
	bAudio.Follow(b.Invite.Body())
	b.Reply(b.Invite, 180, "Ringing", "")
	a.Response(180)
	b.Reply(b.Invite, 200, "OK", callee.SDP(bAudio.Port(), "", pcmu))
	b.Request("ACK")
	aAudio.Follow(a.Response(200).Body())
	a.Ack("")
	aAudio.Tone(440)
	bAudio.Tone(660)
	aAudio.Hears(660)
	bAudio.Hears(440)
	a.Send("BYE", "", "")
	a.Response(200)
	b.Reply(b.Request("BYE"), 200, "OK", "")
	far := get(t, h.dialed, "far leg")
	<-far.Done()
}

// How the far end refuses is how the caller hears it.
func TestRefusalTravels(t *testing.T) {
	h := newHouse(t)
	for status, want := range map[int]int{486: 486, 603: 603, 404: 404, 480: 480, 503: 480, 488: 488} {
		callee := siptest.New(t, "uas")
		h.setFar("sip:uas@" + callee.Addr())
		p := siptest.New(t, "100")
		a := p.Invite(h.udp, "1900", p.SDP(4000, "", pcmu))
		b := callee.Answer()
		b.Reply(b.Invite, status, "No", "")
		if got := a.Response(); got.StatusCode != want {
			t.Errorf("%d became %d, want %d", status, got.StatusCode, want)
		}
	}
}

func TestCallerGivesUp(t *testing.T) {
	h := newHouse(t)
	p := siptest.New(t, "100")
	c := p.Invite(h.udp, "1008", p.SDP(4000, "", pcmu))
	c.Response(180)
	c.RemoteTag = ""
	c.Cancel()
	c.AckRefusal(c.Response(487, 200)) // 200 is CANCEL's
	leg := get(t, h.legs, "leg")
	<-leg.Done()
	if leg.Cause() != calls.CauseCancelled {
		t.Errorf("cause %s", leg.Cause())
	}
}

// Every clear refusal of the issue, each with its metric.
func TestRefusals(t *testing.T) {
	h := newHouse(t)
	p := siptest.New(t, "100")
	ask := func(user, sdp string, extra ...string) *gosip.Response {
		return p.Invite(h.udp, user, sdp, extra...).Response()
	}
	ok := p.SDP(4000, "", pcmu)
	for _, c := range []struct {
		name   string
		res    *gosip.Response
		status int
		header string
	}{
		{"unknown number", ask("4711", ok), 404, ""},
		{"over capacity", ask("full", ok), 503, "Retry-After"},
		{"bad SDP", ask("1003", "v=0 nonsense"), 400, "Warning"},
		{"no common codec", ask("1003", p.SDP(4000, "", "97 SPEEX/8000")), 488, "Warning"},
		{"SRTP only", ask("1003", strings.Replace(ok, "RTP/AVP", "RTP/SAVP", 1)), 488, "Warning"},
		{"unknown extension", ask("1003", ok, "Require: nothing-we-know"), 420, "Unsupported"},
		{"session interval too small", ask("1003", ok, "Supported: timer", "Session-Expires: 20"), 422, "Min-SE"},
		{"escape injection", ask("1003%0d%0aX-Evil:1", ok), 400, ""},
		{"a defect of ours", ask("crash", ok), 500, ""},
	} {
		if c.res.StatusCode != c.status || c.header != "" && c.res.GetHeader(c.header) == nil {
			t.Errorf("%s: %d, want %d with %s", c.name, c.res.StatusCode, c.status, c.header)
		}
		if c.res.GetHeader("Server") != nil || c.res.GetHeader("User-Agent") != nil {
			t.Errorf("%s: a banner", c.name)
		}
	}
	odd := p.Request("SUBSCRIBE", h.udp, "1003")
	odd.Resend()
	if res := odd.Response(); res.StatusCode != 405 || res.GetHeader("Allow") == nil {
		t.Errorf("SUBSCRIBE: %d", res.StatusCode)
	}
	ping := p.Request("OPTIONS", h.udp, "1003")
	ping.Resend()
	if res := ping.Response(); res.StatusCode != 200 || res.GetHeader("Allow") == nil {
		t.Errorf("OPTIONS: %d", res.StatusCode)
	}
	stray := p.Request("BYE", h.udp, "1003")
	stray.RemoteTag = "x"
	stray.Send("BYE", "", "")
	stray.Response(481)
	if n := h.count("tandem_sip_refused_total"); n < 6 {
		t.Errorf("%v refusals counted", n)
	}
}

// 70 kB of headers on a stream: 513 and the connection's end, and the server goes on.
func TestTooLarge(t *testing.T) {
	h := newHouse(t)
	conn, err := net.Dial("tcp", h.tcp)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p := siptest.New(t, "100")
	msg := "OPTIONS sip:1003@x SIP/2.0\r\nVia: SIP/2.0/TCP " + p.Addr() + ";branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:1003@x>\r\nCall-ID: big\r\nCSeq: 1 OPTIONS\r\n" +
		strings.Repeat("X-Filler: "+strings.Repeat("y", 90)+"\r\n", 700) + "Content-Length: 0\r\n\r\n"
	_ = conn.SetDeadline(time.Now().Add(siptest.Wait))
	if _, err := conn.Write([]byte(msg)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	if err != nil || !strings.HasPrefix(string(buf[:n]), "SIP/2.0 513 ") {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	ping := p.Request("OPTIONS", h.udp, "1003")
	ping.Resend()
	ping.Response(200)
}

// What an untrusted trunk says about identity and flags is not heard; what a trusted one says is, within its allow-list.
func TestTrust(t *testing.T) {
	h := newHouse(t)
	h.trunk(sip.Trunk{Name: "stranger", Networks: []string{"127.9.0.0/16"}, Enabled: true, Headers: []string{"x-crm-*", "user-to-user"}})
	headers := []string{
		"P-Asserted-Identity: \"Alice\" <sip:+4930123@carrier.test>", "X-Reserved-Verified-Customer: true", "X-Reserved-Bad-Actor: false",
		"X-CRM-Id: 42", "X-Other: no", "User-to-User: 4869;encoding=hex",
	}
	trusted := siptest.New(t, "100")
	trusted.Invite(h.udp, "4711", trusted.SDP(4000, "", pcmu), headers...).Response()
	inv := get(t, h.invites, "invite")
	if inv.Caller.Number != "+4930123" || inv.Caller.Name != "Alice" || inv.Reserved.VerifiedCustomer == nil || !*inv.Reserved.VerifiedCustomer ||
		inv.Reserved.BadActor == nil || *inv.Reserved.BadActor || inv.Headers["x-crm-id"] != "42" || inv.Headers["user-to-user"] != "Hi" || len(inv.Headers) != 2 {
		t.Errorf("trusted: %+v %v", inv, inv.Headers)
	}
	other := siptest.NewAt(t, "100", "127.9.0.1:0")
	other.Invite(h.udp, "4711", other.SDP(4000, "", pcmu), headers...).Response()
	inv = get(t, h.invites, "invite")
	if inv.Caller.Number != "100" || inv.Reserved != (calls.Reserved{}) || len(inv.Headers) != 0 || inv.Tenant != h.tenant {
		t.Errorf("untrusted: %+v", inv)
	}
	hidden := siptest.New(t, "100")
	hidden.Invite(h.udp, "4711", hidden.SDP(4000, "", pcmu), "Privacy: id", headers[0]).Response()
	if inv = get(t, h.invites, "invite"); !inv.Caller.Withheld || inv.Caller.Number != "" {
		t.Errorf("withheld: %+v", inv.Caller)
	}
}

// Strangers learn nothing: 403 for every method while there is nothing to log in to but a registrar, silence for OPTIONS.
func TestStrangers(t *testing.T) {
	h := newHouse(t)
	p := siptest.NewAt(t, "100", "127.200.0.1:0")
	for _, number := range []string{"1003", "4711"} {
		c := p.Invite(h.udp, number, p.SDP(4000, "", pcmu))
		if res := c.Response(); res.StatusCode != 403 || len(res.Headers()) > 6 {
			t.Errorf("INVITE %s: %d\n%s", number, res.StatusCode, res)
		}
	}
	ping := p.Request("OPTIONS", h.udp, "1003")
	ping.Resend()
	if !ping.Silent(200 * time.Millisecond) {
		t.Error("a stranger's OPTIONS is answered")
	}
}

func register(p *siptest.Phone, server, user string, extra ...string) *siptest.Call {
	c := p.Request("REGISTER", server, user, extra...)
	c.LocalURI, c.RemoteURI, c.Target = "sip:"+user+"@tandem", "sip:"+user+"@tandem", "sip:tandem"
	c.Server = server
	c.Seq = 0
	c.Send("REGISTER", "", "", extra...)
	return c
}

// A phone registers with either algorithm, is called where it registered from, and may call.
func TestRegisterAndCall(t *testing.T) {
	h := newHouse(t)
	h.phone("8001")
	p := siptest.NewAt(t, "8001", "127.200.0.1:0")
	for _, algorithm := range []string{"SHA-256", "MD5"} {
		c := register(p, h.udp, "8001", "Expires: 120")
		c.Authorize(c.Response(401), "REGISTER", "8001", "demo-demo", algorithm)
		res := c.Response(200)
		if ct := res.GetHeader("Contact"); ct == nil || !strings.Contains(ct.Value(), "expires=1") {
			t.Errorf("%s: %s", algorithm, res)
		}
	}
	h.setFar("phone:8001")
	caller := siptest.New(t, "100")
	a := caller.Invite(h.udp, "1900", caller.SDP(4000, "", pcmu))
	b := p.Answer()
	b.Reply(b.Invite, 486, "Busy Here", "")
	a.Response(486)

	out := p.Invite(h.udp, "1008", p.SDP(4000, "", pcmu))
	challenge := out.Response(401)
	out.AckRefusal(challenge)
	out.Authorize(challenge, "INVITE", "8001", "demo-demo", "SHA-256")
	out.Response(180)
	<-h.invites
	if inv := get(t, h.invites, "invite"); inv.Caller.Number != "8001" || inv.Trunk != uuid.Nil || inv.Tenant != h.tenant {
		t.Errorf("invite %+v", inv)
	}

	gone := register(p, h.udp, "8001", "Expires: 0")
	gone.Authorize(gone.Response(401), "REGISTER", "8001", "demo-demo", "SHA-256")
	if res := gone.Response(200); res.GetHeader("Contact") != nil {
		t.Errorf("still registered: %s", res)
	}
	h.setFar("phone:8001")
	caller.Invite(h.udp, "1900", caller.SDP(4000, "", pcmu)).Response(480)
	short := register(p, h.udp, "8001", "Expires: 10")
	short.Authorize(short.Response(401), "REGISTER", "8001", "demo-demo", "SHA-256")
	if res := short.Response(423); res.GetHeader("Min-Expires") == nil {
		t.Error("423 without Min-Expires")
	}
}

// Known and unknown users cannot be told apart, and guessing is locked out while another phone goes on.
func TestGuessing(t *testing.T) {
	h := newHouse(t)
	h.phone("8001")
	svcrack, friend := siptest.NewAt(t, "8001", "127.200.0.66:0"), siptest.NewAt(t, "8001", "127.200.0.1:0")
	shape := func(user string) string {
		c := register(svcrack, h.udp, user)
		first := c.Response(401)
		c.Authorize(first, "REGISTER", user, "wrong", "MD5")
		second := c.Response(401)
		var names []string
		for _, res := range []*gosip.Response{first, second} {
			for _, hd := range res.Headers() {
				names = append(names, hd.Name())
			}
		}
		return strings.Join(names, " ")
	}
	if known, unknown := shape("8001"), shape("9999"); known != unknown {
		t.Errorf("known:   %s\nunknown: %s", known, unknown)
	}
	locked := false
	for range 20 {
		c := register(svcrack, h.udp, "8001")
		select {
		case <-time.After(150 * time.Millisecond):
			locked = true
		case res := <-response(c):
			if res.StatusCode == 403 {
				continue
			}
			c.Authorize(res, "REGISTER", "8001", "guess", "SHA-256")
			<-response(c)
			continue
		}
		break
	}
	if !locked {
		t.Error("twenty guesses without a lock")
	}
	c := register(friend, h.udp, "8001", "Expires: 120")
	c.Authorize(c.Response(401), "REGISTER", "8001", "demo-demo", "SHA-256")
	c.Response(200)
}

func response(c *siptest.Call) <-chan *gosip.Response {
	ch := make(chan *gosip.Response, 1)
	if res, ok := c.TryNext(140 * time.Millisecond).(*gosip.Response); ok {
		ch <- res
	}
	return ch
}

// A trunk with a user name is challenged; a replayed answer is not taken again.
func TestDigestTrunk(t *testing.T) {
	h := newHouse(t)
	h.trunk(sip.Trunk{Name: "digest", Username: "carrier", Enabled: true})
	p := siptest.NewAt(t, "100", "127.200.0.7:0")
	c := p.Invite(h.udp, "4711", p.SDP(4000, "", pcmu))
	res := c.Response(401)
	c.AckRefusal(res)
	c.Authorize(res, "INVITE", "carrier", "trunk-secret", "SHA-256")
	c.AckRefusal(c.Response(404))
	c.Repeat("INVITE", "Authorization: "+c.LastHeader("Authorization"))
	if again := c.Response(401); !strings.Contains(again.GetHeader("WWW-Authenticate").Value(), "stale=true") {
		t.Errorf("a replay: %s", again)
	}
	wrong := p.Invite(h.udp, "4711", p.SDP(4000, "", pcmu))
	res = wrong.Response(401)
	wrong.AckRefusal(res)
	wrong.Authorize(res, "INVITE", "carrier", "no", "SHA-256")
	wrong.Response(401)
}
