package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"tandem/internal/fault"
)

// textResult is what became of a request to send a text message.
type textResult string

const (
	textSent    textResult = "sent"
	textRetry   textResult = "retry"   // it was not taken, and may be later
	textFailed  textResult = "failed"  // it was not taken and never will be
	textUnknown textResult = "unknown" // nobody knows: the answer did not come
)

type textAnswer struct {
	result  textResult
	err     error
	refusal error // of textFailed, for people
}

var errTwilio = fault.New(fault.Illegal, "sms_refused", "The SMS provider refuses the message; check account, token, sender and the mobile number.")

// twilio sends one message by Twilio's Messages API: a form, basic authentication, 201 when it was taken.
func (s *Service) twilio(ctx context.Context, a Account, to, body string) textAnswer {
	form := url.Values{"To": {to}, "Body": {body}}
	if strings.HasPrefix(a.Sender, "MG") {
		form.Set("MessagingServiceSid", a.Sender)
	} else {
		form.Set("From", a.Sender)
	}
	address := strings.TrimRight(s.cfg.Twilio, "/") + "/2010-04-01/Accounts/" + a.Account + "/Messages.json"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return textAnswer{result: textFailed, err: withoutURL(err), refusal: errTwilio}
	}
	req.SetBasicAuth(a.Account, a.Token)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	res, err := s.texts.Do(req)
	if err != nil {
		return textAnswer{result: unsent(err), err: withoutURL(err)}
	}
	defer res.Body.Close()
	return answerOf(res)
}

// answerOf reads what Twilio says. Its message may repeat the number, so only the code is kept.
func answerOf(res *http.Response) textAnswer {
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if res.StatusCode/100 == 2 {
		return textAnswer{result: textSent}
	}
	var problem struct {
		Code int `json:"code"`
	}
	if err == nil {
		_ = json.Unmarshal(body, &problem) // no JSON, no code
	}
	said := fmt.Errorf("the provider answered %d, code %d", res.StatusCode, problem.Code)
	if res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500 {
		return textAnswer{result: textRetry, err: said}
	}
	return textAnswer{result: textFailed, err: said, refusal: errTwilio.Because(said)}
}

// unsent tells a request that never left from one whose answer was lost.
func unsent(err error) textResult {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return textRetry
	}
	return textUnknown
}
