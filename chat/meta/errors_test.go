package meta_test

import (
	"encoding/json"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/meta"
)

// The tables of channels.md 2, 3.4 and 4.2.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		codes string // code or code/subcode, separated by commas
		want  chat.Verdict
	}{
		// 2: the platform
		{`[[0],[190],[190,463]]`, chat.VerdictReauthorise},
		{`[[3],[10],[200],[230],[299]]`, chat.VerdictPaused},
		{`[[4],[17],[32],[613],[80001],[80007]]`, chat.VerdictThrottled},
		{`[[100],[100,33]]`, chat.VerdictRejected},
		{`[[33],[368]]`, chat.VerdictPaused},
		{`[[1],[2],[1200]]`, chat.VerdictRetry},
		// 3.4: WhatsApp
		{`[[131047]]`, chat.VerdictWindow},
		{`[[131056]]`, chat.VerdictPair},
		{`[[130429]]`, chat.VerdictThrottled},
		{`[[131048]]`, chat.VerdictPaused},
		{`[[131026]]`, chat.VerdictUnreachable},
		{`[[131049]]`, chat.VerdictRejected},
		{`[[131050]]`, chat.VerdictOptedOut},
		{`[[130472],[131030],[131021]]`, chat.VerdictRejected},
		{`[[131031],[131042],[131045],[131005],[133016]]`, chat.VerdictPaused},
		{`[[131008],[131009],[131051]]`, chat.VerdictRejected},
		{`[[131052],[131053]]`, chat.VerdictRetry},
		{`[[131000],[131016],[131057]]`, chat.VerdictRetry},
		{`[[132000],[132001],[132005],[132007],[132008],[132012],[132015],[132016],[132068],[132069]]`, chat.VerdictRejected},
		{`[[131062],[131063],[131064],[137000]]`, chat.VerdictRejected},
		{`[[131009,2494010]]`, chat.VerdictRejected},
		// 4.2: Messenger and Instagram
		{`[[10,2018278],[10,2534022]]`, chat.VerdictWindow},
		{`[[100,1893061],[100,2018109]]`, chat.VerdictRejected},
		{`[[10,2018065],[200,2018028],[10,1893063]]`, chat.VerdictPaused},
		{`[[551],[551,1545041],[200,1545041],[10,2018108],[100,2018001]]`, chat.VerdictUnreachable},
		{`[[4,2018022]]`, chat.VerdictThrottled},
		{`[[2,2018344]]`, chat.VerdictRetry},
		{`[[100,2534014]]`, chat.VerdictUnreachable},
		{`[[10,2534025],[100,2534001],[100,2534013]]`, chat.VerdictRejected},
		// a permission that is about something we do not know stops nobody else's messages
		{`[[10,777],[200,777]]`, chat.VerdictRejected},
	} {
		var codes [][]int
		if err := json.Unmarshal([]byte(c.codes), &codes); err != nil {
			t.Fatal(err)
		}
		for _, code := range codes {
			sub := 0
			if len(code) == 2 {
				sub = code[1]
			}
			got, known := meta.Verdict(code[0], sub)
			if got != c.want || !known {
				t.Errorf("%v: %s, known %v, want %s", code, got, known, c.want)
			}
		}
	}
	if got, known := meta.Verdict(999999, 0); got != chat.VerdictRejected || known {
		t.Errorf("a code that nobody knows: %s, %v", got, known)
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		json, code, detail string
		verdict            chat.Verdict
		after              time.Duration
	}{
		{`{"code":131056,"message":"(#131056) pair","error_data":{"details":"too fast"}}`, "131056", "too fast", chat.VerdictPair, 0},
		{`{"code":10,"error_subcode":2018278,"message":"outside"}`, "10/2018278", "outside", chat.VerdictWindow, 0},
		{`{"code":"131049","title":"enough"}`, "131049", "enough", chat.VerdictRejected, 24 * time.Hour},
		{`{"code":424242,"is_transient":true,"type":"OAuthException"}`, "424242", "OAuthException", chat.VerdictRetry, 0},
		{`{"message":"no code at all"}`, "", "no code at all", chat.VerdictRejected, 0},
	} {
		var f meta.Failure
		if err := json.Unmarshal([]byte(c.json), &f); err != nil {
			t.Fatal(err)
		}
		if e := f.SendError(); e.Code != c.code || e.Verdict != c.verdict || e.Detail != c.detail || e.After != c.after {
			t.Errorf("%s: %+v", c.json, e)
		}
	}
}
