package whatsapptest

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"time"
	"unicode/utf8"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/meta/metatest"
)

// addressLife is how long a file's address holds.
const addressLife = 5 * time.Minute

type outgoing struct {
	Product   string `json:"messaging_product"`
	To        string `json:"to"`
	Recipient string `json:"recipient"`
	Type      string `json:"type"`
	Ours      string `json:"biz_opaque_callback_data"`
	Context   struct {
		ID string `json:"message_id"`
	} `json:"context"`
	Status  string `json:"status"` // "read": no message at all
	Message string `json:"message_id"`

	Text struct {
		Body string `json:"body"`
	} `json:"text"`
	Image    *sentFile `json:"image"`
	Video    *sentFile `json:"video"`
	Audio    *sentFile `json:"audio"`
	Document *sentFile `json:"document"`
	Sticker  *sentFile `json:"sticker"`
	Location *struct {
		Latitude  float64 `json:"latitude"`
		Longitude float64 `json:"longitude"`
		Name      string  `json:"name"`
	} `json:"location"`
	Contacts []struct {
		Name struct {
			Formatted string `json:"formatted_name"`
		} `json:"name"`
	} `json:"contacts"`
	Interactive *interactive `json:"interactive"`
	Reaction    *struct {
		ID    string `json:"message_id"`
		Emoji string `json:"emoji"`
	} `json:"reaction"`
	Template *templateSend `json:"template"`
}

type sentFile struct {
	ID      string `json:"id"`
	Caption string `json:"caption"`
	Name    string `json:"filename"`
}

type interactive struct {
	Type string `json:"type"`
	Body struct {
		Text string `json:"text"`
	} `json:"body"`
	Action struct {
		Button  string `json:"button"`
		Buttons []struct {
			Reply option `json:"reply"`
		} `json:"buttons"`
		Sections []struct {
			Rows []option `json:"rows"`
		} `json:"sections"`
	} `json:"action"`
}

type option struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// messages takes a message, or marks one as read.
func (p *Platform) messages(w http.ResponseWriter, r *http.Request, body []byte) {
	var m outgoing
	err := json.Unmarshal(body, &m)
	if m.Status == "read" {
		p.Do(w, r, chattest.Operation{Name: "read", Body: body, Refuse: metatest.Refusal, Accept: func() chattest.Reply {
			if m.Message == "" {
				return metatest.Refusal("131009")
			}
			return chattest.JSON(http.StatusOK, object{"success": true})
		}})
		return
	}
	to := m.To
	if to == "" && len(m.Recipient) > len(UserID("")) {
		to = m.Recipient[len(UserID("")):]
	}
	p.Do(w, r, chattest.Operation{Name: "messages", To: to, Body: body, Refuse: metatest.Refusal, Accept: func() chattest.Reply {
		if err != nil || m.Product != "whatsapp" || to == "" || len(m.Ours) > 512 {
			return metatest.Refusal("131008")
		}
		if code := p.may(to, m.Template != nil); code != "" {
			return metatest.Refusal(code)
		}
		got, code := p.content(to, m)
		if code != "" {
			return metatest.Refusal(code)
		}
		got.ID, got.Key, got.Quote = p.ID("wamid.out."), m.Ours, m.Context.ID
		got = p.Receive(to, got)
		p.mu.Lock()
		p.to[got.ID] = recipient{to, m.Ours}
		p.mu.Unlock()
		return chattest.JSON(http.StatusOK, object{
			"messaging_product": "whatsapp", "contacts": []any{object{"input": to, "wa_id": to}},
			"messages": []any{object{"id": got.ID, "message_status": "accepted"}},
		}).Of(got.ID)
	}})
}

// content is what the customer gets to see, or why nothing.
func (p *Platform) content(to string, m outgoing) (got chattest.Received, code string) {
	switch m.Type {
	case "text":
		if n := utf8.RuneCountInString(m.Text.Body); n == 0 || n > 4096 {
			return got, "100"
		}
		return chattest.Received{Kind: chat.Text, Text: m.Text.Body}, ""
	case "image", "video", "audio", "document", "sticker":
		file := map[string]*sentFile{"image": m.Image, "video": m.Video, "audio": m.Audio, "document": m.Document, "sticker": m.Sticker}[m.Type]
		return p.file(m.Type, file)
	case "location":
		if m.Location == nil {
			return got, "131008"
		}
		return chattest.Received{Kind: chat.Location, Text: m.Location.Name}, ""
	case "contacts":
		if len(m.Contacts) == 0 {
			return got, "131008"
		}
		return chattest.Received{Kind: chat.Contacts, Text: m.Contacts[0].Name.Formatted}, ""
	case "interactive":
		return m.Interactive.received()
	case "reaction":
		if m.Reaction == nil || m.Reaction.ID == "" {
			return got, "131008"
		}
		return chattest.Received{Reaction: m.Reaction.Emoji, To: m.Reaction.ID}, ""
	case "template":
		return p.templated(to, m.Template)
	}
	return got, "131051"
}

func (p *Platform) file(kind string, f *sentFile) (got chattest.Received, code string) {
	if f == nil {
		return got, "131008"
	}
	file, ok := p.File(f.ID)
	switch {
	case !ok:
		return got, "131053"
	case utf8.RuneCountInString(f.Caption) > 1024, f.Caption != "" && (kind == "audio" || kind == "sticker"), f.Name != "" && kind != "document":
		return got, "131009"
	}
	if f.Name != "" {
		file.Name = f.Name
	}
	return chattest.Received{Kind: chat.MediaOf, Text: f.Caption, Files: []chattest.File{file}}, ""
}

func (i *interactive) received() (got chattest.Received, code string) {
	if i == nil || i.Body.Text == "" || utf8.RuneCountInString(i.Body.Text) > 1024 {
		return got, "131009"
	}
	got = chattest.Received{Kind: chat.Offer, Text: i.Body.Text}
	count, title, id := 3, 20, 256
	for _, b := range i.Action.Buttons {
		got.Options = append(got.Options, chat.Option(b.Reply))
	}
	if i.Type == "list" {
		count, title, id = 10, 24, 200
		for _, s := range i.Action.Sections {
			for _, o := range s.Rows {
				got.Options = append(got.Options, chat.Option(o))
			}
		}
		if n := utf8.RuneCountInString(i.Action.Button); n == 0 || n > 20 || len(i.Action.Sections) > 10 {
			return got, "131009"
		}
	}
	if len(got.Options) == 0 || len(got.Options) > count {
		return got, "131009"
	}
	seen := map[string]bool{}
	for _, o := range got.Options {
		n := utf8.RuneCountInString(o.Title)
		if n == 0 || n > title || o.ID == "" || utf8.RuneCountInString(o.ID) > id || seen[o.ID] {
			return got, "131009"
		}
		seen[o.ID] = true
	}
	return got, ""
}

// sizes are the largest files of each kind, in bytes, by their type's beginning (channels.md 3.2).
func sizes(contentType string) (chat.MediaKind, int) {
	switch contentType {
	case "image/jpeg", "image/png":
		return chat.Image, 5 << 20
	case "image/webp":
		return chat.Sticker, 500 << 10
	case "video/mp4", "video/3gpp":
		return chat.Video, 16 << 20
	case "audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg":
		return chat.Audio, 16 << 20
	}
	return chat.File, 100 << 20
}

// upload keeps a file of ours.
func (p *Platform) upload(w http.ResponseWriter, r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.Do(w, r, chattest.Operation{Name: "media", Refuse: metatest.Refusal, Accept: func() chattest.Reply {
		part, header, err := r.FormFile("file")
		if err != nil || r.FormValue("messaging_product") != "whatsapp" || r.FormValue("type") == "" {
			return metatest.Refusal("100")
		}
		defer part.Close()
		data, err := io.ReadAll(part)
		if err != nil {
			return metatest.Refusal("131053")
		}
		contentType, _, err := mime.ParseMediaType(r.FormValue("type"))
		if err != nil {
			return metatest.Refusal("131053")
		}
		kind, limit := sizes(contentType)
		if len(data) == 0 || len(data) > limit {
			return metatest.Refusal("131053")
		}
		id := p.AddFile("UPLOAD", chattest.File{Kind: kind, Name: header.Filename, ContentType: contentType, Data: data})
		return chattest.JSON(http.StatusOK, object{"id": id})
	}})
}

// media tells where a customer's file is.
func (p *Platform) media(w http.ResponseWriter, r *http.Request, _ []byte) {
	id := r.PathValue("id")
	p.Do(w, r, chattest.Operation{Name: "media", Refuse: metatest.Refusal, Accept: func() chattest.Reply {
		file, ok := p.File(id)
		if !ok || file.State == chattest.Gone {
			return metatest.Refusal("100/33")
		}
		address := p.ID(id + ".")
		now := p.Now()
		p.mu.Lock()
		if p.expire > 0 {
			p.expire--
		} else {
			p.issued[address] = now
		}
		p.mu.Unlock()
		return chattest.JSON(http.StatusOK, object{
			"messaging_product": "whatsapp", "id": id, "url": metatest.Base(r) + "/files/download/" + address, "mime_type": file.ContentType, "file_size": len(file.Data),
		})
	}})
}

// download gives a file out, as long as its address holds.
func (p *Platform) download(w http.ResponseWriter, r *http.Request, _ []byte) {
	address := r.PathValue("address")
	p.Do(w, r, chattest.Operation{Name: "download", Accept: func() chattest.Reply {
		p.mu.Lock()
		at, ok := p.issued[address]
		ok = ok && p.Now().Sub(at) < addressLife
		p.mu.Unlock()
		id, _, _ := bytes.Cut([]byte(address), []byte("."))
		file, found := p.File(string(id))
		if !ok || !found || file.State == chattest.Gone {
			return chattest.Reply{Status: http.StatusNotFound}
		}
		return chattest.Reply{Status: http.StatusOK, Header: http.Header{"Content-Type": {file.ContentType}}, Body: file.Data}
	}})
}

// number tells of the account.
func (p *Platform) number(w http.ResponseWriter, r *http.Request, _ []byte) {
	p.Do(w, r, chattest.Operation{Name: "number", Refuse: metatest.Refusal, Accept: func() chattest.Reply {
		return chattest.JSON(http.StatusOK, object{
			"id": PhoneNumberID, "verified_name": "Demo Shop", "display_phone_number": "+1 555-000-1111", "quality_rating": "GREEN",
			"throughput": object{"level": "STANDARD"}, "platform_type": "CLOUD_API", "whatsapp_business_manager_messaging_limit": "TIER_2K",
		})
	}})
}
