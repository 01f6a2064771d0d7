package sip

import (
	"math/rand/v2"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// reoffer renegotiates with a re-INVITE, as soon as no other negotiation is open. repeat sends the same description again, which
// refreshes the session and nothing else. done is called on the dialog's goroutine.
func (d *dialog) reoffer(repeat bool, done func(error)) {
	d.mail.post(func() {
		d.wanted = append(d.wanted, reoffer{repeat, done})
		d.nextOffer()
	})
}

// nextOffer sends the next wanted re-INVITE when the dialog is free for it.
func (d *dialog) nextOffer() {
	if len(d.wanted) == 0 || d.offering || d.answering != nil || d.state != confirmed {
		return
	}
	w := d.wanted[0]
	d.wanted = d.wanted[1:]
	d.offering = true
	req := d.next(gosip.INVITE)
	req.AppendHeader(allowHeader())
	for _, h := range d.timer.renew(d) {
		req.AppendHeader(h)
	}
	ct := gosip.ContentTypeHeader("application/sdp")
	req.AppendHeader(&ct)
	req.SetBody(d.on.makeOffer(w.repeat))
	d.ask(req, func(res *gosip.Response) { d.reoffered(w, req, res) }, func(err error) {
		d.offering = false
		w.done(err)
		d.lose(end{status: 408, text: "no answer in the dialog"})
	})
}

// reoffered takes the final response to our re-INVITE.
func (d *dialog) reoffered(w reoffer, req *gosip.Request, res *gosip.Response) {
	d.offering = false
	if res.IsSuccess() {
		d.refresh(res)
		d.acknowledge(req, nil)
		d.timer.granted(d, res)
		body, _ := sdpBody(res)
		w.done(d.on.answer(body))
		d.nextOffer()
		return
	}
	switch res.StatusCode {
	case 491:
		d.retryOffer(w)
		return
	case 408, 481:
		w.done(refuse(res.StatusCode, "Dialog Gone"))
		d.lose(end{status: res.StatusCode, text: "the other side has lost the call"})
		return
	}
	w.done(refuse(res.StatusCode, quotable(res.Reason)))
	d.nextOffer()
}

// retryOffer waits as RFC 3261 14.1 wants after a collision: the owner of the Call-ID longer than the other.
func (d *dialog) retryOffer(w reoffer) {
	wait := time.Duration(rand.IntN(200)) * 10 * time.Millisecond
	if d.uac {
		wait = 2100*time.Millisecond + time.Duration(rand.IntN(190))*10*time.Millisecond
	}
	d.after(wait, func() {
		d.wanted = append([]reoffer{w}, d.wanted...)
		d.nextOffer()
	})
}
