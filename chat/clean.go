package chat

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// clean leaves out what PostgreSQL cannot keep.
func clean(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD")
}

// rawOf is JSON as PostgreSQL keeps it: without NUL, halves of characters and numbers beyond all bounds; nil for what is no JSON.
func rawOf(raw []byte) []byte {
	if len(raw) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	kept, err := json.Marshal(storable(v))
	if err != nil {
		return nil
	}
	return kept
}

func storable(v any) any {
	switch v := v.(type) {
	case string:
		return clean(v)
	case json.Number:
		if _, err := v.Float64(); err != nil || len(v) > 40 {
			return string(v)
		}
	case []any:
		for i := range v {
			v[i] = storable(v[i])
		}
	case map[string]any:
		for name, value := range v {
			delete(v, name)
			v[clean(name)] = storable(value)
		}
	}
	return v
}

// cleaned is an event without what PostgreSQL cannot keep.
func cleaned(e Event) Event {
	texts := []*string{&e.Key, &e.From.ID, &e.From.Alias, &e.From.Phone, &e.From.Name, &e.From.Username, &e.From.Language, &e.From.Country, &e.From.Avatar}
	if e.Message != nil {
		m := *e.Message
		e.Message = &m
		texts = append(texts, &m.ID, &m.Text, &m.Quote, &m.Album, &m.Via, &m.Reply, &m.QuoteToken, &m.ReadToken)
		m.Raw = rawOf(m.Raw)
		m.Media = cleanedMedia(m.Media)
		var body Body
		if b, err := json.Marshal(m.Body); err == nil && string(b) != "{}" && json.Unmarshal(rawOf(b), &body) == nil {
			m.Body = body
		}
	}
	if e.Receipt != nil {
		r := *e.Receipt
		e.Receipt = &r
		texts = append(texts, &r.ID)
		r.Price = cleanedMap(r.Price)
		if r.Err != nil {
			r.Err = &SendError{Verdict: r.Err.Verdict, Code: clean(r.Err.Code), Detail: clean(r.Err.Detail), After: r.Err.After, Err: r.Err.Err}
		}
	}
	if e.Contact != nil {
		c := *e.Contact
		e.Contact = &c
		texts = append(texts, &c.Why, &c.Was.ID, &c.Was.Alias, &c.Merged.ID, &c.Merged.Alias)
		c.Consent = cleanedMap(c.Consent)
	}
	if e.Template != nil {
		n := *e.Template
		e.Template = &n
		texts = append(texts, &n.ID, &n.Name, &n.Language, &n.Status, &n.Quality, &n.Category, &n.Reason)
	}
	if e.Account != nil {
		n := *e.Account
		e.Account = &n
		texts = append(texts, &n.Reason)
		n.Detail = cleanedMap(n.Detail)
	}
	if e.Reaction != nil {
		r := *e.Reaction
		e.Reaction = &r
		texts = append(texts, &r.To, &r.Emoji)
	}
	if e.Edit != nil {
		d := *e.Edit
		e.Edit = &d
		d.Media = cleanedMedia(d.Media)
		texts = append(texts, &d.Of, &d.Text)
	}
	if e.Unsend != nil {
		u := *e.Unsend
		e.Unsend = &u
		texts = append(texts, &u.Of)
	}
	for _, t := range texts {
		*t = clean(*t)
	}
	return e
}

func cleanedMap[V any](m map[string]V) map[string]V {
	if m == nil {
		return nil
	}
	kept := make(map[string]V, len(m))
	for name, value := range m {
		if text, ok := any(value).(string); ok {
			value, _ = any(clean(text)).(V)
		}
		kept[clean(name)] = value
	}
	return kept
}

func cleanedMedia(refs []MediaRef) []MediaRef {
	refs = slices.Clone(refs)
	for i := range refs {
		r := &refs[i]
		for _, t := range []*string{&r.ID, &r.URL, &r.Name, &r.ContentType, &r.SHA256} {
			*t = clean(*t)
		}
	}
	return refs
}
