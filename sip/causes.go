package sip

import (
	"strconv"

	gosip "github.com/emiago/sipgo/sip"

	"tandem/calls"
)

// answerFor is the final response that refuses an inbound leg for a cause.
func answerFor(c calls.Cause) *refusal {
	switch c {
	case calls.CauseBusy:
		return refuse(486, "Busy Here")
	case calls.CauseDeclined:
		return refuse(603, "Decline")
	case calls.CauseNotFound:
		return refuse(404, "Not Found")
	case calls.CauseForbidden:
		return refuse(403, "Forbidden")
	case calls.CauseNotAccepted:
		return noCodec()
	case calls.CauseCapacity:
		return refuse(503, "Service Unavailable", gosip.NewHeader("Retry-After", "10"))
	case calls.CauseDraining:
		return refuse(503, "Service Unavailable", gosip.NewHeader("Retry-After", "60"))
	case calls.CauseFailed, calls.CauseMediaLost:
		return refuse(500, "Server Internal Error")
	case calls.CauseUnreachable, calls.CauseNoAnswer, calls.CauseNormal, calls.CauseCancelled, calls.CauseElsewhere, calls.CauseEndedByUs, calls.CauseSessionTime:
	}
	return refuse(480, "Temporarily Unavailable")
}

// reasonFor is the Reason header of our BYE or CANCEL (RFC 3326): Q.850 causes, and SIP 200 for a call another device took (RFC 3326 2).
func reasonFor(c calls.Cause) []gosip.Header {
	if c == calls.CauseElsewhere {
		return []gosip.Header{gosip.NewHeader("Reason", `SIP;cause=200;text="Call completed elsewhere"`)}
	}
	q850 := 16
	switch c {
	case calls.CauseBusy:
		q850 = 17
	case calls.CauseNoAnswer:
		q850 = 19
	case calls.CauseDeclined, calls.CauseForbidden:
		q850 = 21
	case calls.CauseNotFound:
		q850 = 1
	case calls.CauseCapacity, calls.CauseDraining:
		q850 = 34
	case calls.CauseMediaLost, calls.CauseFailed:
		q850 = 41
	case calls.CauseSessionTime:
		q850 = 102
	case calls.CauseNotAccepted:
		q850 = 88
	case calls.CauseNormal, calls.CauseCancelled, calls.CauseElsewhere, calls.CauseEndedByUs, calls.CauseUnreachable:
	}
	return []gosip.Header{gosip.NewHeader("Reason", "Q.850;cause="+strconv.Itoa(q850))}
}

// causeOf says why a dialog ended that we did not end for a cause of our own.
func causeOf(e end) calls.Cause {
	switch e.status {
	case 200:
		return calls.CauseNormal
	case 486, 600:
		return calls.CauseBusy
	case 603, 607:
		return calls.CauseDeclined
	case 404, 410, 484, 604:
		return calls.CauseNotFound
	case 401, 403, 407:
		return calls.CauseForbidden
	case 415, 488, 606:
		return calls.CauseNotAccepted
	case 487:
		return calls.CauseCancelled
	case 480:
		return calls.CauseNoAnswer
	case 408:
		switch e.text {
		case "session expired":
			return calls.CauseSessionTime
		case "no ACK", "no answer in the dialog":
			return calls.CauseMediaLost
		}
		return calls.CauseNoAnswer
	case 502, 503, 504:
		return calls.CauseUnreachable
	}
	if e.status >= 300 && e.status < 500 {
		return calls.CauseUnreachable
	}
	return calls.CauseFailed
}
