package sip

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// familiar puts lines that the SDP reader knows in the place of those for other media than audio, and returns what they said, by their place
// among all. The reader refuses a whole description for a medium or a protocol that is not in its list, such as T.38's (image, udptl), where
// RFC 3264 6 wants the one line declined. A last line that is not ended, seen in the field, is.
func familiar(body []byte) (plain []byte, said map[int]sdp.MediaName) {
	said = map[int]sdp.MediaName{}
	lines := bytes.FieldsFunc(body, func(r rune) bool { return r == '\r' || r == '\n' })
	at := 0
	for i, line := range lines {
		value, ok := bytes.CutPrefix(line, []byte("m="))
		if !ok {
			continue
		}
		if name, ok := readMediaName(string(value)); ok && name.Media != "audio" {
			said[at], lines[i] = name, []byte("m=application 0 UDP 0")
		}
		at++
	}
	return append(bytes.Join(lines, []byte("\r\n")), "\r\n"...), said
}

// readMediaName reads a media line (RFC 8866 5.14).
func readMediaName(value string) (name sdp.MediaName, ok bool) {
	fields := strings.Fields(value)
	if len(fields) < 4 {
		return name, false
	}
	port, count, ranged := strings.Cut(fields[1], "/")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return name, false
	}
	name = sdp.MediaName{Media: fields[0], Port: sdp.RangedPort{Value: int(n)}, Protos: strings.Split(fields[2], "/"), Formats: fields[3:]}
	words := slices.Concat([]string{name.Media}, name.Protos, name.Formats)
	if ranged {
		words = append(words, count)
	}
	return name, !slices.ContainsFunc(words, func(s string) bool { return s == "" || !isToken(s) })
}
