package chat

import (
	"strings"
	"unicode"
)

// searchWords are the words of a text for the index: letters and digits in lower case, and pairs of neighbouring characters where a script
// writes no spaces (Chinese, Japanese, Thai …). Queries go through the same function.
func searchWords(text string) string {
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

// searchQuery is what is looked for, as a tsquery of the configuration "simple": all words, the last of them as a beginning. "" finds nothing.
func searchQuery(text string) string {
	words := strings.Fields(searchWords(text))
	if len(words) == 0 {
		return ""
	}
	for i, w := range words {
		words[i] = "'" + strings.ReplaceAll(w, "'", "''") + "'"
	}
	last := []rune(strings.TrimSpace(text))
	if end := last[len(last)-1]; unicode.IsLetter(end) || unicode.IsDigit(end) {
		words[len(words)-1] += ":*"
	}
	return strings.Join(words, " & ")
}
