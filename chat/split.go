package chat

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// length counts a text in a channel's unit.
func length(text string, unit Unit) int {
	switch unit {
	case Bytes:
		return len(text)
	case UTF16:
		n := 0
		for _, r := range text {
			n += utf16.RuneLen(r)
		}
		return n
	}
	return utf8.RuneCountInString(text)
}

// Split cuts a text into parts that each fit a channel (CH-7): between paragraphs, else sentences, else words, else where two characters, as
// people see them, meet. Nothing but the white space at a cut is lost.
func Split(text string, limit int, unit Unit) []string {
	var parts []string
	for limit > 0 && length(text, unit) > limit {
		head := fits(text, limit, unit)
		cut := bestCut(text, head)
		if part := strings.TrimRightFunc(text[:cut], unicode.IsSpace); part != "" {
			parts = append(parts, part)
		}
		text = strings.TrimLeftFunc(text[cut:], unicode.IsSpace)
	}
	if text != "" || len(parts) == 0 {
		parts = append(parts, text)
	}
	return parts
}

// fits is the number of bytes of text that fit, at least one character.
func fits(text string, limit int, unit Unit) int {
	n := 0
	for i, r := range text {
		switch unit {
		case Bytes:
			n += utf8.RuneLen(r)
		case UTF16:
			n += utf16.RuneLen(r)
		default:
			n++
		}
		if n > limit && i > 0 {
			return i
		}
	}
	return len(text)
}

// bestCut is where to cut at or before head.
func bestCut(text string, head int) int {
	within := text[:head]
	least := head / 2 // a cut further to the front would make too many parts
	if i := strings.LastIndex(within, "\n\n"); i > least {
		return i + 2
	}
	if i := strings.LastIndexByte(within, '\n'); i > least {
		return i + 1
	}
	if i := lastSentence(within); i > least {
		return i
	}
	if i := strings.LastIndexFunc(within, unicode.IsSpace); i > 0 {
		_, w := utf8.DecodeRuneInString(within[i:])
		return i + w
	}
	return wholeCharacter(text, head)
}

// lastSentence is behind the last sentence of text that is whole.
func lastSentence(text string) int {
	best := -1
	runes := []rune(text)
	at := 0
	for i, r := range runes {
		at += utf8.RuneLen(r)
		switch r {
		case '。', '！', '？', '…':
			best = at
		case '.', '!', '?':
			if i+1 < len(runes) && unicode.IsSpace(runes[i+1]) {
				best = at
			}
		}
	}
	return best
}

// wholeCharacter moves a cut forward to where no character is torn: not before marks, joiners, modifiers and the second of two flags' letters.
func wholeCharacter(text string, head int) int {
	cut := head
	for cut > 0 {
		after, _ := utf8.DecodeRuneInString(text[cut:])
		before, w := utf8.DecodeLastRuneInString(text[:cut])
		if !joins(after) && before != zeroWidthJoiner && !halfFlag(text, cut, after) {
			return cut
		}
		cut -= w
	}
	return head // one character longer than a part: it has to be torn
}

const zeroWidthJoiner = '\u200d'

func joins(r rune) bool {
	return r == zeroWidthJoiner || unicode.Is(unicode.M, r) || r >= 0x1F3FB && r <= 0x1F3FF || r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0020 && r <= 0xE007F
}

func flagLetter(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

// halfFlag says whether a cut would leave the two letters of a flag apart.
func halfFlag(text string, cut int, after rune) bool {
	if !flagLetter(after) {
		return false
	}
	n := 0
	for before := text[:cut]; before != ""; n++ {
		r, w := utf8.DecodeLastRuneInString(before)
		if !flagLetter(r) {
			break
		}
		before = before[:len(before)-w]
	}
	return n%2 == 1
}
