package sound

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hajimehoshi/go-mp3"

	"tandem/internal/fault"
)

// Limits bound an upload.
type Limits struct {
	Bytes    int64         // size of the file
	Duration time.Duration // playing time
}

// wideband is the highest rate that anything is played at.
const wideband = 16000

// DefaultLimits suit prompts, ringtones and hold music.
var DefaultLimits = Limits{Bytes: 30_000_000, Duration: 10 * time.Minute}

// Import reads an uploaded WAV or MP3 file of any rate and channel count and returns it as mono at 16 kHz, or at the file's rate if that
// is lower, levelled like all prompts. Whatever else the upload may be gives a fault: not_audio, unsupported_audio, broken_audio, empty_audio (Invalid), or
// audio_too_large, audio_too_long (TooLarge). It may be fed hostile bytes.
func Import(r io.Reader, lim Limits) (PCM, error) {
	data, err := io.ReadAll(io.LimitReader(r, lim.Bytes+1))
	if err != nil {
		return PCM{}, fmt.Errorf("read uploaded audio: %w", err)
	}
	if int64(len(data)) > lim.Bytes {
		return PCM{}, fault.Newf(fault.TooLarge, "audio_too_large", "The file is larger than %d MB. Upload a shorter or more strongly compressed one.", lim.Bytes/1_000_000)
	}
	var p PCM
	switch kind := Detect(data); kind {
	case "WAV":
		p, err = importWAV(data, lim.Duration)
	case "MP3":
		p, err = importMP3(data, lim.Duration)
	case "empty":
		return PCM{}, fault.New(fault.Invalid, "empty_audio", "The file is empty. Upload a WAV or MP3 file.")
	case "Ogg", "FLAC", "AAC", "MPEG-4", "AIFF", "AMR", "WebM":
		return PCM{}, fault.Newf(fault.Invalid, "unsupported_audio", "This is an audio file of a kind that cannot be used (%s). Save it as WAV or MP3 and upload it again.", kind)
	case "":
		return PCM{}, fault.New(fault.Invalid, "not_audio", "This is not an audio file. Upload a WAV or MP3 file.")
	default:
		return PCM{}, fault.Newf(fault.Invalid, "not_audio", "This is not an audio file but a %s. Upload a WAV or MP3 file.", kind)
	}
	if err != nil {
		return PCM{}, err
	}
	if len(p.Samples) < p.Rate/50 {
		return PCM{}, fault.New(fault.Invalid, "empty_audio", "The file holds no sound. Upload a WAV or MP3 file that plays for at least 20 milliseconds.")
	}
	return p.At(min(p.Rate, wideband)).Normalized(), nil
}

// Detect tells what a file is by its first bytes: "WAV" and "MP3" can be imported; other answers name a kind of file in words ("PNG
// image"), "empty", or "" when nothing is recognised. The file's name and declared type are not asked: they lie.
func Detect(data []byte) string {
	if len(data) == 0 {
		return "empty"
	}
	for _, m := range [...]struct {
		at         int
		magic, say string
	}{
		{8, "WAVE", "WAV"},
		{0, "\x89PNG\r\n", "PNG image"},
		{0, "\xFF\xD8\xFF", "JPEG image"},
		{0, "GIF8", "GIF image"},
		{8, "WEBP", "WebP image"},
		{0, "BM", "bitmap image"},
		{0, "%PDF-", "PDF document"},
		{0, "PK\x03\x04", "ZIP archive or Office document"},
		{0, "OggS", "Ogg"},
		{0, "fLaC", "FLAC"},
		{4, "ftyp", "MPEG-4"},
		{8, "AIFF", "AIFF"},
		{0, "#!AMR", "AMR"},
		{0, "\x1A\x45\xDF\xA3", "WebM"},
		{0, "\x7FELF", "program"},
		{0, "MZ", "program"},
		{0, "\x1F\x8B", "gzip archive"},
	} {
		if len(data) >= m.at+len(m.magic) && string(data[m.at:m.at+len(m.magic)]) == m.magic {
			if m.say == "WAV" && string(data[:4]) != "RIFF" {
				continue
			}
			return m.say
		}
	}
	if len(data) > 1 && data[0] == 0xFF && data[1]&0xF6 == 0xF0 {
		return "AAC"
	}
	if start := skipID3(data); start > 0 || mp3Frame(data) > 0 {
		return "MP3"
	}
	head := data[:min(len(data), 512)]
	switch kind := http.DetectContentType(head); {
	case strings.HasPrefix(kind, "text/html"):
		return "web page"
	case strings.HasPrefix(kind, "text/") && utf8.Valid(bytes.TrimRight(head, "\x80\xBF")):
		return "text"
	}
	return ""
}

func importWAV(data []byte, limit time.Duration) (PCM, error) {
	broken := fault.New(fault.Invalid, "broken_audio", "This WAV file cannot be read. Save it as PCM, 16 bit, mono or stereo, and upload it again.")
	r, err := NewReader(bytes.NewReader(data))
	if err != nil {
		return PCM{}, broken.Because(err)
	}
	f := r.Format()
	p := PCM{Rate: f.Rate}
	buf := make([]int16, 4096*f.Channels)
	for {
		n, err := r.ReadPCM(buf)
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil {
			return PCM{}, broken.Because(err)
		}
		p.Samples = appendMono(p.Samples, buf[:n], f.Channels)
		if p.Duration() > limit {
			return PCM{}, tooLong(limit)
		}
	}
}

func appendMono(dst, interleaved []int16, channels int) []int16 {
	for i := 0; i+channels <= len(interleaved); i += channels {
		sum := 0
		for _, s := range interleaved[i : i+channels] {
			sum += int(s)
		}
		dst = append(dst, int16(sum/channels))
	}
	return dst
}

func tooLong(limit time.Duration) error {
	return fault.Newf(fault.TooLarge, "audio_too_long", "The recording is longer than %s. Upload a shorter one.", limit)
}

// importMP3 decodes with a library that was not written for hostile input: the tag, for which it would allocate what the tag says, is
// cut off before, and a panic becomes an error.
func importMP3(data []byte, limit time.Duration) (p PCM, err error) {
	broken := fault.New(fault.Invalid, "broken_audio", "This MP3 file cannot be read. Save it as MPEG-1 layer 3 or as WAV and upload it again.")
	defer func() {
		if r := recover(); r != nil {
			p, err = PCM{}, broken.Because(fmt.Errorf("decode MP3: %v", r))
		}
	}()
	data = data[skipID3(data):]
	if len(data) >= 128 && string(data[len(data)-128:len(data)-125]) == "TAG" {
		data = data[:len(data)-128]
	}
	// Only a Reader, so that the library does not scan the whole file for seeking first.
	dec, err := mp3.NewDecoder(struct{ io.Reader }{bytes.NewReader(data)})
	if err != nil {
		return PCM{}, broken.Because(fmt.Errorf("decode MP3: %w", err))
	}
	p.Rate = dec.SampleRate()
	if p.Rate < minRate || p.Rate > maxRate {
		return PCM{}, broken
	}
	buf := make([]byte, 4*4096) // the library always gives two channels
	pair := make([]int16, 2*4096)
	for {
		n, err := io.ReadFull(dec, buf)
		for i := range n / 4 * 2 {
			pair[i] = int16(binary.LittleEndian.Uint16(buf[2*i:]))
		}
		p.Samples = appendMono(p.Samples, pair[:n/4*2], 2)
		if p.Duration() > limit {
			return PCM{}, tooLong(limit)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return p, nil
		}
		if err != nil {
			return PCM{}, broken.Because(fmt.Errorf("decode MP3: %w", err))
		}
	}
}

// skipID3 gives the size of the ID3v2 tags at the start, 0 when there are none.
func skipID3(data []byte) int {
	at := 0
	for len(data)-at >= 10 && string(data[at:at+3]) == "ID3" {
		b := data[at+6 : at+10]
		size := 10 + int(b[0]&0x7F)<<21 + int(b[1]&0x7F)<<14 + int(b[2]&0x7F)<<7 + int(b[3]&0x7F)
		if data[at+5]&0x10 != 0 {
			size += 10 // footer
		}
		at = min(at+size, len(data))
	}
	return at
}

// mp3Frame gives the length in bytes of the layer 3 frame whose header the data begin with, 0 when it is none (ISO 11172-3 2.4.2.3).
func mp3Frame(data []byte) int {
	if len(data) < 4 || data[0] != 0xFF || data[1]&0xE0 != 0xE0 {
		return 0
	}
	version, layer := data[1]>>3&3, data[1]>>1&3
	rateIndex, freqIndex := int(data[2]>>4), int(data[2]>>2&3)
	if version == 1 || layer != 1 || rateIndex == 0 || rateIndex == 15 || freqIndex == 3 {
		return 0
	}
	kbits := [2][15]int{
		{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
		{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
	}
	freq, row, perFrame := [3]int{44100, 48000, 32000}[freqIndex], 0, 144
	if version != 3 {
		freq, row, perFrame = freq/2, 1, 72
	}
	if version == 0 {
		freq /= 2
	}
	return perFrame*kbits[row][rateIndex]*1000/freq + int(data[2]>>1&1)
}
