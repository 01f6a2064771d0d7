package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crm"
	"tandem/internal/audit"
	"tandem/media/codec"
	"tandem/notify"
	"tandem/smartactions"
)

// customerPage is a browser that has opened a customer's link.
type customerPage struct {
	t    *testing.T
	base string // of the server
	url  string // the link
	key  string
}

func (p *customerPage) do(method, what string, body []byte) (int, string) {
	p.t.Helper()
	token := p.url[strings.LastIndex(p.url, "/")+1:]
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.base+"/api/v1/customer/actions/"+token+"/"+what, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if method == http.MethodPut {
		req.Header.Set("Content-Type", "image/jpeg")
	}
	req.Header.Set("Tandem-Action-Key", p.key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

func (p *customerPage) open() {
	p.t.Helper()
	status, body := p.do("POST", "open", nil)
	var page smartactions.Page
	if err := json.Unmarshal([]byte(body), &page); err != nil || status != 200 || page.Key == "" {
		p.t.Fatalf("open the link: %d %s", status, body)
	}
	p.key = page.Key
}

func (p *customerPage) want(status int, method, what string, body []byte) {
	p.t.Helper()
	if got, answer := p.do(method, what, body); got != status {
		p.t.Errorf("%s %s is %d %s, want %d", method, what, got, answer, status)
	}
}

func jpegPhoto(t *testing.T) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 320, 240))
	for i := range 320 * 240 {
		img.Set(i%320, i/320, color.RGBA{uint8(i), uint8(i / 320), 120, 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// An agent asks a caller for photos: the link goes out as a text message, the photos are on the agent's card at once and on the ticket while
// the call lasts. What is asked after that, and what is refused, leaves no trace there.
func TestActionsOfACall(t *testing.T) {
	t.Parallel()
	const account, token, mobile = "AC0123456789abcdef0123456789abcdef", "a-token", "+4915155501234"
	twilio := newTextService(t, account, token)
	a := start(t, "TANDEM_NOTIFY_TWILIO_URL="+twilio.URL)
	c := a.client(t)
	p := newTalk(t, c, mobile, "2911", codec.PCMU, nil)
	p.connect(a.sipAddr(), "2911", codec.PCMU)
	call := uuid.MustParse(a.connectedCall(t))
	notes := a.followAll(t)

	// Without an account the agent is told what to set up, and has the link to read out.
	request := map[string]any{"kind": "photos", "call_id": call, "prompt": "The broken part, please"}
	first := ask[smartactions.Asked](c, "POST", "/api/v1/actions", request)
	if first.Delivery != smartactions.Failed || first.DeliveryCode != "customer_texts_not_set_up" || !strings.HasPrefix(first.URL, a.publicURL()+"/a/") {
		t.Errorf("without an SMS account: %+v", first)
	}
	ask[smartactions.Action](c, "POST", "/api/v1/actions/"+first.ID.String()+"/cancel", nil)
	cancelled := &customerPage{t: t, base: c.base, url: first.URL}

	if _, err := a.notify.SetSMS(context.Background(), a.tenant, notify.Account{Account: account, Sender: "+4915100000000", Token: token}); err != nil {
		t.Fatal(err)
	}
	asked := ask[smartactions.Asked](c, "POST", "/api/v1/actions", request)
	if asked.Delivery != smartactions.Sent || len(twilio.all()) != 1 || twilio.all()[0] != mobile+" Demo: please send photos: "+asked.URL {
		t.Fatalf("sent: %q, %+v", twilio.all(), asked)
	}

	page := &customerPage{t: t, base: c.base, url: asked.URL}
	page.open()
	notes.await(t, "action.opened")
	for _, n := range []string{"1", "2", "3", "4"} {
		page.want(204, "PUT", "files/"+n, jpegPhoto(t))
	}
	page.want(422, "PUT", "files/5", jpegPhoto(t))
	page.want(422, "PUT", "files/1", []byte("<svg onload=alert(1)>"))
	page.want(204, "POST", "finish", []byte("{}"))
	notes.await(t, "action.done")

	// At once for the agent, and encoded anew.
	done := ask[list[smartactions.Action]](c, "GET", "/api/v1/actions?call_id="+call.String(), nil).Items[0]
	if done.ID != asked.ID || done.State != smartactions.StateDone || len(done.Files) != 4 {
		t.Fatalf("%+v", done)
	}
	status, photo := c.do("GET", "/api/v1/actions/"+asked.ID.String()+"/files/4", nil)
	if pic, err := jpeg.Decode(bytes.NewReader(photo)); status != 200 || err != nil || pic.Bounds().Dx() != 320 {
		t.Errorf("the photo: %d, %v", status, err)
	}

	// On the ticket, while the call lasts.
	within(t, time.Minute, "four photos on the ticket", func() bool { return len(c.files(call)) == 4 })
	for i, f := range c.files(call) {
		if f.Name != done.Files[i].Name || f.ContentType != "image/jpeg" {
			t.Errorf("on the ticket: %+v", f.Attachment)
		}
	}
	if live := ask[calls.CallRow](c, "GET", "/api/v1/calls/"+call.String(), nil); live.EndedAt != nil {
		t.Error("the call has ended")
	}
	within(t, time.Minute, "the note on the ticket", func() bool { return strings.Contains(c.notesOf(call), "The broken part, please") })

	// A link that was used, is cancelled, in another browser, or never was: one answer.
	other := &customerPage{t: t, base: c.base, url: asked.URL}
	unknown := &customerPage{t: t, base: c.base, url: "/a/" + strings.Repeat("0", 26)}
	_, want := unknown.do("POST", "open", nil)
	for name, answer := range map[string]func() (int, string){
		"finished twice":  func() (int, string) { return page.do("POST", "finish", []byte("{}")) },
		"one more photo":  func() (int, string) { return page.do("PUT", "files/1", jpegPhoto(t)) },
		"another browser": func() (int, string) { return other.do("POST", "open", nil) },
		"cancelled":       func() (int, string) { return cancelled.do("POST", "open", nil) },
	} {
		if status, body := answer(); status != 404 || body != want {
			t.Errorf("%s is %d %s", name, status, body)
		}
	}

	text := ask[smartactions.Asked](c, "POST", "/api/v1/actions", map[string]any{"kind": "text", "call_id": call})
	words := &customerPage{t: t, base: c.base, url: text.URL}
	words.open()
	words.want(400, "POST", "finish", []byte(`{"text":"`+strings.Repeat("x", 2001)+`"}`))
	words.want(204, "POST", "finish", []byte(`{"text":"My meter says 4711"}`))
	within(t, time.Minute, "the text on the ticket", func() bool { return strings.Contains(c.notesOf(call), "My meter says 4711") })

	rows := ask[list[audit.Row]](c, "GET", "/api/v1/audit?subject="+asked.ID.String(), nil).Items
	if len(rows) != 3 || rows[0].Action != "action.done" || strings.Contains(string(rows[2].Data), "broken") {
		t.Errorf("audited: %+v", rows)
	}
	for result, n := range map[string]string{"requested": "2", "undelivered": "1", "cancelled": "1", "opened": "1", "done": "1", "refused": "1"} {
		if got := c.metric(`tandem_smartactions_total{kind="photos",result="` + result + `"}`); got != n {
			t.Errorf("%s photos are counted %q times, want %s", result, got, n)
		}
	}
	p.hangUp()
	a.ended(t, mobile)
	within(t, time.Minute, "the recording beside the photos", func() bool { return len(c.files(call)) == 5 })
}

// notesOf are the notes on a call's ticket, one after the other.
func (c client) notesOf(call uuid.UUID) string {
	c.t.Helper()
	type page struct {
		Calls []uuid.UUID
		Notes []crm.Note
	}
	var all strings.Builder
	for _, t := range ask[list[crm.Ticket]](c, "GET", "/api/v1/tickets?limit=100", nil).Items {
		p := ask[page](c, "GET", "/api/v1/tickets/"+t.ID.String(), nil)
		if len(p.Calls) == 1 && p.Calls[0] == call {
			for _, n := range p.Notes {
				all.WriteString(n.Body + "\n")
			}
		}
	}
	return all.String()
}
