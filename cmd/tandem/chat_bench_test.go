package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"tandem/chat/chattest"
	"tandem/chat/telegram/telegramtest"
)

const (
	hookRate      = 200 // a second
	hookCustomers = 200
	hookHold      = 15 * time.Second
)

// BenchmarkHookToScreen posts a platform's signed requests at a steady rate and takes the time from each until the page of an agent who works on the
// conversation hears of it over its WebSocket.
func BenchmarkHookToScreen(b *testing.B) {
	s := serveForBench(b)
	w := &watcher{posted: map[string]time.Time{}}
	admin, agent := sit(b, "http://"+s.http, "admin@demo.test"), sit(b, "http://"+s.http, "agent1@demo.test")
	admin.Leave()
	agent.Leave() // the watcher has a socket of its own, which keeps nothing
	p := telegramtest.New(time.Now())
	for i := range hookCustomers { // who they are is known before the time counts
		s.say(b, p, i, "hello")
	}
	within(b, time.Minute, "the conversations", func() bool { return w.conversations(admin) == hookCustomers })
	_, answer := agent.do("GET", "/api/v1/me", nil)
	var me struct{ ID string }
	if err := json.Unmarshal(answer, &me); err != nil {
		b.Fatal(err)
	}
	for _, id := range w.of {
		if status, answer := admin.do("PUT", "/api/v1/conversations/"+id+"/collaborators", map[string]any{"agents": []string{me.ID}}); status >= 300 {
			b.Fatalf("work on a conversation: %d %s", status, answer)
		}
	}
	w.listen(b, s.http, agent)
	for b.Loop() {
		spent, n := s.cpu(b), 0
		w.reset()
		tick := time.NewTicker(time.Second / hookRate)
		var posts sync.WaitGroup
		for end := time.Now().Add(hookHold); time.Now().Before(end); n++ {
			<-tick.C
			i := n % hookCustomers
			w.post(w.of[p.Customer(i)])
			posts.Go(func() { s.say(b, p, i, fmt.Sprint("message ", n)) })
		}
		tick.Stop()
		posts.Wait()
		within(b, time.Minute, "all of them on the screen", func() bool { return w.open() == 0 })
		took := w.sorted()
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
		b.ReportMetric(float64((s.cpu(b)-spent).Microseconds())/float64(n), "cpu-us/msg")
		b.ReportMetric(0, "ns/op")
	}
}

// say has a customer write; the request has to be accepted.
func (s *served) say(b *testing.B, p *telegramtest.Platform, customer int, text string) {
	_, event, err := p.Act(chattest.Act{Customer: p.Customer(customer), Name: "Ann", Kind: chattest.Say, Text: text})
	if err != nil {
		b.Error(err)
		return
	}
	hook := p.Signed(event)[0]
	req, err := http.NewRequestWithContext(b.Context(), hook.Method, "http://"+s.http+"/hooks/telegram/demo", bytes.NewReader(hook.Body))
	if err != nil {
		b.Error(err)
		return
	}
	req.Header = hook.Header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b.Errorf("a request is answered %s", res.Status)
	}
}

// watcher is a page that notes when it hears of which conversation.
type watcher struct {
	mu     sync.Mutex
	of     map[string]string    // conversations by customer
	posted map[string]time.Time // and when something was last said in them that was not heard of yet
	took   []time.Duration
}

func (w *watcher) listen(b *testing.B, addr string, s *seat) {
	_, answer := s.do("POST", "/api/v1/ws-ticket", map[string]any{})
	var ticket struct{ Ticket string }
	if err := json.Unmarshal(answer, &ticket); err != nil {
		b.Fatal(err)
	}
	conn := dialSocket(b, addr, "127.0.0.1", map[string]any{"ticket": ticket.Ticket})
	go func() { // ends with the socket
		for {
			var f struct {
				Type string
				Data struct{ Type, Subject string }
			}
			if conn.ReadJSON(&f) != nil {
				return
			}
			if f.Type == "event" && f.Data.Type == "conversation.message" {
				w.heard(f.Data.Subject)
			}
		}
	}()
}

func (w *watcher) heard(conversation string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at, ok := w.posted[conversation]; ok {
		w.took = append(w.took, time.Since(at))
		delete(w.posted, conversation)
	}
}

func (w *watcher) post(conversation string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, waits := w.posted[conversation]; !waits { // the earlier one's time goes on
		w.posted[conversation] = time.Now()
	}
}

func (w *watcher) open() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.posted)
}

func (w *watcher) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.posted)
	w.took = nil
}

func (w *watcher) sorted() []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.took)
	return w.took
}

// conversations learns which conversation is whose.
func (w *watcher) conversations(s *seat) int {
	w.of = map[string]string{}
	for cursor := ""; ; {
		_, answer := s.do("GET", "/api/v1/conversations?channel=telegram&limit=100&cursor="+cursor, nil)
		var page struct {
			Items []struct {
				ID     string
				Person struct{ ID string }
			}
			Next string `json:"next_cursor"`
		}
		if json.Unmarshal(answer, &page) != nil {
			return 0
		}
		for _, v := range page.Items {
			w.of[v.Person.ID] = v.ID
		}
		if cursor = page.Next; cursor == "" {
			return len(w.of)
		}
	}
}

// dialSocket opens the server's socket from one of this machine's addresses, with its first frame.
func dialSocket(b *testing.B, addr, from string, hello map[string]any) *websocket.Conn {
	b.Helper()
	d := websocket.Dialer{NetDial: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial, ReadBufferSize: 512, WriteBufferSize: 512}
	conn, res, err := d.Dial("ws://"+addr+"/ws", http.Header{"Origin": {"http://" + addr}})
	if err != nil {
		b.Fatal(err)
	}
	_ = res.Body.Close()
	b.Cleanup(func() { _ = conn.Close() })
	if err := conn.WriteJSON(map[string]any{"v": 1, "id": "hello", "type": "hello", "data": hello}); err != nil {
		b.Fatal(err)
	}
	return conn
}

// BenchmarkIdleWidgets opens 5,000 pages with the widget, from ten addresses, and says what they take of the server's memory while they are idle.
func BenchmarkIdleWidgets(b *testing.B) {
	const pages, addresses = 5000, 10
	s := serveForBench(b)
	for b.Loop() {
		memory, visitors := s.rss(b), []map[string]any{}
		for i := range pages {
			hello := map[string]any{"widget": "demo", "origin": "http://" + s.http}
			if i >= addresses {
				hello = visitors[i%addresses]
			}
			conn := dialSocket(b, s.http, fmt.Sprint("127.0.0.", 1+i%addresses), hello)
			var f struct {
				Type string
				Data struct {
					Visitor struct{ ID, Secret string }
				}
			}
			if err := conn.ReadJSON(&f); err != nil || f.Type != "welcome" {
				b.Fatalf("page %d: %s, %v", i, f.Type, err)
			}
			if i < addresses { // the others are further pages of these visitors: so many new ones are not let in at once
				visitors = append(visitors, map[string]any{"widget": "demo", "origin": "http://" + s.http, "visitor": f.Data.Visitor.ID, "secret": f.Data.Visitor.Secret})
			}
		}
		b.ReportMetric(float64(s.rss(b)-memory)/(1<<20), "MB")
		b.ReportMetric(float64(s.rss(b)-memory)/1024/pages, "kB/page")
		b.ReportMetric(0, "ns/op")
	}
}
