package sms_test

import (
	stdjson "encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"tandem/chat/sms"
)

// TestSegments reads the cases that the web's composer is tested with, too.
func TestSegments(t *testing.T) {
	b, err := os.ReadFile("testdata/segments.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Text, Encoding string
		Repeat               []struct {
			Text  string
			Times int
		}
		Segments, Left int
	}
	if err := stdjson.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		text := c.Text
		for _, r := range c.Repeat {
			text += strings.Repeat(r.Text, r.Times)
		}
		n, encoding, left := sms.Segments(text)
		if n != c.Segments || encoding != c.Encoding || left != c.Left {
			t.Errorf("%s: %d %s, %d left; want %d %s, %d left", c.Name, n, encoding, left, c.Segments, c.Encoding, c.Left)
		}
	}
	if len(cases) < 25 {
		t.Errorf("only %d cases", len(cases))
	}
}

// Whatever the text, its segments hold it, one fewer would not, and a letter more costs one segment more at most.
func TestSegmentsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("ab€{}\f é")), 0, 700, -1), rapid.StringOfN(rapid.RuneFrom([]rune("好a👍€")), 0, 300, -1)).Draw(t, "text")
		n, encoding, left := sms.Segments(text)
		units := len(utf16.Encode([]rune(text)))
		single, part := 160, 153
		if encoding == sms.UCS2 {
			single, part = 70, 67
		} else {
			units += strings.Count(text, "€") + strings.Count(text, "\f")
			for _, r := range `^{}\[~]|` {
				units += strings.Count(text, string(r))
			}
		}
		switch {
		case text == "":
			if n != 0 || left != 160 {
				t.Fatalf("%d segments of nothing", n)
			}
		case units <= single:
			if n != 1 || left != single-units {
				t.Fatalf("%d segments of %d units, %d left", n, units, left)
			}
		case n*part-left < units || n*part-left > units+n-1 || left < 0 || left >= part: // at most one unit of each but the last stays empty
			t.Fatalf("%d segments of %d units %s, %d left", n, units, encoding, left)
		}
		if more, _, _ := sms.Segments(text + "a"); more < n || more > n+1 {
			t.Fatalf("a letter more: %d segments instead of %d", more, n)
		}
	})
}
