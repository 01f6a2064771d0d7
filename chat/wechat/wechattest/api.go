package wechattest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
)

const most = 16 << 20

// with checks the token of a call and reads its body.
func (p *Platform) with(do func(w http.ResponseWriter, r *http.Request, body []byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, most))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		given := r.URL.Query().Get("access_token")
		p.mu.Lock()
		good := given != "" && given == p.token && p.Now().Before(p.until) && !p.gone[given]
		p.mu.Unlock()
		switch {
		case p.Revoked() || given == "":
			p.Answer(w, r, chattest.Operation{Name: r.URL.Path, Body: body}, refusal("40001"))
		case !good:
			p.Answer(w, r, chattest.Operation{Name: r.URL.Path, Body: body}, refusal("42001"))
		default:
			do(w, r, body)
		}
	}
}

// stableToken gives the token that is in force, another one in its last five minutes or when it is forced.
func (p *Platform) stableToken(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Grant  string `json:"grant_type"`
		AppID  string `json:"appid"`
		Secret string `json:"secret"`
		Force  bool   `json:"force_refresh"`
	}
	op := chattest.Operation{Name: "stable_token"}
	err := json.NewDecoder(r.Body).Decode(&m)
	if err != nil || m.Grant != "client_credential" || m.AppID != AppID || m.Secret != Secret || p.Revoked() {
		p.Answer(w, r, op, refusal("40125"))
		return
	}
	now := p.Now()
	p.mu.Lock()
	if p.token == "" || m.Force || !p.stuck && !now.Before(p.until.Add(-renewBefore)) {
		p.token, p.until, p.stuck = p.ID("ACCESS-"), now.Add(tokenLife), false
	}
	token, life := p.token, p.until.Sub(now)
	p.mu.Unlock()
	p.Answer(w, r, op, chattest.JSON(http.StatusOK, map[string]any{"access_token": token, "expires_in": int(life.Seconds())}))
}

type media struct {
	ID    string `json:"media_id"`
	Thumb string `json:"thumb_media_id"`
	Title string `json:"title"`
}

type outgoing struct {
	To   string `json:"touser"`
	Type string `json:"msgtype"`
	Text struct {
		Content string `json:"content"`
	} `json:"text"`
	Image media `json:"image"`
	Voice media `json:"voice"`
	Video media `json:"video"`
	Menu  struct {
		Head string `json:"head_content"`
		List []struct {
			ID      string `json:"id"`
			Content string `json:"content"`
		} `json:"list"`
	} `json:"msgmenu"`
	Service struct {
		Account string `json:"kf_account"`
	} `json:"customservice"`
}

// send takes a customer service message. It gives no id.
func (p *Platform) send(w http.ResponseWriter, r *http.Request, body []byte) {
	var m outgoing
	err := json.Unmarshal(body, &m)
	p.Do(w, r, chattest.Operation{Name: "send", To: m.To, Body: body, Refuse: refusal, Accept: func() chattest.Reply {
		switch {
		case err != nil:
			return refusal("47001")
		case escapes(body):
			return refusal("40033")
		}
		if code := p.may(m.To); code != "" {
			return refusal(code)
		}
		got, code := p.content(m)
		if code != "" {
			return refusal(code)
		}
		got.Name = m.Service.Account
		p.Receive(m.To, got)
		return ok()
	}})
}

// escapes says whether JSON has \u escapes, which the platform refuses.
func escapes(body []byte) bool {
	body = bytes.ReplaceAll(body, []byte(`\\`), nil)
	return bytes.Contains(body, []byte(`\u`))
}

// may counts a message, or says why it is not allowed.
func (p *Platform) may(to string) (code string) {
	now := p.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone["@"+to] {
		return "43004"
	}
	if !p.metered {
		return ""
	}
	a := p.allowed[to]
	switch {
	case now.After(a.until):
		return "45015"
	case a.left == 0:
		return "45047"
	}
	a.left--
	p.allowed[to] = a
	return ""
}

// content is what a message shows.
func (p *Platform) content(m outgoing) (got chattest.Received, code string) {
	var sent media
	switch m.Type {
	case "text":
		if m.Text.Content == "" {
			return got, "44004"
		}
		if len(m.Text.Content) > 2048 {
			return got, "45002"
		}
		return chattest.Received{Kind: chat.Text, Text: m.Text.Content}, ""
	case "msgmenu":
		got = chattest.Received{Kind: chat.Offer, Text: m.Menu.Head}
		for _, o := range m.Menu.List {
			got.Options = append(got.Options, chat.Option{ID: o.ID, Title: o.Content})
		}
		return got, ""
	case "image":
		sent = m.Image
	case "voice":
		sent = m.Voice
	case "video":
		sent = m.Video
		if _, ok := p.File(m.Video.Thumb); !ok {
			return got, "40007"
		}
	default:
		return got, "40008"
	}
	file, ok := p.File(sent.ID)
	if !ok {
		return got, "40007"
	}
	return chattest.Received{Kind: chat.MediaOf, Files: []chattest.File{file}}, ""
}

func (p *Platform) typing(w http.ResponseWriter, r *http.Request, body []byte) {
	var m struct {
		To      string `json:"touser"`
		Command string `json:"command"`
	}
	err := json.Unmarshal(body, &m)
	p.Do(w, r, chattest.Operation{Name: "typing", To: m.To, Body: body, Refuse: refusal, Accept: func() chattest.Reply {
		if err != nil || m.Command != "Typing" && m.Command != "CancelTyping" {
			return refusal("45072")
		}
		return ok()
	}})
}

func (p *Platform) sendTemplate(w http.ResponseWriter, r *http.Request, body []byte) {
	var m struct {
		To   string `json:"touser"`
		ID   string `json:"template_id"`
		Key  string `json:"client_msg_id"`
		Data map[string]struct {
			Value string `json:"value"`
		} `json:"data"`
	}
	err := json.Unmarshal(body, &m)
	p.Do(w, r, chattest.Operation{Name: "template", To: m.To, Body: body, Refuse: refusal, Accept: func() chattest.Reply {
		if err != nil || m.ID != template {
			return refusal("40037")
		}
		text := strings.ReplaceAll("Order {{number.DATA}}", "{{number.DATA}}", m.Data["number"].Value)
		n := p.Count()
		got := p.Receive(m.To, chattest.Received{ID: fmt.Sprint(n), Key: m.Key, Kind: chat.Templated, Text: text, Template: m.ID})
		p.mu.Lock()
		p.templates[got.ID] = m.To
		p.mu.Unlock()
		return chattest.JSON(http.StatusOK, map[string]any{"errcode": 0, "errmsg": "ok", "msgid": n}).Of(got.ID)
	}})
}

func (p *Platform) listTemplates(w http.ResponseWriter, r *http.Request, _ []byte) {
	p.Do(w, r, chattest.Operation{Name: "templates", Refuse: refusal, Accept: func() chattest.Reply {
		return chattest.JSON(http.StatusOK, map[string]any{"template_list": []map[string]string{
			{"template_id": template, "title": "Order", "content": "Order {{number.DATA}}", "example": "Order 42"},
		}})
	}})
}

// sizes are the largest of each type, in bytes (channels.md 6.2).
func sizes(kind string) (chat.MediaKind, int) {
	switch kind {
	case "image":
		return chat.Image, 10 << 20
	case "voice":
		return chat.Audio, 2 << 20
	case "video":
		return chat.Video, 10 << 20
	case "thumb":
		return chat.Image, 64 << 10
	}
	return "", 0
}

func (p *Platform) upload(w http.ResponseWriter, r *http.Request, body []byte) {
	kind := r.URL.Query().Get("type")
	p.Do(w, r, chattest.Operation{Name: "upload", Refuse: refusal, Accept: func() chattest.Reply {
		of, limit := sizes(kind)
		if of == "" {
			return refusal("40004")
		}
		if r.ContentLength < 0 {
			return chattest.Reply{Status: http.StatusLengthRequired}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		part, header, err := r.FormFile("media")
		if err != nil {
			return refusal("41005")
		}
		defer part.Close()
		data, err := io.ReadAll(part)
		if err != nil || len(data) > limit {
			return refusal("40006")
		}
		contentType, _, err := mime.ParseMediaType(header.Header.Get("Content-Type"))
		if err != nil {
			return refusal("40005")
		}
		id := p.AddFile("UPLOAD-", chattest.File{Kind: of, Name: header.Filename, ContentType: contentType, Data: data})
		name := "media_id"
		if kind == "thumb" {
			name = "thumb_media_id"
		}
		return chattest.JSON(http.StatusOK, map[string]any{"type": kind, name: id, "created_at": p.Now().Unix()})
	}})
}

func (p *Platform) media(w http.ResponseWriter, r *http.Request, _ []byte) {
	id := r.URL.Query().Get("media_id")
	p.Do(w, r, chattest.Operation{Name: "media", Refuse: refusal, Accept: func() chattest.Reply {
		file, found := p.File(id)
		if !found || file.State != chattest.Ready {
			return refusal("40007")
		}
		if file.Kind == chat.Video {
			p.mu.Lock()
			defer p.mu.Unlock()
			return chattest.JSON(http.StatusOK, map[string]any{"video_url": p.base + "/video/" + id})
		}
		return raw(file)
	}})
}

func raw(file chattest.File) chattest.Reply {
	return chattest.Reply{Status: http.StatusOK, Body: file.Data, Header: http.Header{
		"Content-Type":        {file.ContentType},
		"Content-Disposition": {mime.FormatMediaType("attachment", map[string]string{"filename": file.Name})},
	}}
}

func (p *Platform) video(w http.ResponseWriter, r *http.Request) {
	p.Do(w, r, chattest.Operation{Name: "video", Accept: func() chattest.Reply {
		file, found := p.File(r.PathValue("id"))
		if !found || file.State != chattest.Ready {
			return chattest.Reply{Status: http.StatusNotFound}
		}
		return raw(file)
	}})
}

func (p *Platform) user(w http.ResponseWriter, r *http.Request, _ []byte) {
	id := r.URL.Query().Get("openid")
	p.Do(w, r, chattest.Operation{Name: "user", Refuse: refusal, Accept: func() chattest.Reply {
		return chattest.JSON(http.StatusOK, map[string]any{
			"subscribe": 1, "openid": id, "unionid": "u-" + id, "nickname": "", "remark": "Customer " + id, "language": "zh_CN", "country": "中国",
		})
	}})
}

func (p *Platform) quota(w http.ResponseWriter, r *http.Request, _ []byte) {
	p.Do(w, r, chattest.Operation{Name: "quota", Refuse: refusal, Accept: func() chattest.Reply {
		return chattest.JSON(http.StatusOK, map[string]any{
			"errcode": 0, "errmsg": "ok", "quota": map[string]int{"daily_limit": 500000, "used": 12, "remain": 499988},
		})
	}})
}

// act remembers what a customer's action lets us send.
func (p *Platform) act(customer string, left int, within time.Duration) {
	now := p.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed[customer] = allowance{until: now.Add(within), left: left}
	delete(p.gone, "@"+customer)
}
