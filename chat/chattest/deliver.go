package chattest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"tandem/chat"
)

// Delivery is how events reach the hook. The zero value is how a platform does it on a good day.
type Delivery struct {
	Times    int    `json:"times"`    // each request so often; 0: once
	Together bool   `json:"together"` // all requests of a flush at the same time
	Shuffle  uint64 `json:"shuffle"`  // seed of a random order; 0: in their order
	Batch    int    `json:"batch"`    // events in a request, where the platform puts many into one; 0: one
	Forge    bool   `json:"forge"`    // signed with another secret
}

// backoff is how long a platform waits before it tries a hook again that has not answered 2xx; it goes on with the last.
var backoff = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 5 * time.Minute}

// hook is the part of Fake that delivers.
type hook struct {
	client *http.Client
	wake   chan struct{}

	mu       sync.Mutex
	public   string // what is signed
	address  string // where it really is
	delivery Delivery
	events   [][]byte
	again    []*request // failed ones whose time has come
	waiting  int        // failed ones whose time has not
	busy     int        // flushes under way that had something to deliver
	answered func(chat.Hook, int, []byte)
}

type request struct {
	chat.Hook
	tries int
}

func newHook() hook {
	return hook{
		wake: make(chan struct{}, 1),
		client: &http.Client{
			Timeout:       30 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Point says where the hook is: its public URL, which platforms sign, and the address where it is reached; "": there, too.
func (f *Fake) Point(public, address string) {
	f.hook.mu.Lock()
	defer f.hook.mu.Unlock()
	f.hook.public, f.hook.address = public, address
	if address == "" {
		f.hook.address = public
	}
}

// Hook is the hook's public URL, for Platform.Requests.
func (f *Fake) Hook() string {
	f.hook.mu.Lock()
	defer f.hook.mu.Unlock()
	return f.hook.public
}

// SetDelivery says how events reach the hook from now on.
func (f *Fake) SetDelivery(d Delivery) {
	f.hook.mu.Lock()
	defer f.hook.mu.Unlock()
	f.hook.delivery = d
}

// Answered has do called with each request that the hook has answered: Viber reads a message out of the answer.
func (f *Fake) Answered(do func(h chat.Hook, status int, body []byte)) {
	f.hook.mu.Lock()
	defer f.hook.mu.Unlock()
	f.hook.answered = do
}

// Play does an act and queues its event.
func (f *Fake) Play(a Act) (id string, err error) {
	id, event, err := f.platform.Act(a)
	if err != nil {
		return "", fmt.Errorf("%s on %s: %w", a.Kind, f.Channel, err)
	}
	f.Emit(event)
	return id, nil
}

// Emit queues raw events for the hook.
func (f *Fake) Emit(events ...[]byte) {
	f.hook.mu.Lock()
	f.hook.events = append(f.hook.events, events...)
	f.hook.mu.Unlock()
	f.poke()
}

func (f *Fake) poke() {
	select {
	case f.hook.wake <- struct{}{}:
	default:
	}
}

// Signed makes signed requests of events, as a platform sends them.
func (f *Fake) Signed(events ...[]byte) []chat.Hook {
	all := f.platform.Requests(events...)
	for i, h := range all {
		all[i] = f.platform.Sign(h, false)
	}
	return all
}

// Pending is more than 0 as long as the hook has not taken everything.
func (f *Fake) Pending() int {
	f.hook.mu.Lock()
	defer f.hook.mu.Unlock()
	return len(f.hook.events) + len(f.hook.again) + f.hook.waiting + f.hook.busy
}

// Run delivers whatever is queued, as soon as it is queued, until ctx ends.
func (f *Fake) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.hook.wake:
			f.Flush(ctx)
		}
	}
}

// Flush delivers what is queued and returns what was answered. A request that is not answered 2xx is queued again, some time later by the
// fake's clock, as platforms do; only forged ones are given up.
func (f *Fake) Flush(ctx context.Context) []Entry {
	f.hook.mu.Lock()
	d, events, requests := f.hook.delivery, f.hook.events, f.hook.again
	f.hook.events, f.hook.again = nil, nil
	f.hook.busy += min(1, len(events)+len(requests))
	defer f.flushed(min(1, len(events)+len(requests)))
	f.hook.mu.Unlock()
	random := rand.New(rand.NewPCG(d.Shuffle, 0))
	if d.Shuffle != 0 {
		random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	}
	for len(events) > 0 {
		n := min(max(d.Batch, 1), len(events))
		for _, h := range f.platform.Requests(events[:n]...) {
			r := &request{Hook: f.platform.Sign(h, d.Forge)}
			for range max(d.Times, 1) {
				requests = append(requests, r)
			}
		}
		events = events[n:]
	}
	if d.Shuffle != 0 {
		random.Shuffle(len(requests), func(i, j int) { requests[i], requests[j] = requests[j], requests[i] })
	}
	entries := make([]Entry, len(requests))
	var all sync.WaitGroup
	for i, r := range requests {
		if d.Together {
			all.Go(func() { entries[i] = f.post(ctx, *r, d.Forge) })
		} else {
			entries[i] = f.post(ctx, *r, d.Forge)
		}
	}
	all.Wait()
	return entries
}

// Ask delivers one request by itself, at once and once, for platforms that try the hook while they are told of it.
func (f *Fake) Ask(ctx context.Context, h chat.Hook) Entry {
	status, answer, err := f.send(ctx, h)
	e := Entry{Operation: "hook", To: h.URL, Request: h.Body, Status: status, Answer: answer}
	if err != nil {
		e.Answer = []byte(err.Error())
	}
	f.Note(e)
	return e
}

// flushed ends a flush that had something to deliver, after what failed is queued again.
func (f *Fake) flushed(n int) {
	f.hook.mu.Lock()
	defer f.hook.mu.Unlock()
	f.hook.busy -= n
}

// post delivers one request.
func (f *Fake) post(ctx context.Context, r request, forged bool) Entry {
	status, answer, err := f.send(ctx, r.Hook)
	e := Entry{Operation: "hook", To: r.URL, Request: r.Body, Status: status, Answer: answer}
	if err != nil {
		e.Answer = []byte(err.Error())
	}
	f.Note(e)
	f.hook.mu.Lock()
	answered := f.hook.answered
	f.hook.mu.Unlock()
	switch good := status >= 200 && status < 300; {
	case good && answered != nil:
		answered(r.Hook, status, answer)
	case !good && !forged:
		f.retry(r)
	}
	return e
}

// retry puts a request off.
func (f *Fake) retry(r request) {
	wait := backoff[min(r.tries, len(backoff)-1)]
	r.tries++
	f.hook.mu.Lock()
	f.hook.waiting++
	f.hook.mu.Unlock()
	f.After(wait, func() {
		f.hook.mu.Lock()
		f.hook.waiting--
		f.hook.again = append(f.hook.again, &r)
		f.hook.mu.Unlock()
		f.poke()
	})
}

func (f *Fake) send(ctx context.Context, h chat.Hook) (status int, answer []byte, err error) {
	f.hook.mu.Lock()
	public, address := f.hook.public, f.hook.address
	f.hook.mu.Unlock()
	if public == "" {
		return 0, nil, fmt.Errorf("deliver to the hook: nobody has said where it is")
	}
	to, err := url.Parse(address)
	if err != nil {
		return 0, nil, fmt.Errorf("deliver to the hook: %w", err)
	}
	to.RawQuery = h.Query.Encode()
	r, err := http.NewRequestWithContext(ctx, h.Method, to.String(), bytes.NewReader(h.Body))
	if err != nil {
		return 0, nil, fmt.Errorf("deliver to the hook: %w", err)
	}
	r.Header = h.Header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	resp, err := f.hook.client.Do(r)
	if err != nil {
		return 0, nil, fmt.Errorf("deliver to the hook: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // nothing to lose
	answer, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, answer, err
}

// Download gets a file that we have given the platform by its URL. What lies at the hook's public address is got where it really is.
func (f *Fake) Download(ctx context.Context, address string) (contentType string, data []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.really(address), nil)
	if err != nil {
		return "", nil, fmt.Errorf("fetch the file: %w", err)
	}
	resp, err := f.hook.client.Do(r)
	if err != nil {
		return "", nil, fmt.Errorf("fetch the file: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // nothing to lose
	if resp.StatusCode != http.StatusOK {
		return "", nil, fmt.Errorf("fetch the file: answered %d", resp.StatusCode)
	}
	data, err = io.ReadAll(io.LimitReader(resp.Body, 200<<20))
	return resp.Header.Get("Content-Type"), data, err
}

// really is where a public URL of ours is reached.
func (f *Fake) really(address string) string {
	f.hook.mu.Lock()
	defer f.hook.mu.Unlock()
	public, err1 := url.Parse(f.hook.public)
	real, err2 := url.Parse(f.hook.address)
	u, err3 := url.Parse(address)
	if err1 != nil || err2 != nil || err3 != nil || u.Scheme != public.Scheme || u.Host != public.Host {
		return address
	}
	u.Scheme, u.Host = real.Scheme, real.Host
	return u.String()
}
