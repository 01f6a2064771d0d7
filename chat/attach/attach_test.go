package attach

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

func cleaner(t testing.TB) *Cleaner {
	program, _ := exec.LookPath("ffmpeg")
	return New(Config{Temp: t.TempDir(), FFmpeg: program, Limit: time.Minute})
}

func file(t testing.TB, c *Cleaner, data []byte) *os.File {
	t.Helper()
	f, _, err := c.Fill(bytes.NewReader(data), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func content(t testing.TB, f *os.File) []byte {
	t.Helper()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// drawing has a red left and a blue right half.
func drawing(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{200, 0, 0, 255}
			if x >= w/2 {
				c = color.RGBA{0, 0, 200, 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

func pngOf(m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func jpegOf(m image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func chunk(kind string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, kind...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

func deflated(n int) []byte {
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevel(&b, zlib.BestCompression)
	io.CopyN(w, zeros{}, int64(n))
	w.Close()
	return b.Bytes()
}

// rawPNG is a PNG with a header of our choosing.
func rawPNG(w, h uint32, depth, colour, interlace byte, more ...[]byte) []byte {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	b := append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(head, depth, colour, 0, 0, interlace))...)
	for _, m := range more {
		b = append(b, m...)
	}
	return append(b, chunk("IEND", nil)...)
}

// insert puts data behind the first n bytes.
func insert(b []byte, n int, data ...byte) []byte {
	return append(append(append([]byte{}, b[:n]...), data...), b[n:]...)
}

// exif is an APP1 segment with an orientation and a place.
func exif(turn byte) []byte {
	tiff := "MM\x00\x2a\x00\x00\x00\x08\x00\x02" + "\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(rune(turn)) + "\x00\x00" + "\x88\x25\x00\x04\x00\x00\x00\x01\x00\x00\x00\x26" + "\x00\x00\x00\x00GPS 52.5200N 13.4050E"
	body := "Exif\x00\x00" + tiff
	return append([]byte{0xff, 0xe1, 0, byte(len(body) + 2)}, body...)
}

func zipOf(name string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, _ := w.Create(name)
	f.Write([]byte("<script>alert(1)</script>"))
	w.Close()
	return b.Bytes()
}

func mp4Box(kind string, data ...[]byte) []byte {
	all := bytes.Join(data, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(all)+8)), kind...), all...)
}

func longBox(kind string, length uint64, data []byte) []byte {
	return append(binary.BigEndian.AppendUint64(append([]byte{0, 0, 0, 1}, kind...), length), data...)
}

// filmParts are the boxes of a small film of 640 by 360 pixels and 5 s.
func filmParts(udta []byte) (ftyp, moov, mdat []byte) {
	mvhd := make([]byte, 100)
	binary.BigEndian.PutUint32(mvhd[12:], 1000)
	binary.BigEndian.PutUint32(mvhd[16:], 5000)
	tkhd := make([]byte, 84)
	binary.BigEndian.PutUint32(tkhd[76:], 640<<16)
	binary.BigEndian.PutUint32(tkhd[80:], 360<<16)
	hdlr := append(make([]byte, 8), "vide\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	moov = mp4Box("moov", mp4Box("mvhd", mvhd), mp4Box("trak", mp4Box("tkhd", tkhd), mp4Box("mdia", mp4Box("hdlr", hdlr))), mp4Box("udta", udta))
	return mp4Box("ftyp", []byte("isom\x00\x00\x02\x00isommp41")), moov, mp4Box("mdat", bytes.Repeat([]byte{7}, 64))
}

func film(more ...[]byte) []byte {
	a, b, c := filmParts([]byte("\xa9xyz+52.5200+013.4050/"))
	return append(append(append(a, b...), c...), bytes.Join(more, nil)...)
}

// Row 17 of the threats: what hostile files become from the widget and from a channel.
func TestHostileFiles(t *testing.T) {
	good := pngOf(drawing(64, 32))
	photo := jpegOf(drawing(64, 32))
	sof := bytes.Index(photo, []byte{0xff, 0xc0})
	wrongSOF := append([]byte{}, photo...)
	copy(wrongSOF[sof+5:], []byte{0xff, 0xff, 0xff, 0xff})
	smallSOF := append([]byte{}, photo...)
	copy(smallSOF[sof+5:], []byte{0x17, 0x70, 0x17, 0x70}) // 6000 by 6000, and no data for it
	twoSOF := insert(photo, sof, photo[sof:sof+19]...)
	ftyp, moov, mdat := filmParts(nil)
	deep := []byte{}
	for range 2000 {
		deep = mp4Box("trak", deep)
	}
	for name, c := range map[string]struct {
		data    []byte
		widget  error // from the widget
		channel Type  // from a channel
	}{
		"PNG":                           {good, nil, PNG},
		"PNG and HTML":                  {append(append([]byte{}, good...), "<html><script>alert(1)</script>"...), nil, PNG},
		"PNG and ZIP":                   {append(append([]byte{}, good...), zipOf("a")...), nil, PNG},
		"PNG with HTML inside":          {insert(good, 33, chunk("tEXt", []byte("x\x00<script>alert(1)</script>"))...), nil, PNG},
		"PNG with a bomb in iTXt":       {insert(good, 33, chunk("iTXt", append([]byte("x\x00\x01\x00\x00\x00"), deflated(64<<20)...))...), nil, PNG},
		"PNG of 50k by 50k bits":        {rawPNG(50_000, 50_000, 1, 0, 0, chunk("IDAT", deflated(1<<20))), ErrDamaged, Unknown},
		"PNG of 2^31 by 1":              {rawPNG(1<<31-1, 1, 1, 0, 0), ErrDamaged, Unknown},
		"PNG of 36 MP in 64 bits":       {rawPNG(6000, 6000, 16, 6, 0, chunk("IDAT", deflated(1<<20))), ErrDamaged, Unknown},
		"PNG cut off":                   {good[:len(good)-20], ErrDamaged, Unknown},
		"JPEG":                          {photo, nil, JPEG},
		"JPEG and HTML":                 {append(append([]byte{}, photo...), "<html><script>alert(1)</script>"...), nil, JPEG},
		"JPEG of 65535 by 65535":        {wrongSOF, ErrDamaged, Unknown},
		"JPEG with a wrong SOF":         {smallSOF, ErrDamaged, Unknown},
		"JPEG with two SOFs":            {twoSOF, ErrDamaged, Unknown},
		"JPEG without anything":         {[]byte("\xff\xd8\xff\xe0\x00\x10JFIF"), ErrDamaged, Unknown},
		"SVG":                           {[]byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), ErrRefused, SVG},
		"SVG behind a comment":          {[]byte(`<!-- ` + strings.Repeat("x", 600) + ` --><SVG onload=alert(1)>`), ErrRefused, SVG},
		"HTML":                          {[]byte("  <!DOCTYPE html><body onload=alert(1)>"), ErrRefused, HTML},
		"ZIP":                           {zipOf("a.txt"), ErrRefused, ZIP},
		"office":                        {append(zipOf("[Content_Types].xml"), "word/document.xml"...), ErrRefused, office[0].is},
		"program":                       {[]byte("MZ\x90\x00\x03\x00\x00\x00"), ErrRefused, Unknown},
		"PDF":                           {[]byte("%PDF-1.7\n"), ErrRefused, PDF},
		"playlist":                      {[]byte("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"), ErrRefused, Type{"text/plain", "", File, false}},
		"empty":                         {nil, ErrEmpty, Type{}},
		"film":                          {film(), nil, MP4},
		"film and ZIP":                  {film(zipOf("a")), nil, MP4},
		"film with ZIP in its data":     {append(append(ftyp, moov...), mp4Box("mdat", zipOf("a"))...), ErrDamaged, Unknown},
		"film with ZIP in a free box":   {film(mp4Box("free", zipOf("a"))), ErrDamaged, Unknown},
		"film to the file's end":        {append(append(append([]byte{}, ftyp...), moov...), "\x00\x00\x00\x00mdat12345"...), nil, MP4},
		"film with a 64-bit length":     {append(append(append([]byte{}, ftyp...), moov...), longBox("mdat", 20, []byte("1234"))...), nil, MP4},
		"film of 2^64-1 bytes":          {append(append(append([]byte{}, ftyp...), moov...), longBox("mdat", 1<<64-1, []byte("1234"))...), ErrDamaged, Unknown},
		"film of 2^63 bytes":            {append(append(append([]byte{}, ftyp...), longBox("moov", 1<<63, moov[8:])...), mdat...), ErrDamaged, Unknown},
		"film of a box of 8 long bytes": {append(append(append([]byte{}, ftyp...), longBox("mdat", 8, nil)...), moov...), ErrDamaged, Unknown},
		"film with a lie inside":        {append(append(append([]byte{}, ftyp...), mp4Box("moov", longBox("trak", 1<<62, nil))...), mdat...), ErrDamaged, Unknown},
		"film of empty boxes":           {append(append(append([]byte{}, ftyp...), bytes.Repeat(mp4Box("free"), maxBoxes+1)...), moov...), ErrDamaged, Unknown},
		"film of many levels":           {append(append(append([]byte{}, ftyp...), mp4Box("moov", deep)...), mdat...), ErrDamaged, Unknown},
		"film of a header only":         {ftyp, ErrDamaged, Unknown},
		"sound and ZIP":                 {append([]byte("#!AMR\n\x04"), zipOf("a")...), ErrRefused, Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			cl := cleaner(t)
			cl.cfg.FFmpeg = "" // there is nothing to see in these films
			out, err := cl.Clean(t.Context(), file(t, cl, c.data), FromWidget)
			if !errors.Is(err, c.widget) || (err == nil) != (c.widget == nil) {
				t.Fatalf("from the widget: %v", err)
			}
			if err == nil {
				safe(t, out, c.channel)
			}
			if out, err = cl.Clean(t.Context(), file(t, cl, c.data), FromChannel); err != nil {
				if !errors.Is(err, ErrEmpty) || len(c.data) > 0 {
					t.Fatalf("from a channel: %v", err)
				}
				return
			}
			if out.Type != c.channel {
				t.Fatalf("from a channel: %+v", out.Type)
			}
			safe(t, out, c.channel)
		})
	}
}

// safe says that a file that is shown has nothing in it that is not to be shown.
func safe(t *testing.T, out Clean, want Type) {
	t.Helper()
	defer out.File.Close()
	data := content(t, out.File)
	if int64(len(data)) != out.Bytes || out.Type != want {
		t.Errorf("%d bytes of %+v, said to be %d", len(data), out.Type, out.Bytes)
	}
	if !out.Show {
		return
	}
	for _, bad := range []string{"script", "PK\x05\x06", "GPS", "\xa9xyz"} {
		if bytes.Contains(data, []byte(bad)) {
			t.Errorf("%q is still in the file", bad)
		}
	}
	if len(out.Preview) == 0 {
		t.Error("no preview")
	} else if _, err := jpeg.Decode(bytes.NewReader(out.Preview)); err != nil {
		t.Errorf("the preview: %v", err)
	}
}

// What is refused by its header costs nothing.
func TestRefusedWithoutAllocating(t *testing.T) {
	cl := cleaner(t)
	f := file(t, cl, rawPNG(50_000, 50_000, 1, 0, 0, chunk("IDAT", deflated(1<<20))))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := cl.Clean(t.Context(), f, FromWidget); !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d bytes were allocated", used)
	}
}

// The largest picture that is decoded stays within the bound on memory.
func TestLargestPicture(t *testing.T) {
	cl := cleaner(t)
	row := make([]byte, 1+4*8000)
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevel(&b, zlib.BestSpeed)
	for range 5000 {
		w.Write(row)
	}
	w.Close()
	f := file(t, cl, rawPNG(8000, 5000, 8, 6, 0, chunk("IDAT", b.Bytes())))
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out, err := cl.Clean(t.Context(), f, FromChannel)
	if err != nil {
		t.Fatal(err)
	}
	defer out.File.Close()
	runtime.ReadMemStats(&after)
	// Everything ever allocated, also what was freed on the way.
	if used := after.TotalAlloc - before.TotalAlloc; used > 256<<20 {
		t.Errorf("%d MB were allocated", used>>20)
	}
	if out.Width > keptSide || out.Width*out.Height > keptPixels || out.Type != PNG {
		t.Errorf("kept as %d by %d %s", out.Width, out.Height, out.MIME)
	}
}

// Pictures stand as their cameras were held, whatever the orientation, and lose the place where they were taken.
func TestOrientation(t *testing.T) {
	cl := cleaner(t)
	for turn, want := range map[byte]struct {
		w, h     int
		red, blu image.Point
	}{
		1: {64, 32, image.Pt(8, 16), image.Pt(56, 16)}, 2: {64, 32, image.Pt(56, 16), image.Pt(8, 16)}, 3: {64, 32, image.Pt(56, 16), image.Pt(8, 16)},
		4: {64, 32, image.Pt(8, 16), image.Pt(56, 16)}, 5: {32, 64, image.Pt(16, 8), image.Pt(16, 56)}, 6: {32, 64, image.Pt(16, 8), image.Pt(16, 56)},
		7: {32, 64, image.Pt(16, 56), image.Pt(16, 8)}, 8: {32, 64, image.Pt(16, 56), image.Pt(16, 8)}, 9: {64, 32, image.Pt(8, 16), image.Pt(56, 16)},
	} {
		out, err := cl.Clean(t.Context(), file(t, cl, insert(jpegOf(drawing(64, 32)), 2, exif(turn)...)), FromWidget)
		if err != nil {
			t.Fatal(err)
		}
		data := content(t, out.File)
		out.File.Close()
		m, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		r, _, _, _ := m.At(want.red.X, want.red.Y).RGBA()
		_, _, b, _ := m.At(want.blu.X, want.blu.Y).RGBA()
		if m.Bounds().Dx() != want.w || m.Bounds().Dy() != want.h || out.Width != want.w || r < 0x8000 || b < 0x8000 || bytes.Contains(data, []byte("Exif")) {
			t.Errorf("orientation %d: %v, red %x, blue %x", turn, m.Bounds(), r, b)
		}
	}
}

func TestAnimation(t *testing.T) {
	cl := cleaner(t)
	moving := func(frames, side int) []byte {
		g := &gif.GIF{}
		for i := range frames {
			p := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
			p.Pix[i%len(p.Pix)] = 1
			g.Image, g.Delay = append(g.Image, p), append(g.Delay, 5)
		}
		var b bytes.Buffer
		if err := gif.EncodeAll(&b, g); err != nil {
			t.Fatal(err)
		}
		return append(b.Bytes(), "<script>"...)
	}
	for _, c := range []struct {
		frames, side int
		want         Type
	}{{3, 20, GIF}, {maxFrames + 1, 2, PNG}} {
		out, err := cl.Clean(t.Context(), file(t, cl, moving(c.frames, c.side)), FromChannel)
		if err != nil {
			t.Fatal(err)
		}
		safe(t, out, c.want)
	}
}

func TestName(t *testing.T) {
	for in, want := range map[string]string{
		"": "image.png", "a.jpeg": "a.png", "../../etc/passwd": "passwd.png", `C:\x\evil.svg`: "evil.png", "photo\u202egnp.exe": "photognp.png", "a\x00\r\nb.png": "ab.png",
		"...": "image.png", "图片.png": "图片.png", strings.Repeat("图", 200): strings.Repeat("图", 38) + ".png", "<b>": "b.png",
	} {
		if got := Name(in, PNG); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	for in, want := range map[string]string{"report.docx": "report.docx", "": "file.pdf", "x.exe": "x.exe"} {
		if got := Name(in, PDF); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestSniff(t *testing.T) {
	for head, want := range map[string]Type{
		"\x00\x00\x00\x18ftypheic": HEIC, "\x00\x00\x00\x18ftypavif": AVIF, "\x00\x00\x00\x18ftyp3gp5": GPP, "\x00\x00\x00\x18ftypM4A ": M4A, "\x00\x00\x00\x18ftypqt  ": MOV,
		"\x00\x00\x00\x18ftypisom": MP4, "RIFF\x00\x00\x00\x00WEBPVP8 ": WebP, "RIFF\x00\x00\x00\x00WAVEfmt ": WAV, "#!AMR\n": AMR, "OggS\x00\x02OpusHead": Ogg,
		"ID3\x04": MP3, "\xff\xfb\x90\x00": MP3, "\xff\xf1\x50\x80": AAC, "\x1a\x45\xdf\xa3\x42\x82\x84webm": WebM, "\x02#!SILK_V3": {"audio/silk", ".silk", File, false},
		"\xff\xff\xff\xff": Unknown, "BEGIN:VCARD\r\n": {"text/vcard", ".vcf", File, false}, "hello": {"text/plain", "", File, false}, "": {"text/plain", "", File, false},
	} {
		if got := Sniff([]byte(head)); got != want {
			t.Errorf("%q: %+v", head, got)
		}
	}
}

func TestSeconds(t *testing.T) {
	cl := cleaner(t)
	ogg := "OggS\x00\x02" + strings.Repeat("\x00", 20) + "\x01\x13OpusHead\x01\x01\x38\x01" + strings.Repeat("\x00", 100) + "OggS\x00\x04" + string(binary.LittleEndian.AppendUint64(nil, 96000+312)) + strings.Repeat("\x00", 20)
	wav := "RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x00\x7d\x00\x00" + strings.Repeat("\x00", 32000)
	for data, want := range map[string]float64{
		ogg: 2, wav: 2, "#!AMR\n" + strings.Repeat("\x3c"+strings.Repeat("x", 31), 50): 1,
	} {
		out, err := cl.Clean(t.Context(), file(t, cl, []byte(data)), FromChannel)
		if err != nil || out.Seconds != want || !out.Show {
			t.Errorf("%q…: %v s, %v", data[:4], out.Seconds, err)
		}
	}
}

// A picture is made as small as a platform takes it, and what does not go at all is said so.
func TestFitPicture(t *testing.T) {
	cl := cleaner(t)
	cl.cfg.FFmpeg = ""
	noise := image.NewRGBA(image.Rect(0, 0, 1600, 1200))
	for i := range noise.Pix {
		noise.Pix[i] = byte(i*7919>>3) | 1
	}
	clean, err := cl.Clean(t.Context(), file(t, cl, pngOf(noise)), FromAgent)
	if err != nil {
		t.Fatal(err)
	}
	defer clean.File.Close()
	for _, c := range []struct {
		rule Rule
		want Type
		err  error
	}{
		{Rule{0, []string{"image/png"}}, PNG, nil},
		{Rule{200_000, []string{"image/jpeg", "image/png"}}, JPEG, nil},
		{Rule{2_000_000, []string{"image/png"}}, PNG, nil},
		{Rule{100, []string{"image/jpeg"}}, Type{}, ErrNoFit},
		{Rule{0, []string{"image/webp"}}, Type{}, ErrNoFit},
	} {
		out, err := cl.Fit(t.Context(), clean, c.rule)
		if !errors.Is(err, c.err) || out.Type != c.want || c.rule.Bytes > 0 && out.Bytes > c.rule.Bytes {
			t.Errorf("%+v: %s of %d bytes, %v", c.rule, out.MIME, out.Bytes, err)
		}
		if err == nil && out.File != clean.File {
			out.File.Close()
		}
	}
	sound := Clean{Type: WAV, File: clean.File, Bytes: 100}
	if _, err := cl.Fit(t.Context(), sound, Rule{Types: []string{"audio/mp4"}}); !errors.Is(err, ErrNoFit) {
		t.Errorf("without a converter: %v", err)
	}
}

func TestCancelled(t *testing.T) {
	cl := cleaner(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, data := range [][]byte{pngOf(drawing(64, 32)), film()} {
		if _, err := cl.Clean(ctx, file(t, cl, data), FromChannel); !errors.Is(err, context.Canceled) {
			t.Errorf("a program that ends took the file for a bad one: %v", err)
		}
	}
	cl.cfg.Limit = 1
	if _, err := cl.Clean(t.Context(), file(t, cl, pngOf(drawing(64, 32))), FromWidget); !errors.Is(err, ErrDamaged) {
		t.Errorf("a picture that takes too long: %v", err)
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range [][]byte{
		pngOf(drawing(4, 4)), insert(jpegOf(drawing(4, 4)), 2, exif(6)...), film(), zipOf("a"), []byte("OggS\x00\x02OpusHead"), []byte("#!AMR\n\x3c"), []byte("<svg>"),
		rawPNG(50_000, 50_000, 1, 0, 0), []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"), []byte("RIFF\x00\x00\x00\x00WAVEfmt "),
		[]byte("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00/\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"),
	} {
		f.Add(seed)
	}
	cl := New(Config{Temp: f.TempDir()})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		src := file(t, cl, data)
		out, err := cl.Clean(t.Context(), src, FromChannel)
		if err != nil {
			if !errors.Is(err, ErrEmpty) {
				t.Fatalf("a file of a customer is neither shown nor kept: %v", err)
			}
			return
		}
		if out.Show && (out.Kind == Image || out.boxes()) && out.File == src {
			t.Fatal("a stranger's own bytes are shown")
		}
		if out.File != src {
			out.File.Close()
		}
	})
}

func FuzzWalkMovie(f *testing.F) {
	f.Add(film())
	f.Add(append(film(), longBox("mdat", 1<<63, nil)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := walkMovie(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		if m.end > int64(len(data)) {
			t.Fatalf("a film of %d bytes ends at %d", len(data), m.end)
		}
		var b bytes.Buffer
		if err := m.copy(t.Context(), &b, bytes.NewReader(data)); err != nil || int64(b.Len()) != m.end {
			t.Fatalf("the copy has %d bytes of %d: %v", b.Len(), m.end, err)
		}
		if again, err := walkMovie(bytes.NewReader(b.Bytes()), m.end); err != nil || again.end != m.end || again.video != m.video {
			t.Fatalf("the copy is no film: %v", err)
		}
	})
}

func BenchmarkLargestJPEG(b *testing.B) {
	cl := cleaner(b)
	f := file(b, cl, jpegOf(image.NewYCbCr(image.Rect(0, 0, 7744, 5152), image.YCbCrSubsampleRatio420)))
	for b.Loop() {
		out, err := cl.Clean(b.Context(), f, FromChannel)
		if err != nil {
			b.Fatal(err)
		}
		out.File.Close()
	}
}
