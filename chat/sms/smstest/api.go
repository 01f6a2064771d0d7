package smstest

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/sms"
)

const mostBody = 1600 // characters

// with checks account and token of a call and reads its form.
func (p *Platform) with(do func(w http.ResponseWriter, r *http.Request, form url.Values)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		user, password, _ := r.BasicAuth()
		op := chattest.Operation{Name: r.URL.Path, Body: body}
		if user != AccountSID || password != AuthToken || p.Revoked() {
			p.Answer(w, r, op, refusal("20003"))
			return
		}
		form, err := url.ParseQuery(string(body))
		if err != nil || strings.TrimSuffix(r.PathValue("account"), ".json") != AccountSID {
			p.Answer(w, r, op, refusal("20404"))
			return
		}
		do(w, r, form)
	}
}

// create takes a message.
func (p *Platform) create(w http.ResponseWriter, r *http.Request, form url.Values) {
	to := form.Get("To")
	p.Do(w, r, chattest.Operation{Name: "create", To: to, Body: []byte(form.Encode()), Refuse: refusal, Accept: func() chattest.Reply {
		m := message{
			to: to, from: form.Get("From"), service: form.Get("MessagingServiceSid"), body: form.Get("Body"), callback: form.Get("StatusCallback"),
			created: p.Now(), media: len(form["MediaUrl"]),
		}
		if code := p.wrong(m); code != "" {
			return refusal(code)
		}
		files, ok := p.files(r.Context(), form["MediaUrl"])
		if !ok {
			return refusal("21620")
		}
		m.segments, _, _ = sms.Segments(m.body)
		m.sid = p.ID("SM" + strings.Repeat("0", 26))
		got := chattest.Received{ID: m.sid, Kind: chat.Text, Text: m.body, Files: files}
		if len(files) > 0 {
			got.Kind, m.segments = chat.MediaOf, 1
		}
		p.Receive(to, got)
		p.mu.Lock()
		p.messages = append(p.messages, m)
		p.mu.Unlock()
		return p.dated(chattest.JSON(http.StatusCreated, m.resource())).Of(m.sid)
	}})
}

// wrong is the code of what is wrong with a message.
func (p *Platform) wrong(m message) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !strings.HasPrefix(m.to, "+") || len(m.to) < 8:
		return "21211"
	case m.from == "" && m.service == "":
		return "21603"
	case m.from != "" && m.from != Number:
		return "21606"
	case m.body == "" && m.media == 0:
		return "21602"
	case utf8.RuneCountInString(m.body) > mostBody:
		return "21617"
	case m.media > 10:
		return "21623"
	case p.stopped[m.to]:
		return "21610"
	}
	return ""
}

// files fetches a message's media.
func (p *Platform) files(ctx context.Context, addresses []string) ([]chattest.File, bool) {
	var all []chattest.File
	for _, address := range addresses {
		contentType, data, err := p.Download(ctx, address)
		if err != nil {
			return nil, false
		}
		all = append(all, chattest.File{Kind: kindOf(contentType), ContentType: contentType, Data: data})
	}
	return all, true
}

func kindOf(contentType string) chat.MediaKind {
	major, _, _ := strings.Cut(contentType, "/")
	kind := map[string]chat.MediaKind{"image": chat.Image, "video": chat.Video, "audio": chat.Audio}[major]
	if kind == "" {
		return chat.File
	}
	return kind
}

// dated is a reply with the platform's clock.
func (p *Platform) dated(r chattest.Reply) chattest.Reply {
	r.Header.Set("Date", p.Now().UTC().Format(http.TimeFormat))
	return r
}

func (m message) resource() map[string]any {
	out := map[string]any{
		"sid": m.sid, "account_sid": AccountSID, "to": m.to, "from": m.from, "body": m.body, "status": "queued", "direction": "outbound-api",
		"num_segments": strconv.Itoa(m.segments), "num_media": strconv.Itoa(m.media), "error_code": nil, "error_message": nil, "price": nil, "price_unit": "USD",
		"api_version": "2010-04-01", "date_created": m.created.UTC().Format(time.RFC1123Z), "date_sent": nil, "messaging_service_sid": nil,
	}
	if m.service != "" {
		out["messaging_service_sid"], out["status"], out["from"] = m.service, "accepted", nil
	}
	return out
}

// list shows the last messages, the newest first.
func (p *Platform) list(w http.ResponseWriter, r *http.Request, _ url.Values) {
	query := r.URL.Query()
	p.Do(w, r, chattest.Operation{Name: "list", To: query.Get("To"), Refuse: refusal, Accept: func() chattest.Reply {
		size, err := strconv.Atoi(query.Get("PageSize"))
		if err != nil {
			size = 50
		}
		found := []map[string]any{}
		p.mu.Lock()
		for _, m := range slices.Backward(p.messages) {
			if len(found) < size && (!query.Has("To") || m.to == query.Get("To")) {
				found = append(found, m.resource())
			}
		}
		p.mu.Unlock()
		return p.dated(chattest.JSON(http.StatusOK, map[string]any{"messages": found, "page": 0, "page_size": size, "next_page_uri": nil}))
	}})
}

func (p *Platform) show(w http.ResponseWriter, r *http.Request, _ url.Values) {
	p.Do(w, r, chattest.Operation{Name: "account", Refuse: refusal, Accept: func() chattest.Reply {
		return chattest.JSON(http.StatusOK, map[string]any{"sid": AccountSID, "friendly_name": "Demo", "status": "active", "type": "Full"})
	}})
}

// media sends on to the store, which wants no token.
func (p *Platform) media(w http.ResponseWriter, r *http.Request, _ url.Values) {
	id := r.PathValue("media")
	p.Do(w, r, chattest.Operation{Name: "media", Refuse: refusal, Accept: func() chattest.Reply {
		if file, ok := p.File(id); !ok || file.State != chattest.Ready {
			return refusal("20404")
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		return chattest.Reply{Status: http.StatusTemporaryRedirect, Header: http.Header{"Location": {p.base + "/store/" + id}}}
	}})
}

func (p *Platform) store(w http.ResponseWriter, r *http.Request) {
	p.Do(w, r, chattest.Operation{Name: "store", Accept: func() chattest.Reply {
		file, ok := p.File(r.PathValue("media"))
		if !ok || file.State != chattest.Ready {
			return chattest.Reply{Status: http.StatusNotFound}
		}
		return chattest.Reply{Status: http.StatusOK, Body: file.Data, Header: http.Header{
			"Content-Type":        {file.ContentType},
			"Content-Disposition": {mime.FormatMediaType("inline", map[string]string{"filename": file.Name})},
		}}
	}})
}
