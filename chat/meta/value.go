package meta

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tandem/chat"
)

// Text is a string that Meta may also write as a number: ids and times. Anything else reads as "".
type Text string

// UnmarshalJSON implements json.Unmarshaler; it never fails, so that one odd field does not lose what stands around it.
func (t *Text) UnmarshalJSON(b []byte) error {
	*t = Text(scalar(b))
	return nil
}

// Int is the number that t is, else 0.
func (t Text) Int() int64 {
	n, err := strconv.ParseInt(string(t), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Float is the number that t is, else 0.
func (t Text) Float() float64 {
	f, err := strconv.ParseFloat(string(t), 64)
	if err != nil {
		return 0
	}
	return f
}

// Seconds is the time that t counts in seconds; zero if it tells none.
func (t Text) Seconds() time.Time { return instant(t.Int(), time.Second) }

// Milliseconds is the time that t counts in milliseconds; zero if it tells none.
func (t Text) Milliseconds() time.Time { return instant(t.Int(), time.Millisecond) }

// instant leaves out what no platform means and no database stores.
func instant(n int64, unit time.Duration) time.Time {
	limit := 253402300799 * (int64(time.Second) / int64(unit)) // the year 9999
	if n <= 0 || n > limit {
		return time.Time{}
	}
	if unit == time.Millisecond {
		return time.UnixMilli(n).UTC()
	}
	return time.Unix(n, 0).UTC()
}

// Flat is an object's values as strings; what is an object or a list itself stays JSON.
type Flat map[string]string

// UnmarshalJSON implements json.Unmarshaler; it never fails.
func (f *Flat) UnmarshalJSON(b []byte) error {
	*f = nil
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(b, &fields) // what is no object has no values
	for name, raw := range fields {
		s := scalar(raw)
		if s == "" && len(raw) > 2 && (raw[0] == '{' || raw[0] == '[') {
			var out bytes.Buffer
			if json.Compact(&out, raw) == nil {
				s = out.String()
			}
		}
		if s == "" {
			continue
		}
		if *f == nil {
			*f = Flat{}
		}
		(*f)[name] = s
	}
	return nil
}

func scalar(b []byte) string {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return ""
	}
	switch b[0] {
	case '"':
		var s string
		if json.Unmarshal(b, &s) != nil {
			return ""
		}
		return s
	case '{', '[', 'n':
		return ""
	}
	return string(b)
}

// Entry is one entry of a hook's body.
type Entry struct {
	ID        Text
	Time      Text
	Changes   []Change
	Messaging []json.RawMessage
	Standby   []json.RawMessage
	Change    // Instagram's comments may stand here instead of in Changes
}

// Change is one change of an entry.
type Change struct {
	Field Text
	Value json.RawMessage
}

// Entries reads the envelope of a hook's body, which is about object ("page" …).
func Entries(body []byte, object string) ([]Entry, error) {
	var envelope struct {
		Object Text
		Entry  json.RawMessage
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, fmt.Errorf("read the hook's body: %w", err)
	}
	if string(envelope.Object) != object {
		return nil, fmt.Errorf("read the hook's body: it is not about %s", object)
	}
	var entries []Entry
	if err := Lenient(envelope.Entry, &entries); err != nil {
		return nil, fmt.Errorf("read the hook's entries: %w", err)
	}
	if entries == nil {
		if t := strings.TrimSpace(string(envelope.Entry)); !strings.HasPrefix(t, "[") {
			return nil, errors.New("read the hook's entries: there is no list of them")
		}
	}
	return entries, nil
}

// Lenient reads raw into v; a value of another type than v expects is left out.
func Lenient(raw []byte, v any) error {
	err := json.Unmarshal(raw, v)
	var odd *json.UnmarshalTypeError
	if errors.As(err, &odd) {
		return nil
	}
	return err
}

// Unknown is a message that we cannot read, kept as it came.
func Unknown(id, kind string, raw json.RawMessage) *chat.Incoming {
	return &chat.Incoming{ID: id, Kind: chat.Unsupported, Body: chat.Body{Type: kind}, Raw: raw}
}
