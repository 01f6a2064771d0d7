package whatsapp

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tandem/chat"
	"tandem/chat/meta"
)

// template builds what the platform wants of a template out of the values' names:
//
//	header.1, body.1, body.2          text by position
//	header.name, body.first_name      text by name
//	body.1:currency                   "USD:100990:$100.99": code, thousandths, what is shown
//	body.2:date_time                  what is shown
//	header.1:image (:video :document) a file's id or https address; usually the message's own file is the header
//	header.1:product                  "catalogue id:product id"
//	button.0.1                        the end of a URL, or the code of a one-time password
//	button.0.payload                  what a quick reply brings back
//	button.0.coupon_code              of a button that copies it
//	button.0.flow_token, button.0.flow_action_data (JSON)
//	button.0.thumbnail_product_retailer_id, button.0.sections (JSON)
//	button.0.ttl_minutes              of a button that calls
//	limited_time_offer.expiration_time_ms
//	card.0.header.1:image, card.0.body.1, card.0.button.0.payload …
//
// A header that is a location takes the message's Body.Location.
func (c *channel) template(ctx context.Context, m chat.Outgoing) (any, error) {
	t := m.Body.Template
	components, err := components(t.Values)
	if err != nil {
		return nil, err
	}
	switch {
	case m.Media != nil:
		kind := mediaType(m.Media.Kind)
		id, err := c.upload(ctx, m.Media)
		if err != nil {
			return nil, err
		}
		file := map[string]string{"id": id}
		if kind == "document" && m.Media.Name != "" {
			file["filename"] = m.Media.Name
		}
		components = append([]component{{Type: "header", Parameters: []any{map[string]any{"type": kind, kind: file}}}}, components...)
	case m.Body.Location != nil:
		at := map[string]any{"type": "location", "location": place(m.Body.Location)}
		components = append([]component{{Type: "header", Parameters: []any{at}}}, components...)
	}
	out := map[string]any{
		"name":     t.Name,
		"language": map[string]string{"code": t.Language, "policy": "deterministic"},
	}
	if len(components) > 0 {
		out["components"] = components
	}
	return out, nil
}

type component struct {
	Type       string `json:"type"`
	SubType    string `json:"sub_type,omitempty"`
	Index      string `json:"index,omitempty"`
	Parameters []any  `json:"parameters,omitempty"`
	Cards      []any  `json:"cards,omitempty"`
}

// components sorts values into their components, in the order that the platform shows them.
func components(values map[string]string) ([]component, error) {
	parts := map[string]map[string]string{} // by component, and index where it has one
	for name, value := range values {
		part, rest, ok := strings.Cut(name, ".")
		if part == "button" || part == "card" {
			var index string
			index, rest, ok = strings.Cut(rest, ".")
			if _, err := strconv.ParseUint(index, 10, 8); err != nil {
				ok = false
			}
			part += "." + index
		}
		if !ok || rest == "" {
			return nil, misnamed(name)
		}
		if parts[part] == nil {
			parts[part] = map[string]string{}
		}
		parts[part][rest] = value
	}
	var all []component
	var cards []any
	for _, part := range slices.SortedFunc(maps.Keys(parts), inOrder) {
		kind, index, _ := strings.Cut(part, ".")
		if kind == "card" {
			within, err := components(parts[part])
			if err != nil {
				return nil, err
			}
			n, _ := strconv.Atoi(index) // seen above
			cards = append(cards, map[string]any{"card_index": n, "components": within})
			continue
		}
		made, err := one(kind, index, parts[part])
		if err != nil {
			return nil, err
		}
		all = append(all, made)
	}
	if cards != nil {
		all = append(all, component{Type: "carousel", Cards: cards})
	}
	return all, nil
}

// inOrder sorts components: header, body, offer, buttons, cards; buttons and cards by their number.
func inOrder(a, b string) int {
	rank := func(part string) int {
		kind, index, _ := strings.Cut(part, ".")
		n, _ := strconv.Atoi(index) // none is 0
		return slices.Index([]string{"header", "body", "limited_time_offer", "button", "card"}, kind)*1000 + n
	}
	return rank(a) - rank(b)
}

func one(kind, index string, values map[string]string) (component, error) {
	switch kind {
	case "header", "body":
		parameters, err := parameters(kind, values)
		return component{Type: kind, Parameters: parameters}, err
	case "limited_time_offer":
		at, err := strconv.ParseInt(values["expiration_time_ms"], 10, 64)
		if err != nil {
			return component{}, misnamed(kind + ".expiration_time_ms")
		}
		offer := map[string]any{"type": kind, kind: map[string]int64{"expiration_time_ms": at}}
		return component{Type: kind, Parameters: []any{offer}}, nil
	case "button":
		return button(index, values)
	}
	return component{}, misnamed(kind)
}

// parameters are a header's or body's, by position or by name.
func parameters(kind string, values map[string]string) ([]any, error) {
	positions := map[int]any{}
	var named []any
	for _, key := range slices.Sorted(maps.Keys(values)) {
		name, format, _ := strings.Cut(key, ":")
		p, err := parameter(format, values[key])
		if err != nil {
			return nil, err
		}
		if n, err := strconv.Atoi(name); err == nil {
			positions[n] = p
			continue
		}
		p["parameter_name"] = name
		named = append(named, p)
	}
	if len(positions) > 0 && named != nil {
		return nil, meta.Rejected("template_values", "A template's variables have either names or positions.")
	}
	for n := 1; n <= len(positions); n++ {
		p, ok := positions[n]
		if !ok {
			return nil, meta.Rejected("template_values", fmt.Sprintf("The value of %s.%d is missing.", kind, n))
		}
		named = append(named, p)
	}
	return named, nil
}

func parameter(format, value string) (map[string]any, error) {
	switch format {
	case "":
		return map[string]any{"type": "text", "text": value}, nil
	case "currency":
		part := strings.SplitN(value, ":", 3)
		if len(part) == 3 {
			if amount, err := strconv.ParseInt(part[1], 10, 64); err == nil {
				return map[string]any{"type": format, format: map[string]any{"code": part[0], "amount_1000": amount, "fallback_value": part[2]}}, nil
			}
		}
	case "date_time":
		return map[string]any{"type": format, format: map[string]string{"fallback_value": value}}, nil
	case "image", "video", "document":
		if strings.HasPrefix(value, "https://") {
			return map[string]any{"type": format, format: map[string]string{"link": value}}, nil
		}
		return map[string]any{"type": format, format: map[string]string{"id": value}}, nil
	case "product":
		if catalogue, product, ok := strings.Cut(value, ":"); ok {
			return map[string]any{"type": format, format: map[string]string{"catalog_id": catalogue, "product_retailer_id": product}}, nil
		}
	}
	return nil, meta.Rejected("template_values", fmt.Sprintf("A value of the kind %q is not written as it must be.", format))
}

func button(index string, values map[string]string) (component, error) {
	action := map[string]any{}
	b := component{Type: "button", Index: index}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		switch name {
		case "1":
			b.SubType, b.Parameters = "url", []any{map[string]string{"type": "text", "text": value}}
		case "payload":
			b.SubType, b.Parameters = "quick_reply", []any{map[string]string{"type": "payload", "payload": value}}
		case "coupon_code":
			b.SubType, b.Parameters = "copy_code", []any{map[string]string{"type": name, name: value}}
		case "ttl_minutes":
			b.SubType, b.Parameters = "voice_call", []any{map[string]string{"type": name, name: value}}
		case "flow_token":
			b.SubType, action[name] = "flow", value
		case "thumbnail_product_retailer_id":
			if b.SubType == "" {
				b.SubType = "catalog"
			}
			action[name] = value
		case "flow_action_data", "sections":
			if !json.Valid([]byte(value)) {
				return component{}, meta.Rejected("template_values", fmt.Sprintf("The value of button.%s.%s must be JSON.", index, name))
			}
			b.SubType = map[string]string{"flow_action_data": "flow", "sections": "mpm"}[name]
			action[name] = json.RawMessage(value)
		default:
			return component{}, misnamed("button." + index + "." + name)
		}
	}
	if len(action) > 0 {
		b.Parameters = []any{map[string]any{"type": "action", "action": action}}
	}
	return b, nil
}

func misnamed(name string) error {
	return meta.Rejected("template_values", fmt.Sprintf("No template has a variable %q, or not with such a value.", name))
}
