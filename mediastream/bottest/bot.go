// Package bottest is a voice bot as the frameworks make them: a WebSocket server that takes Twilio's Media Streams. It is written from Twilio's
// public documentation and checks every message against it; what a framework would stumble over is an error of the test.
package bottest

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio's scheme
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Bot serves talks, each by the function it was made with.
type Bot struct {
	t      testing.TB
	server *httptest.Server
	token  string
	talk   func(*Talk)
}

// New starts a bot that lasts as long as the test. token is what it checks the handshake's signature with; empty: none must be there. talk
// is called for each stream that has begun, and closes it by returning.
func New(t testing.TB, token string, talk func(*Talk)) *Bot {
	b := &Bot{t: t, token: token, talk: talk}
	b.server = httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(b.server.Close)
	return b
}

// URL is the bot's address.
func (b *Bot) URL() string {
	return "ws" + strings.TrimPrefix(b.server.URL, "http") + "/stream?tenant=1"
}

func (b *Bot) serve(w http.ResponseWriter, r *http.Request) {
	want := ""
	if b.token != "" {
		mac := hmac.New(sha1.New, []byte(b.token))
		mac.Write([]byte("ws://" + r.Host + r.URL.RequestURI()))
		want = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	if got := r.Header.Get("X-Twilio-Signature"); got != want {
		b.t.Errorf("the handshake is signed %q, want %q", got, want)
	}
	up := websocket.Upgrader{}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		b.t.Errorf("the handshake: %v", err)
		return
	}
	defer conn.Close()
	talk := &Talk{t: b.t, conn: conn, Heard: make(chan Message, 10_000)}
	if !talk.begin() {
		return
	}
	done := make(chan struct{})
	go func() { defer close(done); talk.listen() }()
	b.talk(talk)
	talk.Close()
	<-done
}

// Message is what the bot hears.
type Message struct {
	Event    string `json:"event"`
	Protocol string `json:"protocol"`
	Version  string `json:"version"`
	Sequence string `json:"sequenceNumber"`
	Stream   string `json:"streamSid"`
	Start    *Start `json:"start"`
	Media    *struct {
		Track     string `json:"track"`
		Chunk     string `json:"chunk"`
		Timestamp string `json:"timestamp"`
		Payload   string `json:"payload"`
	} `json:"media"`
	DTMF *struct {
		Track string `json:"track"`
		Digit string `json:"digit"`
	} `json:"dtmf"`
	Mark *struct {
		Name string `json:"name"`
	} `json:"mark"`
	Stop *struct {
		Account string `json:"accountSid"`
		Call    string `json:"callSid"`
	} `json:"stop"`

	Audio []byte `json:"-"` // of media: µ-law
}

// Start is what a stream begins with.
type Start struct {
	Account string   `json:"accountSid"`
	Stream  string   `json:"streamSid"`
	Call    string   `json:"callSid"`
	Tracks  []string `json:"tracks"`
	Format  struct {
		Encoding string `json:"encoding"`
		Rate     int    `json:"sampleRate"`
		Channels int    `json:"channels"`
	} `json:"mediaFormat"`
	Parameters map[string]string `json:"customParameters"`
}

// Talk is one stream.
type Talk struct {
	Start Start
	// Heard are the messages after start, in order. It is closed when the socket is.
	Heard chan Message

	t     testing.TB
	conn  *websocket.Conn
	mu    sync.Mutex // guards writing
	seq   int
	chunk int
	at    int
}

func (k *Talk) next() (m Message, ok bool) {
	_, text, err := k.conn.ReadMessage()
	if err != nil {
		return m, false
	}
	if err := json.Unmarshal(text, &m); err != nil {
		k.t.Errorf("the bot hears %q: %v", text, err)
		return m, false
	}
	return m, true
}

// begin takes connected and start.
func (k *Talk) begin() bool {
	m, ok := k.next()
	if !ok {
		return false
	}
	if m.Event != "connected" || m.Protocol != "Call" || m.Version != "1.0.0" {
		k.t.Errorf("the first message is %+v", m)
	}
	if m, ok = k.next(); !ok {
		return false
	}
	if m.Event != "start" || m.Start == nil || m.Sequence != "1" || m.Start.Stream != m.Stream || !sid("MZ", m.Stream) ||
		!sid("CA", m.Start.Call) || !sid("AC", m.Start.Account) || len(m.Start.Tracks) != 1 || m.Start.Tracks[0] != "inbound" ||
		m.Start.Format.Encoding != "audio/x-mulaw" || m.Start.Format.Rate != 8000 || m.Start.Format.Channels != 1 {
		k.t.Errorf("the stream starts with %+v %+v", m, m.Start)
		return false
	}
	k.Start, k.seq = *m.Start, 1
	return true
}

func sid(kind, s string) bool {
	return len(s) == 34 && strings.HasPrefix(s, kind) && strings.Trim(s[2:], "0123456789abcdef") == ""
}

func (k *Talk) listen() {
	defer close(k.Heard)
	for {
		m, ok := k.next()
		if !ok {
			return
		}
		k.check(&m)
		select {
		case k.Heard <- m:
		default: // the bot does not listen
		}
	}
}

func (k *Talk) check(m *Message) {
	k.seq++
	if m.Sequence != strconv.Itoa(k.seq) || m.Stream != k.Start.Stream {
		k.t.Errorf("message %d has number %q and stream %q", k.seq, m.Sequence, m.Stream)
	}
	switch {
	case m.Event == "media" && m.Media != nil:
		k.chunk++
		audio, err := base64.StdEncoding.DecodeString(m.Media.Payload)
		at, notNumber := strconv.Atoi(m.Media.Timestamp)
		if err != nil || notNumber != nil || m.Media.Track != "inbound" || m.Media.Chunk != strconv.Itoa(k.chunk) || at < k.at || k.chunk == 1 && at != 0 {
			k.t.Errorf("chunk %d is %q of %q at %q, %v", k.chunk, m.Media.Chunk, m.Media.Track, m.Media.Timestamp, err)
		}
		k.at, m.Audio = at, audio
	case m.Event == "dtmf" && m.DTMF != nil && m.DTMF.Track == "inbound_track" && len(m.DTMF.Digit) == 1:
	case m.Event == "mark" && m.Mark != nil:
	case m.Event == "stop" && m.Stop != nil && m.Stop.Call == k.Start.Call && m.Stop.Account == k.Start.Account:
	default:
		k.t.Errorf("the bot hears what it does not know: %+v", *m)
	}
}

// Send sends a message as JSON. A socket that has gone is no error: the other side may leave at any time.
func (k *Talk) Send(message any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.conn.WriteJSON(message)
}

// SendText sends bytes as they are.
func (k *Talk) SendText(text []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.conn.WriteMessage(websocket.TextMessage, text)
}

// Say sends µ-law audio in one message, as frameworks do: with the stream's id and the payload, and nothing else.
func (k *Talk) Say(ulaw []byte) {
	k.Send(map[string]any{"event": "media", "streamSid": k.Start.Stream, "media": map[string]string{"payload": base64.StdEncoding.EncodeToString(ulaw)}})
}

// Mark asks to be told when what was said before has been heard.
func (k *Talk) Mark(name string) {
	k.Send(map[string]any{"event": "mark", "streamSid": k.Start.Stream, "mark": map[string]string{"name": name}})
}

// Clear takes back what has not been heard.
func (k *Talk) Clear() { k.Send(map[string]any{"event": "clear", "streamSid": k.Start.Stream}) }

// Close closes the socket in good order.
func (k *Talk) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	_ = k.conn.SetReadDeadline(time.Now().Add(time.Second))
}

// Break cuts the connection without a word.
func (k *Talk) Break() { _ = k.conn.NetConn().Close() }

// Wait returns the next message of an event, and passes over others. ok is false when the stream ended before.
func (k *Talk) Wait(event string) (m Message, ok bool) {
	for m := range k.Heard {
		if m.Event == event {
			return m, true
		}
	}
	return m, false
}

// Echo sends back what it hears until the stream ends.
func Echo(k *Talk) {
	for m := range k.Heard {
		switch m.Event {
		case "media":
			k.Say(m.Audio)
		case "stop":
			return
		}
	}
}
