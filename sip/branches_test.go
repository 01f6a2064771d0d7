package sip_test

import (
	"context"
	"fmt"
	"testing"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/icholy/digest"

	"tandem/internal/storage"
	"tandem/sip"
	"tandem/sip/siptest"
)

// contact is one telephone of an account that has several.
func (h *house) contact(user, at string) *siptest.Phone {
	h.t.Helper()
	p := siptest.NewAt(h.t, user, at)
	c := register(p, h.udp, user, "Expires: 120", "User-Agent: Desk/"+at)
	c.Authorize(c.Response(401), "REGISTER", user, "demo-demo", "SHA-256")
	c.Response(200)
	return p
}

// All contacts of a telephone ring; the one that answers first has the call, and the others stop. A refusal of one leaves the others ringing.
func TestAllContactsRing(t *testing.T) {
	h := newHouse(t)
	h.phone("8001")
	desk, app, spare := h.contact("8001", "127.200.0.1:0"), h.contact("8001", "127.200.0.2:0"), h.contact("8001", "127.200.0.3:0")
	h.setFar("phone:8001")
	caller, audio := siptest.New(t, "100"), siptest.NewAudio(t)
	a := caller.Invite(h.udp, "1900", caller.SDP(audio.Port(), "", pcmu))
	atDesk, atApp, atSpare := desk.Answer(), app.Answer(), spare.Answer()
	for _, c := range []*siptest.Call{atDesk, atApp} {
		c.Reply(c.Invite, 180, "Ringing", "")
	}
	a.Response(180)
	atSpare.Reply(atSpare.Invite, 486, "Busy Here", "")
	atSpare.Request("ACK")

	voice := siptest.NewAudio(t)
	atApp.Reply(atApp.Invite, 200, "OK", app.SDP(voice.Port(), "", pcmu))
	atApp.Request("ACK")
	voice.Follow(atApp.Invite.Body())
	cancel := atDesk.Request("CANCEL")
	if h := cancel.GetHeader("Reason"); h == nil || h.Value() != `SIP;cause=200;text="Call completed elsewhere"` {
		t.Errorf("the desk shows a missed call: %v", h) // RFC 3326 2
	}
	atDesk.Reply(cancel, 200, "OK", "")
	atDesk.Reply(atDesk.Invite, 487, "Request Terminated", "")
	audio.Follow(a.Response(200).Body())
	a.Ack("")
	audio.Tone(440)
	voice.Tone(620)
	voice.Hears(440)
	audio.Hears(620)
	a.Send("BYE", "", "")
	a.Response(200)
	atApp.Reply(atApp.Request("BYE"), 200, "OK", "")
}

// Two answers at once: one of them gets ACK and BYE, and the call goes on with the other.
func TestTwoContactsAnswer(t *testing.T) {
	h := newHouse(t)
	h.phone("8001")
	desk, app := h.contact("8001", "127.200.0.1:0"), h.contact("8001", "127.200.0.2:0")
	h.setFar("phone:8001")
	caller, audio := siptest.New(t, "100"), siptest.NewAudio(t)
	a := caller.Invite(h.udp, "1900", caller.SDP(audio.Port(), "", pcmu))
	atDesk, atApp := desk.Answer(), app.Answer()
	atApp.Reply(atApp.Invite, 200, "OK", app.SDP(4002, "", pcmu))
	a.Response(200)
	a.Ack("")
	atDesk.Reply(atDesk.Invite, 200, "OK", desk.SDP(4004, "", pcmu)) // its CANCEL is on the way
	for {
		req, ok := atDesk.Next().(*gosip.Request)
		if ok && req.Method == gosip.CANCEL {
			atDesk.Reply(req, 481, "Call/Transaction Does Not Exist", "")
		}
		if ok && req.Method == gosip.BYE {
			atDesk.Reply(req, 200, "OK", "")
			break
		}
	}
	atApp.Request("ACK")
	a.Send("BYE", "", "")
	a.Response(200)
	atApp.Reply(atApp.Request("BYE"), 200, "OK", "")
}

// Whoever gives up while several contacts ring stops all of them, and where all refuse, the caller hears what tells most.
func TestAllContactsRefuse(t *testing.T) {
	h := newHouse(t)
	h.phone("8001")
	desk, app := h.contact("8001", "127.200.0.1:0"), h.contact("8001", "127.200.0.2:0")
	h.setFar("phone:8001")
	caller := siptest.New(t, "100")
	a := caller.Invite(h.udp, "1900", caller.SDP(4000, "", pcmu))
	atDesk, atApp := desk.Answer(), app.Answer()
	atDesk.Reply(atDesk.Invite, 486, "Busy Here", "")
	atApp.Reply(atApp.Invite, 404, "Not Found", "")
	a.Response(486)

	b := caller.Invite(h.udp, "1900", caller.SDP(4000, "", pcmu))
	atDesk, atApp = desk.Answer(), app.Answer()
	atDesk.Reply(atDesk.Invite, 180, "Ringing", "")
	atApp.Reply(atApp.Invite, 180, "Ringing", "")
	b.Response(180)
	b.Cancel()
	for _, c := range []*siptest.Call{atDesk, atApp} {
		c.Reply(c.Request("CANCEL"), 200, "OK", "")
		c.Reply(c.Invite, 487, "Request Terminated", "")
	}
}

// An agent's account: a secret of 26 characters that registers, what is registered with since when, and a new secret that ends it.
func TestTelephone(t *testing.T) {
	h := newHouse(t)
	agent, ctx := uuid.New(), context.Background()
	if tel, err := h.dir.Telephone(ctx, h.tenant, agent); err != nil || tel.Username != "" || len(tel.Contacts) != 0 {
		t.Fatalf("nobody's telephone: %+v, %v", tel, err)
	}
	account, err := h.dir.RenewSecret(ctx, h.tenant, agent, "8001")
	if err != nil || account.Username != "8001" || len(account.Secret) < 26 || len(account.Transports) == 0 {
		t.Fatalf("account %+v, %v", account, err)
	}
	p := siptest.NewAt(t, "8001", "127.200.0.1:0")
	signOn := func(secret string, want int) {
		t.Helper()
		c := register(p, h.udp, "8001", "Expires: 120", "User-Agent: Desk/1.0")
		c.Authorize(c.Response(401), "REGISTER", "8001", secret, "SHA-256")
		c.Response(want)
	}
	contact := func() sip.Registration {
		t.Helper()
		tel, err := h.dir.Telephone(ctx, h.tenant, agent)
		if err != nil || !tel.Generated || len(tel.Contacts) != 1 {
			t.Fatalf("telephone %+v, %v", tel, err)
		}
		return tel.Contacts[0]
	}
	signOn(account.Secret, 200)
	first := contact()
	if first.UserAgent != "Desk/1.0" || first.Received != p.Addr() || first.Transport != "udp" || !h.isThere("phone:8001") {
		t.Errorf("contact %+v", first)
	}
	if n := h.count("tandem_sip_registrations_active"); n != 1 {
		t.Errorf("%v contacts are counted", n)
	}
	signOn(account.Secret, 200)
	if again := contact(); !again.Since.Equal(first.Since) || !again.Expires.After(first.Expires) {
		t.Errorf("refreshed: %+v, before %+v", again, first)
	}
	// The password of the sign-in takes nothing from an account that has a secret of its own.
	err = h.db.Tenant(ctx, h.tenant, func(tx *storage.Tx) error { return h.dir.PutPhone(ctx, tx, "8001", agent, "demo-demo") })
	if err != nil {
		t.Fatal(err)
	}
	signOn(account.Secret, 200)
	fresh, err := h.dir.RenewSecret(ctx, h.tenant, agent, "8001")
	if err != nil || fresh.Username != "8001" || fresh.Secret == account.Secret || h.isThere("phone:8001") {
		t.Errorf("a new secret: %+v, %v", fresh, err)
	}
	signOn(account.Secret, 401)
	signOn(fresh.Secret, 200)
	// An extension that somebody has already, in whatever tenant, gets an end of its own.
	other, err := h.dir.RenewSecret(ctx, h.tenant, uuid.New(), "8001")
	if err != nil || other.Username == "8001" || other.Username[:5] != "8001-" {
		t.Errorf("a second 8001: %+v, %v", other, err)
	}
}

func (h *house) isThere(device string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.there[device]
}

// An account has eight contacts at most: a telephone that comes back from ever new ports does not pile them up.
func TestContactsAreBounded(t *testing.T) {
	h := newHouse(t)
	h.phone("8001")
	for range 10 {
		h.contact("8001", "127.200.0.1:0").Close()
	}
	if found, err := h.dir.Registered(context.Background(), h.tenant, "8001"); err != nil || len(found) != 8 {
		t.Errorf("%d contacts, %v", len(found), err)
	}
}

// A client in a browser registers by WebSocket (RFC 7118), is called by that same connection, and is gone once it closes.
func TestRegisterByWebSocket(t *testing.T) {
	h := newHouse(t, func(c *sip.Config) { c.Listen.WS = "127.0.0.1:0" })
	h.phone("8001")
	agent := uuid.New()
	err := h.db.Tenant(context.Background(), h.tenant, func(tx *storage.Tx) error {
		return h.dir.PutPhone(context.Background(), tx, "8001", agent, "demo-demo")
	})
	if err != nil {
		t.Fatal(err)
	}
	d := websocket.Dialer{Subprotocols: []string{"sip"}}
	ws, _, err := d.Dial("ws://"+h.srv.Addr("ws").String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	send := func(msg string) {
		t.Helper()
		if err := ws.WriteMessage(websocket.TextMessage, []byte(msg)); err != nil {
			t.Fatal(err)
		}
	}
	next := func() gosip.Message {
		t.Helper()
		_, raw, err := ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		msg, err := gosip.ParseMessage(raw)
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
	ask := func(seq int, extra string) {
		send(fmt.Sprintf("REGISTER sip:tandem SIP/2.0\r\nVia: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\n"+
			"From: <sip:8001@tandem>;tag=a1\r\nTo: <sip:8001@tandem>\r\nCall-ID: ws-one\r\nCSeq: %d REGISTER\r\n"+
			"Contact: <sip:x9@df7jal23ls0d.invalid;transport=ws>\r\nExpires: 300\r\nUser-Agent: JsSIP\r\n%sContent-Length: 0\r\n\r\n", seq, seq, extra))
	}
	ask(1, "")
	challenge, err := digest.ParseChallenge(next().(*gosip.Response).GetHeader("WWW-Authenticate").Value())
	if err != nil {
		t.Fatal(err)
	}
	cred, err := digest.Digest(challenge, digest.Options{Method: "REGISTER", URI: "sip:tandem", Username: "8001", Password: "demo-demo"})
	if err != nil {
		t.Fatal(err)
	}
	ask(2, "Authorization: "+cred.String()+"\r\n")
	if res := next().(*gosip.Response); res.StatusCode != 200 || !h.isThere("phone:8001") {
		t.Fatalf("registered: %s", res)
	}

	h.setFar("phone:8001")
	caller := siptest.New(t, "100")
	a := caller.Invite(h.udp, "1900", caller.SDP(4000, "", pcmu))
	inv := next().(*gosip.Request)
	if inv.Method != gosip.INVITE || inv.Recipient.Host != "df7jal23ls0d.invalid" || inv.Via().Transport != "WS" {
		t.Fatalf("called by %s", inv)
	}
	send(gosip.NewResponseFromRequest(inv, 486, "Busy Here", nil).String())
	a.Response(486)
	if ack := next().(*gosip.Request); ack.Method != gosip.ACK {
		t.Errorf("after a refusal: %s", ack)
	}
	_ = ws.Close()
	waitFor(t, func() bool {
		caller.Invite(h.udp, "1900", caller.SDP(4000, "", pcmu)).Response(480, 486, 503)
		return !h.isThere("phone:8001")
	})
}
