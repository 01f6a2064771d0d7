package sip

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"
	"github.com/icholy/digest"
	"pgregory.net/rapid"

	"tandem/internal/door"
)

func TestStateTable(t *testing.T) {
	const no = state(255)
	// columns: progressed answeredUAS answeredUAC acked refused cancelled hungUp leave byeDone lost
	table := map[state][]state{
		calling:    {ringing, accepted, confirmed, no, terminated, terminated, terminated, cancelling, no, terminated},
		ringing:    {ringing, accepted, confirmed, no, terminated, terminated, terminated, cancelling, no, terminated},
		cancelling: {no, no, leaving, no, terminated, no, no, no, no, terminated},
		accepted:   {no, no, no, confirmed, no, no, terminated, leaving, no, leaving},
		confirmed:  {no, no, no, no, no, no, terminated, leaving, no, leaving},
		leaving:    {no, no, no, no, no, no, terminated, no, terminated, no},
		terminated: {no, no, no, no, no, no, no, no, no, no},
	}
	if len(table) != len(stateNames) {
		t.Fatal("a state is missing")
	}
	for from, row := range table {
		for e := range event(len(eventNames)) {
			to, ok := from.next(e)
			want := row[e]
			if ok != (want != no) || ok && to != want || !ok && to != from {
				t.Errorf("%v + %v = %v %v, want %v", from, e, to, ok, want)
			}
		}
	}
	if calling.String() != "calling" || state(99).String() != "state(99)" || leave.String() != "leave" || event(99).String() != "event(99)" {
		t.Error("names")
	}
}

// Whatever the order of arrival, every number is run at most once, and in rising order.
func TestSequenceProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s sequence
		s.start(10)
		var ran []uint32
		run := func(fs []func()) {
			for _, f := range fs {
				f()
			}
		}
		for _, n := range rapid.SliceOf(rapid.Uint32Range(8, 30)).Draw(t, "numbers") {
			v, ready := s.offer(n, func() { ran = append(ran, n) })
			run(ready)
			if v == early && rapid.Bool().Draw(t, "expired") {
				run(s.expire(n))
			}
		}
		run(s.expire(100))
		if !slices.IsSorted(ran) || len(slices.Compact(slices.Clone(ran))) != len(ran) {
			t.Fatalf("ran %v", ran)
		}
		if len(ran) > 0 && ran[0] <= 10 {
			t.Fatalf("ran %v, 10 was done", ran)
		}
	})
}

func TestUserPart(t *testing.T) {
	for in, want := range map[string]string{
		"1001": "1001", "+49-30-1234": "+49301234", "%2B4930": "+4930", "１００１": "1001", "1001;phone-context=+49": "1001", "(030)%2012": "03012",
		"bob": "bob", "bob.smith-x": "bob.smith-x", "a%20b": "a b", "": "",
	} {
		if got, ok := userPart(in); !ok || got != want {
			t.Errorf("userPart(%q) = %q, %v", in, got, ok)
		}
	}
	for _, bad := range []string{"a%0d%0aX:", "a%00b", "%7f", "%C2%85x", "%zz", "\xff", strings.Repeat("9", 200), "a\u2028b", "%ff"} {
		if got, ok := userPart(bad); ok {
			t.Errorf("userPart(%q) = %q, want a refusal", bad, got)
		}
	}
}

func TestDTMFBodies(t *testing.T) {
	for _, c := range []struct {
		kind, body string
		digit      byte
		held       time.Duration
	}{
		{typeDTMFRelay, "Signal=5\r\nDuration=250\r\n", '5', 250 * time.Millisecond},
		{typeDTMFRelay, "Signal= *\nDuration= 160", '*', 160 * time.Millisecond},
		{typeDTMFRelay, "signal=11", '#', defaultPress},
		{typeDTMF, "9", '9', defaultPress},
		{typeDTMF, " b\r\n", 'B', defaultPress},
		{typeDTMF, "10", '*', defaultPress},
		{typeDTMF, "15", 'D', defaultPress},
		{typeDTMF, "16", 0, 0},
		{typeDTMF, "", 0, 0},
		{typeDTMF, "55", 0, 0},
		{"text/plain", "5", 0, 0},
		{typeDTMFRelay, "Duration=100", 0, 0},
	} {
		digit, held, ok := parseDTMF(c.kind, []byte(c.body))
		if ok != (c.digit != 0) || ok && (digit != c.digit || held != c.held) {
			t.Errorf("%s %q: %c %v %v", c.kind, c.body, digit, held, ok)
		}
	}
}

func TestUUI(t *testing.T) {
	for in, want := range map[string]string{
		"48656c6c6f": "Hello", "48656C6C6F;encoding=hex": "Hello", "0448656c6c6f;encoding=hex;purpose=isdn-uui": "Hello", `"48656c6c6f"`: "Hello",
		"Hello": "", "48656c6c6": "", "48656c6c6f;encoding=text": "", "0d0a583a": "", "": "", strings.Repeat("41", 300): "",
	} {
		if got, ok := parseUUI(in); got != want || ok != (want != "") {
			t.Errorf("parseUUI(%q) = %q, %v", in, got, ok)
		}
	}
	var req gosip.Request
	for _, h := range [][2]string{{"X-CRM-Id", "42"}, {"X-Other", "no"}, {"User-to-User", "4869"}, {"X-CRM-Long", strings.Repeat("x", 2000)}, {"X-CRM-Ctl", "a\x07b"}} {
		req.AppendHeader(gosip.NewHeader(h[0], h[1]))
	}
	got := callData(&req, []string{"x-crm-*", "User-to-User"})
	if len(got) != 2 || got["x-crm-id"] != "42" || got["user-to-user"] != "Hi" {
		t.Errorf("call data %v", got)
	}
}

func TestSqueeze(t *testing.T) {
	for in, want := range map[string]string{
		`SIP  / 2.0  / UDP  192.0.2.2 ; branch = x`: `SIP/2.0/UDP 192.0.2.2;branch=x`,
		`"a ; b" <sip:x@y ; lr> ;   tag    = 19`:    `"a ; b" <sip:x@y ; lr>;tag=19`,
		`<sip:a@b> ; ; tag = 1`:                     `<sip:a@b>;;tag=1`,
		`"J \"R ; \\" <sip:j@e.com>;tag=1`:          `"J \"R ; \\" <sip:j@e.com>;tag=1`,
		`sip:a@b`:                                   `sip:a@b`,
	} {
		if got := squeeze(in); got != want {
			t.Errorf("squeeze(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFramer(t *testing.T) {
	f := newFramer()
	now := time.Now()
	msg := func(n int, body string) string {
		return fmt.Sprintf("OPTIONS sip:%d@x SIP/2.0\r\nContent-Length: %d\r\n\r\n%s", n, len(body), body)
	}
	all := msg(1, "") + "\r\n\r\n" + msg(2, "hello") + msg(3, "x")
	var got []string
	for i := range len(all) { // one byte at a time
		whole, what := f.push("k", []byte{all[i]}, now)
		if what != streamOpen {
			t.Fatal(what)
		}
		for _, w := range whole {
			got = append(got, string(w))
		}
	}
	if want := []string{msg(1, ""), msg(2, "hello"), msg(3, "x")}; !slices.Equal(got, want) || !f.idle("k") {
		t.Errorf("framed %q", got)
	}
	if _, what := f.push("big", bytes.Repeat([]byte("X-A: b\r\n"), 9000), now); what != streamTooLarge {
		t.Errorf("72 kB of headers: %v", what)
	}
	if _, what := f.push("big", bytes.Repeat([]byte("x"), swallowAtMost+1), now); what != streamGone {
		t.Error("a refused stream is swallowed for ever")
	}
	f.push("slow", []byte("INV"), now)
	if keys := f.stale(now.Add(partialAtMost + time.Second)); !slices.Contains(keys, "slow") {
		t.Errorf("stale: %v", keys)
	}
}

func TestDigestServer(t *testing.T) {
	src := netip.MustParseAddr("192.0.2.7")
	now := time.Now()
	c := newChallenger("tandem", [32]byte{7})
	secret := NewSecret("8001", "tandem", "demo-demo")
	login := func(alg, password string, nc int, from netip.Addr, at time.Time) (*digest.Credentials, outcome) {
		ch, err := digest.ParseChallenge(c.headers("WWW-Authenticate", from, false, at)[map[string]int{algSHA256: 0, algMD5: 1}[alg]].Value())
		if err != nil || ch.Algorithm != alg {
			t.Fatalf("challenge %+v: %v", ch, err)
		}
		cred, err := digest.Digest(ch, digest.Options{Method: "REGISTER", URI: "sip:x", Username: "8001", Password: password, Count: nc})
		if err != nil {
			t.Fatal(err)
		}
		return cred, c.verify(cred, "REGISTER", src, secret, true, now)
	}
	for _, alg := range []string{algSHA256, algMD5} {
		cred, got := login(alg, "demo-demo", 1, src, now)
		if got != authenticated {
			t.Errorf("%s: %v", alg, got)
		}
		if again := c.verify(cred, "REGISTER", src, secret, true, now); again != staleNonce {
			t.Errorf("replay: %v", again)
		}
		if other := c.verify(cred, "INVITE", src, secret, true, now); other != wrongPassword {
			t.Errorf("for another method: %v", other)
		}
	}
	if _, got := login(algSHA256, "wrong", 1, src, now); got != wrongPassword {
		t.Errorf("wrong password: %v", got)
	}
	if _, got := login(algSHA256, "demo-demo", 1, netip.MustParseAddr("192.0.2.8"), now); got != noCredentials {
		t.Errorf("nonce of another source: %v", got)
	}
	if _, got := login(algSHA256, "demo-demo", 1, src, now.Add(-time.Hour)); got != staleNonce {
		t.Errorf("old nonce: %v", got)
	}
	cred, _ := login(algSHA256, "demo-demo", 1, src, now)
	if got := c.verify(cred, "REGISTER", src, Secret{}, false, now); got != wrongPassword {
		t.Errorf("unknown user: %v", got)
	}
	for name, is := range map[string]bool{"8001": true, "80\xff01": false, "80\x0001": false} {
		got := c.pick([]string{`Digest username="` + name + `", realm="tandem", nonce="x", uri="sip:x", response="00"`})
		if (got != nil) != is {
			t.Errorf("user name %q: %+v", name, got)
		}
	}
	cred.QOP = ""
	if got := c.verify(cred, "REGISTER", src, secret, true, now); got != noCredentials {
		t.Errorf("without qop: %v", got)
	}
}

func TestSessionAgreement(t *testing.T) {
	tm := timing{sessionExpires: 1800 * time.Second, minSE: 90 * time.Second}
	for _, c := range []struct {
		name     string
		ask      sessionTerms
		interval time.Duration
		we       bool
		short    bool
	}{
		{"nothing said, no support: we refresh", sessionTerms{}, 1800 * time.Second, true, false},
		{"supported, nothing asked: they refresh", sessionTerms{supported: true}, 1800 * time.Second, false, false},
		{"shorter than ours", sessionTerms{supported: true, expires: 600 * time.Second}, 600 * time.Second, false, false},
		{"longer than ours", sessionTerms{supported: true, expires: 7200 * time.Second}, 1800 * time.Second, false, false},
		{"their least is more than ours", sessionTerms{supported: true, expires: 7200 * time.Second, minSE: 3600 * time.Second}, 3600 * time.Second, false, false},
		{"we are named", sessionTerms{supported: true, expires: 600 * time.Second, refresher: "uas"}, 600 * time.Second, true, false},
		{"too short", sessionTerms{supported: true, expires: 60 * time.Second}, 0, false, true},
		{"too short, set by a proxy", sessionTerms{expires: 60 * time.Second}, 90 * time.Second, true, false},
	} {
		interval, we, short := tm.agree(c.ask)
		if interval != c.interval || we != c.we || short != c.short {
			t.Errorf("%s: %v %v %v", c.name, interval, we, short)
		}
	}
}

func TestSourcesBan(t *testing.T) {
	s := newSources()
	a, b := netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("203.0.113.10")
	now := time.Now()
	for range freeTries {
		s.failed(a, "8001", false, uuid.Nil, now)
	}
	if _, ok := s.admit(a, false, now); !ok {
		t.Error("banned within the free tries")
	}
	s.failed(a, "8001", false, uuid.Nil, now)
	if reason, ok := s.admit(a, false, now); ok || reason != "banned" {
		t.Errorf("after %d wrong tries: %s", freeTries+1, reason)
	}
	if _, ok := s.admit(b, false, now); !ok {
		t.Error("the neighbour is banned too")
	}
	if _, ok := s.admit(a, false, now.Add(firstBan+time.Millisecond)); !ok {
		t.Error("the first ban lasts too long")
	}
	for range 20 {
		s.failed(a, "8001", false, uuid.Nil, now)
	}
	if _, ok := s.admit(a, false, now.Add(longestBan-time.Second)); ok {
		t.Error("bans do not grow")
	}
	for i := range 200 {
		if _, ok := s.admit(b, false, now); !ok {
			if i < strangerRate {
				t.Errorf("rate limit after %d", i)
			}
			return
		}
	}
	t.Error("no rate limit")
}

// A user's password that is guessed from many addresses is not open to strangers for a while, whether there is such a user or not; nodes tell each other.
func TestUsersGuessed(t *testing.T) {
	var told []guess
	owner := uuid.New()
	s, other := newSources(), newSources()
	s.tell = func(g guess) { told = append(told, g) }
	now := time.Now()
	for i := range freeGuesses + 1 {
		if s.guessed("8001", now) {
			t.Errorf("refused after %d guesses", i)
		}
		s.failed(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), "8001", false, owner, now)
	}
	if len(told) != 1 || told[0].Tenant != owner || !s.guessed("8001", now) || s.guessed("8002", now) {
		t.Errorf("told %+v", told)
	}
	other.heard(told[0], now)
	if !other.guessed("8001", now) || other.guessed("8001", now.Add(firstBan)) {
		t.Error("another node does not know for as long")
	}
	s.failed(netip.MustParseAddr("203.0.113.99"), strings.Repeat("x", maxUser+1), false, uuid.Nil, now)
	if n := len(s.users); n != 1 {
		t.Errorf("%d user names are kept", n)
	}
	s.sweep(now.Add(longestBan + sourceIdle))
	if len(s.users)+len(s.m) != 0 {
		t.Error("what is long ago is kept")
	}
}

// Where telephones are known, one that comes with a wrong password is refused, and none beside it; the right one ends that, on all nodes.
func TestNeighboursOfAGuesser(t *testing.T) {
	var told []guess
	s, other := newSources(), newSources()
	s.tell = func(g guess) { told = append(told, g) }
	office, now := netip.MustParseAddr("198.51.100.7"), time.Now()
	for range freeTries + 1 {
		s.failed(office, "8001", true, uuid.Nil, now)
	}
	if _, ok := s.admit(office, true, now); !ok || !s.guessedHere(office, "8001", now) || s.guessedHere(office, "8002", now) || s.guessed("8001", now) {
		t.Errorf("admitted %v, told %+v", ok, told)
	}
	s.succeeded(office, "8001", now)
	for _, g := range told {
		other.heard(g, now)
	}
	if s.guessedHere(office, "8001", now) || other.guessedHere(office, "8001", now) || len(told) != 2 {
		t.Errorf("not forgiven: %+v", told)
	}
	other.heard(guess{suspect: suspect{Source: door.Source(office)}, Fails: 9, Until: now.Add(time.Minute)}, now)
	if _, ok := other.admit(office, true, now); !ok {
		t.Error("an address where telephones are known is shut out")
	}
	if _, ok := other.admit(office, false, now); ok {
		t.Error("an address where none is known is let in")
	}
}

// INVITEs count until something is said to them, and again from the answer to its ACK; repetitions are none.
func TestInHand(t *testing.T) {
	h := newInHand()
	now := time.Now()
	a, b := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
	for i := range maxInHand {
		if !h.take(strconv.Itoa(i), a, now) {
			t.Fatalf("the %dth is refused", i)
		}
	}
	if h.take("more", a, now) || !h.take("0", a, now) || !h.take("b", b, now) {
		t.Error("the source is not bounded, or its repetitions or its neighbour are")
	}
	h.answered("0", 100)
	if h.take("more", a, now) {
		t.Error("100 makes room")
	}
	h.answered("0", 180)
	if !h.take("more", a, now) {
		t.Error("ringing makes no room")
	}
	h.answered("0", 200)
	if h.open[a] != maxInHand+1 {
		t.Errorf("%d with the one that waits for its ACK", h.open[a])
	}
	h.done("0")
	h.done("0")
	h.answered("1", 486)
	if h.open[a] != maxInHand-1 {
		t.Errorf("%d after an ACK and a refusal", h.open[a])
	}
	h.sweep(now.Add(handled + time.Second))
	if len(h.m)+len(h.open)+h.all != 0 {
		t.Errorf("left: %d %d %d", len(h.m), len(h.open), h.all)
	}
}

// Connections are counted for each source, and closed when nobody knows them after a while.
func TestStreams(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := newStreams()
	accept := func() (*streamConn, bool) {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return s.accept(far, time.Now())
	}
	var all []*streamConn
	for range maxSourceStreams {
		c, ok := accept()
		if !ok {
			t.Fatal("refused too early")
		}
		all = append(all, c)
	}
	if _, ok := accept(); ok {
		t.Error("one source may have more than its share")
	}
	_ = all[0].Close()
	_ = all[0].Close()
	if _, ok := accept(); !ok {
		t.Error("a closed connection makes no room")
	}
	nobody, everybody := func(netip.Addr) bool { return false }, func(netip.Addr) bool { return true }
	later := time.Now().Add(provenWithin + time.Second)
	if n := len(s.strangers(nobody, time.Now())); n != 0 {
		t.Errorf("%d closed at once", n)
	}
	if n := len(s.strangers(nobody, later)); n != maxSourceStreams {
		t.Errorf("%d strangers", n)
	}
	s.strangers(everybody, later)
	if n := len(s.strangers(nobody, later)); n != 0 {
		t.Errorf("%d are closed that were known once", n)
	}
}

func FuzzDTMF(f *testing.F) {
	f.Add(typeDTMFRelay, []byte("Signal=5\r\nDuration=250\r\n"))
	f.Add(typeDTMF, []byte("#"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		if digit, held, ok := parseDTMF(kind, body); ok && (strings.IndexByte("0123456789*#ABCD", digit) < 0 || held <= 0 || held > 10*time.Second) {
			t.Errorf("%q %q: %c %v", kind, body, digit, held)
		}
	})
}

func FuzzUUI(f *testing.F) {
	f.Add("0448656c6c6f;encoding=hex")
	f.Fuzz(func(t *testing.T, v string) {
		if s, ok := parseUUI(v); ok && (s == "" || hasControl(s)) {
			t.Errorf("%q: %q", v, s)
		}
	})
}

func FuzzUserPart(f *testing.F) {
	f.Add("%2B4930;phone-context=x")
	f.Fuzz(func(t *testing.T, v string) {
		s, ok := userPart(v)
		if !ok {
			return
		}
		if hasControl(s) || strings.ContainsAny(escapeUser(s), " \r\n<>\"@") {
			t.Errorf("%q: %q %q", v, s, escapeUser(s))
		}
		if again, ok := userPart(escapeUser(s)); ok && again != s && !strings.Contains(s, ";") && looksDialled(s) {
			t.Errorf("%q is not stable: %q, %q", v, s, again)
		}
	})
}

// FuzzMessage feeds whole datagrams through the read filter: it must neither panic nor let control bytes out.
func FuzzMessage(f *testing.F) {
	f.Add([]byte("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:x@y>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n"))
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := fuzzIngress(t)
		out, err := in.filter(gosip.TransportReadProps{Transport: "UDP", LocalAddr: udpAddr("127.0.0.1:5060"), RemoteAddr: udpAddr("192.0.2.1:5060")}, data)
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.Trim(out, "\r\n\x00")) > 0 {
			if msg, _, err := in.parser.Parse(out, false); err != nil || msg == nil {
				t.Errorf("let through what does not parse: %q", out)
			}
		}
	})
}
