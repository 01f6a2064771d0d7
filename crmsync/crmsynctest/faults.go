package crmsynctest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// Fault is one thing that a fake CRM does wrong. The zero value cuts the connection off before anything is done.
type Fault struct {
	On     string // the method and path of requests that it waits for, or how they begin: "POST /api/v2/uploads"; empty: the next one
	Skip   int    // how many of those pass first
	After  bool   // the request is done first
	Status int    // what is answered; 0: nothing, the connection is cut off
	Header http.Header
	Body   string
}

// Faults lets a fake CRM misbehave on request. Its zero value behaves.
type Faults struct {
	mu    sync.Mutex
	list  []Fault
	asked []string
}

// Add makes something go wrong, once, after what was added before for the same requests.
func (f *Faults) Add(all ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, all...)
}

// Asked counts the requests whose method and path begin so.
func (f *Faults) Asked(begins string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.asked {
		if strings.HasPrefix(a, begins) {
			n++
		}
	}
	return n
}

func (f *Faults) next(r *http.Request) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	line := r.Method + " " + r.URL.Path
	f.asked = append(f.asked, line)
	for i := range f.list {
		if !strings.HasPrefix(line, f.list[i].On) {
			continue
		}
		if f.list[i].Skip > 0 {
			f.list[i].Skip--
			continue
		}
		fault := f.list[i]
		f.list = append(f.list[:i], f.list[i+1:]...)
		return fault, true
	}
	return Fault{}, false
}

// Wrap puts the faults before a fake's handler.
func (f *Faults) Wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault, ok := f.next(r)
		if !ok {
			h.ServeHTTP(w, r)
			return
		}
		if fault.After {
			h.ServeHTTP(httptest.NewRecorder(), r)
		} else {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		if fault.Status == 0 {
			panic(http.ErrAbortHandler)
		}
		for name, values := range fault.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(fault.Status)
		_, _ = io.WriteString(w, fault.Body)
	})
}
