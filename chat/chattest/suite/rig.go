package suite

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"tandem/chat"
	"tandem/chat/chattest"
)

// Rig is a channel on a fake platform that is served, for what a channel's own tests look at beside the suite.
type Rig struct {
	chat.Channel
	T    testing.TB
	fake *chattest.Fake
}

// Open opens the demo account of a platform whose API is at base, with some settings or secrets changed: names and values in turn.
func Open(t testing.TB, m chat.Maker, p chattest.Platform, base string, values ...string) (chat.Channel, error) {
	t.Helper()
	a := p.Account(base)
	for i := 0; i < len(values); i += 2 {
		if slices.ContainsFunc(m.Fields, func(f chat.Field) bool { return f.Name == values[i] && f.Secret }) {
			a.Secrets[values[i]] = values[i+1]
		} else {
			a.Settings[values[i]] = values[i+1]
		}
	}
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{MaxIdleConnsPerHost: 4},
	}
	t.Cleanup(client.CloseIdleConnections)
	return m.Open(a, chat.Needs{Client: client, Now: p.Base().Now, PublicURL: PublicURL})
}

// PublicURL is where channels under test believe their hooks to be.
const PublicURL = "https://cc.example.test"

// NewRig serves the platform and opens its account, with some settings or secrets changed as in Open.
func NewRig(t testing.TB, m chat.Maker, p chattest.Platform, values ...string) *Rig {
	t.Helper()
	api := httptest.NewServer(p)
	t.Cleanup(func() { p.Base().Close(); api.Close() })
	c, err := Open(t, m, p, api.URL, values...)
	if err != nil {
		t.Fatal(err)
	}
	return &Rig{Channel: c, T: t, fake: p.Base()}
}

// Events reads raw events as they come in one request.
func (r *Rig) Events(raw ...[]byte) []chat.Event {
	r.T.Helper()
	var all []chat.Event
	for _, h := range r.fake.Signed(raw...) {
		got, err := r.Decode(h)
		if err != nil {
			r.T.Fatal(err)
		}
		all = append(all, got...)
	}
	return all
}

// Reads demands of raw events what is wanted of them: one line, as short writes it, for each event, all of which have a time.
func (r *Rig) Reads(raw [][]byte, want string, short func(chat.Event) string) {
	r.T.Helper()
	lines := strings.Split(strings.TrimSpace(want), "\n")
	var got []string
	for _, b := range raw {
		for _, e := range r.Events(b) {
			if e.At.IsZero() {
				r.T.Errorf("no time: %s", b)
			}
			got = append(got, short(e))
		}
	}
	for i := range max(len(got), len(lines)) {
		switch {
		case i >= len(got):
			r.T.Errorf("missing: %s", lines[i])
		case i >= len(lines):
			r.T.Errorf("more than is expected: %s", got[i])
		case got[i] != lines[i]:
			r.T.Errorf("event %d:\n got %s\nwant %s", i, got[i], lines[i])
		}
	}
}

// LastCall is the last request of an operation, as it was sent.
func (r *Rig) LastCall(operation string) map[string]any {
	r.T.Helper()
	var found *chattest.Entry
	for _, e := range r.fake.Log() {
		if e.Operation == operation {
			found = &e
		}
	}
	if found == nil {
		r.T.Fatalf("no call of %s", operation)
	}
	var body map[string]any
	if err := json.Unmarshal(found.Request, &body); err != nil {
		r.T.Fatal(err)
	}
	return body
}

// SameJSON compares two values, or texts of JSON, as JSON.
func SameJSON(t *testing.T, name string, got, want any) {
	t.Helper()
	if g, w := canonical(t, got), canonical(t, want); g != w {
		t.Errorf("%s:\n got %s\nwant %s", name, g, w)
	}
}

func canonical(t *testing.T, v any) string {
	t.Helper()
	text, ok := v.(string)
	if !ok {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		text = string(raw)
	}
	var tree any
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	out, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Lines reads a file with one JSON value on each line.
func Lines(t testing.TB, name string) [][]byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if !json.Valid([]byte(line)) {
			t.Fatalf("no JSON: %s", line)
		}
		all = append(all, []byte(line))
	}
	return all
}
