package sip_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"tandem/sip/siptest"
)

// dropped is the class of messages that get no answer: responses, and what cannot be answered.
const dropped = 0

// classes says for each message of RFC 4475 and RFC 5118 which final statuses are right (dropped: none). Numbers in the messages are
// unknown here, so a well-formed INVITE ends as 404, and a well-formed REGISTER is asked for credentials.
var classes = map[string][]int{
	// RFC 4475 3.1.1, valid messages
	"wsinv.dat": {481}, "intmeth.dat": {405, 501}, "esc01.dat": {404}, "esc02.dat": {405, 501}, "lwsdisp.dat": {200}, "longreq.dat": {404},
	"escnull.dat": {400}, // valid, but nothing with an escaped NUL gets in here (security row 6)
	"dblreq.dat":  {401}, "semiuri.dat": {200}, "transports.dat": {200}, "mpart01.dat": {405, 501}, "unreason.dat": {dropped}, "noreason.dat": {dropped},
	// 3.1.2, invalid messages
	"badinv01.dat": {400}, "clerr.dat": {400}, "ncl.dat": {400}, "scalar02.dat": {400}, "scalarlg.dat": {dropped}, "quotbal.dat": {400},
	"ltgtruri.dat": {400}, "lwsruri.dat": {400}, "lwsstart.dat": {400}, "trws.dat": {400, 200}, "escruri.dat": {400}, "baddate.dat": {400, 404},
	"regbadct.dat": {400}, "badaspec.dat": {400, 200}, "baddn.dat": {400, 200}, "badvers.dat": {505}, "mismatch01.dat": {400}, "mismatch02.dat": {400, 501},
	"bigcode.dat": {dropped},
	// 3.2 and 3.3, transaction and application layer
	"badbranch.dat": {200, 400}, "insuf.dat": {400}, "unkscm.dat": {416}, "novelsc.dat": {416}, "unksm2.dat": {400, 401, 403, 404}, "bext01.dat": {420},
	"invut.dat": {415}, "regaut01.dat": {401}, "multi01.dat": {400}, "mcl01.dat": {400}, "bcast.dat": {dropped}, "zeromf.dat": {200, 483},
	"cparam01.dat": {401}, "cparam02.dat": {401}, "regescrt.dat": {401}, "sdp01.dat": {404, 406, 415, 488},
	// 3.4, backward compatibility
	"inv2543.dat": {404},
	// RFC 5118
	"ipv6-good": {401}, "ipv6-bad": {400}, "port-ambiguous": {401}, "port-unambiguous": {401}, "ipv6-bug-abnf-3-colons": {200, 400},
	"ipv6-correct-abnf-2-colons": {200}, "via-received-param-no-delim": {200}, "via-received-param-with-delim": {481}, "mult-ip-in-header": {481},
	"mult-ip-in-sdp": {404}, "ipv6-in-sdp": {404, 488}, "ipv4-mapped-ipv6": {404, 488},
}

// broken lists what is no message on a stream, for want of a right Content-Length: 400 or the connection's end is right there.
var broken = []string{"inv2543.dat", "dblreq.dat", "clerr.dat", "ncl.dat", "mcl01.dat", "ipv6-bug-abnf-3-colons", "mult-ip-in-sdp", "ipv6-in-sdp", "ipv4-mapped-ipv6", "badinv01.dat"}

func corpus(t *testing.T) map[string][]byte {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), "shared", "testdata", "sip", "rfc*", "*"))
	if len(files) == 0 {
		t.Skip("SKIPPED: the RFC 4475 and RFC 5118 messages are not on this machine (../shared/testdata/sip beside the project)")
	}
	out := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = b
	}
	return out
}

// status of the final response in a datagram or the first one on a stream, 0 when it is none.
func status(b []byte) int {
	f := strings.Fields(string(b))
	if len(f) < 2 || f[0] != "SIP/2.0" {
		return 0
	}
	n, _ := strconv.Atoi(f[1])
	return n
}

// ears are sockets on every port that a Via of the corpus names, on one address.
type ears struct {
	send *net.UDPConn
	got  chan answer
}

// answer is a final response; its Call-ID tells it from repetitions of earlier ones.
type answer struct {
	status int
	callID string
}

func newEars(t *testing.T) *ears {
	t.Helper()
	e := &ears{got: make(chan answer, 1024)}
	var readers sync.WaitGroup
	t.Cleanup(readers.Wait) // runs after the sockets are closed
	ip := fmt.Sprintf("127.88.%d.%d", os.Getpid()/250%250, os.Getpid()%250+1)
	for _, port := range []int{5060, 5050, 5070, 6050, 19823} {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip), Port: port})
		if err != nil {
			t.Fatal(err)
		}
		if e.send == nil {
			e.send = conn
		}
		readers.Go(func() {
			buf := make([]byte, 65536)
			for {
				n, err := conn.Read(buf)
				if err != nil {
					return
				}
				if s := status(buf[:n]); s >= 200 {
					select {
					case e.got <- answer{s, callID(buf[:n])}:
					case <-t.Context().Done(): // nobody listens any more
						return
					}
				}
			}
		})
		t.Cleanup(func() { _ = conn.Close() })
	}
	return e
}

func (e *ears) tell(t *testing.T, server string, msg []byte) {
	t.Helper()
	to, err := net.ResolveUDPAddr("udp4", server)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.send.WriteToUDP(msg, to); err != nil {
		t.Fatal(err)
	}
}

func (e *ears) ask(t *testing.T, server string, msg []byte, wait time.Duration) int {
	t.Helper()
	e.tell(t, server, msg)
	late := time.After(wait)
	for {
		select {
		case a := <-e.got:
			if a.callID == callID(msg) {
				return a.status
			}
		case <-late:
			return dropped
		}
	}
}

var cseqLine = regexp.MustCompile(`(?im)^cseq[ \t]*:[ \t\r\n]*0*(\d+)`)

var callIDLine = regexp.MustCompile(`(?im)^(?:call-id|i)[ \t]*:[ \t\r\n]*(\S+)`)

// callID names a request and its answers: Call-ID and CSeq number, since the corpus uses some Call-IDs more than once.
func callID(b []byte) string {
	key := ""
	for _, line := range []*regexp.Regexp{callIDLine, cseqLine} {
		if m := line.FindSubmatch(b); m != nil {
			key += " " + string(m[1])
		}
	}
	return key
}

func patience(want []int) time.Duration {
	if slices.Contains(want, dropped) {
		return 150 * time.Millisecond
	}
	return 500 * time.Millisecond
}

// Every message, by UDP and by TCP: answered as its class says, and OPTIONS is answered after it.
func TestTorture(t *testing.T) {
	messages := corpus(t)
	e := newEars(t)
	t.Run("udp", func(t *testing.T) {
		torture(t, messages, func(t *testing.T, h *house, name string, msg []byte, want []int) {
			got := e.ask(t, h.udp, msg, patience(want))
			for range 5 { // two messages of the corpus share a branch: the later is a repetition until the transaction has ended
				if !slices.Contains(want, got) && got == dropped {
					got = e.ask(t, h.udp, msg, patience(want))
				}
			}
			if !slices.Contains(want, got) {
				t.Errorf("%d, want one of %v", got, want)
			}
		})
	})
	t.Run("tcp", func(t *testing.T) {
		torture(t, messages, func(t *testing.T, h *house, name string, msg []byte, want []int) {
			got, closed := overTCP(t, h.tcp, msg, patience(want))
			cut := name == "clerr.dat" // says that more is to come, so the rest is waited for
			if !slices.Contains(want, got) && !cut && !(slices.Contains(broken, name) && (got == 400 || closed)) {
				t.Errorf("%d, closed %v, want one of %v", got, closed, want)
			}
		})
	})
}

func torture(t *testing.T, messages map[string][]byte, ask func(t *testing.T, h *house, name string, msg []byte, want []int)) {
	h := newHouse(t)
	p := siptest.New(t, "100")
	grows(t, func() {
		for name, msg := range messages {
			want, known := classes[name]
			if !known {
				t.Errorf("%s is in no class", name)
				continue
			}
			t.Run(name, func(t *testing.T) { ask(t, h, name, msg, want) })
			ping := p.Request("OPTIONS", h.udp, "1003")
			ping.Resend()
			if res := ping.Response(); res.StatusCode != 200 {
				t.Fatalf("OPTIONS after %s: %d", name, res.StatusCode)
			}
		}
	})
	if h.count("tandem_sip_panics_total") != 0 {
		t.Error("a message made something panic")
	}
}

// Thirty batches of a hundred messages, each one of the corpus with a few bytes, lines or numbers changed: OPTIONS is answered after each batch.
func TestMangled(t *testing.T) {
	messages := corpus(t)
	names := slices.Sorted(maps.Keys(messages))
	e, h := newEars(t), newHouse(t)
	p := siptest.New(t, "100")
	rnd := rand.New(rand.NewPCG(4475, 5118)) //nolint:gosec // no secret
	grows(t, func() {
		for batch := range 30 {
			for range 100 {
				e.tell(t, h.udp, mangle(rnd, messages[names[rnd.IntN(len(names))]]))
			}
			ping := p.Request("OPTIONS", h.udp, "1003")
			if res := answered(ping); res == nil || res.StatusCode != 200 {
				t.Fatalf("OPTIONS after batch %d: %v", batch, res)
			}
		}
	})
	if h.count("tandem_sip_panics_total") != 0 {
		t.Error("a message made something panic")
	}
}

// mangle changes a message in a few places.
func mangle(rnd *rand.Rand, msg []byte) []byte {
	msg = slices.Clone(msg)
	for range 1 + rnd.IntN(4) {
		if len(msg) < 2 {
			return msg
		}
		at := rnd.IntN(len(msg))
		to := min(len(msg), at+1+rnd.IntN(40))
		switch rnd.IntN(6) {
		case 0:
			msg[at] ^= byte(1 + rnd.IntN(255))
		case 1:
			msg = slices.Delete(msg, at, to)
		case 2:
			msg = slices.Insert(msg, at, slices.Clone(msg[at:to])...)
		case 3:
			msg = slices.Insert(msg, at, bytes.Repeat([]byte{"0;,<\"% \t"[rnd.IntN(8)]}, 1+rnd.IntN(2000))...)
		case 4:
			msg = slices.Insert(msg, at, []byte("\r\n")...)
		default:
			msg = append(msg[:at], bytes.ReplaceAll(msg[at:], []byte("1"), []byte("18446744073709551617"))...)
		}
	}
	return msg[:min(len(msg), 60_000)]
}

// grows runs f and checks what it leaves in memory.
func grows(t *testing.T, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 64<<20 {
		t.Errorf("memory grew by %d MB", grown>>20)
	}
}

// answered is the answer to a request that is sent again when none comes.
func answered(c *siptest.Call) *gosip.Response {
	for range 5 {
		c.Resend()
		if res, ok := c.TryNext(siptest.Wait / 5).(*gosip.Response); ok {
			return res
		}
	}
	return nil
}

func overTCP(t *testing.T, server string, msg []byte, wait time.Duration) (got int, closed bool) {
	t.Helper()
	conn, err := net.Dial("tcp", server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(wait))
	if _, err := conn.Write(msg); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65536)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return dropped, !os.IsTimeout(err)
		}
		for part := range strings.SplitSeq(string(buf[:n]), "\r\n\r\n") {
			if s := status([]byte(part)); s >= 200 {
				return s, false
			}
		}
	}
}
