package vibertest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"tandem/chat"
	"tandem/chat/chattest"
)

type outgoing struct {
	Receiver string `json:"receiver"`
	Version  int    `json:"min_api_version"`
	Sender   struct {
		Name   string `json:"name"`
		Avatar string `json:"avatar"`
	} `json:"sender"`
	Tracking string `json:"tracking_data"`
	Type     string `json:"type"`
	Text     string `json:"text"`
	Media    string `json:"media"`
	Size     int64  `json:"size"`
	Duration int64  `json:"duration"`
	FileName string `json:"file_name"`
	Contact  struct {
		Name  string `json:"name"`
		Phone string `json:"phone_number"`
	} `json:"contact"`
	Location *struct {
		Latitude  float64 `json:"lat"`
		Longitude float64 `json:"lon"`
	} `json:"location"`
	Keyboard struct {
		Type    string
		Buttons []struct {
			Columns, Rows    int
			ActionType, Text string
			ActionBody       string
		}
	} `json:"keyboard"`
}

// method carries out a call. What is wrong with it is said in the answer, which is a 200 all the same.
func (p *Platform) method(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("method")
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	op := chattest.Operation{Name: name, Body: body, Refuse: refusal}
	if p.Revoked() || r.Header.Get("X-Viber-Auth-Token") != AuthToken {
		p.Answer(w, r, op, refusal("2"))
		return
	}
	switch name {
	case "send_message":
		p.send(w, r, op)
	case "set_webhook":
		p.setWebhook(w, r, op)
	case "get_user_details":
		p.userDetails(w, r, op)
	case "get_account_info":
		op.Accept = p.accountInfo
		p.Do(w, r, op)
	default:
		p.Answer(w, r, op, refusal("3"))
	}
}

func (p *Platform) send(w http.ResponseWriter, r *http.Request, op chattest.Operation) {
	var m outgoing
	err := json.Unmarshal(op.Body, &m)
	op.To = m.Receiver
	op.Accept = func() chattest.Reply {
		if err != nil || len(op.Body) > 30<<10 {
			return refusal("3")
		}
		if m.Receiver == "" || m.Version < 1 {
			return refusal("4")
		}
		p.mu.Lock()
		there := p.subscribed[m.Receiver]
		p.mu.Unlock()
		if !there {
			return refusal("6")
		}
		if !p.count(p.since, m.Receiver, time.Hour, 100) {
			return refusal("12")
		}
		got, code := p.show(r.Context(), m)
		if code != "" {
			return refusal(code)
		}
		id, token := p.receive(m.Receiver, m, got)
		return chattest.JSON(http.StatusOK, map[string]any{
			"status": 0, "status_message": "ok", "message_token": token, "chat_hostname": "SN-1", "billing_status": 1,
		}).Of(id)
	}
	p.Do(w, r, op)
}

// show is what a message looks like at the customer's, or the status that it is refused with.
func (p *Platform) show(ctx context.Context, m outgoing) (got chattest.Received, code string) {
	got = chattest.Received{Kind: chat.Text, Text: m.Text, Name: m.Sender.Name}
	n := utf8.RuneCountInString(m.Sender.Name)
	if n == 0 || n > 28 || len(m.Tracking) > 4000 {
		return got, "3"
	}
	switch m.Type {
	case "text":
		if n := utf8.RuneCountInString(m.Text); n == 0 || n > 7000 {
			return got, "3"
		}
	case "picture", "video", "file":
		file, code := p.fetch(ctx, m)
		if code != "" {
			return got, code
		}
		got.Kind, got.Files = chat.MediaOf, []chattest.File{file}
	case "location":
		if m.Location == nil {
			return got, "4"
		}
		got.Kind = chat.Location
	case "contact":
		if m.Contact.Name == "" || m.Contact.Phone == "" {
			return got, "4"
		}
		got.Kind, got.Text = chat.Contacts, m.Contact.Name+" "+m.Contact.Phone
	default:
		return got, "3"
	}
	rows := 0
	for _, b := range m.Keyboard.Buttons {
		rows += b.Rows
		if b.ActionType != "reply" || b.ActionBody == "" || b.Columns < 1 || b.Columns > 6 || b.Rows < 1 || b.Rows > 2 {
			return got, "3"
		}
		got.Kind = chat.Offer
		got.Options = append(got.Options, chat.Option{ID: b.ActionBody, Title: b.Text})
	}
	if rows > 12 {
		return got, "3"
	}
	return got, ""
}

// fetch gets a file that a message points to, within Viber's sizes.
func (p *Platform) fetch(ctx context.Context, m outgoing) (file chattest.File, code string) {
	if u, err := url.Parse(m.Media); err != nil || u.Host == "" || len(m.Media) > 2000 {
		return file, "1"
	}
	contentType, data, err := p.Download(ctx, m.Media)
	if err != nil {
		return file, "1"
	}
	file = chattest.File{Name: m.FileName, ContentType: contentType, Data: data}
	switch m.Type {
	case "picture":
		file.Kind = chat.Image
		if len(data) > 1<<20 || !strings.HasPrefix(contentType, "image/") || utf8.RuneCountInString(m.Text) > 768 {
			return file, "3"
		}
	case "video":
		file.Kind = chat.Video
		if m.Size != int64(len(data)) || m.Size > 26<<20 || m.Duration > 180 || m.Text != "" {
			return file, "3"
		}
	default:
		file.Kind = chat.File
		if m.Size != int64(len(data)) || m.Size > 50<<20 || m.FileName == "" || utf8.RuneCountInString(m.FileName) > 256 || m.Text != "" {
			return file, "3"
		}
	}
	return file, ""
}

// setWebhook tries the hook while the call runs.
func (p *Platform) setWebhook(w http.ResponseWriter, r *http.Request, op chattest.Operation) {
	var m struct {
		URL    string   `json:"url"`
		Events []string `json:"event_types"`
	}
	err := json.Unmarshal(op.Body, &m)
	op.Accept = func() chattest.Reply {
		if err != nil || !strings.HasPrefix(m.URL, "https://") {
			return refusal("1")
		}
		_, token := p.token()
		event, err := json.Marshal(map[string]any{"event": "webhook", "timestamp": p.Now().UnixMilli(), "message_token": token})
		if err != nil {
			return refusal("3")
		}
		if p.Hook() == "" {
			p.Point(m.URL, "")
		}
		if e := p.Ask(r.Context(), p.Sign(p.Requests(event)[0], false)); e.Status != http.StatusOK {
			return refusal("1")
		}
		p.mu.Lock()
		p.hook = m.URL
		p.mu.Unlock()
		return chattest.JSON(http.StatusOK, map[string]any{"status": 0, "status_message": "ok", "event_types": m.Events})
	}
	p.Do(w, r, op)
}

func (p *Platform) userDetails(w http.ResponseWriter, r *http.Request, op chattest.Operation) {
	var m struct {
		ID string `json:"id"`
	}
	err := json.Unmarshal(op.Body, &m)
	op.To = m.ID
	op.Accept = func() chattest.Reply {
		if err != nil || m.ID == "" {
			return refusal("4")
		}
		if !p.count(p.asked, m.ID, 12*time.Hour, 2) {
			return refusal("12")
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.subscribed[m.ID] {
			return refusal("6")
		}
		return chattest.JSON(http.StatusOK, map[string]any{
			"status": 0, "status_message": "ok", "user": map[string]string{"id": m.ID, "name": p.names[m.ID], "country": "DE", "language": "de"},
		})
	}
	p.Do(w, r, op)
}

func (p *Platform) accountInfo() chattest.Reply {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, there := range p.subscribed {
		if there {
			n++
		}
	}
	return chattest.JSON(http.StatusOK, map[string]any{
		"status": 0, "status_message": "ok", "id": "pa:1", "name": "Demo", "uri": "demo", "webhook": p.hook, "subscribers_count": n,
	})
}

func (p *Platform) download(w http.ResponseWriter, r *http.Request) {
	p.Do(w, r, chattest.Operation{Name: "download", Accept: func() chattest.Reply {
		file, ok := p.File(r.PathValue("id"))
		if !ok || file.State != chattest.Ready {
			return chattest.Reply{Status: http.StatusNotFound}
		}
		return chattest.Reply{Status: http.StatusOK, Header: http.Header{"Content-Type": {file.ContentType}}, Body: file.Data}
	}})
}
