package attach

import (
	"bytes"
	"encoding/binary"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is how a file is shown.
type Kind string

// Kinds.
const (
	Image Kind = "image"
	Video Kind = "video"
	Audio Kind = "audio"
	File  Kind = "file"
)

// Type is what a file is.
type Type struct {
	MIME string
	Ext  string // with its dot; "": whatever it came with
	Kind Kind
	Show bool // browsers may show or play it in our pages; anything else is for downloading
}

// Types that others name.
var (
	JPEG = Type{"image/jpeg", ".jpg", Image, true}
	PNG  = Type{"image/png", ".png", Image, true}
	GIF  = Type{"image/gif", ".gif", Image, true}
	WebP = Type{"image/webp", ".webp", Image, true}
	MP4  = Type{"video/mp4", ".mp4", Video, true}
	M4A  = Type{"audio/mp4", ".m4a", Audio, true}
	Ogg  = Type{"audio/ogg", ".ogg", Audio, true}
	MP3  = Type{"audio/mpeg", ".mp3", Audio, true}
	AMR  = Type{"audio/amr", ".amr", Audio, true}
	WAV  = Type{"audio/wav", ".wav", Audio, true}
	AAC  = Type{"audio/aac", ".aac", Audio, true}
	GPP  = Type{"video/3gpp", ".3gp", Video, true}
	MOV  = Type{"video/quicktime", ".mov", Video, true}
	FLAC = Type{"audio/flac", ".flac", Audio, true}
	WebM = Type{"video/webm", ".webm", Video, true}
	SVG  = Type{"image/svg+xml", ".svg", File, false}
	HTML = Type{"text/html", ".html", File, false}
	PDF  = Type{"application/pdf", ".pdf", File, false}
	ZIP  = Type{"application/zip", "", File, false}
	HEIC = Type{"image/heic", ".heic", File, false}
	AVIF = Type{"image/avif", ".avif", File, false}
	// Unknown is what nobody can tell.
	Unknown = Type{"application/octet-stream", "", File, false}
)

// Shown is the type that is shown of that name, as Clean has told it; Unknown for all others.
func Shown(mime string) Type {
	for _, t := range []Type{JPEG, PNG, GIF, MP4, M4A, Ogg, MP3, AMR, WAV, AAC, FLAC, GPP, MOV, WebM} {
		if t.MIME == mime {
			return t
		}
	}
	return Unknown
}

// download is the type as something that is not shown. What pretended to be another thing has no type of its own.
func (t Type) download() Type {
	if t.Show {
		return Unknown
	}
	return t
}

// boxes says whether a file is made of ISO 14496-12 boxes.
func (t Type) boxes() bool { return t == MP4 || t == M4A || t == GPP || t == MOV }

// magic are first bytes, longest matters first where one begins another.
var magic = []struct {
	first string
	is    Type
}{
	{"\xff\xd8\xff", JPEG},
	{"\x89PNG\r\n\x1a\n", PNG},
	{"GIF87a", GIF},
	{"GIF89a", GIF},
	{"#!AMR", AMR},
	{"ID3", MP3},
	{"fLaC", FLAC},
	{"#!SILK", Type{"audio/silk", ".silk", File, false}},
	{"\x02#!SILK", Type{"audio/silk", ".silk", File, false}},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Type{"application/x-ole-storage", "", File, false}},
	{"Rar!\x1a\x07", Type{"application/vnd.rar", ".rar", File, false}},
	{"7z\xbc\xaf\x27\x1c", Type{"application/x-7z-compressed", ".7z", File, false}},
	{"BEGIN:VCARD", Type{"text/vcard", ".vcf", File, false}},
}

// office are the folders by which documents in ZIP archives are told apart.
var office = []struct {
	folder string
	is     Type
}{
	{"word/", Type{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx", File, false}},
	{"xl/", Type{"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx", File, false}},
	{"ppt/", Type{"application/vnd.openxmlformats-officedocument.presentationml.presentation", ".pptx", File, false}},
}

// Sniff says what a file is by its first 4 KiB; names and what senders say count for nothing.
func Sniff(head []byte) Type {
	head = head[:min(len(head), headLength)]
	for _, m := range magic {
		if bytes.HasPrefix(head, []byte(m.first)) {
			return m.is
		}
	}
	switch {
	case len(head) >= 12 && string(head[4:8]) == "ftyp":
		return sniffBrand(string(head[8:12]))
	case len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return WebP
	case len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WAVE":
		return WAV
	case bytes.HasPrefix(head, []byte("OggS")):
		return sniffOgg(head)
	case bytes.HasPrefix(head, []byte("\x1a\x45\xdf\xa3")):
		return sniffMatroska(head)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return sniffZIP(head)
	case len(head) >= 4 && head[0] == 0xff && head[1]&0xe0 == 0xe0:
		return sniffMPEG(head)
	case bytes.Contains(head[:min(len(head), 1024)], []byte("%PDF-")): // readers look that far
		return PDF
	}
	return sniffText(head)
}

// sniffBrand tells what has a file type box apart by its major brand (ISO 14496-12, mp4ra.org).
func sniffBrand(brand string) Type {
	switch {
	case brand == "M4A " || brand == "M4B " || brand == "F4A ":
		return M4A
	case strings.HasPrefix(brand, "3gp"), strings.HasPrefix(brand, "3g2"):
		return GPP
	case brand == "qt  ":
		return MOV
	case brand == "avif" || brand == "avis":
		return AVIF
	case brand == "mif1" || brand == "msf1" || strings.HasPrefix(brand, "hei") || strings.HasPrefix(brand, "hev"):
		return HEIC
	}
	return MP4
}

func sniffOgg(head []byte) Type {
	first := head[:min(len(head), 256)]
	for _, codec := range []string{"OpusHead", "\x01vorbis", "Speex   ", "\x7fFLAC"} {
		if bytes.Contains(first, []byte(codec)) && !bytes.Contains(head, []byte("\x80theora")) {
			return Ogg
		}
	}
	return Type{"application/ogg", ".ogg", File, false}
}

func sniffMatroska(head []byte) Type {
	if bytes.Contains(head[:min(len(head), 64)], []byte("\x42\x82\x84webm")) { // DocType, of four bytes
		return WebM
	}
	return Type{"video/x-matroska", ".mkv", File, false}
}

func sniffZIP(head []byte) Type {
	if bytes.Contains(head, []byte("[Content_Types].xml")) || bytes.Contains(head, []byte("_rels/")) {
		for _, o := range office {
			if bytes.Contains(head, []byte(o.folder)) {
				return o.is
			}
		}
	}
	return ZIP
}

// sniffMPEG looks at a frame's header (ISO 11172-3, ISO 13818-7): layer 0 with a syncword of twelve bits is AAC.
func sniffMPEG(head []byte) Type {
	switch layer := head[1] >> 1 & 3; {
	case head[1]&0xf6 == 0xf0:
		return AAC
	case layer == 1 && head[1]>>3&3 != 1 && head[2]>>4 != 15 && head[2]>>4 != 0 && head[2]>>2&3 != 3:
		return MP3
	}
	return Unknown
}

func sniffText(head []byte) Type {
	// Everything may stand before a vector graphic's first element that is XML, and browsers look further than net/http does.
	if low := bytes.ToLower(head); bytes.Contains(low, []byte("<svg")) {
		return SVG
	} else if bytes.Contains(low, []byte("<html")) || bytes.Contains(low, []byte("<script")) {
		return HTML
	}
	found, _, err := mime.ParseMediaType(http.DetectContentType(head))
	switch {
	case err != nil:
		return Unknown
	case found == "text/html":
		return HTML
	case found == "text/plain":
		return Type{found, "", File, false}
	}
	return Type{MIME: found, Kind: File}
}

// longestName of a file, in bytes.
const longestName = 120

// Name is a file's name as it may be shown and saved: without a path, characters that cannot be seen or turn the text's direction, or a wrong
// extension on what is shown. "" becomes the kind of the file.
func Name(name string, t Type) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, ""), `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`<>:"|?*/`, r) {
			return -1
		}
		return r
	}, name)
	name = strings.Trim(name, ". ")
	ext := path.Ext(name)
	if len(ext) > 12 {
		ext = ""
	}
	stem := strings.TrimSuffix(name, ext)
	if t.Show || ext == "" {
		ext = t.Ext
	}
	if stem == "" {
		stem = string(t.Kind)
	}
	for len(stem) > longestName-len(ext) {
		_, n := utf8.DecodeLastRuneInString(stem)
		stem = stem[:len(stem)-n]
	}
	return stem + ext
}

// endsAsZIP says whether a reader of ZIP archives, who begins at the end, would find one (APPNOTE.TXT 4.3.16).
func endsAsZIP(r io.ReaderAt, size int64) bool {
	const record = 22
	tail := make([]byte, min(size, record+0xffff))
	if n, _ := r.ReadAt(tail, size-int64(len(tail))); n < len(tail) {
		return true // who cannot read it does not vouch for it
	}
	start := uint64(size) - uint64(len(tail))
	for at := len(tail) - record; at >= 0; at-- {
		if string(tail[at:at+4]) != "PK\x05\x06" {
			continue
		}
		e := tail[at:]
		directory := uint64(binary.LittleEndian.Uint32(e[12:])) + uint64(binary.LittleEndian.Uint32(e[16:]))
		// Both lie before the record in every archive that opens; the bytes of a film hardly ever say so by chance.
		if directory <= start+uint64(at) && at+record+int(binary.LittleEndian.Uint16(e[20:])) <= len(tail) {
			return true
		}
	}
	return false
}
