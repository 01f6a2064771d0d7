package notify_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// provider is Twilio's Messages API as its documentation has it: it checks address, authentication and form, and misbehaves on request.
type provider struct {
	*httptest.Server
	mu     sync.Mutex
	status []int // answered to the next requests, one each; 0: the connection is cut after the message was taken
	asked  int
	taken  []string // the numbers of accepted messages
}

const (
	account = "AC0123456789abcdef0123456789abcdef"
	token   = "a-secret-token"
	sender  = "+4915100000001"
)

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked++
		user, password, _ := r.BasicAuth()
		switch {
		case r.Method != http.MethodPost || r.URL.Path != "/2010-04-01/Accounts/"+account+"/Messages.json":
			w.WriteHeader(http.StatusNotFound)
			return
		case user != account || password != token:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"code":20003,"message":"Authenticate"}`))
			return
		case r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.PostFormValue("From") != sender || r.PostFormValue("Body") == "" || r.PostFormValue("To") == "":
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"code":21604,"message":"A 'To' phone number is required."}`))
			return
		}
		status := http.StatusCreated
		if len(p.status) > 0 {
			status, p.status = p.status[0], p.status[1:]
		}
		if status == http.StatusCreated || status == 0 {
			p.taken = append(p.taken, r.PostFormValue("To"))
		}
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"code":0,"message":"to ` + r.PostFormValue("To") + `"}`))
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) next(status ...int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

func (p *provider) counts() (asked, taken int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked, len(p.taken)
}
