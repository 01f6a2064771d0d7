package stage

import (
	"cmp"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"tandem/chat"
	"tandem/chat/chattest"
)

//go:embed page.html page.css page.js words.txt
var files embed.FS

// page is where a person plays customers: plain forms, and a little script that brings new messages.
type page struct {
	*http.ServeMux
	stage   *Stage
	page    *template.Template
	matcher language.Matcher
	words   map[string][2]string // by key: English, Chinese
}

func newPage(s *Stage) (*page, error) {
	p := &page{
		ServeMux: http.NewServeMux(), stage: s, words: map[string][2]string{},
		matcher: language.NewMatcher([]language.Tag{language.English, language.Chinese}),
	}
	words, err := files.ReadFile("words.txt")
	if err != nil {
		return nil, fmt.Errorf("read the page's words: %w", err)
	}
	for l := range strings.Lines(string(words)) {
		if f := strings.Split(strings.TrimSpace(l), " | "); len(f) == 3 {
			p.words[f[0]] = [2]string{f[1], f[2]}
		}
	}
	// Replaced for each request by the words of its language.
	none := template.FuncMap{
		"t":        func(string) (string, error) { return "", nil },
		"acts":     func() []string { return []string{"read", "begin", "share", "block", "unblock"} },
		"misdeeds": func() []string { return []string{"", "delay", "drop", "slow", "reset", "down"} },
		"emojis":   func() []string { return []string{"👍", "❤", "😂", "😮", "😢"} },
		"word":     word,
	}
	if p.page, err = template.New("page.html").Funcs(none).ParseFS(files, "page.html"); err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	p.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/as/"+string(s.platforms[0].Base().Channel)+"/0", http.StatusSeeOther)
	})
	p.HandleFunc("GET /as/{channel}/{n}", p.show("page"))
	p.HandleFunc("GET /as/{channel}/{n}/thread", p.show("thread"))
	p.HandleFunc("POST /as/{channel}/{n}", p.do)
	p.HandleFunc("GET /as/{file}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, r.PathValue("file"))
	})
	return p, nil
}

// scene is what the page shows.
type scene struct {
	Language string // BCP 47
	Channels []channelLink
	Channel  string
	N        int
	People   []string
	Lines    []shown
	Quote    string // the message that the next one answers
	Codes    []chattest.Code
	Face     string
	Pending  int
	Revoked  bool
	Note     string // what went wrong
}

type channelLink struct {
	Name, Title string
	Here        bool
}

// shown is a message or an act in the thread.
type shown struct {
	At     time.Time
	Mine   bool // the customer's
	ID     string
	Kind   string
	Text   string
	Quote  string
	File   string
	Images []template.URL
	Other  []string // files that are no pictures
	Got    chattest.Received
	Ticks  string
	number int
}

// titles are the platforms' names as people know them.
func title(channel string) string {
	if t := map[string]string{
		"whatsapp": "WhatsApp", "messenger": "Messenger", "instagram": "Instagram", "wechat": "WeChat 微信", "line": "LINE", "telegram": "Telegram", "viber": "Viber", "sms": "SMS",
	}[channel]; t != "" {
		return t
	}
	return channel
}

// find is the platform and the customer of a request.
func (p *page) find(w http.ResponseWriter, r *http.Request) (platform chattest.Platform, n int) {
	platform = p.stage.platform(r.PathValue("channel"))
	n, err := strconv.Atoi(r.PathValue("n"))
	if platform == nil || err != nil || n < 0 || n >= len(customers) {
		http.NotFound(w, r)
		return nil, 0
	}
	return platform, n
}

func (p *page) show(part string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		platform, n := p.find(w, r)
		if platform == nil {
			return
		}
		tag, _ := language.MatchStrings(p.matcher, r.Header.Get("Accept-Language"))
		base, _ := tag.Base()
		lang := map[bool]int{true: 1}[base.String() == "zh"]
		t, err := p.page.Clone()
		if err == nil {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Vary", "Accept-Language")
			w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'")
			err = t.Funcs(template.FuncMap{"t": func(k string) (string, error) {
				words, ok := p.words[k]
				if !ok {
					return "", errors.New("no word for " + k)
				}
				return words[lang], nil
			}}).ExecuteTemplate(w, part, p.scene(platform, n, r, []string{"en", "zh"}[lang]))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
}

func (p *page) scene(platform chattest.Platform, n int, r *http.Request, lang string) scene {
	f, customer := platform.Base(), platform.Customer(n)
	s := scene{
		Language: lang, Channel: string(f.Channel), N: n, People: customers, Quote: r.FormValue("quote"), Note: r.FormValue("note"),
		Codes: platform.Codes(), Pending: f.Pending(), Revoked: f.Revoked(),
	}
	p.stage.mu.Lock()
	s.Face = p.stage.faces[key{s.Channel, customer}]
	p.stage.mu.Unlock()
	for _, other := range p.stage.platforms {
		name := string(other.Base().Channel)
		s.Channels = append(s.Channels, channelLink{name, title(name), name == s.Channel})
	}
	for _, l := range p.stage.told(platform, customer) {
		quote := l.To
		if l.Kind != chattest.Say {
			quote = ""
		}
		s.Lines = append(s.Lines, shown{At: l.At, Mine: true, ID: l.ID, Kind: string(l.Kind), Text: l.Text, Quote: quote, File: l.File})
	}
	for _, g := range f.Received(customer) {
		l := shown{At: g.At, ID: g.ID, Kind: string(g.Kind), Text: g.Text, Quote: g.Quote, Got: g, Ticks: ticks(g.Status), number: g.Number}
		for _, file := range g.Files {
			if strings.HasPrefix(file.ContentType, "image/") {
				// The type is one of the image types and the data is base64: nothing that could be script.
				l.Images = append(l.Images, template.URL("data:"+url.PathEscape(file.ContentType)+";base64,"+base64.StdEncoding.EncodeToString(file.Data)))
			} else {
				l.Other = append(l.Other, fmt.Sprintf("%s (%s, %d B)", file.Name, file.ContentType, len(file.Data)))
			}
		}
		s.Lines = append(s.Lines, l)
	}
	slices.SortStableFunc(s.Lines, func(a, b shown) int { return cmp.Or(a.At.Compare(b.At), a.number-b.number) })
	return s
}

// ticks are a status as messengers show it.
func ticks(s chat.Status) string {
	switch s {
	case chat.StatusSent:
		return "✓"
	case chat.StatusDelivered, chat.StatusRead, chat.StatusPlayed:
		return "✓✓"
	case chat.StatusFailed:
		return "✗"
	}
	return ""
}

// word is the key of a status's word.
func word(s chat.Status) string {
	if s == chat.StatusRead || s == chat.StatusFailed {
		return "status-" + string(s)
	}
	return string(s)
}

// do does what a form says, and shows the page again.
func (p *page) do(w http.ResponseWriter, r *http.Request) {
	platform, n := p.find(w, r)
	if platform == nil {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, largest)
	back := url.Values{}
	if err := p.obey(platform, n, r); err != nil {
		back.Set("note", "failed")
		if errors.Is(err, chattest.ErrCannot) {
			back.Set("note", "cannot")
		}
	}
	http.Redirect(w, r, (&url.URL{Path: r.URL.Path, RawQuery: back.Encode()}).String(), http.StatusSeeOther)
}

func (p *page) obey(platform chattest.Platform, n int, r *http.Request) error {
	if err := r.ParseMultipartForm(1 << 20); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return err
	}
	f, customer := platform.Base(), platform.Customer(n)
	switch what := r.FormValue("do"); what {
	case "read":
		for _, g := range f.Received(customer) {
			if g.Status != chat.StatusRead && g.Status != chat.StatusFailed {
				f.Report(g.ID, chat.StatusRead, "")
			}
		}
	case "behave":
		p.behave(platform, customer, r.FormValue("behaviour"))
	case "deliver":
		times, err := strconv.Atoi(r.FormValue("times"))
		if err != nil {
			return err
		}
		f.SetDelivery(chattest.Delivery{Times: min(max(times, 1), 50), Together: times > 1, Forge: r.FormValue("forge") != ""})
		f.Revoke(r.FormValue("revoked") != "")
	default:
		a := chattest.Act{Customer: customer, Name: customers[n], Kind: chattest.ActKind(what), Text: r.FormValue("text"), To: r.FormValue("to"), Place: [2]float64{52.52, 13.405}}
		if err := addFile(&a, r); err != nil {
			return err
		}
		_, err := p.stage.act(platform, a)
		if a.File != nil && a.Text != "" && errors.Is(err, chattest.ErrCannot) { // no captions there: the words follow
			words := a
			words.Kind, words.File, a.Text = chattest.Say, nil, ""
			if _, err = p.stage.act(platform, a); err == nil {
				_, err = p.stage.act(platform, words)
			}
		}
		return err
	}
	return nil
}

// behave reads a behaviour from the form's one list: "refuse 131047", "delay".
func (p *page) behave(platform chattest.Platform, customer, face string) {
	misdeed, code, _ := strings.Cut(face, " ")
	b := chattest.Behaviour{Misdeed: chattest.Misdeed(misdeed), Code: code}
	if b.Misdeed == chattest.Delay || b.Misdeed == chattest.Slow {
		b.After = 15 * time.Second
	}
	platform.Base().Always(customer, b)
	p.stage.mu.Lock()
	defer p.stage.mu.Unlock()
	p.stage.faces[key{string(platform.Base().Channel), customer}] = face
}

// addFile makes saying something with a file giving it.
func addFile(a *chattest.Act, r *http.Request) error {
	upload, header, err := r.FormFile("file")
	if a.Kind != chattest.Say || err != nil {
		return nil // no file is no mistake
	}
	defer upload.Close()
	data, err := io.ReadAll(upload)
	if err != nil {
		return err
	}
	a.Kind, a.To = chattest.Give, ""
	a.File = &chattest.File{Kind: chat.File, Name: header.Filename, ContentType: header.Header.Get("Content-Type"), Data: data}
	for prefix, kind := range map[string]chat.MediaKind{"image/": chat.Image, "video/": chat.Video, "audio/": chat.Audio} {
		if strings.HasPrefix(a.File.ContentType, prefix) {
			a.File.Kind = kind
		}
	}
	return nil
}
