package chat

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// clusters are characters as people see them, of one or more code points.
var clusters = []string{
	"a", "Z", "7", "中", "文", "字", "。", ".", "!", "é", "e\u0301", "a\u0323\u0302", "कि", "😀", "👍🏽", "🇩🇪", "🇨🇳", "👨‍👩‍👧‍👦", "🏳️‍🌈", "❤️", "𝒳", "한", "ก็", "👩🏾‍🚀", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "1️⃣",
}

var spaces = []string{" ", " ", "\n", "\n\n", "\t", "\u3000"}

// No part is over the limit, nothing but white space is lost, and no character as people see it is torn (channels.md 13.13).
func TestSplitProperties(t *testing.T) {
	t.Parallel()
	longest := 0
	for _, c := range clusters {
		longest = max(longest, len(c))
	}
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(clusters), rapid.SampledFrom(clusters), rapid.SampledFrom(spaces)), 0, 120).Draw(t, "text")
		unit := rapid.SampledFrom([]Unit{Characters, Bytes, UTF16}).Draw(t, "unit")
		limit := rapid.IntRange(longest, 4*longest).Draw(t, "limit") // every character fits alone
		text := strings.TrimSpace(strings.Join(whole, ""))
		parts := Split(text, limit, unit)
		ends := map[string]bool{"": true} // what ends between two characters, without white space
		before := ""
		for _, c := range whole {
			before += withoutSpace(c)
			ends[before] = true
		}
		got := ""
		for i, p := range parts {
			if length(p, unit) > limit {
				t.Fatalf("part %d has %d of %d %s", i, length(p, unit), limit, unit)
			}
			if p == "" && len(parts) > 1 {
				t.Fatalf("part %d is empty", i)
			}
			if got += withoutSpace(p); !ends[got] {
				t.Fatalf("part %d of %q ends within a character: %+q", i, text, p)
			}
		}
		if got != withoutSpace(text) {
			t.Fatalf("lost: %+q of %+q", got, text)
		}
	})
}

func withoutSpace(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		limit      int
		unit       Unit
		want       []string
	}{
		{"fits", "hello", 5, Characters, []string{"hello"}},
		{"empty", "", 5, Characters, []string{""}},
		{"no limit", strings.Repeat("x", 50), 0, Characters, []string{strings.Repeat("x", 50)}},
		{"paragraphs", "one two three\n\nfour five", 20, Characters, []string{"one two three", "four five"}},
		{"sentences", "One two three. Four five six.", 20, Characters, []string{"One two three.", "Four five six."}},
		{"words", "aaaa bbbb cccc", 10, Characters, []string{"aaaa bbbb", "cccc"}},
		{"CJK by bytes", "你好世界", 7, Bytes, []string{"你好", "世界"}},
		{"surrogates", "😀😀😀", 5, UTF16, []string{"😀😀", "😀"}},
		{"flags", "🇩🇪🇨🇳🇫🇷", 3, Characters, []string{"🇩🇪", "🇨🇳", "🇫🇷"}},
		{"a character that does not fit alone is torn, not lost", "👨‍👩‍👧‍👦", 4, Characters, []string{"👨‍👩‍", "👧‍👦"}},
	} {
		if got := Split(tc.text, tc.limit, tc.unit); strings.Join(got, "|") != strings.Join(tc.want, "|") {
			t.Errorf("%s: %q", tc.name, got)
		}
	}
}
