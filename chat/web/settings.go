package web

import (
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"tandem/internal/auth"
	"tandem/internal/fault"
)

// Settings are what a widget looks like and may do. docs/widget.md describes them.
type Settings struct {
	Color     string          `json:"color"`    // of the launcher and our side, "#rrggbb"
	Position  string          `json:"position"` // right, left
	Theme     string          `json:"theme"`    // auto, light, dark
	Languages []string        `json:"languages"`
	Texts     map[string]Text `json:"texts"` // by language
	Form      []FormField     `json:"form"`  // asked before the first message
	Offline   bool            `json:"offline"`
	Consent   bool            `json:"consent"` // nothing is stored before the customer agrees
	Origins   []string        `json:"origins"` // pages that may embed it, "https://shop.example"; our own always may
	Triggers  []Trigger       `json:"triggers"`
	Features  Features        `json:"features"`
	Number    string          `json:"number"` // ours, that calls from the page go to; "": none
}

// Text is what a widget says in one language. What is empty has a text of its own.
type Text struct {
	Title    string `json:"title,omitempty"`
	Greeting string `json:"greeting,omitempty"`
	Launcher string `json:"launcher,omitempty"` // beside the button; "": only the button
	Consent  string `json:"consent,omitempty"`
	Offline  string `json:"offline,omitempty"` // above the form while nobody is there
}

// FormField is a question before the first message. Its answer is data of the conversation.
type FormField struct {
	Name     string            `json:"name"`
	Kind     string            `json:"kind"` // text, email, tel, select
	Required bool              `json:"required,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Options  []string          `json:"options,omitempty"` // of select
}

// Trigger opens the widget, or says something beside the launcher, by itself: once for each visitor.
type Trigger struct {
	ID        string            `json:"id"`
	URL       string            `json:"url,omitempty"` // pattern of the page's address, * for anything; "": every page
	Seconds   int               `json:"seconds,omitempty"`
	Returning bool              `json:"returning,omitempty"` // only who has been here before
	Open      bool              `json:"open,omitempty"`
	Messages  map[string]string `json:"messages,omitempty"` // by language
}

// Features are what customers can do beside chatting.
type Features struct {
	Upload     bool `json:"upload"`
	Call       bool `json:"call"`
	Callback   bool `json:"callback"`
	Transcript bool `json:"transcript"`
	CSAT       bool `json:"csat"`
}

// Defaults are the settings of a widget that nobody has set up.
func Defaults() Settings {
	return Settings{
		Color: "#2f6f4f", Position: "right", Theme: "auto", Languages: []string{"en", "zh"}, Texts: map[string]Text{}, Form: []FormField{}, Offline: true,
		Consent: true, Origins: []string{}, Triggers: []Trigger{}, Features: Features{Upload: true, Callback: true, Transcript: true, CSAT: true},
	}
}

var (
	languages = []string{"en", "zh"} // that the widget speaks
	color     = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
	fieldName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)
)

const (
	maxText     = 500 // characters of a text
	maxList     = 20  // fields, triggers, options
	maxOrigins  = 50
	maxSettings = 12 << 10 // bytes of it all: it is loaded before the widget opens
)

func bad(field, sentence string) error {
	return fault.New(fault.Invalid, "widget_settings", sentence).WithField(field)
}

// tidy fills what is missing and refuses what makes no sense.
func (s *Settings) tidy() error {
	if s.Texts == nil {
		s.Texts = map[string]Text{}
	}
	if s.Form == nil {
		s.Form = []FormField{}
	}
	if s.Triggers == nil {
		s.Triggers = []Trigger{}
	}
	switch {
	case !color.MatchString(s.Color):
		return bad("color", "Write the colour as # and six hexadecimal digits.")
	case s.Position != "right" && s.Position != "left":
		return bad("position", "The launcher is on the right or on the left.")
	case s.Theme != "auto" && s.Theme != "light" && s.Theme != "dark":
		return bad("theme", "The theme is auto, light or dark.")
	case len(s.Languages) == 0 || slices.ContainsFunc(s.Languages, func(l string) bool { return !slices.Contains(languages, l) }):
		return bad("languages", "Choose at least one language of: en, zh.")
	case len(s.Number) > 40:
		return bad("number", "Give one of your numbers, of at most 40 characters.")
	}
	for l, t := range s.Texts {
		for _, text := range []string{l, t.Title, t.Greeting, t.Launcher, t.Consent, t.Offline} {
			if utf8.RuneCountInString(text) > maxText {
				return bad("texts", "A text has at most 500 characters.")
			}
		}
	}
	if err := s.checkForm(); err != nil {
		return err
	}
	if err := s.checkTriggers(); err != nil {
		return err
	}
	origins, ok := auth.TidyOrigins(s.Origins)
	switch {
	case !ok:
		return bad("origins", "An origin is like https://shop.example.com, without a path.")
	case len(origins) > maxOrigins:
		return bad("origins", "There are at most 50 origins.")
	}
	s.Origins = origins
	return nil
}

func (s *Settings) checkForm() error {
	names := map[string]bool{}
	for _, f := range s.Form {
		switch {
		case !fieldName.MatchString(f.Name) || strings.HasPrefix(f.Name, "reserved_") || names[f.Name]:
			return bad("form", "A field's name is unique, has 1 to 64 letters, digits, dots, dashes or underscores, and does not begin with reserved_.")
		case !slices.Contains([]string{"text", "email", "tel", "select"}, f.Kind):
			return bad("form", "A field is text, email, tel or select.")
		case f.Kind == "select" && len(f.Options) == 0 || len(f.Options) > maxList:
			return bad("form", "A field to select from has 1 to 20 options.")
		}
		names[f.Name] = true
	}
	if len(s.Form) > maxList {
		return bad("form", "The form has at most 20 fields.")
	}
	return nil
}

func (s *Settings) checkTriggers() error {
	ids := map[string]bool{}
	for _, t := range s.Triggers {
		switch {
		case t.ID == "" || len(t.ID) > 64 || ids[t.ID]:
			return bad("triggers", "Each trigger has an id of its own, of at most 64 characters.")
		case t.Seconds < 0 || t.Seconds > 3600 || len(t.URL) > 500:
			return bad("triggers", "A trigger waits 0 to 3,600 seconds, and its pattern has at most 500 characters.")
		case !t.Open && len(t.Messages) == 0:
			return bad("triggers", "A trigger opens the widget or says something.")
		}
		ids[t.ID] = true
	}
	if len(s.Triggers) > maxList {
		return bad("triggers", "There are at most 20 triggers.")
	}
	return nil
}

// embeds says whether a page of an origin may embed the widget; own is ours.
func (s *Settings) embeds(origin, own string) bool {
	origin = strings.ToLower(origin)
	return origin == own || slices.Contains(s.Origins, origin)
}

// validEmail says whether a customer's word for their address is one.
func validEmail(address string) bool {
	a, err := mail.ParseAddress(address)
	return err == nil && a.Address == address && len(address) <= 200
}
