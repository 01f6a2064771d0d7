package suite

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"tandem/chat"
)

// total: Decode takes whatever comes: it never panics, and each of its events says one thing.
func total(t *testing.T, s Subject) {
	r := newRig(t, s)
	random := rand.New(rand.NewPCG(1, 2))
	n := 0
	for _, event := range r.everything() {
		for _, changed := range variants(event, random) {
			for _, h := range r.f.Signed(changed) {
				n++
				r.decode(h)
			}
		}
		for _, h := range r.f.Signed(event) {
			for range 20 {
				h := h
				h.Body = garbled(h.Body, random)
				n++
				r.decode(h)
			}
		}
	}
	for _, body := range []string{"", "null", "[]", "{}", "0", `""`, "<", "<xml/>", "&&==%", "\xff\xfe"} {
		r.decode(chat.Hook{Method: http.MethodPost, URL: r.f.Hook(), Header: http.Header{}, Query: url.Values{}, Body: []byte(body)})
	}
	if n < 50 {
		t.Errorf("only %d variants: are there fixtures?", n)
	}
}

// decode reads a request; an error is fair, a panic is not.
func (r *rig) decode(h chat.Hook) {
	r.t.Helper()
	defer func() {
		if p := recover(); p != nil {
			r.t.Errorf("decode panics over %q: %v", h.Body, p)
		}
	}()
	events, err := r.channel.Decode(h)
	if err != nil {
		r.quiet(err)
	}
	for _, e := range events {
		whole(r.t, e)
	}
}

// everything is each fixture and each act that the platform knows.
func (r *rig) everything() [][]byte {
	all := slices.Clone(r.s.Fixtures)
	for _, a := range r.allActs("made-up-id") {
		if _, event, err := r.p.Act(a); err == nil {
			all = append(all, event)
		}
	}
	return all
}

// variants are an event with each of its values left out, or of another kind, in turn. What is not JSON is left as it is.
func variants(event []byte, random *rand.Rand) [][]byte {
	var tree any
	d := json.NewDecoder(bytes.NewReader(event))
	d.UseNumber()
	if d.Decode(&tree) != nil {
		return [][]byte{event}
	}
	var all [][]byte
	keep := func() {
		if b, err := json.Marshal(tree); err == nil {
			all = append(all, b)
		}
	}
	values := []any{nil, 1, -1.5, json.Number("18446744073709551616"), "x", "", true, []any{}, map[string]any{}, []any{nil}, []any{map[string]any{"type": "x"}}}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				was := v[k]
				walk(was)
				delete(v, k)
				keep()
				for range 3 {
					v[k] = values[random.IntN(len(values))]
					keep()
				}
				v[k] = was
			}
		case []any:
			for i, was := range v {
				walk(was)
				v[i] = values[random.IntN(len(values))]
				keep()
				v[i] = was
			}
		}
	}
	walk(tree)
	return all
}

// garbled has a stretch of bytes missing, doubled or changed.
func garbled(b []byte, random *rand.Rand) []byte {
	if len(b) == 0 {
		return b
	}
	from := random.IntN(len(b))
	to := min(len(b), from+1+random.IntN(8))
	switch random.IntN(3) {
	case 0:
		return slices.Concat(b[:from], b[to:])
	case 1:
		return slices.Concat(b[:to], b[from:to], b[to:])
	}
	c := bytes.Clone(b)
	for i := from; i < to; i++ {
		c[i] = byte(random.IntN(256))
	}
	return c
}
