package whatsapptest

import (
	_ "embed" // the templates
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/meta/metatest"
)

// known are the account's templates, one of each kind, as the platform lists them.
//
//go:embed templates.json
var known []byte

// pageSize is small, so that there are pages.
const pageSize = 4

type template struct {
	Name       string `json:"name"`
	Language   string `json:"language"`
	Category   string `json:"category"`
	Status     string `json:"status"`
	Components []struct {
		Type    string `json:"type"`
		Text    string `json:"text"`
		Buttons []struct {
			Type string `json:"type"`
			Text string `json:"text"`
		} `json:"buttons"`
	} `json:"components"`
}

type templateSend struct {
	Name     string `json:"name"`
	Language struct {
		Code string `json:"code"`
	} `json:"language"`
	Components []struct {
		Type       string      `json:"type"`
		Index      string      `json:"index"`
		Parameters []parameter `json:"parameters"`
	} `json:"components"`
}

type parameter struct {
	Type     string `json:"type"`
	Name     string `json:"parameter_name"`
	Text     string `json:"text"`
	Payload  string `json:"payload"`
	Currency struct {
		Shown string `json:"fallback_value"`
	} `json:"currency"`
	Date struct {
		Shown string `json:"fallback_value"`
	} `json:"date_time"`
	Image    *sentFile `json:"image"`
	Video    *sentFile `json:"video"`
	Document *sentFile `json:"document"`
}

var variable = regexp.MustCompile(`\{\{([a-z0-9_]+)\}\}`)

// templates lists the account's templates by pages.
func (p *Platform) templates(w http.ResponseWriter, r *http.Request, _ []byte) {
	p.Do(w, r, chattest.Operation{Name: "templates", Refuse: metatest.Refusal, Accept: func() chattest.Reply {
		var all []json.RawMessage
		if err := json.Unmarshal(known, &all); err != nil {
			panic(err) // a mistake in the file
		}
		from, _ := strconv.Atoi(r.URL.Query().Get("after")) // none: from the start
		to := min(len(all), from+pageSize)
		paging := object{"cursors": object{"before": strconv.Itoa(from), "after": strconv.Itoa(to)}}
		if to < len(all) {
			paging["next"] = metatest.Base(r) + r.URL.Path + "?after=" + strconv.Itoa(to)
		}
		return chattest.JSON(http.StatusOK, object{"data": all[min(from, to):to], "paging": paging})
	}})
}

// templated is a template with its values, or why it is refused.
func (p *Platform) templated(to string, m *templateSend) (got chattest.Received, code string) {
	var all []template
	if err := json.Unmarshal(known, &all); err != nil {
		panic(err) // a mistake in the file
	}
	for _, t := range all {
		if m == nil || t.Name != m.Name || t.Language != m.Language.Code {
			continue
		}
		p.mu.Lock()
		stopped := p.stopped[to]
		p.mu.Unlock()
		switch {
		case t.Status == "PAUSED":
			return got, "132015"
		case t.Status != "APPROVED":
			return got, "132001"
		case t.Category == "MARKETING" && stopped:
			return got, "131050"
		}
		return p.filled(t, m)
	}
	return got, "132001"
}

func (p *Platform) filled(t template, m *templateSend) (got chattest.Received, code string) {
	got = chattest.Received{Kind: chat.Templated, Template: t.Name}
	for _, part := range t.Components {
		given := map[string]string{}
		for _, c := range m.Components {
			if !strings.EqualFold(c.Type, part.Type) {
				continue
			}
			for i, v := range c.Parameters {
				name := v.Name
				if name == "" {
					name = strconv.Itoa(i + 1)
				}
				given[name] = v.Text + v.Currency.Shown + v.Date.Shown
				for _, f := range []*sentFile{v.Image, v.Video, v.Document} {
					if file, ok := p.sent(f); ok {
						got.Files = append(got.Files, file)
					}
				}
			}
		}
		for _, v := range variable.FindAllStringSubmatch(part.Text, -1) {
			if given[v[1]] == "" {
				return got, "132000"
			}
		}
		if part.Type == "BODY" {
			got.Text = variable.ReplaceAllStringFunc(part.Text, func(s string) string { return given[strings.Trim(s, "{}")] })
		}
		for i, b := range part.Buttons {
			if b.Type == "QUICK_REPLY" {
				got.Options = append(got.Options, chat.Option{ID: payload(m, i, b.Text), Title: b.Text})
			}
		}
	}
	return got, ""
}

func (p *Platform) sent(f *sentFile) (chattest.File, bool) {
	if f == nil {
		return chattest.File{}, false
	}
	return p.File(f.ID)
}

// payload is what pressing the i-th button brings back: what was sent with it, otherwise its words.
func payload(m *templateSend, i int, words string) string {
	for _, c := range m.Components {
		if c.Type == "button" && c.Index == strconv.Itoa(i) && len(c.Parameters) == 1 && c.Parameters[0].Payload != "" {
			return c.Parameters[0].Payload
		}
	}
	return words
}
