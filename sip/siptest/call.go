package siptest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// Call is one dialog of a phone, or a single request. Its fields may be changed to misbehave.
type Call struct {
	Phone               *Phone
	Server              string // where requests are sent
	CallID              string
	LocalTag, RemoteTag string
	LocalURI, RemoteURI string
	Target              string
	Routes              []string
	Seq                 uint32
	Invite              *gosip.Request // the INVITE that came in, nil for a call of ours

	uac          bool
	inviteSeq    uint32
	branch       string
	inviteBranch string
	last         string
	inbox        chan gosip.Message
	had          map[string]bool // branches of requests that Request returned
}

// message writes a request of the call.
func (c *Call) message(method string, seq uint32, branch string, extra ...string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("%s %s SIP/2.0", method, c.Target)
	line("Via: SIP/2.0/UDP %s;branch=%s;rport", c.Phone.Addr(), branch)
	line("Max-Forwards: 70")
	line("From: <%s>;tag=%s", c.LocalURI, c.LocalTag)
	if c.RemoteTag == "" {
		line("To: <%s>", c.RemoteURI)
	} else {
		line("To: <%s>;tag=%s", c.RemoteURI, c.RemoteTag)
	}
	line("Call-ID: %s", c.CallID)
	line("CSeq: %d %s", seq, method)
	line("Contact: <sip:%s@%s>", c.Phone.User, c.Phone.Addr())
	for _, r := range c.Routes {
		line("Route: %s", r)
	}
	for _, e := range extra {
		if strings.HasPrefix(e, "Contact:") {
			b.Reset() // the test's own Contact takes the place of ours
			msg := strings.Replace(c.message(method, seq, branch), "Contact: <sip:"+c.Phone.User+"@"+c.Phone.Addr()+">", e, 1)
			return msg
		}
		line("%s", e)
	}
	line("Content-Length: 0")
	b.WriteString("\r\n")
	return b.String()
}

// Send sends a new request in the dialog, with a body when contentType is given.
func (c *Call) Send(method, contentType, body string, extra ...string) {
	c.Seq++
	c.SendAs(method, c.Seq, contentType, body, extra...)
}

// SendAs is Send with a chosen CSeq number.
func (c *Call) SendAs(method string, seq uint32, contentType, body string, extra ...string) {
	c.branch = "z9hG4bK" + ID(8)
	c.last = c.message(method, seq, c.branch, extra...)
	if body != "" {
		c.last = WithBody(c.last, contentType, body)
	}
	if method == "INVITE" {
		c.inviteSeq, c.inviteBranch = seq, c.branch
	}
	c.Resend()
}

// Resend sends the last request again, byte for byte.
func (c *Call) Resend() { c.Phone.Raw(c.Server, []byte(c.last)) }

// Ack acknowledges the last 2xx; body is the answer when the 2xx held an offer.
func (c *Call) Ack(body string) {
	seq := c.inviteSeq
	if seq == 0 {
		seq = 1
	}
	msg := c.message("ACK", seq, "z9hG4bK"+ID(8))
	if body != "" {
		msg = WithBody(msg, "application/sdp", body)
	}
	c.Phone.Raw(c.Server, []byte(msg))
}

// AckRefusal acknowledges a final response other than 2xx, as the transaction layer of a phone does.
func (c *Call) AckRefusal(res *gosip.Response) {
	keep := c.RemoteTag
	c.RemoteTag, _ = res.To().Params.Get("tag")
	c.Phone.Raw(c.Server, []byte(c.message("ACK", res.CSeq().SeqNo, c.inviteBranch)))
	c.RemoteTag = keep
}

// Cancel cancels the INVITE sent last.
func (c *Call) Cancel(extra ...string) {
	seq := max(c.inviteSeq, 1)
	c.Phone.Raw(c.Server, []byte(c.message("CANCEL", seq, c.inviteBranch, extra...)))
}

// Next returns the next message of the call.
func (c *Call) Next() gosip.Message {
	c.Phone.t.Helper()
	select {
	case m := <-c.inbox:
		return m
	case <-time.After(Wait):
		c.Phone.t.Fatal("nothing more came")
		return nil
	}
}

// TryNext is Next with a time limit; nil when nothing came.
func (c *Call) TryNext(d time.Duration) gosip.Message {
	select {
	case m := <-c.inbox:
		return m
	case <-time.After(d):
		return nil
	}
}

// LastHeader is a header of the request sent last.
func (c *Call) LastHeader(name string) string {
	for l := range strings.SplitSeq(c.last, "\r\n") {
		if n, v, ok := strings.Cut(l, ": "); ok && n == name {
			return v
		}
	}
	return ""
}

// Silent says whether nothing comes within d.
func (c *Call) Silent(d time.Duration) bool {
	select {
	case <-c.inbox:
		return false
	case <-time.After(d):
		return true
	}
}

// Response returns the next response with one of the given statuses, skipping other messages; without statuses any final one.
func (c *Call) Response(status ...int) *gosip.Response {
	c.Phone.t.Helper()
	deadline := time.After(Wait)
	for {
		select {
		case m := <-c.inbox:
			res, ok := m.(*gosip.Response)
			if !ok {
				continue
			}
			if len(status) == 0 && res.StatusCode >= 200 {
				return res
			}
			for _, s := range status {
				if res.StatusCode == s {
					c.learn(res)
					return res
				}
			}
			if res.StatusCode >= 200 && len(status) > 0 {
				c.Phone.t.Fatalf("want status %v, got %d %s", status, res.StatusCode, res.Reason)
			}
		case <-deadline:
			c.Phone.t.Fatalf("no response %v came", status)
			return nil
		}
	}
}

// Learn takes over what a 2xx to our INVITE says of the dialog.
func (c *Call) Learn(res *gosip.Response) { c.learn(res) }

// Obey answers what a called phone's other side asks until the call is over: CANCEL with 487, BYE, and 200 to anything else. With
// leave it hangs up itself once the ACK is there.
func (c *Call) Obey(leave bool) {
	for {
		m := c.TryNext(2 * time.Second)
		if m == nil {
			return
		}
		req, ok := m.(*gosip.Request)
		if !ok {
			if res, isRes := m.(*gosip.Response); isRes && res.CSeq().MethodName == gosip.BYE {
				return
			}
			continue
		}
		switch req.Method {
		case gosip.ACK:
			if leave {
				leave = false
				c.RemoteTag, _ = req.From().Params.Get("tag")
				c.Send("BYE", "", "")
			}
		case gosip.CANCEL:
			c.Reply(req, 200, "OK", "")
			c.Reply(c.Invite, 487, "Request Terminated", "")
		case gosip.BYE:
			c.Reply(req, 200, "OK", "")
			return
		default:
			c.Reply(req, 200, "OK", "")
		}
	}
}

// learn takes tag, target and routes from a 2xx or 18x to our INVITE.
func (c *Call) learn(res *gosip.Response) {
	if !c.uac || res.CSeq().MethodName != gosip.INVITE {
		return
	}
	if res.StatusCode < 300 && res.StatusCode > 100 {
		c.RemoteTag, _ = res.To().Params.Get("tag")
	}
	if !res.IsSuccess() {
		return
	}
	if ct := res.Contact(); ct != nil {
		c.Target = ct.Address.String()
	}
	rr := res.GetHeaders("Record-Route")
	c.Routes = nil
	for i := len(rr) - 1; i >= 0; i-- {
		c.Routes = append(c.Routes, rr[i].Value())
	}
}

// Request returns the next request with the given method, skipping other messages and repetitions; those of an ACK count, as whoever sends it
// has been asked for it again.
func (c *Call) Request(method string) *gosip.Request {
	c.Phone.t.Helper()
	deadline := time.After(Wait)
	for {
		select {
		case m := <-c.inbox:
			if req, ok := m.(*gosip.Request); ok && string(req.Method) == method && !c.repeated(req) {
				return req
			}
		case <-deadline:
			c.Phone.t.Fatalf("no %s came", method)
			return nil
		}
	}
}

func (c *Call) repeated(req *gosip.Request) bool {
	branch, _ := req.Via().Params.Get("branch")
	if req.Method == gosip.ACK || branch == "" {
		return false
	}
	had := c.had[branch+string(req.Method)]
	if c.had == nil {
		c.had = map[string]bool{}
	}
	c.had[branch+string(req.Method)] = true
	return had
}

// Reply answers a request of the other side; toTag "" means the call's own.
func (c *Call) Reply(req *gosip.Request, status int, reason, sdp string, extra ...string) {
	c.ReplyAs(c.LocalTag, req, status, reason, sdp, extra...)
}

// ReplyAs is Reply with a chosen To tag, as a forking proxy's second branch has one.
func (c *Call) ReplyAs(tag string, req *gosip.Request, status int, reason, sdp string, extra ...string) {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("SIP/2.0 %d %s", status, reason)
	for _, h := range req.GetHeaders("Via") {
		line("Via: %s", h.Value())
	}
	for _, h := range req.GetHeaders("Record-Route") {
		line("Record-Route: %s", h.Value())
	}
	line("From: %s", req.From().Value())
	to := *req.To()
	if _, tagged := to.Params.Get("tag"); !tagged && status > 100 {
		to.Params = append(to.Params.Clone(), gosip.HeaderKV{K: "tag", V: tag})
	}
	line("To: %s", to.Value())
	line("Call-ID: %s", c.CallID)
	line("CSeq: %s", req.CSeq().Value())
	if status > 100 && status < 300 {
		line("Contact: <sip:%s@%s>", c.Phone.User, c.Phone.Addr())
	}
	for _, e := range extra {
		line("%s", e)
	}
	line("Content-Length: 0")
	msg := b.String() + "\r\n"
	if sdp != "" {
		msg = WithBody(msg, "application/sdp", sdp)
	}
	c.Phone.Raw(req.Source(), []byte(msg))
}

// Authorize answers a 401 or 407 to the last request with a digest of the given algorithm and sends it again with the next CSeq.
func (c *Call) Authorize(res *gosip.Response, method, user, password, algorithm string) {
	c.Phone.t.Helper()
	header, name := "WWW-Authenticate", "Authorization"
	if res.StatusCode == 407 {
		header, name = "Proxy-Authenticate", "Proxy-Authorization"
	}
	for _, h := range res.GetHeaders(header) {
		ch, err := digest.ParseChallenge(h.Value())
		if err != nil || !strings.EqualFold(ch.Algorithm, algorithm) {
			continue
		}
		cred, err := digest.Digest(ch, digest.Options{Method: method, URI: c.Target, Username: user, Password: password})
		if err != nil {
			c.Phone.t.Fatal(err)
		}
		c.Repeat(method, name+": "+cred.String())
		return
	}
	c.Phone.t.Fatalf("no %s challenge", algorithm)
}

// Repeat sends the last request again as a new transaction with more headers.
func (c *Call) Repeat(method string, extra ...string) {
	body := ""
	if _, b, ok := strings.Cut(c.last, "\r\n\r\n"); ok {
		body = b
	}
	var kept []string
	head, _, _ := strings.Cut(c.last, "\r\n\r\n")
	for _, l := range strings.Split(head, "\r\n")[1:] {
		switch name, _, _ := strings.Cut(l, ":"); name {
		case "Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Contact", "Route", "Content-Length", "Content-Type", "Authorization", "Proxy-Authorization":
		default:
			kept = append(kept, l)
		}
	}
	c.Seq = max(c.Seq, 1)
	c.Send(method, "application/sdp", body, append(kept, extra...)...)
}

// SDP is a description of the phone with RTP on the given port. codecs are payload types or "pt name/rate" pairs.
func (p *Phone) SDP(port int, dir string, codecs ...string) string {
	var pts, maps []string
	for _, c := range codecs {
		pt, name, mapped := strings.Cut(c, " ")
		pts = append(pts, pt)
		if mapped {
			maps = append(maps, "a=rtpmap:"+pt+" "+name)
		}
	}
	lines := []string{
		"v=0", "o=- " + strconv.Itoa(port) + " 1 IN IP4 " + p.Host(), "s=-", "c=IN IP4 " + p.Host(), "t=0 0",
		"m=audio " + strconv.Itoa(port) + " RTP/AVP " + strings.Join(pts, " "),
	}
	lines = append(lines, maps...)
	if dir != "" {
		lines = append(lines, "a="+dir)
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}
