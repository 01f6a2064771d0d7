package telegramtest

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf16"

	"tandem/chat"
	"tandem/chat/chattest"
)

// call is a call to a method: its parameters, from JSON or a form, and the file of the form.
type call struct {
	Chat       json.Number `json:"chat_id"`
	Connection string      `json:"business_connection_id"`
	Message    int64       `json:"message_id"`
	Text       string      `json:"text"`
	Caption    string      `json:"caption"`
	ParseMode  string      `json:"parse_mode"`
	Action     string      `json:"action"`
	Title      string      `json:"title"`
	Phone      string      `json:"phone_number"`
	FirstName  string      `json:"first_name"`
	FileID     string      `json:"file_id"`
	URL        string      `json:"url"`
	Secret     string      `json:"secret_token"`
	Updates    []string    `json:"allowed_updates"`
	Query      string      `json:"callback_query_id"`
	Reply      struct {
		Message int64 `json:"message_id"`
	} `json:"reply_parameters"`
	Reaction []struct {
		Emoji string `json:"emoji"`
	} `json:"reaction"`
	Markup struct {
		Keyboard [][]struct {
			Text string `json:"text"`
			Data string `json:"callback_data"`
		} `json:"inline_keyboard"`
	} `json:"reply_markup"`

	field string // of the file
	file  *chattest.File
}

func (c call) to() string {
	if c.Connection != "" {
		return c.Connection + "/" + c.Chat.String()
	}
	return c.Chat.String()
}

func (c call) about() string { return c.to() + "/" + strconv.FormatInt(c.Message, 10) }

// method carries out a call.
func (p *Platform) method(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("method")
	if p.Revoked() || r.PathValue("bot") != "bot"+BotToken {
		p.Answer(w, r, chattest.Operation{Name: name}, refusal("401"))
		return
	}
	c, body, err := read(r)
	op := chattest.Operation{Name: name, To: c.to(), Body: body, Refuse: refusal}
	if err != nil {
		p.Answer(w, r, op, bad("can't parse the request"))
		return
	}
	op.Accept = func() chattest.Reply { return p.do(name, c) }
	p.Do(w, r, op)
}

// read reads a call. Of a form, the body that is logged is its parameters.
func read(r *http.Request) (c call, body []byte, err error) {
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "multipart/form-data" {
		if body, err = io.ReadAll(io.LimitReader(r.Body, 1<<20)); err != nil {
			return call{}, nil, err
		}
		return c, body, json.Unmarshal(body, &c)
	}
	fields := map[string]json.RawMessage{}
	form := multipart.NewReader(r.Body, params["boundary"])
	var file *chattest.File
	var field string
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return call{}, nil, err
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return call{}, nil, err
		}
		switch {
		case part.FileName() != "":
			field = part.FormName()
			file = &chattest.File{Name: part.FileName(), ContentType: part.Header.Get("Content-Type"), Data: data}
		case json.Valid(data) && part.FormName() != "caption" && part.FormName() != "text":
			fields[part.FormName()] = data
		default:
			if fields[part.FormName()], err = json.Marshal(string(data)); err != nil {
				return call{}, nil, err
			}
		}
	}
	if body, err = json.Marshal(fields); err == nil {
		err = json.Unmarshal(body, &c)
	}
	c.field, c.file = field, file
	return c, body, err
}

// do is what a method does.
func (p *Platform) do(name string, c call) chattest.Reply {
	switch {
	case name == "sendChatAction":
		return p.action(c)
	case strings.HasPrefix(name, "send"):
		return p.send(name, c)
	}
	switch name {
	case "editMessageText", "editMessageCaption":
		return p.edit(name, c)
	case "deleteMessage":
		if !p.Change(c.about(), func(r *chattest.Received) { r.Unsent = true }) {
			return bad("message to delete not found")
		}
		return result(true)
	case "setMessageReaction":
		return p.react(c)
	case "answerCallbackQuery":
		p.mu.Lock()
		defer p.mu.Unlock()
		p.answered = append(p.answered, c.Query)
		return result(true)
	case "getChat", "getMe", "getWebhookInfo", "setWebhook", "readBusinessMessage":
		return p.account(name, c)
	case "getFile":
		return p.getFile(c)
	}
	return chattest.JSON(http.StatusNotFound, map[string]any{"ok": false, "error_code": http.StatusNotFound, "description": "Not Found"})
}

// limits are the largest sizes in bytes of files that are uploaded.
var limits = map[string]int{"photo": 10 << 20, "sticker": 512 << 10}

// send gives a customer a message.
func (p *Platform) send(name string, c call) chattest.Reply {
	got := chattest.Received{Kind: chat.Text, Text: c.Text}
	switch name {
	case "sendMessage":
		if c.Text == "" {
			return bad("message text is empty")
		}
		if length(c.Text) > 4096 {
			return bad("message is too long")
		}
	case "sendLocation":
		got.Kind = chat.Location
	case "sendVenue":
		got.Kind, got.Text = chat.Location, c.Title
	case "sendContact":
		got.Kind, got.Text = chat.Contacts, c.FirstName+" "+c.Phone
	default:
		kind, known := map[string]chat.MediaKind{
			"photo": chat.Image, "video": chat.Video, "animation": chat.Image, "audio": chat.Audio, "voice": chat.Audio, "document": chat.File, "sticker": chat.Sticker,
		}[c.field]
		limit := limits[c.field]
		if limit == 0 {
			limit = 50 << 20
		}
		switch {
		case !known || !strings.EqualFold(name, "send"+c.field):
			return bad("there is no " + strings.ToLower(strings.TrimPrefix(name, "send")) + " in the request")
		case len(c.file.Data) > limit:
			return refusal("413")
		case length(c.Caption) > 1024:
			return bad("message caption is too long")
		}
		c.file.Kind = kind
		got.Kind, got.Text, got.Files = chat.MediaOf, c.Caption, []chattest.File{*c.file}
	}
	for _, row := range c.Markup.Keyboard {
		for _, b := range row {
			if len(b.Data) == 0 || len(b.Data) > 64 {
				return bad("BUTTON_DATA_INVALID")
			}
			got.Options = append(got.Options, chat.Option{ID: b.Data, Title: b.Text})
		}
	}
	if c.Reply.Message != 0 {
		got.Quote = c.to() + "/" + strconv.FormatInt(c.Reply.Message, 10)
	}
	return p.take(c, got)
}

// take refuses what the chat does not allow.
func (p *Platform) take(c call, got chattest.Received) chattest.Reply {
	chatID, err := c.Chat.Int64()
	p.mu.Lock()
	blocked, moved := p.blocked[c.to()], p.moved[c.to()]
	p.mu.Unlock()
	switch {
	case err != nil || chatID == 0:
		return refusal("400/chat_not_found")
	case blocked:
		return refusal("403/blocked")
	case moved != 0:
		return chattest.JSON(http.StatusBadRequest, map[string]any{
			"ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat", "parameters": map[string]int64{"migrate_to_chat_id": moved},
		})
	case c.ParseMode != "":
		return bad("this fake reads no markup")
	}
	n := p.next(c.to())
	got.ID = c.to() + "/" + strconv.FormatInt(n, 10)
	p.Receive(c.to(), got)
	return result(map[string]any{
		"message_id": n, "date": p.Now().Unix(), "chat": map[string]any{"id": chatID, "type": "private"}, "text": got.Text,
	}).Of(got.ID)
}

func length(s string) int { return len(utf16.Encode([]rune(s))) }

func (p *Platform) edit(name string, c call) chattest.Reply {
	text := c.Text + c.Caption
	words := ""
	found := p.Change(c.about(), func(r *chattest.Received) {
		switch {
		case r.Unsent:
			words = "message to edit not found"
		case name == "editMessageText" && r.Kind == chat.MediaOf:
			words = "there is no text in the message to edit"
		case r.Text == text:
			words = "message is not modified"
		default:
			r.Text, r.Edited = text, true
		}
	})
	if !found {
		words = "message to edit not found"
	}
	if words != "" {
		return bad(words)
	}
	return result(map[string]any{"message_id": c.Message})
}

// react shows our reaction to a message.
func (p *Platform) react(c call) chattest.Reply {
	emoji := ""
	for _, r := range c.Reaction {
		emoji = r.Emoji
	}
	p.Receive(c.to(), chattest.Received{Reaction: emoji, To: c.about()})
	return result(true)
}

func (p *Platform) action(c call) chattest.Reply {
	if c.Action != "typing" {
		return bad("wrong parameter action in request")
	}
	return result(true)
}

func (p *Platform) account(name string, c call) chattest.Reply {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch name {
	case "getMe":
		return result(map[string]any{"id": botID, "is_bot": true, "first_name": "Demo", "username": "demo_bot"})
	case "getChat":
		if p.names[c.to()] == "" {
			return refusal("400/chat_not_found")
		}
		return result(map[string]any{"id": c.Chat, "type": "private", "first_name": p.names[c.to()]})
	case "setWebhook":
		if !strings.HasPrefix(c.URL, "https://") {
			return bad("bad webhook: An HTTPS URL must be provided for webhook")
		}
		p.hook, p.secret, p.updates = c.URL, c.Secret, c.Updates
	case "getWebhookInfo":
		return result(map[string]any{
			"url": p.hook, "has_custom_certificate": false, "pending_update_count": p.Pending(),
			"last_error_date": p.Now().Unix(), "last_error_message": "Wrong response from the webhook: 502 Bad Gateway",
		})
	}
	return result(true)
}

func (p *Platform) getFile(c call) chattest.Reply {
	file, ok := p.File(c.FileID)
	switch {
	case !ok || file.State == chattest.Gone:
		return bad("wrong file_id or the file is temporarily unavailable")
	case file.State == chattest.TooLarge || len(file.Data) > 20<<20:
		return bad("file is too big")
	}
	return result(map[string]any{"file_id": c.FileID, "file_unique_id": "u" + c.FileID, "file_size": len(file.Data), "file_path": "files/" + c.FileID})
}

func (p *Platform) download(w http.ResponseWriter, r *http.Request) {
	if p.Revoked() || r.PathValue("bot") != "bot"+BotToken {
		p.Answer(w, r, chattest.Operation{Name: "download"}, refusal("401"))
		return
	}
	p.Do(w, r, chattest.Operation{Name: "download", Refuse: refusal, Accept: func() chattest.Reply {
		file, ok := p.File(r.PathValue("id"))
		if !ok || file.State != chattest.Ready {
			return chattest.Reply{Status: http.StatusNotFound}
		}
		return chattest.Reply{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/octet-stream"}}, Body: file.Data}
	}})
}
