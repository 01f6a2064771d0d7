package suite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/internal/fault"
)

// accepts: the vectors, the platform's own requests, and what is answered.
func accepts(t *testing.T, s Subject) {
	r := newRig(t, s)
	for i, h := range s.Golden {
		if _, err := r.channel.Accept(h); err != nil {
			t.Errorf("golden %d is refused: %v", i, err)
		}
	}
	for i, event := range s.Fixtures {
		for _, h := range r.f.Signed(event) {
			answer, err := r.channel.Accept(h)
			if err != nil {
				t.Errorf("fixture %d is refused: %v", i, err)
				continue
			}
			if !answer.Events {
				t.Errorf("fixture %d is not to be read", i)
			}
			events, err := r.channel.Decode(h)
			if err != nil {
				t.Errorf("fixture %d: %v", i, err)
			}
			for _, e := range events {
				whole(t, e)
			}
		}
	}
}

// forged: a request without a signature is 401, with a wrong one 403, and whatever else was changed is refused, too.
func forged(t *testing.T, s Subject) {
	r := newRig(t, s)
	_, event, err := r.p.Act(chattest.Act{Customer: r.p.Customer(0), Kind: chattest.Say, Text: "héllo <&> \u2028"})
	if err != nil {
		t.Fatal(err)
	}
	bare := r.p.Requests(event)[0]
	signed := r.p.Sign(bare, false)
	for _, c := range []struct {
		name string
		h    chat.Hook
		kind fault.Kind // "": either
		skip bool
	}{
		{name: "missing", h: bare, kind: fault.Unauthorized},
		{name: "another account's", h: r.p.Sign(bare, true), kind: fault.Forbidden},
		{name: "a byte changed", h: touched(signed), skip: s.PlainSecret},
		{name: "upper case", h: upper(bare, signed)},
		{name: "cut", h: cut(bare, signed)},
		{name: "written anew", h: anew(signed), skip: s.PlainSecret || !json.Valid(signed.Body)},
		{name: "another body", h: other(signed), skip: s.PlainSecret},
	} {
		if c.skip {
			continue
		}
		answer, err := r.channel.Accept(c.h)
		if err == nil {
			t.Errorf("%s: accepted", c.name)
			continue
		}
		r.quiet(err)
		kind := fault.KindOf(err)
		if c.kind != "" && kind != c.kind || kind != fault.Unauthorized && kind != fault.Forbidden {
			t.Errorf("%s: refused as %s, want %s", c.name, kind, c.kind)
		}
		if answer.Events {
			t.Errorf("%s: is to be read", c.name)
		}
	}
	if _, err := r.channel.Accept(signed); err != nil {
		t.Errorf("the true one is refused: %v", err)
	}
}

func copied(h chat.Hook) chat.Hook {
	h.Header, h.Query, h.Body = h.Header.Clone(), maps.Clone(h.Query), bytes.Clone(h.Body)
	return h
}

func touched(h chat.Hook) chat.Hook {
	h = copied(h)
	if b := &h.Body[len(h.Body)/2]; *b == 'A' {
		*b = 'B'
	} else {
		*b = 'A'
	}
	return h
}

// signatures changes what a signature has added to a request.
func signatures(bare, signed chat.Hook, change func(string) string) chat.Hook {
	h := copied(signed)
	for name, v := range h.Header {
		if !slices.Equal(v, bare.Header[name]) && name != "Content-Type" {
			h.Header[name] = []string{change(v[0])}
		}
	}
	query := false
	for name, v := range h.Query {
		if !slices.Equal(v, bare.Query[name]) && strings.Contains(name, "signature") {
			h.Query[name], query = []string{change(v[0])}, true
		}
	}
	if u, err := url.Parse(h.URL); err == nil && query {
		u.RawQuery = h.Query.Encode()
		h.URL = u.String()
	}
	return h
}

func upper(bare, signed chat.Hook) chat.Hook {
	return signatures(bare, signed, func(v string) string {
		if prefix, sum, ok := strings.Cut(v, "="); ok && sum != "" { // sha256=…
			return prefix + "=" + strings.ToUpper(sum)
		}
		return strings.ToUpper(v)
	})
}

func cut(bare, signed chat.Hook) chat.Hook {
	return signatures(bare, signed, func(v string) string { return v[:len(v)-2] })
}

// anew is the same JSON in other words.
func anew(h chat.Hook) chat.Hook {
	h = copied(h)
	var b bytes.Buffer
	if json.Indent(&b, h.Body, "", " ") == nil {
		h.Body = b.Bytes()
	}
	return h
}

func other(h chat.Hook) chat.Hook {
	h = copied(h)
	h.Body = append(h.Body, ' ')
	if h.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		h.Body = append(h.Body[:len(h.Body)-1], "&Extra=1"...)
	}
	if strings.HasPrefix(string(h.Body), "<") { // XML: the space is not part of what is signed
		h.Body = bytes.ReplaceAll(h.Body, []byte("<Encrypt>"), []byte("<Encrypt>x"))
		h.Body = bytes.ReplaceAll(h.Body, []byte("<Encrypt><![CDATA["), []byte("<Encrypt><![CDATA[x"))
		h.Body = bytes.ReplaceAll(h.Body, []byte("<Encrypt>x<![CDATA["), []byte("<Encrypt><![CDATA[x"))
	}
	return h
}

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

// allActs is one act of each kind by the first customer, about a message.
func (r *rig) allActs(about string) []chattest.Act {
	who := chattest.Act{Customer: r.p.Customer(0), Name: "Ann"}
	var all []chattest.Act
	for _, a := range []chattest.Act{
		{Kind: chattest.Say, Text: "hi 你好 👍"},
		{Kind: chattest.Say, Text: "a quote", To: about},
		{Kind: chattest.Give, Text: "look", File: picture()},
		{Kind: chattest.Share, Place: [2]float64{52.5, 13.4}},
		{Kind: chattest.React, Text: "👍", To: about},
		{Kind: chattest.React, To: about},
		{Kind: chattest.Press, Text: "yes", To: about},
		{Kind: chattest.Edit, Text: "hi there", To: about},
		{Kind: chattest.Unsend, To: about},
		{Kind: chattest.Begin},
		{Kind: chattest.Block},
		{Kind: chattest.Unblock},
	} {
		a.Customer, a.Name = who.Customer, who.Name
		all = append(all, a)
	}
	return all
}

// acts: what a customer does comes out as what it is, with key, time and person.
func acts(t *testing.T, s Subject) {
	r := newRig(t, s)
	ours := r.must(r.answer(r.meet(0), "what we have said"))
	theirs, _ := r.play(chattest.Act{Customer: r.p.Customer(0), Name: "Ann", Kind: chattest.Say, Text: "what they have said"})
	said := 0
	for _, a := range r.allActs(ours.ID) {
		if a.Kind == chattest.Edit || a.Kind == chattest.Unsend {
			a.To = theirs
		}
		if a.To == "" && (a.Kind == chattest.React || a.Kind == chattest.Press) {
			continue // the platform gives no ids
		}
		r.f.Advance(1e9)
		id, event, err := r.p.Act(a)
		if !can(err) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", a.Kind, err)
		}
		said++
		r.f.Emit(event)
		events := r.take()
		if len(events) == 0 {
			t.Errorf("%s: nothing is decoded", a.Kind)
		}
		for _, e := range events {
			r.known(a, e)
			if e.Message != nil && a.Kind == chattest.Say && e.Message.ID != id {
				t.Errorf("%s: the message's id is %q, not %q", a.Kind, e.Message.ID, id)
			}
		}
		if err := as(a, events); err != nil {
			t.Errorf("%s: %v", a.Kind, err)
		}
	}
	if said < 4 {
		t.Errorf("customers can do only %d things", said)
	}
}

// known fails unless an event says who, when and how it is called.
func (r *rig) known(a chattest.Act, e chat.Event) {
	r.t.Helper()
	if e.From.ID != a.Customer && e.From.Alias != a.Customer {
		r.t.Errorf("%s: an event of somebody else", a.Kind)
	}
	if e.Key == "" {
		r.t.Errorf("%s: no key", a.Kind)
	}
	if r.s.Timeless {
		return
	}
	if d := r.f.Now().Sub(e.At); d < 0 || d > 2e9 {
		r.t.Errorf("%s: at %v, not %v", a.Kind, e.At, r.f.Now())
	}
}

// as fails unless events say what the act said.
func as(a chattest.Act, events []chat.Event) error {
	for _, e := range events {
		m := e.Message
		switch a.Kind {
		case chattest.Say:
			if m != nil && m.Kind == chat.Text && m.Text == a.Text && m.Window != chat.NoWindow && m.Quote == a.To {
				return nil
			}
		case chattest.Give:
			if m != nil && m.Kind == chat.MediaOf && len(m.Media) == 1 && m.Media[0].Kind == a.File.Kind && (m.Text == a.Text || m.Text == "") {
				return nil
			}
		case chattest.Share:
			if m != nil && m.Kind == chat.Location && m.Body.Location != nil && m.Body.Location.Latitude == a.Place[0] && m.Body.Location.Longitude == a.Place[1] {
				return nil
			}
		case chattest.React:
			if e.Reaction != nil && e.Reaction.Emoji == a.Text && e.Reaction.To == a.To {
				return nil
			}
		case chattest.Press:
			if m != nil && m.Kind == chat.Choice && m.Body.Choice != nil && m.Body.Choice.ID == a.Text {
				return nil
			}
		case chattest.Edit:
			if e.Edit != nil && e.Edit.Text == a.Text && e.Edit.Of == a.To {
				return nil
			}
		case chattest.Unsend:
			if e.Unsend != nil && e.Unsend.Of == a.To {
				return nil
			}
		case chattest.Begin:
			if m != nil && m.Kind == chat.Begin || e.Contact != nil || m != nil && m.Kind == chat.Choice {
				return nil
			}
		case chattest.Block, chattest.Unblock:
			if c := e.Contact; c != nil && (c.Reachable != nil && *c.Reachable == (a.Kind == chattest.Unblock) || len(c.Consent) > 0) {
				return nil
			}
		}
	}
	return fmt.Errorf("not what was done: %+v", events)
}

// batch: whatever comes in one request is all there, in its order.
func batch(t *testing.T, s Subject) {
	r := newRig(t, s)
	r.f.SetDelivery(chattest.Delivery{Batch: 100})
	const customers, each = 6, 4
	var ours []string
	for n := range 5 {
		if sent := r.must(r.answer(r.meet(n), "one of ours")); sent.ID != "" {
			ours = append(ours, sent.ID)
		}
	}
	want := map[string][]string{}
	for i := range each {
		for n := range customers {
			id, err := r.f.Play(chattest.Act{Customer: r.p.Customer(n), Kind: chattest.Say, Text: fmt.Sprintf("%d of %d", i, n)})
			if err != nil {
				t.Fatal(err)
			}
			want[r.p.Customer(n)] = append(want[r.p.Customer(n)], id)
		}
	}
	told := 0
	for _, id := range ours {
		if r.f.Report(id, chat.StatusFailed, r.failure()) || r.f.Report(id, chat.StatusRead, "") {
			told++
		}
	}
	receipts, got := 0, map[string][]string{}
	for _, e := range r.take() {
		if e.Receipt != nil {
			receipts++
		}
		if e.Message != nil {
			who := e.From.ID
			if _, ok := want[who]; !ok {
				who = e.From.Alias
			}
			got[who] = append(got[who], e.Message.ID)
		}
	}
	for who, ids := range want {
		if !slices.Equal(got[who], ids) {
			t.Errorf("of %d messages these are there: %v, want %v", len(ids), got[who], ids)
		}
	}
	if receipts < told {
		t.Errorf("%d receipts, want %d", receipts, told)
	}
}

// failure is a code that may come late; "": there is none.
func (r *rig) failure() string {
	for _, c := range r.p.Codes() {
		if c.Later {
			return c.Code
		}
	}
	return ""
}

// receipts: what the platform promises to tell of our messages is understood.
func receipts(t *testing.T, s Subject) {
	r := newRig(t, s)
	from := r.meet(0)
	for _, c := range []struct {
		status   chat.Status
		promised bool
	}{{chat.StatusSent, s.Maker.Traits.Sent}, {chat.StatusDelivered, s.Maker.Traits.Delivered}, {chat.StatusRead, s.Maker.Traits.Read}} {
		m := r.answer(from, "how does it fare?")
		sent := r.must(m)
		r.f.Advance(1e9)
		if r.f.Report(sent.ID, c.status, "") != c.promised {
			if c.promised && c.status != chat.StatusSent { // "sent" may be what the answer says
				t.Errorf("%s: the traits promise it and the fake never tells", c.status)
			}
			continue
		}
		found := false
		for _, e := range r.take() {
			if n := e.Receipt; n != nil && n.Status == c.status && (n.ID == sent.ID || n.Local == m.ID || !n.Watermark.IsZero()) {
				found = true
			}
		}
		if !found && c.promised {
			t.Errorf("%s: not understood", c.status)
		}
	}
}
