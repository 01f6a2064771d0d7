package crmsim

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// exchange is one request on its way.
type exchange struct {
	c      *CRM
	w      http.ResponseWriter
	r      *http.Request
	fault  Fault
	log    Request
	status int
	answer any
}

func (c *CRM) handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("PUT /tickets", c.serve(OpTicket, (*exchange).ticket))
	m.HandleFunc("POST /tickets/{ticket}/files", c.serve(OpAttach, (*exchange).attach))
	m.HandleFunc("GET /tickets/{ticket}/files", c.serve(OpList, (*exchange).list))
	m.HandleFunc("GET /tickets/{ticket}/files/{file}", c.serve(OpRead, (*exchange).read))
	m.HandleFunc("DELETE /tickets/{ticket}/files/{file}", c.serve(OpRemove, (*exchange).remove))
	m.HandleFunc("PUT /tickets/{ticket}/notes", c.serve(OpNote, (*exchange).note))
	return m
}

// cut ends a connection without an answer.
var errCut = http.ErrAbortHandler

func (c *CRM) serve(op Op, do func(*exchange)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e := &exchange{c: c, w: w, r: r, status: http.StatusOK}
		e.log = Request{Op: op, Ticket: r.PathValue("ticket"), Name: r.FormValue("name") + r.FormValue("key"), Begin: true}
		if op == OpTicket {
			e.log.Ticket = r.FormValue("key")
		}
		e.begin()
		defer e.end()
		switch {
		case r.Header.Get("Authorization") != "Bearer "+c.Token():
			e.status = http.StatusUnauthorized
		case e.fault.Do == Refuse:
			e.status = e.fault.Status
		default:
			do(e)
			e.log.Stored = e.status < 300
		}
		e.reply()
	}
}

func (e *exchange) begin() {
	c := e.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	e.log.At = c.now()
	e.fault = c.next(e.log.Op, e.log.Ticket)
	if c.watch != nil {
		c.watch(e.log)
	}
	e.log.Begin = false
}

func (e *exchange) end() {
	e.c.mu.Lock()
	defer e.c.mu.Unlock()
	e.c.open--
}

// reply answers, or does not, and writes the request down before.
func (e *exchange) reply() {
	if e.fault.Do == Lose && e.status < 300 {
		e.status, e.answer = e.fault.Status, nil
	}
	e.log.Status = e.status
	e.c.mu.Lock()
	e.c.requests = append(e.c.requests, e.log)
	former := e.c.former[e.log.Op]
	e.c.former[e.log.Op] = e.answer
	if e.fault.Do == Former && former != nil {
		e.answer = former
	}
	held, watch := e.c.held, e.c.watch
	if watch != nil {
		watch(e.log)
	}
	e.c.mu.Unlock()
	if e.fault.Do == Hold {
		select {
		case <-held:
		case <-e.r.Context().Done():
		}
	}
	if e.status == 0 {
		panic(errCut)
	}
	e.write()
}

func (e *exchange) write() {
	if e.fault.RetryAfter > 0 && e.status >= 400 {
		e.w.Header().Set("Retry-After", strconv.Itoa(int(e.fault.RetryAfter/time.Second)))
	}
	body, ok := e.answer.([]byte)
	if !ok {
		body, _ = json.Marshal(e.answer)
	}
	if e.fault.Do == Twice && e.twice(body) {
		return
	}
	e.w.WriteHeader(e.status)
	_, _ = e.w.Write(body)
}

// twice writes the answer two times to the connection, which is no HTTP, but has been seen.
func (e *exchange) twice(body []byte) bool {
	hijacker, ok := e.w.(http.Hijacker)
	if !ok {
		return false
	}
	conn, rw, err := hijacker.Hijack()
	if err != nil {
		return false
	}
	defer conn.Close()
	for range 2 {
		_, _ = rw.WriteString("HTTP/1.1 " + strconv.Itoa(e.status) + " OK\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + string(body))
	}
	_ = rw.Flush()
	return true
}

type listed struct {
	ID   string    `json:"id"`
	Name string    `json:"name"`
	Size int64     `json:"size"`
	At   time.Time `json:"at"`
}

func (e *exchange) ticket() {
	e.c.mu.Lock()
	defer e.c.mu.Unlock()
	t := e.c.ofKey(e.log.Ticket)
	if t == nil {
		t = e.c.newTicket(e.log.Ticket)
	}
	e.answer = listed{ID: t.id}
}

// body reads the file to where the fault lets it.
func (e *exchange) body() (*file, error) {
	if e.fault.Do == Cut {
		_, _ = io.CopyN(io.Discard, e.r.Body, e.fault.Bytes)
		return nil, errCut
	}
	e.c.mu.Lock()
	sink := e.c.sink
	e.c.mu.Unlock()
	f, sum := &file{File: File{Name: e.log.Name}}, sha256.New()
	body := io.TeeReader(e.r.Body, sum)
	var err error
	if sink != nil {
		err = sink(f.Name, body)
		f.Size = e.r.ContentLength
	} else {
		f.Data, err = io.ReadAll(body)
		f.Size = int64(len(f.Data))
	}
	if err == nil && e.r.ContentLength >= 0 && f.Size != e.r.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	f.Sum = [32]byte(sum.Sum(nil))
	return f, err
}

func (e *exchange) attach() {
	f, err := e.body()
	switch {
	case errors.Is(err, errCut):
		e.status = 0
	case err != nil:
		e.status = http.StatusBadRequest
	default:
		e.on(func(t *ticket) { e.store(t, f) })
	}
}

func (e *exchange) store(t *ticket, f *file) {
	f.ID, f.At = e.c.newID(), e.c.now()
	answer := listed{ID: f.ID, Name: f.Name, Size: f.Size, At: f.At}
	switch e.fault.Do {
	case Shrink:
		f.Size = min(f.Size, e.fault.Bytes)
		f.Data = f.Data[:f.Size]
		f.Sum = sha256.Sum256(f.Data)
	case Hide:
		f.listed = e.c.now().Add(e.fault.For)
	case Mislead:
		answer.ID = "0"
	}
	t.files = append(t.files, f)
	e.answer = answer
}

// on does something with the request's ticket, which nobody else touches meanwhile, if there is one.
func (e *exchange) on(do func(t *ticket)) {
	e.c.mu.Lock()
	defer e.c.mu.Unlock()
	t, status := e.c.find(e.log.Ticket)
	if t == nil {
		e.status = status
		return
	}
	do(t)
}

// onFile is on for the file of the request.
func (e *exchange) onFile(do func(t *ticket, i int)) {
	e.on(func(t *ticket) {
		i := slices.IndexFunc(t.files, func(f *file) bool { return f.ID == e.r.PathValue("file") })
		if i < 0 {
			e.status = http.StatusNotFound
			return
		}
		do(t, i)
	})
}

func (e *exchange) list() {
	e.on(func(t *ticket) {
		found := []listed{}
		for _, f := range t.files {
			if f.Name == e.log.Name && !e.c.now().Before(f.listed) {
				found = append(found, listed{ID: f.ID, Name: f.Name, Size: f.Size, At: f.At})
			}
		}
		e.answer = found
	})
}

func (e *exchange) read() {
	e.onFile(func(t *ticket, i int) { e.answer = slices.Clone(t.files[i].Data) })
}

func (e *exchange) remove() {
	e.onFile(func(t *ticket, i int) {
		e.log.Name = t.files[i].Name
		t.files = slices.Delete(t.files, i, i+1)
	})
}

func (e *exchange) note() {
	var n Note
	if err := json.NewDecoder(e.r.Body).Decode(&n); err != nil {
		e.status = http.StatusBadRequest
		return
	}
	n.Key = e.log.Name
	e.on(func(t *ticket) {
		if !slices.ContainsFunc(t.notes, func(o Note) bool { return o.Key == n.Key }) {
			t.notes = append(t.notes, n)
		}
	})
}
