// Package messengertest is a fake of Messenger's platform.
package messengertest

import (
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/meta/metatest"
)

// PageID is the demo account's.
const PageID = "PAGE1"

// Platform is the fake.
type Platform struct{ *metatest.Page }

// New makes a platform whose clock stands at start.
func New(start time.Time) Platform {
	return Platform{metatest.NewPage(metatest.Product{
		Channel: chat.Messenger, Object: "page", Setting: "page_id", ID: PageID, Prefix: "PSID", Mid: "m_", Name: "Demo Page", Messenger: true,
		Codes: []chattest.Code{
			{Code: "10/2018278", Verdict: chat.VerdictWindow},
			{Code: "100/1893061", Verdict: chat.VerdictRejected},
			{Code: "10/2018065", Verdict: chat.VerdictPaused},
			{Code: "200/2018028", Verdict: chat.VerdictPaused},
			{Code: "551", Verdict: chat.VerdictUnreachable},
			{Code: "200/1545041", Verdict: chat.VerdictUnreachable},
			{Code: "10/2018108", Verdict: chat.VerdictUnreachable},
			{Code: "100/2018001", Verdict: chat.VerdictUnreachable},
			{Code: "10/1893063", Verdict: chat.VerdictPaused},
			{Code: "100/2018109", Verdict: chat.VerdictRejected},
			{Code: "4/2018022", Verdict: chat.VerdictThrottled},
			{Code: "613", Verdict: chat.VerdictThrottled},
			{Code: "32", Verdict: chat.VerdictThrottled},
			{Code: "80001", Verdict: chat.VerdictThrottled},
			{Code: "2", Verdict: chat.VerdictRetry},
			{Code: "1200", Verdict: chat.VerdictRetry},
			{Code: "2/2018344", Verdict: chat.VerdictRetry},
			{Code: "190", Verdict: chat.VerdictReauthorise},
			{Code: "190/463", Verdict: chat.VerdictReauthorise},
			{Code: "368", Verdict: chat.VerdictPaused},
		},
	}, start)}
}
