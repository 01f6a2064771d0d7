package meta

import (
	"net/http"
	"strconv"
	"time"

	"tandem/chat"
)

// anySub and anyCode stand in rules for what does not matter.
const (
	anySub  = -1
	anyCode = -1
)

type rule struct {
	code, sub int
	verdict   chat.Verdict
}

// rules are what error codes mean, of all three products: a code means the same wherever it comes from. The first that fits counts, so
// those with a subcode stand above those without.
func rules() []rule {
	return []rule{
		// Messenger and Instagram, by code and subcode.
		{10, 2018278, chat.VerdictWindow},
		{10, 2534022, chat.VerdictWindow},
		{10, 2018065, chat.VerdictPaused}, // permission of the application
		{200, 2018028, chat.VerdictPaused},
		{10, 1893063, chat.VerdictPaused}, // the Page is restricted
		{10, 2018108, chat.VerdictUnreachable},
		{200, 1545041, chat.VerdictUnreachable},
		{100, 2018001, chat.VerdictUnreachable},
		{551, anySub, chat.VerdictUnreachable},
		{100, 1893061, chat.VerdictRejected}, // a retired tag
		{100, 2018109, chat.VerdictRejected}, // the attachment is too large
		{4, 2018022, chat.VerdictThrottled},
		{2, 2018344, chat.VerdictRetry},
		{anyCode, 2534014, chat.VerdictUnreachable}, // no such user
		{anyCode, 2534001, chat.VerdictRejected},    // the thread is deleted
		{anyCode, 2534013, chat.VerdictRejected},
		{anyCode, 2534025, chat.VerdictRejected}, // a comment has its private reply already

		// WhatsApp.
		{131047, anySub, chat.VerdictWindow},
		{131056, anySub, chat.VerdictPair},
		{130429, anySub, chat.VerdictThrottled},
		{131048, anySub, chat.VerdictPaused}, // flagged as spam: going on makes it worse
		{131026, anySub, chat.VerdictUnreachable},
		{131049, anySub, chat.VerdictRejected}, // enough marketing for this person; see wait
		{131050, anySub, chat.VerdictOptedOut},
		{130472, anySub, chat.VerdictRejected},
		{131030, anySub, chat.VerdictRejected},
		{131021, anySub, chat.VerdictRejected},
		{131031, anySub, chat.VerdictPaused},
		{131042, anySub, chat.VerdictPaused},
		{131045, anySub, chat.VerdictPaused},
		{131005, anySub, chat.VerdictPaused},
		{133016, anySub, chat.VerdictPaused},
		{131008, anySub, chat.VerdictRejected},
		{131009, anySub, chat.VerdictRejected},
		{131051, anySub, chat.VerdictRejected},
		{131052, anySub, chat.VerdictRetry}, // the next attempt uploads the file anew
		{131053, anySub, chat.VerdictRetry},
		{131000, anySub, chat.VerdictRetry},
		{131016, anySub, chat.VerdictRetry},
		{131057, anySub, chat.VerdictRetry},
		{132000, anySub, chat.VerdictRejected}, // templates
		{132001, anySub, chat.VerdictRejected},
		{132005, anySub, chat.VerdictRejected},
		{132007, anySub, chat.VerdictRejected},
		{132008, anySub, chat.VerdictRejected},
		{132012, anySub, chat.VerdictRejected},
		{132015, anySub, chat.VerdictRejected},
		{132016, anySub, chat.VerdictRejected},
		{132068, anySub, chat.VerdictRejected}, // flows
		{132069, anySub, chat.VerdictRejected},
		{131062, anySub, chat.VerdictRejected}, // needs a telephone number
		{131063, anySub, chat.VerdictRejected},
		{131064, anySub, chat.VerdictRejected},
		{137000, anySub, chat.VerdictRejected}, // the customer's identity key is another

		// The platform as a whole.
		{0, anySub, chat.VerdictReauthorise},
		{190, anySub, chat.VerdictReauthorise},
		{4, anySub, chat.VerdictThrottled},
		{17, anySub, chat.VerdictThrottled},
		{32, anySub, chat.VerdictThrottled},
		{613, anySub, chat.VerdictThrottled},
		{80001, anySub, chat.VerdictThrottled},
		{80007, anySub, chat.VerdictThrottled},
		{100, anySub, chat.VerdictRejected},
		{33, anySub, chat.VerdictPaused}, // the number is deleted
		{368, anySub, chat.VerdictPaused},
		{1, anySub, chat.VerdictRetry},
		{2, anySub, chat.VerdictRetry},
		{1200, anySub, chat.VerdictRetry},
	}
}

// Verdict is what to do about an error code, and whether it is known. Subcode 0 is none.
func Verdict(code, subcode int) (chat.Verdict, bool) {
	for _, r := range rules() {
		if (r.code == code || r.code == anyCode) && (r.sub == subcode || r.sub == anySub) {
			return r.verdict, true
		}
	}
	if code == 3 || code == 10 || code >= 200 && code <= 299 {
		// Without a subcode a permission is missing, which stops everybody's messages. With one that we do not know it may be about this
		// customer alone.
		if subcode == 0 {
			return chat.VerdictPaused, true
		}
		return chat.VerdictRejected, true
	}
	return chat.VerdictRejected, false
}

// wait is how long a rejected message stays pointless, where the platform has said so.
func wait(code int64) time.Duration {
	if code == 131049 {
		return 24 * time.Hour
	}
	return 0
}

// Failure is an error as Meta writes it, in answers and in hooks.
type Failure struct {
	Message   string `json:"message"`
	Title     string `json:"title"`
	Type      string `json:"type"`
	Code      Text   `json:"code"`
	Subcode   Text   `json:"error_subcode"`
	UserMsg   string `json:"error_user_msg"`
	Transient bool   `json:"is_transient"`
	Data      struct {
		Details string `json:"details"`
	} `json:"error_data"`
}

// verdict is Verdict of the failure's codes. A failure without a code is not known, though 0 is a code.
func (f Failure) verdict() (chat.Verdict, bool) {
	if f.Code == "" {
		return chat.VerdictRejected, false
	}
	return Verdict(int(f.Code.Int()), int(f.Subcode.Int()))
}

// SendError is the failure's meaning.
func (f Failure) SendError() *chat.SendError {
	verdict, known := f.verdict()
	if !known && f.Transient {
		verdict = chat.VerdictRetry
	}
	code := string(f.Code)
	if f.Subcode.Int() != 0 {
		code += "/" + string(f.Subcode)
	}
	return &chat.SendError{Verdict: verdict, Code: code, Detail: f.detail(), After: wait(f.Code.Int())}
}

func (f Failure) detail() string {
	for _, s := range []string{f.Data.Details, f.UserMsg, f.Message, f.Title} {
		if s != "" {
			return s
		}
	}
	return f.Type
}

// answerError reads the failure out of an answer that is not 2xx.
func answerError(resp *http.Response, body []byte) *chat.SendError {
	var answer struct {
		Error *Failure `json:"error"`
	}
	if err := Lenient(body, &answer); err == nil && answer.Error != nil {
		e := answer.Error.SendError()
		if _, known := answer.Error.verdict(); !known && resp.StatusCode >= http.StatusInternalServerError {
			e.Verdict = chat.VerdictRetry
		}
		if e.After == 0 {
			e.After = retryAfter(resp)
		}
		return e
	}
	e := &chat.SendError{Verdict: chat.VerdictRejected, Code: "http/" + strconv.Itoa(resp.StatusCode), After: retryAfter(resp)}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		e.Verdict = chat.VerdictThrottled
	case resp.StatusCode == http.StatusUnauthorized:
		e.Verdict = chat.VerdictReauthorise
	case resp.StatusCode == http.StatusServiceUnavailable:
		e.Verdict = chat.VerdictRetry
	case resp.StatusCode >= http.StatusInternalServerError:
		e.Verdict = chat.VerdictDoubt // a gateway's page: what stands behind it may have taken the message
	case resp.StatusCode >= http.StatusMultipleChoices && resp.StatusCode < http.StatusBadRequest:
		e.Verdict = chat.VerdictPaused
		e.Detail = "The base URL answers with a redirect; Meta's API never does. Check the account's base_url."
	}
	return e
}

func retryAfter(resp *http.Response) time.Duration {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > 7*24*3600 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
