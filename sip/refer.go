package sip

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	gosip "github.com/emiago/sipgo/sip"
)

// referral is a REFER (RFC 3515): the peer asks us to send the party it talks with elsewhere.
type referral struct {
	target   gosip.Uri
	replaces *replaces // of the call that is to be joined (an attended transfer); nil: a blind one
	source   netip.Addr
	report   func(status int, reason string) // how the new call goes; a final status ends the subscription
}

// replaces names a dialog as our side of it sees it (RFC 3891 3).
type replaces struct {
	callID, toTag, fromTag string
	earlyOnly              bool
}

// gotRefer serves REFER in the dialog. The owner decides; once it has taken the request, the peer hears by NOTIFY how it goes, unless it
// asked not to (RFC 4488).
func (d *dialog) gotRefer(req *gosip.Request, tx *gosip.ServerTx) {
	r, bad := referralOf(req)
	if bad == nil && d.state != confirmed && d.state != accepted {
		bad = refuse(481, "Call/Transaction Does Not Exist")
	}
	var headers []gosip.Header
	var event string // of the subscription; empty: they want none
	if h := req.GetHeader("Refer-Sub"); h != nil && strings.HasPrefix(strings.ToLower(strings.TrimSpace(h.Value())), "false") {
		headers = append(headers, gosip.NewHeader("Refer-Sub", "false"))
		r.report = func(int, string) {}
	} else {
		d.referrals++
		event = referEvent(req.CSeq().SeqNo, d.referrals > 1)
		r.report = d.subscription(event)
	}
	r.source = d.source.Addr()
	if bad == nil {
		bad = d.on.refer(r)
	}
	if bad != nil {
		d.s.m.transfers.WithLabelValues("REFER", "refused").Inc()
		d.s.m.countRefusal(bad.status)
		d.reply(req, tx, bad.status, bad.reason, nil, bad.headers...)
		return
	}
	d.s.m.transfers.WithLabelValues("REFER", "accepted").Inc()
	d.reply(req, tx, 202, "Accepted", nil, headers...)
	if event != "" {
		d.notify(event, 100, "Trying", false) // at once: reports wait for their turn behind it, however soon they come
	}
}

// referEvent is the Event of a REFER's NOTIFYs (RFC 3515 2.4.6).
func referEvent(id uint32, named bool) string {
	if named {
		return "refer;id=" + strconv.FormatUint(uint64(id), 10)
	}
	return "refer"
}

// subscription reports by NOTIFY what becomes of a REFER, from any goroutine. Reports in a dialog that has ended go nowhere: phones that
// hang up behind a REFER do not listen.
func (d *dialog) subscription(event string) func(status int, reason string) {
	over := false
	return func(status int, reason string) {
		d.mail.post(func() {
			if over || d.state != confirmed && d.state != accepted {
				return
			}
			over = status >= 200
			d.notify(event, status, reason, over)
		})
	}
}

func (d *dialog) notify(event string, status int, reason string, last bool) {
	state := "active;expires=180"
	if last {
		state = "terminated;reason=noresource"
	}
	req := d.next(gosip.NOTIFY)
	req.AppendHeader(gosip.NewHeader("Event", event))
	req.AppendHeader(gosip.NewHeader("Subscription-State", state))
	req.AppendHeader(gosip.NewHeader("Content-Type", "message/sipfrag;version=2.0"))
	req.SetBody([]byte("SIP/2.0 " + strconv.Itoa(status) + " " + reason + "\r\n"))
	// A refusal ends the subscription alone, not the call (RFC 5057 5.1).
	d.ask(req, func(res *gosip.Response) {
		if !res.IsSuccess() {
			d.s.log.Info("a NOTIFY was refused", "status", res.StatusCode)
		}
	}, func(err error) { d.s.log.Info("a NOTIFY was not answered", "err", err) })
}

func header(msg gosip.Message, name, compact string) []gosip.Header {
	return append(msg.GetHeaders(name), msg.GetHeaders(compact)...)
}

func referralOf(req *gosip.Request) (referral, *refusal) {
	hs := header(req, "Refer-To", "r")
	if len(hs) != 1 {
		return referral{}, refuse(400, "One Refer-To Wanted")
	}
	return parseReferTo(hs[0].Value())
}

// parseReferTo reads a Refer-To header (RFC 3515 2.1): an address that INVITE is meant for, with the Replaces of an attended transfer among
// the headers of its URI. Other headers there are not followed: they are a stranger's words in a request of ours.
func parseReferTo(value string) (referral, *refusal) {
	bad := refuse(400, "Bad Refer-To")
	var r referral
	if _, err := gosip.ParseAddressValue(value, &r.target, nil); err != nil || !cleanAddress(&r.target, "") {
		return r, bad
	}
	switch r.target.Scheme {
	case "sip", "sips":
		if r.target.Host == "" {
			return r, bad
		}
	case "tel":
	default:
		return r, refuse(416, "Unsupported URI Scheme")
	}
	if m, ok := r.target.UriParams.Get("method"); ok && !strings.EqualFold(m, "INVITE") {
		return r, refuse(603, "Decline")
	}
	for _, h := range r.target.Headers {
		if !strings.EqualFold(h.K, "Replaces") {
			continue
		}
		plain, err := url.PathUnescape(h.V)
		p, ok := parseReplaces(plain)
		if err != nil || !ok || r.replaces != nil {
			return r, bad
		}
		r.replaces = &p
	}
	r.target.Headers = nil
	return r, nil
}

// parseReplaces reads a Replaces header (RFC 3891 6.1).
func parseReplaces(value string) (r replaces, ok bool) {
	callID, params, _ := strings.Cut(value, ";")
	r.callID = strings.TrimSpace(callID)
	if r.callID == "" || len(value) > 1024 || hasControl(value) || strings.ContainsAny(r.callID, " ,\"<>") {
		return replaces{}, false
	}
	for p := range strings.SplitSeq(params, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		var tag *string
		switch strings.ToLower(strings.TrimSpace(k)) {
		case "to-tag":
			tag = &r.toTag
		case "from-tag":
			tag = &r.fromTag
		case "early-only":
			r.earlyOnly = true
			continue
		default:
			continue
		}
		v = strings.TrimSpace(v)
		if *tag != "" || !isToken(v) {
			return replaces{}, false
		}
		*tag = v
	}
	return r, r.toTag != "" && r.fromTag != ""
}
