// Package browsertest is a browser's page in Go: a WebSocket, and a real PeerConnection that plays a tone and knows what it hears. Tests drive
// the server with it as a page would.
package browsertest

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Frame is a frame of the WebSocket (docs/websocket.md).
type Frame struct {
	V    int             `json:"v"`
	ID   string          `json:"id,omitempty"`
	Type string          `json:"type"`
	Call string          `json:"call,omitempty"`
	Seq  uint64          `json:"seq,omitempty"`
	Ack  uint64          `json:"ack,omitempty"`
	Data json.RawMessage `json:"data,omitempty"`
}

// Get reads a value out of the frame's data by the path of its names, "" when there is none.
func (f Frame) Get(path ...string) string {
	var v any
	if json.Unmarshal(f.Data, &v) != nil {
		return ""
	}
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		v = m[name]
	}
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		b, _ := json.Marshal(v) //nolint:errchkjson // came out of JSON
		return string(b)
	}
}

// Patience is how long a page waits for what must come.
const Patience = 20 * time.Second

// Page is one page. Its methods are for the test's goroutine.
type Page struct {
	t    testing.TB
	conn *websocket.Conn
	done chan struct{} // the reader has ended

	wmu sync.Mutex // of writes

	mu     sync.Mutex
	frames []Frame // that nobody has waited for
	last   uint64
	code   int // of the close frame
	more   chan struct{}

	Welcome Frame
	RTC     *RTC // nil until Connect
}

// Dial opens the socket at url ("ws://host/ws") from a page of the same host.
func Dial(t testing.TB, url string) *Page {
	t.Helper()
	return dial(t, url, websocket.DefaultDialer)
}

func dial(t testing.TB, url string, by *websocket.Dialer) *Page {
	t.Helper()
	header := http.Header{"Origin": {"http" + strings.TrimSuffix(strings.TrimPrefix(url, "ws"), "/ws")}}
	conn, resp, err := by.Dial(url, header)
	if err != nil {
		t.Fatalf("open the socket: %v", err)
	}
	_ = resp.Body.Close()
	p := &Page{t: t, conn: conn, done: make(chan struct{}), more: make(chan struct{}), code: -1}
	go p.read()
	t.Cleanup(p.Leave)
	return p
}

// Open is Dial with the first frame; it waits for the welcome.
func Open(t testing.TB, url string, hello map[string]any) *Page {
	t.Helper()
	return Dial(t, url).greet(hello)
}

// OpenFrom is Open from an address of this machine's: one address may call only so often at once.
func OpenFrom(t testing.TB, from, url string, hello map[string]any) *Page {
	t.Helper()
	near := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return dial(t, url, &websocket.Dialer{NetDialContext: near.DialContext}).greet(hello)
}

func (p *Page) greet(hello map[string]any) *Page {
	p.t.Helper()
	p.Send("hello", hello)
	p.Welcome = p.Wait("welcome")
	return p
}

// Again opens another socket for the session of p: a page that has lost its socket, or (without RTC) was loaded again.
func (p *Page) Again(url string, hello map[string]any) *Page {
	p.t.Helper()
	next := Dial(p.t, url)
	hello["resume"], hello["last_seq"] = p.Welcome.Get("resume"), p.Last()
	return next.greet(hello)
}

// Last is the highest sequence number that came.
func (p *Page) Last() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func (p *Page) read() {
	defer close(p.done)
	for {
		_, b, err := p.conn.ReadMessage()
		p.mu.Lock()
		if err != nil {
			var ce *websocket.CloseError
			p.code = websocket.CloseAbnormalClosure
			if ok := asClose(err, &ce); ok {
				p.code = ce.Code
			}
		} else {
			var f Frame
			if json.Unmarshal(b, &f) == nil {
				p.last = max(p.last, f.Seq)
				p.frames = append(p.frames, f)
			}
		}
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func asClose(err error, to **websocket.CloseError) bool {
	ce, ok := err.(*websocket.CloseError) //nolint:errorlint // gorilla does not wrap it
	*to = ce
	return ok
}

// Send sends a frame; nil data is none.
func (p *Page) Send(typ string, data any) {
	p.t.Helper()
	f := Frame{V: 1, ID: typ, Type: typ}
	if data != nil {
		b, err := json.Marshal(data)
		if err != nil {
			p.t.Fatal(err)
		}
		f.Data = b
	}
	b, err := json.Marshal(f)
	if err != nil {
		p.t.Fatal(err)
	}
	p.Write(websocket.TextMessage, b)
}

// Write sends one raw message. A socket that is closed already is no failure: Closed tells.
func (p *Page) Write(kind int, b []byte) {
	p.wmu.Lock()
	defer p.wmu.Unlock()
	_ = p.conn.WriteMessage(kind, b)
}

// Wait returns the next frame of a type of which all conditions, name (a.b within a) and value in turn, hold; earlier ones of that type are skipped.
func (p *Page) Wait(typ string, where ...string) Frame {
	p.t.Helper()
	limit := time.NewTimer(Patience)
	defer limit.Stop()
	for {
		f, more, ended := p.take(typ, where)
		if f != nil {
			return *f
		}
		if ended {
			p.t.Fatalf("the socket closed (%d) before %s %v came", p.CloseCode(), typ, where)
		}
		select {
		case <-more:
		case <-limit.C:
			p.t.Fatalf("no %s %v came; there are %v", typ, where, p.Seen())
		}
	}
}

func (p *Page) take(typ string, where []string) (found *Frame, more <-chan struct{}, ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, f := range p.frames {
		if f.Type != typ || !holds(f, where) {
			continue
		}
		p.frames = append(p.frames[:i:i], p.frames[i+1:]...)
		return &f, nil, false
	}
	return nil, p.more, p.code >= 0
}

func holds(f Frame, where []string) bool {
	for i := 0; i+1 < len(where); i += 2 {
		if f.Get(strings.Split(where[i], ".")...) != where[i+1] {
			return false
		}
	}
	return true
}

// Has says whether a frame has come that nobody has waited for.
func (p *Page) Has(typ string, where ...string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.frames {
		if f.Type == typ && holds(f, where) {
			return true
		}
	}
	return false
}

// Forget drops the frames that nobody has waited for: what was so before is no answer to what follows.
func (p *Page) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frames = nil
}

// Seen lists the types of the frames that nobody has waited for.
func (p *Page) Seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	types := make([]string, len(p.frames))
	for i, f := range p.frames {
		types[i] = f.Type + " " + string(f.Data)
	}
	return types
}

// CloseCode is the code of the server's close frame; -1 while the socket is open, 1006 when it broke.
func (p *Page) CloseCode() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.code
}

// Closed waits until the server has closed the socket, and returns the code.
func (p *Page) Closed() int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.CloseCode()
	case <-time.After(Patience):
		p.t.Fatal("the server does not close the socket")
		return 0
	}
}

// Drop cuts the socket as a network does; the PeerConnection goes on.
func (p *Page) Drop() {
	_ = p.conn.NetConn().Close()
	<-p.done
}

// Leave closes the page: PeerConnection and socket. It may be called more than once.
func (p *Page) Leave() {
	if p.RTC != nil {
		p.RTC.Close()
	}
	_ = p.conn.Close()
	<-p.done
}
