package linetest

import (
	"net/http"
	"slices"
	"strings"

	"tandem/chat"
	"tandem/chat/chattest"
)

// get answers a question.
func (p *Platform) get(w http.ResponseWriter, r *http.Request, name string, accept func() chattest.Reply) {
	p.Do(w, r, chattest.Operation{Name: name, Refuse: refusal, Accept: accept})
}

func (p *Platform) profile(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	p.Do(w, r, chattest.Operation{Name: "profile", To: id, Refuse: refusal, Accept: func() chattest.Reply {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.names[id] == "" || p.blocked[id] {
			return refusal("404")
		}
		return chattest.JSON(http.StatusOK, map[string]string{"userId": id, "displayName": p.names[id], "language": "en", "pictureUrl": "https://profile.line-scdn.net/1"})
	}})
}

func (p *Platform) summary(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	p.get(w, r, "summary", func() chattest.Reply {
		return chattest.JSON(http.StatusOK, map[string]string{"groupId": id, "groupName": "Family", "pictureUrl": "https://profile.line-scdn.net/g"})
	})
}

func (p *Platform) info(w http.ResponseWriter, r *http.Request) {
	p.get(w, r, "info", func() chattest.Reply {
		return chattest.JSON(http.StatusOK, map[string]string{"userId": "U00000000000000000000000000000001", "basicId": "@demo", "displayName": "Demo", "chatMode": "bot"})
	})
}

func (p *Platform) quotaLimit(w http.ResponseWriter, r *http.Request) {
	p.get(w, r, "quota", func() chattest.Reply {
		p.mu.Lock()
		defer p.mu.Unlock()
		return chattest.JSON(http.StatusOK, map[string]any{"type": "limited", "value": p.quota})
	})
}

func (p *Platform) consumption(w http.ResponseWriter, r *http.Request) {
	p.get(w, r, "consumption", func() chattest.Reply {
		p.mu.Lock()
		defer p.mu.Unlock()
		return chattest.JSON(http.StatusOK, map[string]int{"totalUsage": p.used})
	})
}

func (p *Platform) endpoint(w http.ResponseWriter, r *http.Request) {
	p.get(w, r, "endpoint", func() chattest.Reply {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.hook == "" {
			return refusal("404")
		}
		return chattest.JSON(http.StatusOK, map[string]any{"endpoint": p.hook, "active": true})
	})
}

func (p *Platform) setEndpoint(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Endpoint string `json:"endpoint"`
	}
	body, ok := p.readBody(w, r, "endpoint", &m)
	if !ok {
		return
	}
	p.Do(w, r, chattest.Operation{Name: "endpoint", Body: body, Refuse: refusal, Accept: func() chattest.Reply {
		if !strings.HasPrefix(m.Endpoint, "https://") || len(m.Endpoint) > 500 {
			return invalid("endpoint", "Must be a valid HTTPS URL")
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.hook = m.Endpoint
		return chattest.JSON(http.StatusOK, struct{}{})
	}})
}

func (p *Platform) loading(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Chat    string `json:"chatId"`
		Seconds int    `json:"loadingSeconds"`
	}
	body, ok := p.readBody(w, r, "loading", &m)
	if !ok {
		return
	}
	p.Do(w, r, chattest.Operation{Name: "loading", To: m.Chat, Body: body, Refuse: refusal, Accept: func() chattest.Reply {
		if !strings.HasPrefix(m.Chat, "U") || m.Seconds < 5 || m.Seconds > 60 || m.Seconds%5 != 0 {
			return invalid("loadingSeconds", "Must be a multiple of 5 between 5 and 60")
		}
		return chattest.JSON(http.StatusAccepted, struct{}{})
	}})
}

func (p *Platform) markAsRead(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Token string `json:"markAsReadToken"`
	}
	body, ok := p.readBody(w, r, "markAsRead", &m)
	if !ok {
		return
	}
	p.Do(w, r, chattest.Operation{Name: "markAsRead", Body: body, Refuse: refusal, Accept: func() chattest.Reply {
		id, ok := strings.CutPrefix(m.Token, "read-")
		if !ok {
			return invalid("markAsReadToken", "Invalid markAsReadToken")
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if !slices.Contains(p.read, id) {
			p.read = append(p.read, id)
		}
		return chattest.JSON(http.StatusOK, struct{}{})
	}})
}

func (p *Platform) content(w http.ResponseWriter, r *http.Request) {
	p.get(w, r, "content", func() chattest.Reply {
		file, ok := p.File(r.PathValue("id"))
		switch {
		case !ok:
			return refusal("404")
		case file.State == chattest.Gone:
			return refusal("404")
		case file.State == chattest.Later:
			return chattest.Reply{Status: http.StatusAccepted}
		case file.State == chattest.TooLarge:
			return refusal("413")
		}
		return chattest.Reply{Status: http.StatusOK, Header: http.Header{"Content-Type": {file.ContentType}}, Body: file.Data}
	})
}

func (p *Platform) transcoding(w http.ResponseWriter, r *http.Request) {
	p.get(w, r, "transcoding", func() chattest.Reply {
		file, ok := p.File(r.PathValue("id"))
		if !ok || file.State == chattest.Gone {
			return refusal("404")
		}
		status := "succeeded"
		if file.State == chattest.Later {
			status = "processing"
		}
		if file.Kind != chat.Video && file.Kind != chat.Audio {
			return refusal("400")
		}
		return chattest.JSON(http.StatusOK, map[string]string{"status": status})
	})
}
