package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
)

// MaxFrame is what a page may say at once, in bytes.
const MaxFrame = 16 << 10

// loader are the built files that settings are put into.
type loader struct {
	files  fs.FS
	script [2][]byte // before and after the settings
	page   [2][]byte
}

// place is where the build has left room for the settings; minifiers choose the quotes.
var place = regexp.MustCompile("[\"'`]__TANDEM_CONFIG__[\"'`]")

func newLoader(files fs.FS) loader {
	l := loader{files: files}
	if files == nil {
		return l
	}
	cut := func(name string) (parts [2][]byte) {
		b, err := fs.ReadFile(files, "widget/"+name)
		if err != nil {
			return parts // not built: whoever asks is told
		}
		at := place.FindIndex(b)
		if at == nil {
			return parts
		}
		return [2][]byte{b[:at[0]], b[at[1]:]}
	}
	l.script, l.page = cut("loader.js"), cut("index.html")
	return l
}

// public is the part of the settings that pages get. It is safe within a script and within HTML: encoding/json escapes <, > and &.
func (s *Service) public(w *widget, account string) []byte {
	set := w.Settings
	b, err := json.Marshal(struct {
		Account   string          `json:"account"`
		Color     string          `json:"color"`
		Position  string          `json:"position"`
		Theme     string          `json:"theme"`
		Languages []string        `json:"languages"`
		Texts     map[string]Text `json:"texts"`
		Form      []FormField     `json:"form"`
		Offline   bool            `json:"offline"`
		Consent   bool            `json:"consent"`
		Triggers  []Trigger       `json:"triggers"`
		Features  Features        `json:"features"`
		MaxFile   int64           `json:"max_file"` // bytes
	}{account, set.Color, set.Position, set.Theme, set.Languages, set.Texts, set.Form, set.Offline, set.Consent, set.Triggers, set.Features, min(s.cfg.Media.MaxBytes(), maxMedia)})
	if err != nil {
		return []byte("null") // our own type marshals
	}
	return b
}

// Handler answers /widget.js and everything below /widget/.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /widget.js", s.serveLoader)
	mux.HandleFunc("GET /widget/{account}/{$}", s.servePage)
	mux.HandleFunc("GET /widget/-/assets/{file}", s.serveAsset)
	mux.HandleFunc("POST /widget/{account}/sync", s.serveSync)
	mux.HandleFunc("POST /widget/{account}/uploads", s.serveUpload)
	mux.HandleFunc("GET /widget/{account}/files/{file}", s.serveFile)
	return mux
}

// serveLoader answers with the script that sites embed, settings included: it is the only thing that is loaded before the widget opens.
func (s *Service) serveLoader(w http.ResponseWriter, r *http.Request) {
	account := r.URL.Query().Get("account")
	known, err := s.widget(r.Context(), account)
	if err != nil {
		s.refuse(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=60")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if s.loader.script[0] == nil {
		http.Error(w, "// The widget was not built into this program; run make web.", http.StatusNotFound)
		return
	}
	body := bytes.Join([][]byte{s.loader.script[0], s.public(known, account), s.loader.script[1]}, nil)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// servePage answers with the page in the frame. Only pages of the allowed origins may have it there.
func (s *Service) servePage(w http.ResponseWriter, r *http.Request) {
	account := r.PathValue("account")
	known, err := s.widget(r.Context(), account)
	if err != nil {
		s.refuse(w, err)
		return
	}
	if s.loader.page[0] == nil {
		http.Error(w, "The widget was not built into this program; run make web.", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Del("X-Frame-Options") // which knows no origins
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; media-src 'self' blob:; "+
		"connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "+strings.Join(append([]string{"'self'"}, known.Settings.Origins...), " "))
	h.Set("Permissions-Policy", "microphone=(self), camera=(self), geolocation=()")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Del("Cross-Origin-Opener-Policy")
	_, _ = w.Write(bytes.Join([][]byte{s.loader.page[0], s.public(known, account), s.loader.page[1]}, nil)) // the browser may be gone
}

// serveAsset answers with the page's scripts and styles, which have their content's hash in their names.
func (s *Service) serveAsset(w http.ResponseWriter, r *http.Request) {
	if s.loader.files == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeFileFS(w, r, s.loader.files, "widget/assets/"+path.Base(r.PathValue("file")))
}

// OwnOrigin is our own origin, as a request has reached it.
func OwnOrigin(r *http.Request) string {
	if u, err := url.Parse(r.Header.Get("Origin")); err == nil && strings.EqualFold(u.Host, r.Host) && u.Host != "" {
		return strings.ToLower(u.Scheme + "://" + u.Host)
	}
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https://" + strings.ToLower(r.Host)
	}
	return "http://" + strings.ToLower(r.Host)
}

func source(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}

const (
	enterBurst = 30 // new visitors, and guesses, of one address
	enterEach  = 2 * time.Second
)

// Open is Enter for a page, with its first words; it bounds how often an address may try.
func (s *Service) Open(ctx context.Context, h Hello, from netip.Addr) (*Page, error) {
	if h.Visitor == uuid.Nil && from.IsValid() && !s.admit("enter", network(from), enterBurst, enterEach) {
		return nil, ErrOften
	}
	v, err := s.Enter(ctx, h)
	if err != nil {
		if from.IsValid() && !s.admit("guess", network(from), enterBurst, enterEach) {
			err = ErrOften
		}
		return nil, err
	}
	p := &Page{Account: h.Account, Visitor: v, Source: from}
	if h.Attributes != nil {
		err = s.Attribute(ctx, p, h.Attributes.Data, h.Attributes.Token)
	}
	return p, err
}

type syncFrame struct {
	V    int             `json:"v"`
	ID   string          `json:"id,omitempty"`
	Type string          `json:"type"`
	Data json.RawMessage `json:"data,omitempty"`
}

// serveSync is the socket for pages that cannot have one: who they are, what they say, and what has changed meanwhile.
func (s *Service) serveSync(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Hello  Hello       `json:"hello"`
		Frames []syncFrame `json:"frames"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8*MaxFrame)).Decode(&in); err != nil {
		s.refuse(w, ErrData.Because(err))
		return
	}
	in.Hello.Account, in.Hello.Own = r.PathValue("account"), OwnOrigin(r)
	ctx := r.Context()
	out := []syncFrame{}
	add := func(id, typ string, data any) {
		b, err := json.Marshal(data)
		if err == nil {
			out = append(out, syncFrame{V: 1, ID: id, Type: typ, Data: b})
		}
	}
	p, err := s.Open(ctx, in.Hello, source(r))
	if err != nil {
		add("hello", "error", s.told(err))
	} else {
		for _, f := range in.Frames {
			answer, data, err := s.Do(ctx, p, f.Type, f.Data)
			switch {
			case err != nil:
				add(f.ID, "error", s.told(err))
			case answer != "":
				add(f.ID, answer, data)
			}
		}
		// Last, so that it has what was just said.
		welcome, err := s.Welcome(ctx, p.Account, p.Visitor, in.Hello.Since)
		if err != nil {
			s.refuse(w, err)
			return
		}
		add("hello", "welcome", welcome)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{"frames": out}) // the page may be gone
}

// page finds out whose request it is, by its headers: addresses are logged, and remembered by browsers.
func (s *Service) page(r *http.Request) (*Page, error) {
	own := OwnOrigin(r)
	h := Hello{Account: r.PathValue("account"), Secret: r.Header.Get("Tandem-Secret"), Origin: own, Own: own}
	var err error
	if h.Visitor, err = uuid.Parse(r.Header.Get("Tandem-Visitor")); err != nil || h.Visitor == uuid.Nil {
		return nil, ErrVisitor
	}
	if said := r.Header.Get("Tandem-Identity"); said != "" {
		plain, err := url.QueryUnescape(strings.ReplaceAll(said, "+", "%2B"))
		if err != nil || json.Unmarshal([]byte(plain), &h.Identity) != nil {
			return nil, ErrData
		}
	}
	v, err := s.Enter(r.Context(), h)
	if err != nil {
		return nil, err
	}
	if v.Secret != "" { // somebody new has nothing here
		return nil, ErrVisitor
	}
	return &Page{Account: h.Account, Visitor: v, Source: source(r)}, nil
}

func (s *Service) serveUpload(w http.ResponseWriter, r *http.Request) {
	p, err := s.page(r)
	if err != nil {
		s.refuse(w, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxMedia)
	part, err := filePart(r)
	if err != nil {
		s.refuse(w, ErrData.Because(err))
		return
	}
	a, err := s.Upload(r.Context(), p, part.FileName(), part)
	if err != nil {
		s.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(a) // the page may be gone
}

// filePart finds the form's file, which is read as it comes.
func filePart(r *http.Request) (*multipart.Part, error) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	for {
		part, err := form.NextPart()
		if err != nil {
			return nil, err
		}
		if part.FormName() == "file" {
			return part, nil
		}
		_, _ = io.Copy(io.Discard, part)
	}
}

func (s *Service) serveFile(w http.ResponseWriter, r *http.Request) {
	p, err := s.page(r)
	if err != nil {
		s.refuse(w, err)
		return
	}
	id, err := uuid.Parse(r.PathValue("file"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	f, err := s.File(r.Context(), p, id, r.URL.Query().Has("preview"))
	if err != nil {
		s.refuse(w, err)
		return
	}
	defer f.Close()
	f.Serve(w, r)
}

var statusOf = map[fault.Kind]int{
	fault.Invalid: http.StatusBadRequest, fault.Unauthorized: http.StatusUnauthorized, fault.Forbidden: http.StatusForbidden, fault.NotFound: http.StatusNotFound,
	fault.Conflict: http.StatusConflict, fault.Illegal: http.StatusUnprocessableEntity, fault.TooLarge: http.StatusRequestEntityTooLarge,
	fault.TooMany: http.StatusTooManyRequests, fault.Unavailable: http.StatusServiceUnavailable,
}

// Told is what a page is told of an error.
type Told struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}

func (s *Service) told(err error) Told {
	var f *fault.Error
	if errors.As(err, &f) && f.Kind != fault.Internal {
		return Told{f.Code, f.Message, f.Field}
	}
	s.cfg.Log.Error("a widget's request failed", "err", err)
	return Told{Code: "internal", Message: "Something went wrong on our side; try again."}
}

func (s *Service) refuse(w http.ResponseWriter, err error) {
	status := statusOf[fault.KindOf(err)]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(s.told(err)) // the page may be gone
}
