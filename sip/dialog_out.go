package sip

import (
	"math/rand/v2"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// reoffer renegotiates with a re-INVITE, in an early dialog with UPDATE, as soon as no other negotiation is open. repeat sends the same description again, which
// refreshes the session and nothing else. done is called on the dialog's goroutine.
func (d *dialog) reoffer(repeat bool, done func(error)) {
	d.mail.post(func() {
		d.wanted = append(d.wanted, reoffer{repeat: repeat, done: done})
		d.nextOffer()
	})
}

// nextOffer sends the next wanted re-INVITE when the dialog is free for it.
func (d *dialog) nextOffer() {
	method := gosip.INVITE
	if d.state == ringing && d.settled && d.allows["UPDATE"] {
		method = gosip.UPDATE // an early dialog knows no re-INVITE (RFC 3311 4)
	} else if d.state != confirmed {
		return
	}
	if len(d.wanted) == 0 || d.offering || d.answering != nil {
		return
	}
	w := d.wanted[0]
	d.wanted = d.wanted[1:]
	d.offering, d.renewed = true, d.renewed || method == gosip.UPDATE
	req := d.next(method)
	req.AppendHeader(allowHeader())
	if method == gosip.INVITE {
		for _, h := range d.timer.renew(d) {
			req.AppendHeader(h)
		}
	}
	ct := gosip.ContentTypeHeader("application/sdp")
	req.AppendHeader(&ct)
	req.SetBody(d.on.makeOffer(w.repeat))
	d.ask(req, func(res *gosip.Response) { d.reoffered(w, req, res) }, func(err error) {
		d.offering = false
		d.on.refused()
		w.done(err)
		d.lose(end{status: 408, text: "no answer in the dialog"})
	})
}

// reoffered takes the final response to our re-INVITE or UPDATE. A refusal leaves everything as it was (RFC 3261 14.1).
func (d *dialog) reoffered(w reoffer, req *gosip.Request, res *gosip.Response) {
	d.offering = false
	if res.IsSuccess() {
		d.refresh(res)
		if req.Method == gosip.INVITE {
			d.acknowledge(req, nil)
			d.timer.granted(d, res)
		}
		body, _ := sdpBody(res)
		w.done(d.on.answer(body))
		d.nextOffer()
		return
	}
	d.on.refused()
	if w.tries++; w.tries < maxOffers {
		if wait, ok := d.retryAfter(res); ok {
			d.retryOffer(w, wait)
			return
		}
	}
	w.done(refuse(res.StatusCode, quotable(res.Reason)))
	if d.survives(res) {
		d.nextOffer()
	}
}

// maxOffers bounds how often one offer is made.
const maxOffers = 5

// retryAfter says when an offer that was refused may be made again: after a collision as RFC 3261 14.1 wants, the owner of the Call-ID later
// than the other; when they name a time; and at once with a longer session interval.
func (d *dialog) retryAfter(res *gosip.Response) (time.Duration, bool) {
	switch res.StatusCode {
	case 491:
		if d.uac {
			return 2100*time.Millisecond + time.Duration(rand.IntN(191))*10*time.Millisecond, true
		}
		return time.Duration(rand.IntN(201)) * 10 * time.Millisecond, true
	case 500, 503:
		if h := res.GetHeader("Retry-After"); h != nil {
			n, ok := number(h.Value(), 10)
			return time.Duration(n) * time.Second, ok
		}
	case 422:
		return 0, d.timer.raise(d, res)
	}
	return 0, false
}

// retryOffer makes an offer again after a while.
func (d *dialog) retryOffer(w reoffer, wait time.Duration) {
	d.after(wait, func() {
		d.wanted = append([]reoffer{w}, d.wanted...)
		d.nextOffer()
	})
}
