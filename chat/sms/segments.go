package sms

import (
	"strings"
	"unicode/utf16"
)

// Encodings of text messages.
const (
	GSM7 = "GSM-7"
	UCS2 = "UCS-2"
)

// The GSM 7-bit default alphabet (3GPP TS 23.038, 6.2.1) and its extension, whose characters take two septets.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€"
)

// Segments says how many text messages a text is sent as, what they are encoded in, and how many units are left in the last one: septets
// of GSM-7, UTF-16 code units of UCS-2. A character of two units is never cut in two. An empty text is none.
// The web's composer counts alike; testdata/segments.json is for both.
func Segments(text string) (n int, encoding string, left int) {
	widths, encoding := widths(text)
	single, part := 160, 153 // 7 septets or 3 units go to the header of parts
	if encoding == UCS2 {
		single, part = 70, 67
	}
	total := 0
	for _, w := range widths {
		total += w
	}
	if total == 0 {
		return 0, encoding, single
	}
	if total <= single {
		return 1, encoding, single - total
	}
	n, used := 1, 0
	for _, w := range widths {
		if used+w > part {
			n, used = n+1, 0
		}
		used += w
	}
	return n, encoding, part - used
}

// widths are the characters' units, in the encoding that takes them all.
func widths(text string) (units []int, encoding string) {
	encoding = GSM7
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsmBasic, r):
			units = append(units, 1)
		case strings.ContainsRune(gsmExtension, r):
			units = append(units, 2)
		default:
			encoding = UCS2
		}
	}
	if encoding == GSM7 {
		return units, encoding
	}
	units = units[:0]
	for _, r := range text {
		units = append(units, max(utf16.RuneLen(r), 1))
	}
	return units, encoding
}
