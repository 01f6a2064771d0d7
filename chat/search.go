package chat

import (
	"strings"
	"unicode"

	"tandem/internal/storage"
)

// searchQuery is what is looked for, as a tsquery of the configuration "simple": all words, the last of them as a beginning. "" finds nothing.
func searchQuery(text string) string {
	words := strings.Fields(storage.Words(text))
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
