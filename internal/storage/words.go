package storage

import (
	"strings"
	"unicode"
)

// Words are the words of a text for an index: letters and digits in lower case, and pairs of neighbouring characters where a script writes no
// spaces (Chinese, Japanese, Thai …), with a space after each. What is looked for goes through the same function.
func Words(text string) string {
	var out strings.Builder
	var word []rune
	var before rune // of the same run of a script without spaces
	flush := func() {
		if len(word) > 0 {
			out.WriteString(string(word))
			out.WriteByte(' ')
			word = word[:0]
		}
	}
	lone := false
	endRun := func() {
		if lone && before != 0 { // a single character is a word, too
			out.WriteRune(before)
			out.WriteByte(' ')
		}
		before, lone = 0, false
	}
	for _, c := range text {
		switch {
		case unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai):
			flush()
			if before != 0 {
				out.WriteRune(before)
				out.WriteRune(c)
				out.WriteByte(' ')
				lone = false
			} else {
				lone = true
			}
			before = c
		case unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsMark(c):
			endRun()
			word = append(word, unicode.ToLower(c))
		default:
			endRun()
			flush()
		}
	}
	endRun()
	flush()
	return out.String()
}
