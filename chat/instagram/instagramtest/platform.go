// Package instagramtest is a fake of Instagram's messaging platform.
package instagramtest

import (
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/meta/metatest"
)

// AccountID is the demo account's.
const AccountID = "IG1"

// Platform is the fake.
type Platform struct{ *metatest.Page }

// New makes a platform whose clock stands at start.
func New(start time.Time) Platform {
	return Platform{metatest.NewPage(metatest.Product{
		Channel: chat.Instagram, Object: "instagram", Setting: "ig_id", ID: AccountID, Prefix: "IGSID", Mid: "aWdf_", Name: "Demo Shop",
		Codes: []chattest.Code{
			{Code: "10/2534022", Verdict: chat.VerdictWindow},
			{Code: "100/2534014", Verdict: chat.VerdictUnreachable},
			{Code: "100/2534025", Verdict: chat.VerdictRejected},
			{Code: "100/2534001", Verdict: chat.VerdictRejected},
			{Code: "2534013", Verdict: chat.VerdictRejected},
			{Code: "100/1893061", Verdict: chat.VerdictRejected},
			{Code: "613", Verdict: chat.VerdictThrottled},
			{Code: "4", Verdict: chat.VerdictThrottled},
			{Code: "1", Verdict: chat.VerdictRetry},
			{Code: "2", Verdict: chat.VerdictRetry},
			{Code: "190", Verdict: chat.VerdictReauthorise},
			{Code: "10", Verdict: chat.VerdictPaused},
			{Code: "368", Verdict: chat.VerdictPaused},
		},
	}, start)}
}

// Comment is a comment on a post of the account. Its private reply goes to the customer.
func (p Platform) Comment(customer, text string) (id string, event []byte) {
	id = p.ID(customer + "#comment_")
	return id, metatest.JSON(map[string]any{"field": "comments", "value": map[string]any{
		"id": id, "text": text, "from": map[string]any{"id": customer, "username": "ann.b"},
		"media": map[string]any{"id": "media_1", "media_product_type": "FEED"},
	}})
}
