package whatsapp

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"tandem/chat"
	"tandem/chat/meta"
)

// maxPages bounds a list of templates whose pages never end; an account has at most 6,000 templates.
const maxPages = 200

// Templates lists all templates of the WhatsApp business account, with the variables that each wants.
func (c *channel) Templates(ctx context.Context) ([]chat.Template, error) {
	path := url.PathEscape(c.account.Settings["waba_id"]) + "/message_templates"
	query := url.Values{
		"limit":  {"100"},
		"fields": {"id,name,language,category,status,quality_score,rejected_reason,parameter_format,components"},
	}
	all := []chat.Template{}
	for range maxPages {
		var page struct {
			Data   []template `json:"data"`
			Paging struct {
				Next    string `json:"next"`
				Cursors struct {
					After string `json:"after"`
				} `json:"cursors"`
			} `json:"paging"`
		}
		if err := c.graph.Call(ctx, http.MethodGet, path, query, nil, &page); err != nil {
			return nil, err
		}
		for _, t := range page.Data {
			all = append(all, t.template())
		}
		if page.Paging.Next == "" || page.Paging.Cursors.After == "" || len(page.Data) == 0 {
			return all, nil
		}
		query.Set("after", page.Paging.Cursors.After)
	}
	return nil, fmt.Errorf("list templates: there are more than %d pages", maxPages)
}

type template struct {
	ID       meta.Text `json:"id"`
	Name     string    `json:"name"`
	Language string    `json:"language"`
	Category string    `json:"category"`
	Status   string    `json:"status"`
	Reason   string    `json:"rejected_reason"`
	Format   string    `json:"parameter_format"`
	Quality  struct {
		Score string `json:"score"`
	} `json:"quality_score"`
	Components []part `json:"components"`
}

type part struct {
	Type    string `json:"type"`
	Format  string `json:"format"`
	Text    string `json:"text"`
	Example struct {
		Header      []string   `json:"header_text"`
		Body        [][]string `json:"body_text"`
		HeaderNamed []named    `json:"header_text_named_params"`
		BodyNamed   []named    `json:"body_text_named_params"`
	} `json:"example"`
	Buttons []struct {
		Type  string    `json:"type"`
		Text  string    `json:"text"`
		URL   string    `json:"url"`
		Phone meta.Text `json:"phone_number"`
	} `json:"buttons"`
	Offer struct {
		Text       string `json:"text"`
		Expiration bool   `json:"has_expiration"`
	} `json:"limited_time_offer"`
	Cards []struct {
		Components []part `json:"components"`
	} `json:"cards"`
}

type named struct {
	Name    string `json:"param_name"`
	Example string `json:"example"`
}

func (t *template) template() chat.Template {
	out := chat.Template{
		ID: string(t.ID), Name: t.Name, Language: t.Language, Category: t.Category, Status: t.Status, Quality: t.Quality.Score,
		Named: t.Format == "NAMED", Components: []chat.TemplateComponent{},
	}
	if t.Reason != "NONE" {
		out.Reason = t.Reason
	}
	for i := range t.Components {
		out.Components = append(out.Components, t.Components[i].component(""))
	}
	return out
}

// component is the part with its variables, which have their card before them.
func (p *part) component(prefix string) chat.TemplateComponent {
	out := chat.TemplateComponent{Type: strings.ToUpper(p.Type), Format: strings.ToUpper(p.Format), Text: p.Text}
	switch out.Type {
	case "HEADER":
		if out.Format == "" {
			out.Format = "TEXT"
		}
		if kind := strings.ToLower(out.Format); out.Format == "PRODUCT" || prefix != "" && (kind == "image" || kind == "video") {
			out.Variables = []string{prefix + "header.1:" + kind}
		} else {
			out.Variables, out.Examples = found(prefix+"header.", p.Text), examples(p.Text, p.Example.Header, p.Example.HeaderNamed)
		}
	case "BODY":
		var first []string
		if len(p.Example.Body) > 0 {
			first = p.Example.Body[0]
		}
		out.Variables, out.Examples = found(prefix+"body.", p.Text), examples(p.Text, first, p.Example.BodyNamed)
	case "LIMITED_TIME_OFFER":
		out.Text = p.Offer.Text
		if p.Offer.Expiration {
			out.Variables = []string{"limited_time_offer.expiration_time_ms"}
		}
	case "CAROUSEL":
		for i, k := range p.Cards {
			var card []chat.TemplateComponent
			for j := range k.Components {
				card = append(card, k.Components[j].component(fmt.Sprintf("%scard.%d.", prefix, i)))
			}
			out.Cards = append(out.Cards, card)
		}
	}
	for i, b := range p.Buttons {
		name := fmt.Sprintf("%sbutton.%d.", prefix, i)
		out.Buttons = append(out.Buttons, chat.TemplateButton{
			Type: strings.ToUpper(b.Type), Text: b.Text, URL: b.URL, Phone: string(b.Phone), Variables: wanted(name, strings.ToUpper(b.Type), b.URL),
		})
	}
	return out
}

// wanted are the values without which a button cannot be sent.
func wanted(name, kind, address string) []string {
	switch kind {
	case "URL", "OTP":
		if kind == "OTP" || variable.MatchString(address) {
			return []string{name + "1"}
		}
	case "COPY_CODE":
		return []string{name + "coupon_code"}
	case "FLOW":
		return []string{name + "flow_token"}
	case "MPM":
		return []string{name + "thumbnail_product_retailer_id", name + "sections"}
	}
	return nil
}

// variable is a place for a value in a template's text.
var variable = regexp.MustCompile(`\{\{\s*([A-Za-z0-9_]+)\s*\}\}`)

// found are a text's variables, each once, in their order.
func found(prefix, text string) []string {
	var all []string
	for _, name := range names(text) {
		all = append(all, prefix+name)
	}
	return all
}

func names(text string) []string {
	var all []string
	seen := map[string]bool{}
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		if !seen[m[1]] {
			seen[m[1]] = true
			all = append(all, m[1])
		}
	}
	return all
}

// examples are those of a text's variables, in the same order; "" where there is none.
func examples(text string, positional []string, byName []named) []string {
	all := names(text)
	for i, name := range all {
		all[i] = ""
		if i < len(positional) {
			all[i] = positional[i]
		}
		for _, n := range byName {
			if n.Name == name {
				all[i] = n.Example
			}
		}
	}
	return all
}
