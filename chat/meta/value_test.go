package meta_test

import (
	"encoding/json"
	"testing"
	"time"

	"tandem/chat/meta"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		`"a"`: "a", `12345678901234567890`: "12345678901234567890", `1.5`: "1.5", `true`: "true", `null`: "", `{}`: "", `[1]`: "", `""`: "",
	} {
		var v struct{ X meta.Text }
		if err := json.Unmarshal([]byte(`{"X":`+in+`}`), &v); err != nil || string(v.X) != want {
			t.Errorf("%s: %q, %v", in, v.X, err)
		}
	}
}

func TestTimes(t *testing.T) {
	at := time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)
	if got := meta.Text("1700000000").Seconds(); !got.Equal(at) {
		t.Errorf("seconds: %v", got)
	}
	if got := meta.Text("1700000000123").Milliseconds(); !got.Equal(at.Add(123 * time.Millisecond)) {
		t.Errorf("milliseconds: %v", got)
	}
	for _, odd := range []meta.Text{"", "x", "-1", "0", "9223372036854775807", "99999999999999999999"} {
		if !odd.Seconds().IsZero() || !odd.Milliseconds().IsZero() {
			t.Errorf("%q is a time", odd)
		}
	}
}

func TestEntries(t *testing.T) {
	for body, good := range map[string]bool{
		`{"object":"page","entry":[]}`:                    true,
		`{"object":"page","entry":[{"id":1}, "x", null]}`: true,
		`{"object":"page"}`:                               false,
		`{"object":"page","entry":{}}`:                    false,
		`{"object":"user","entry":[]}`:                    false,
		`[]`:                                              false,
		``:                                                false,
		`{"object":"page","entry":[]} trailing`:           false,
		`{"object":"page","entry":[{"changes":"x","id":{}}]}`: true,
	} {
		if _, err := meta.Entries([]byte(body), "page"); (err == nil) != good {
			t.Errorf("%s: %v", body, err)
		}
	}
}
