package chat

import "context"

// TemplateSend is a template with its values, as an agent chose it.
type TemplateSend struct {
	Name     string `json:"name"`
	Language string `json:"language"`
	// Values are the variables' by name or position ("1"), prefixed by the component: "header.1", "body.first_name", "button.0.1".
	Values map[string]string `json:"values,omitempty"`
	// Header is the attachment of an image, video or document header: the file is the message's.
	Preview string `json:"preview,omitempty"` // what the customer reads, for our screens
}

// Template is a message that the platform has approved.
type Template struct {
	ID         string              `json:"id"`
	Name       string              `json:"name"`
	Language   string              `json:"language"`
	Category   string              `json:"category"` // MARKETING, UTILITY, AUTHENTICATION
	Status     string              `json:"status"`   // APPROVED, REJECTED, PENDING, PAUSED, DISABLED …
	Quality    string              `json:"quality,omitempty"`
	Reason     string              `json:"reason,omitempty"`
	Named      bool                `json:"named"` // variables have names instead of positions
	Components []TemplateComponent `json:"components"`
}

// TemplateComponent is a part of a template.
type TemplateComponent struct {
	Type      string           `json:"type"`             // HEADER, BODY, FOOTER, BUTTONS
	Format    string           `json:"format,omitempty"` // of a header: TEXT, IMAGE, VIDEO, DOCUMENT, LOCATION …
	Text      string           `json:"text,omitempty"`
	Variables []string         `json:"variables,omitempty"` // as in Values: "header.1", "body.first_name"
	Examples  []string         `json:"examples,omitempty"`
	Buttons   []TemplateButton `json:"buttons,omitempty"`
	// Cards are a carousel's; their variables begin with the card: "card.0.body.1".
	Cards [][]TemplateComponent `json:"cards,omitempty"`
}

// TemplateButton is a button of a template.
type TemplateButton struct {
	Type      string   `json:"type"` // QUICK_REPLY, URL, PHONE_NUMBER, COPY_CODE, OTP, FLOW …
	Text      string   `json:"text"`
	URL       string   `json:"url,omitempty"`
	Phone     string   `json:"phone,omitempty"`
	Variables []string `json:"variables,omitempty"`
}

// Templater is a Channel that has templates.
type Templater interface {
	// Templates lists all templates of the account.
	Templates(ctx context.Context) ([]Template, error)
}
