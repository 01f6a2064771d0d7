package whatsapp

import (
	"tandem/chat"
	"tandem/chat/meta"
)

// content is what a message says, by its type.
type content struct {
	Type  meta.Text `json:"type"`
	Text  words     `json:"text"`
	Image *file     `json:"image"`
	Video *file     `json:"video"`
	Audio *file     `json:"audio"`
	// Voice is how some versions of the API write an audio message that was recorded.
	Voice    *file `json:"voice"`
	Document *file `json:"document"`
	Sticker  *file `json:"sticker"`
	Location *struct {
		Latitude  meta.Text `json:"latitude"`
		Longitude meta.Text `json:"longitude"`
		Name      string    `json:"name"`
		Address   string    `json:"address"`
		URL       string    `json:"url"`
	} `json:"location"`
	Contacts    []card `json:"contacts"`
	Interactive struct {
		Type   string  `json:"type"`
		Button *chosen `json:"button_reply"`
		List   *chosen `json:"list_reply"`
		Flow   *struct {
			Name     string    `json:"name"`
			Body     string    `json:"body"`
			Response meta.Text `json:"response_json"`
		} `json:"nfm_reply"`
	} `json:"interactive"`
	Button *struct {
		Payload meta.Text `json:"payload"`
		Text    string    `json:"text"`
	} `json:"button"`
	Order *struct {
		Catalog meta.Text `json:"catalog_id"`
		Text    string    `json:"text"`
		Items   []struct {
			Product  meta.Text `json:"product_retailer_id"`
			Quantity meta.Text `json:"quantity"`
			Price    meta.Text `json:"item_price"`
			Currency string    `json:"currency"`
		} `json:"product_items"`
	} `json:"order"`
}

type words struct {
	Body string `json:"body"`
}

type file struct {
	ID       meta.Text `json:"id"`
	Type     string    `json:"mime_type"`
	SHA256   string    `json:"sha256"`
	Caption  string    `json:"caption"`
	Filename string    `json:"filename"`
	Voice    bool      `json:"voice"`
	Animated bool      `json:"animated"`
}

type chosen struct {
	ID          meta.Text `json:"id"`
	Title       string    `json:"title"`
	Description string    `json:"description"`
}

type card struct {
	Name struct {
		Formatted string `json:"formatted_name"`
		First     string `json:"first_name"`
		Last      string `json:"last_name"`
	} `json:"name"`
	Phones []struct {
		Phone meta.Text `json:"phone"`
		WaID  meta.Text `json:"wa_id"`
	} `json:"phones"`
	Emails []struct {
		Email string `json:"email"`
	} `json:"emails"`
}

// incoming is the content alone; an unsupported one has no Raw yet.
func (c *content) incoming() *chat.Incoming {
	in := &chat.Incoming{}
	switch c.Type {
	case "text":
		in.Kind, in.Text = chat.Text, c.Text.Body
	case "image":
		c.Image.into(in, chat.Image)
	case "video":
		c.Video.into(in, chat.Video)
	case "audio", "voice":
		if c.Audio == nil {
			c.Audio = c.Voice
		}
		c.Audio.into(in, chat.Audio)
	case "document":
		c.Document.into(in, chat.File)
	case "sticker":
		c.Sticker.into(in, chat.Sticker)
	case "location":
		c.location(in)
	case "contacts":
		c.cards(in)
	case "interactive":
		c.interactive(in)
	case "button":
		if c.Button != nil {
			in.Kind, in.Text = chat.Choice, c.Button.Text
			in.Body.Choice = &chat.Chosen{ID: string(c.Button.Payload), Title: c.Button.Text}
		}
	case "order":
		c.order(in)
	case "request_welcome":
		in.Kind = chat.Begin
	}
	if in.Kind == "" {
		in.Kind, in.Body.Type = chat.Unsupported, string(c.Type)
		if c.Type == "interactive" && c.Interactive.Type != "" {
			in.Body.Type += "/" + c.Interactive.Type
		}
	}
	return in
}

func (f *file) into(in *chat.Incoming, kind chat.MediaKind) {
	if f == nil || f.ID == "" {
		return
	}
	in.Kind, in.Text = chat.MediaOf, f.Caption
	ref := chat.MediaRef{Kind: kind, ID: string(f.ID), Name: f.Filename, ContentType: f.Type, SHA256: f.SHA256, Voice: f.Voice}
	if f.Animated {
		ref.Extra = map[string]string{"animated": "true"}
	}
	in.Media = []chat.MediaRef{ref}
}

func (c *content) location(in *chat.Incoming) {
	if c.Location == nil {
		return
	}
	in.Kind = chat.Location
	in.Body.Location = &chat.Place{
		Latitude: c.Location.Latitude.Float(), Longitude: c.Location.Longitude.Float(), Name: c.Location.Name, Address: c.Location.Address,
	}
	if c.Location.URL != "" {
		in.Body.Link = &chat.Link{Title: c.Location.Name, URL: c.Location.URL}
	}
}

func (c *content) cards(in *chat.Incoming) {
	in.Kind = chat.Contacts
	for _, k := range c.Contacts {
		card := chat.Card{Name: k.Name.Formatted}
		if card.Name == "" {
			card.Name = k.Name.First
		}
		for _, p := range k.Phones {
			if p.Phone == "" && p.WaID != "" {
				p.Phone = "+" + p.WaID
			}
			if p.Phone != "" {
				card.Phones = append(card.Phones, string(p.Phone))
			}
		}
		for _, e := range k.Emails {
			if e.Email != "" {
				card.Emails = append(card.Emails, e.Email)
			}
		}
		in.Body.Contacts = append(in.Body.Contacts, card)
	}
}

func (c *content) interactive(in *chat.Incoming) {
	i := c.Interactive
	switch {
	case i.Button != nil:
		in.Kind, in.Text = chat.Choice, i.Button.Title
		in.Body.Choice = &chat.Chosen{ID: string(i.Button.ID), Title: i.Button.Title}
	case i.List != nil:
		in.Kind, in.Text = chat.Choice, i.List.Title
		in.Body.Choice = &chat.Chosen{ID: string(i.List.ID), Title: i.List.Title}
		set(&in.Body.Data, "description", i.List.Description)
	case i.Flow != nil:
		in.Kind, in.Text = chat.Choice, i.Flow.Body
		in.Body.Choice = &chat.Chosen{ID: i.Flow.Name, Title: i.Flow.Body}
		set(&in.Body.Data, "response", string(i.Flow.Response))
	}
}

func (c *content) order(in *chat.Incoming) {
	if c.Order == nil {
		return
	}
	in.Kind, in.Text = chat.Order, c.Order.Text
	set(&in.Body.Data, "catalog_id", string(c.Order.Catalog))
	for _, i := range c.Order.Items {
		in.Body.Order = append(in.Body.Order, chat.OrderItem{
			Product: string(i.Product), Quantity: i.Quantity.Float(), Price: i.Price.Float(), Currency: i.Currency,
		})
	}
}
