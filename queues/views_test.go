package queues

import (
	"testing"
	"time"
)

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add("e30")
	f.Add(cursor{At: time.Unix(1, 2).UTC(), Name: "é", ID: id('c', 1)}.String())
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseCursor(s)
		if err != nil {
			return
		}
		if again, err := parseCursor(c.String()); err != nil || !again.At.Equal(c.At) || again.ID != c.ID {
			t.Errorf("%q is %+v, then %+v, %v", s, c, again, err)
		}
	})
}
