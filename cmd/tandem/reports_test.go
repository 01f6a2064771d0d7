package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"tandem/analytics"
	"tandem/calls"
	"tandem/queues"
)

// Calls that end at every moment: the report, the wall board, the CSV and a rebuild say what the call records say, each call once.
func TestReportsEqualCallRecords(t *testing.T) {
	t.Parallel()
	a := start(t)
	ctx := context.Background()
	a.queueWith(t, "Lonely", lonely, "sip:nobody@127.0.0.1:9", queues.OwnSettings{})
	if err := a.queues.SetMembers(ctx, a.tenant, queueNamed(t, a, "Lonely"), nil); err != nil {
		t.Fatal(err)
	}
	began := a.db.Now()
	r := newRacer(t, a, 60)
	for _, m := range moments {
		r.round(m)
	}
	records, err := a.board.List(ctx, a.tenant, calls.Filter{Text: r.caller.User, Limit: 500})
	if err != nil || len(records) != len(moments) {
		t.Fatalf("%d records, %v", len(records), err)
	}
	var want analytics.QueueCounts
	talked := 0.0
	for _, c := range records {
		if c.QueuedAt != nil {
			want.Offered++
		}
		switch c.Reason {
		case calls.ReasonLeftMenu:
			want.AbandonedInMenu++
		case calls.ReasonLeftQueue:
			want.AbandonedInQueue++
		case calls.ReasonLeftRinging:
			want.AbandonedRinging++
		case calls.ReasonLeftWhisper, calls.ReasonLeftCountdown:
			want.AbandonedConnecting++
		default:
			want.Handled++
			talked += c.TalkSeconds
		}
	}
	want.Abandoned = want.AbandonedInQueue + want.AbandonedRinging + want.AbandonedConnecting

	c := a.client(t)
	period := url.Values{
		"from": {began.Format(time.RFC3339)}, "to": {a.db.Now().Add(time.Hour).Format(time.RFC3339)}, "interval": {"total"},
	}
	path := "/api/v1/reports/queues?" + period.Encode()
	var report analytics.QueueReport
	within(t, wait, "the last call in the report", func() bool {
		report = ask[analytics.QueueReport](c, "GET", path, nil)
		return report.Totals.Completed == want.Handled && report.Totals.Offered == want.Offered && report.Totals.AbandonedInMenu == want.AbandonedInMenu
	})
	got := report.Totals.QueueCounts
	if math.Abs(got.Talk-talked) > 2 {
		t.Errorf("%v s of talk, the records say %v", got.Talk, talked)
	}
	got = analytics.QueueCounts{
		Offered: got.Offered, Handled: got.Handled, Abandoned: got.Abandoned, AbandonedInQueue: got.AbandonedInQueue, AbandonedRinging: got.AbandonedRinging,
		AbandonedConnecting: got.AbandonedConnecting, AbandonedInMenu: got.AbandonedInMenu,
	}
	// Who leaves in the instant between the offer and the first ring has left the queue by one account and the ringing by the other.
	for _, n := range []*analytics.QueueCounts{&want, &got} {
		n.AbandonedInQueue, n.AbandonedRinging = n.AbandonedInQueue+n.AbandonedRinging, 0
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the report is not what the records say: %s", d)
	}
	a.reportsElsewhere(t, c, path, report)
	a.reportsReach(t, path)
}

// reportsElsewhere compares a report with the wall board of the same time, with its CSV, and with itself after a rebuild.
func (a *app) reportsElsewhere(t *testing.T, c client, path string, report analytics.QueueReport) {
	t.Helper()
	live := ask[analytics.Live](c, "GET", "/api/v1/queues/live", nil)
	for _, row := range report.Items {
		i := slices.IndexFunc(live.Queues, func(q analytics.LiveQueue) bool { return q.Queue == row.Queue })
		if i < 0 { // the menu's node takes no calls
			continue
		}
		// The test may run over midnight, when today is shorter than the report.
		if today := live.Queues[i].Today; live.Since.Before(report.From) && (today.Offered != row.Offered || today.Handled != row.Handled || today.Abandoned != row.Abandoned) {
			t.Errorf("the wall board says %+v, the report %+v", today, row.QueueCounts)
		}
	}
	status, body := c.do("GET", path+"&format=csv", nil)
	table, err := csv.NewReader(strings.NewReader(string(body))).ReadAll()
	if err != nil || status != http.StatusOK || len(table) != len(report.Items)+1 {
		t.Fatalf("CSV: %d, %v, %s", status, err, body)
	}
	offered := slices.Index(table[0], "offered")
	for i, row := range report.Items {
		if table[i+1][1] != row.Queue.String() || table[i+1][offered] != fmt.Sprint(row.Offered) {
			t.Errorf("the CSV's row %v is not %+v", table[i+1], row)
		}
	}
	if _, accepted := c.do("GET", path, nil, "Accept", "text/csv"); string(accepted) != string(body) {
		t.Errorf("Accept: text/csv answers %s", accepted)
	}
	if status, body := c.do("POST", "/api/v1/reports/rebuild", nil); status != http.StatusNoContent {
		t.Fatalf("rebuild: %d %s", status, body)
	}
	if err := a.analytics.Rebuild(context.Background(), a.tenant); err != nil {
		t.Fatal(err)
	}
	again := ask[analytics.QueueReport](c, "GET", path, nil)
	if d := cmp.Diff(report, again, cmpopts.EquateApprox(0, 1e-6)); d != "" {
		t.Errorf("after a rebuild: %s", d)
	}
}

// reportsReach checks who sees which reports.
func (a *app) reportsReach(t *testing.T, path string) {
	t.Helper()
	base := a.client(t).base
	if status := asUser(t, base, "agent1@demo.test", path, nil); status != http.StatusForbidden {
		t.Errorf("an agent gets %d", status)
	}
	var of analytics.QueueReport
	if status := asUser(t, base, "supervisor@demo.test", path, &of); status != http.StatusOK {
		t.Fatalf("a supervisor gets %d", status)
	}
	race := queueNamed(t, a, "Race 7060")
	if slices.ContainsFunc(of.Items, func(r analytics.QueueRow) bool { return r.Queue == race }) {
		t.Error("a supervisor sees the queue of another team")
	}
	if status := asUser(t, base, "admin@demo.test", path+"&queue="+uuid.NewString(), &of); status != http.StatusOK || len(of.Items) != 0 {
		t.Errorf("a queue that there is not: %d, %v", status, of.Items)
	}
}

// asUser fetches something as a person and decodes it, if it is to be had.
func asUser(t *testing.T, base, email, path string, into any) int {
	t.Helper()
	body := fmt.Sprintf(`{"email": %q, "password": %q}`, email, demoPassword)
	res, err := http.Post(base+"/api/v1/login", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if len(res.Cookies()) == 0 {
		t.Fatalf("%s cannot sign in: %s", email, res.Status)
	}
	status, answer := client{t, base}.do("GET", path, nil, "Authorization", "", "Cookie", res.Cookies()[0].String())
	if status == http.StatusOK && into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			t.Fatal(err)
		}
	}
	return status
}
