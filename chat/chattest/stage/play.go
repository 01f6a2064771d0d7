package stage

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
)

// api is the stage's own API, for scripts. All bodies are JSON; what went wrong is {"error": …}.
func (s *Stage) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /play/{$}", s.channels)
	for path, do := range map[string]func(chattest.Platform, *http.Request) (any, error){
		"POST /play/{channel}/{kind}":    s.playAct,
		"POST /play/{channel}/behave":    s.behave,
		"POST /play/{channel}/delivery":  s.delivery,
		"POST /play/{channel}/receipt":   s.receipt,
		"POST /play/{channel}/revoke":    s.revoke,
		"GET /play/{channel}/log":        s.log,
		"GET /play/{channel}/received":   s.received,
		"GET /play/{channel}/customers":  s.whom,
		"GET /play/{channel}/behaviours": s.codes,
	} {
		mux.HandleFunc(path, s.on(do))
	}
	return mux
}

var (
	errKind     = errors.New("the path ends in say, give, react, press, edit, unsend, share, begin, block, unblock, behave, delivery, receipt or revoke")
	errCustomer = errors.New("customer is missing; GET customers lists some")
	errReceipt  = errors.New("there is no such message, or the platform tells nothing of the kind")
)

// largest is the largest body that a script may send.
const largest = 32 << 20

// on finds the platform that a request is about, and answers in JSON.
func (s *Stage) on(do func(chattest.Platform, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := s.platform(r.PathValue("channel"))
		if p == nil {
			write(w, http.StatusNotFound, problem{"there is no such channel; GET /play/ lists them"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, largest)
		answer, err := do(p, r)
		switch {
		case errors.Is(err, chattest.ErrCannot):
			write(w, http.StatusNotImplemented, problem{err.Error()})
		case err != nil:
			write(w, http.StatusBadRequest, problem{err.Error()})
		default:
			write(w, http.StatusOK, answer)
		}
	}
}

type problem struct {
	Error string `json:"error"`
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who has gone needs no answer
}

func (s *Stage) channels(w http.ResponseWriter, _ *http.Request) {
	var all []string
	for _, p := range s.platforms {
		all = append(all, string(p.Base().Channel))
	}
	write(w, http.StatusOK, map[string]any{"channels": all})
}

// playAct does what a customer does: the path's last part says what.
func (s *Stage) playAct(p chattest.Platform, r *http.Request) (any, error) {
	var in struct {
		chattest.Act
		File *struct {
			Kind        chat.MediaKind `json:"kind"`
			Name        string         `json:"name"`
			ContentType string         `json:"content_type"`
			Data        string         `json:"data"` // base64
		} `json:"file"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	a := in.Act
	a.Kind = chattest.ActKind(r.PathValue("kind"))
	if a.Customer == "" {
		return nil, errCustomer
	}
	switch a.Kind {
	case chattest.Say, chattest.React, chattest.Press, chattest.Edit, chattest.Unsend, chattest.Share, chattest.Begin, chattest.Block, chattest.Unblock:
	case chattest.Give:
		if in.File == nil {
			return nil, errors.New("file is missing")
		}
		data, err := base64.StdEncoding.DecodeString(in.File.Data)
		if err != nil {
			return nil, err
		}
		a.File = &chattest.File{Kind: in.File.Kind, Name: in.File.Name, ContentType: in.File.ContentType, Data: data}
	default:
		return nil, errKind
	}
	id, err := s.act(p, a)
	return map[string]string{"id": id}, err
}

// behave says how calls for a customer ("": for anybody) are answered: the next one, or all from now on.
func (s *Stage) behave(p chattest.Platform, r *http.Request) (any, error) {
	var in struct {
		Customer string           `json:"customer"`
		Misdeed  chattest.Misdeed `json:"misdeed"`
		Code     string           `json:"code"`
		Seconds  float64          `json:"seconds"`
		Next     bool             `json:"next"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	b := chattest.Behaviour{Misdeed: in.Misdeed, Code: in.Code, After: time.Duration(in.Seconds * float64(time.Second))}
	if in.Next {
		p.Base().Next(in.Customer, b)
	} else {
		p.Base().Always(in.Customer, b)
	}
	return in, nil
}

func (s *Stage) delivery(p chattest.Platform, r *http.Request) (any, error) {
	var d chattest.Delivery
	if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
		return nil, err
	}
	p.Base().SetDelivery(d)
	return d, nil
}

func (s *Stage) receipt(p chattest.Platform, r *http.Request) (any, error) {
	var in struct {
		ID     string      `json:"id"`
		Status chat.Status `json:"status"`
		Code   string      `json:"code"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	if !p.Base().Report(in.ID, in.Status, in.Code) {
		return nil, errReceipt
	}
	return in, nil
}

func (s *Stage) revoke(p chattest.Platform, r *http.Request) (any, error) {
	var in struct {
		Revoked bool `json:"revoked"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	p.Base().Revoke(in.Revoked)
	return in, nil
}

func (s *Stage) log(p chattest.Platform, _ *http.Request) (any, error) {
	type entry struct {
		chattest.Entry
		Request string `json:"request,omitempty"` // as text
		Answer  string `json:"answer,omitempty"`
	}
	all := []entry{}
	for _, e := range p.Base().Log() {
		all = append(all, entry{e, string(e.Request), string(e.Answer)})
	}
	return map[string]any{"items": all, "pending": p.Base().Pending()}, nil
}

// received is what a customer has got: texts, and files by name and size.
func (s *Stage) received(p chattest.Platform, r *http.Request) (any, error) {
	customer := r.FormValue("customer")
	if customer == "" {
		return nil, errCustomer
	}
	type file struct {
		Kind        chat.MediaKind `json:"kind"`
		Name        string         `json:"name,omitempty"`
		ContentType string         `json:"content_type"`
		Bytes       int            `json:"bytes"`
	}
	type message struct {
		ID       string        `json:"id"`
		Kind     chat.Kind     `json:"kind"`
		Text     string        `json:"text,omitempty"`
		Files    []file        `json:"files,omitempty"`
		Options  []chat.Option `json:"options,omitempty"`
		Quote    string        `json:"quote,omitempty"`
		Reaction string        `json:"reaction,omitempty"`
		To       string        `json:"to,omitempty"`
		Edited   bool          `json:"edited,omitempty"`
		Unsent   bool          `json:"unsent,omitempty"`
		Status   chat.Status   `json:"status,omitempty"`
	}
	all := []message{}
	for _, g := range p.Base().Received(customer) {
		m := message{g.ID, g.Kind, g.Text, nil, g.Options, g.Quote, g.Reaction, g.To, g.Edited, g.Unsent, g.Status}
		for _, f := range g.Files {
			m.Files = append(m.Files, file{f.Kind, f.Name, f.ContentType, len(f.Data)})
		}
		all = append(all, m)
	}
	return map[string]any{"items": all}, nil
}

func (s *Stage) whom(p chattest.Platform, _ *http.Request) (any, error) {
	all := []map[string]string{}
	for n, name := range customers {
		all = append(all, map[string]string{"id": p.Customer(n), "name": name})
	}
	return map[string]any{"items": all}, nil
}

func (s *Stage) codes(p chattest.Platform, _ *http.Request) (any, error) {
	return map[string]any{
		"misdeeds": []chattest.Misdeed{chattest.OK, chattest.Refuse, chattest.Fail, chattest.Delay, chattest.Drop, chattest.Slow, chattest.Reset, chattest.Down},
		"codes":    p.Codes(),
	}, nil
}
