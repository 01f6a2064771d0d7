package sip

import (
	"strings"
	"testing"

	gosip "github.com/emiago/sipgo/sip"

	"tandem/sip/siptest"
)

// fragment answers a NOTIFY and checks what it says of a REFER.
func fragment(t *testing.T, c *siptest.Call, event, state, body string) {
	t.Helper()
	n := c.Request("NOTIFY")
	c.Reply(n, 200, "OK", "")
	if got := n.GetHeader("Event").Value(); got != event {
		t.Errorf("Event %q, want %q", got, event)
	}
	if got := n.GetHeader("Subscription-State").Value(); !strings.HasPrefix(got, state) {
		t.Errorf("Subscription-State %q, want %s", got, state)
	}
	if got := string(n.Body()); got != body || n.ContentType().Value() != "message/sipfrag;version=2.0" {
		t.Errorf("%q (%s), want %q", got, n.ContentType().Value(), body)
	}
}

// A REFER that the owner takes is accepted, and NOTIFYs tell how it goes until the last one (RFC 3515).
func TestRefer(t *testing.T) {
	r := newRig(t)
	c, leg := r.up(siptest.New(t, "100"))
	c.Send("REFER", "", "", "Refer-To: <sip:1900@tandem.test>", "Referred-By: <sip:100@tandem.test>")
	c.Response(202)
	ref := get(t, leg.referred, "REFER")
	if ref.target.User != "1900" || ref.replaces != nil || ref.source.String() != "127.0.0.1" {
		t.Errorf("referred to %+v", ref)
	}
	fragment(t, c, "refer", "active", "SIP/2.0 100 Trying\r\n")
	ref.report(180, "Ringing")
	fragment(t, c, "refer", "active", "SIP/2.0 180 Ringing\r\n")
	ref.report(486, "Busy Here")
	fragment(t, c, "refer", "terminated", "SIP/2.0 486 Busy Here\r\n")
	ref.report(200, "OK") // the last word was said
	c.Send("REFER", "", "", "Refer-To: sip:1901@tandem.test", "Refer-Sub: true")
	c.Response(202)
	second := get(t, leg.referred, "REFER")
	n := c.Request("NOTIFY")
	if got := n.GetHeader("Event").Value(); got != "refer;id=3" {
		t.Errorf("the second subscription is %q", got)
	}
	c.Reply(n, 481, "Subscription Does Not Exist", "") // ends the subscription, not the call
	_ = second

	c.Send("REFER", "", "", "Refer-To: sip:quick@tandem.test")
	c.Response(202)
	get(t, leg.referred, "REFER")
	fragment(t, c, "refer;id=4", "active", "SIP/2.0 100 Trying\r\n")
	fragment(t, c, "refer;id=4", "terminated", "SIP/2.0 200 OK\r\n")

	c.Send("REFER", "", "", "Refer-To: <sip:1902@tandem.test>", "Refer-Sub: false", "Require: norefersub")
	if res := c.Response(202); res.GetHeader("Refer-Sub").Value() != "false" {
		t.Errorf("without a subscription:\n%s", res)
	}
	get(t, leg.referred, "REFER").report(200, "OK")

	leg.d.mail.post(func() { leg.refuseTo = refuse(603, "Decline") })
	c.Send("REFER", "", "", "Refer-To: <sip:+882@tandem.test>")
	c.Response(603)
	for _, bad := range []struct {
		to     []string
		status int
	}{
		{nil, 400},
		{[]string{"Refer-To: <sip:a@b>", "Refer-To: <sip:c@d>"}, 400},
		{[]string{"Refer-To: <sip:a%0d%0aX:@b>"}, 400},
		{[]string{"Refer-To: <sip:a@b?Replaces=no-tags>"}, 400},
		{[]string{"Refer-To: <http://b/>"}, 416},
		{[]string{"Refer-To: <sip:a@b;method=BYE>"}, 603},
	} {
		c.Send("REFER", "", "", bad.to...)
		if res := c.Response(bad.status); res.StatusCode != bad.status {
			t.Errorf("%v: %d", bad.to, res.StatusCode)
		}
	}
	c.Send("NOTIFY", "", "", "Event: refer", "Subscription-State: active")
	c.Response(481)
	c.Send("BYE", "", "")
	for m := c.Next(); ; m = c.Next() {
		if req, ok := m.(*gosip.Request); ok {
			t.Fatalf("%s to a refused or silent REFER", req.Method)
		}
		if m.(*gosip.Response).CSeq().MethodName == gosip.BYE {
			break
		}
	}
	<-leg.d.done
}

func TestReferTo(t *testing.T) {
	for in, want := range map[string]referral{
		"<sip:bob@h:5070;transport=tcp>;x=y": {target: gosip.Uri{User: "bob"}},
		"\"B\" <sip:bob@h?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&Route=%3Csip:evil%3E>": {
			target: gosip.Uri{User: "bob"}, replaces: &replaces{callID: "a@b", toTag: "1", fromTag: "2"},
		},
		"<sip:bob@h?Replaces=a%3Bfrom-tag%3D2%3Bearly-only%3Bto-tag%3D1>": {
			target: gosip.Uri{User: "bob"}, replaces: &replaces{callID: "a", toTag: "1", fromTag: "2", earlyOnly: true},
		},
	} {
		got, bad := parseReferTo(in)
		if bad != nil || got.target.User != want.target.User || len(got.target.Headers) > 0 || (got.replaces == nil) != (want.replaces == nil) ||
			got.replaces != nil && *got.replaces != *want.replaces {
			t.Errorf("%s: %+v %+v (%v)", in, got, got.replaces, bad)
		}
	}
	for _, bad := range []string{"", "<sip:>", "<>", "*", "<sip:a@b?Replaces=x%3Bto-tag%3D1&Replaces=x>", "<sip:a@b?Replaces=x%3Bto-tag%3D1%3Bto-tag%3D2%3Bfrom-tag%3D1>"} {
		if got, refused := parseReferTo(bad); refused == nil {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}

func FuzzReferTo(f *testing.F) {
	f.Add("<sip:bob@h?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>")
	f.Add("tel:+4930123")
	f.Fuzz(func(t *testing.T, v string) {
		r, bad := parseReferTo(v)
		if bad != nil {
			return
		}
		if len(r.target.Headers) > 0 || escapesControl(r.target.User) || hasControl(r.target.Host) {
			t.Errorf("%q: %+v", v, r.target)
		}
	})
}

func FuzzReplaces(f *testing.F) {
	f.Add("98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff")
	f.Add("a;to-tag=1;from-tag=2;early-only")
	f.Fuzz(func(t *testing.T, v string) {
		r, ok := parseReplaces(v)
		if !ok {
			return
		}
		plain := r.callID + ";to-tag=" + r.toTag + ";from-tag=" + r.fromTag
		if r.earlyOnly {
			plain += ";early-only"
		}
		if again, ok := parseReplaces(plain); !ok || again != r || hasControl(plain) {
			t.Errorf("%q: %+v, %+v", v, r, again)
		}
	})
}
