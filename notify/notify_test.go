package notify_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tandem/crm"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/notify"
	"tandem/queues"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is the service with a queue and an agent in it. Jobs are kept instead of done.
type desk struct {
	*notify.Service
	db      *storage.DB
	bus     *events.Bus
	events  *events.Log
	metrics *prometheus.Registry
	log     *bytes.Buffer
	sms     *provider
	browser *pushService
	tenant  uuid.UUID
	agent   uuid.UUID
	queue   uuid.UUID
	queues  *queues.Service

	mu   sync.Mutex
	jobs []storage.Job
}

func open(t *testing.T) *desk {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	d := &desk{db: storagetest.New(t), metrics: prometheus.NewRegistry(), log: &bytes.Buffer{}, sms: newProvider(t), browser: newPushService(t), agent: storage.NewID()}
	log := slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d.tenant = storagetest.Tenant(t, d.db, "a")
	var err error
	d.bus, err = events.NewBus(events.BusConfig{}, slog.New(slog.DiscardHandler))
	must(err)
	t.Cleanup(d.bus.Close)
	d.events = events.NewLog(d.bus)
	dir := t.TempDir()
	keys, err := storage.OpenKeys(filepath.Join(dir, "keys"))
	must(err)
	blobs, err := storage.OpenBlobs(t.Context(), "file:"+filepath.Join(dir, "blobs"))
	must(err)
	d.queues = queues.New(d.db, d.events, d.bus, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), "test")
	q, err := d.queues.CreateQueue(t.Context(), d.tenant, queues.NewQueue{Name: "Support"})
	must(err)
	d.queue = q.ID
	must(d.queues.PutAgent(t.Context(), d.tenant, queues.Agent{ID: d.agent, Name: "An agent", Device: "browser"}))
	must(d.queues.SetMembers(t.Context(), d.tenant, d.queue, []uuid.UUID{d.agent}))
	d.Service = notify.New(notify.Config{
		DB: d.db, Events: d.events, Bus: d.bus, Keys: keys, Blobs: blobs, Queues: d.queues, Log: log, Metrics: d.metrics,
		Twilio: d.sms.URL, Contact: "ops@example.com", Timeout: 20 * time.Second,
		Private: true,
		Enqueue: func(_ context.Context, _ *storage.Tx, job storage.Job) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			if !slices.Contains(d.jobs, job) { // a transaction may have to be tried again
				d.jobs = append(d.jobs, job)
			}
			return nil
		},
	})
	roots := x509.NewCertPool()
	roots.AddCert(d.browser.Certificate())
	d.Trust(roots)
	return d
}

// set up an account, a mobile number and a browser.
func (d *desk) reachable(t *testing.T) {
	t.Helper()
	if _, err := d.SetSMS(t.Context(), d.tenant, notify.Account{Account: account, Sender: sender, Token: token}); err != nil {
		t.Fatal(err)
	}
	v, err := d.SetProfile(t.Context(), d.tenant, d.agent, notify.Profile{Mobile: mobile, Language: "zh"})
	if err != nil {
		t.Fatal(err)
	}
	d.browser.expect(v.PushKey, 0)
	if err := d.Subscribe(t.Context(), d.tenant, d.agent, d.browser.subscription(), "zh"); err != nil {
		t.Fatal(err)
	}
}

func (d *desk) texting(t *testing.T, when queues.Texting) {
	t.Helper()
	n := queues.Notification{Call: queues.Tone{Tone: "bell"}, Text: when}
	if _, err := d.queues.UpdateQueue(t.Context(), d.tenant, d.queue, queues.QueueChange{Set: queues.OwnSettings{Notification: &n}}); err != nil {
		t.Fatal(err)
	}
}

const mobile = "+4915112345678"

func (d *desk) count(kind, result string) float64 {
	families, err := d.metrics.Gather()
	if err != nil {
		panic(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == kind && m.GetLabel()[1].GetValue() == result {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// follow runs the service until it has handled everything appended before.
func (d *desk) follow(t *testing.T) []storage.Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	for {
		var behind int
		err := d.db.Worker(ctx, func(tx *storage.Tx) error {
			return tx.QueryRow(ctx, `SELECT count(*) FROM events e WHERE NOT EXISTS (SELECT FROM event_cursors c WHERE c.follower = 'notify' AND (c.xid, c.seq) >= (e.xid, e.seq))`).Scan(&behind)
		})
		if err != nil {
			t.Fatal(err)
		}
		if behind == 0 {
			d.mu.Lock()
			defer d.mu.Unlock()
			jobs := d.jobs
			d.jobs = nil
			return jobs
		}
	}
}

func (d *desk) happens(t *testing.T, typ string, subject uuid.UUID, data any) {
	t.Helper()
	if err := d.db.Tenant(t.Context(), d.tenant, func(tx *storage.Tx) error { return d.events.Append(t.Context(), tx, typ, subject, data) }); err != nil {
		t.Fatal(err)
	}
}

func kindsOf(jobs []storage.Job) []string {
	var names []string
	for _, j := range jobs {
		switch j := j.(type) {
		case notify.Push:
			names = append(names, "push "+string(j.What))
		case notify.Text:
			names = append(names, "text "+string(j.What))
		}
	}
	slices.Sort(names)
	return names
}

// Every kind of event is told to whom it concerns, by the ways that they want.
func TestWhoIsTold(t *testing.T) {
	d := open(t)
	d.reachable(t)
	offer := func(result queues.OfferResult) queues.OfferEnded {
		return queues.OfferEnded{OfferMade: queues.OfferMade{Offer: uuid.New(), Queue: d.queue, Agent: d.agent}, Result: string(result)}
	}
	for _, row := range []struct {
		event string
		data  any
		want  []string
	}{
		{"offer.made", offer("").OfferMade, []string{"text offer"}},
		{"offer.ended", offer(queues.OfferMissed), []string{"push missed", "text missed"}},
		{"offer.ended", offer(queues.OfferUnreachable), []string{"push missed", "text missed"}},
		{"offer.ended", offer(queues.OfferDeclined), nil},
		{"offer.ended", offer("finished"), nil},
		{"voicemail.left", notify.Left{Queue: d.queue}, []string{"push voicemail"}},
		{"voicemail.left", notify.Left{Agent: d.agent}, []string{"push voicemail"}},
		{"voicemail.left", notify.Left{}, nil},
		{"callback.requested", notify.Left{Queue: d.queue}, []string{"push callback"}},
		{"ticket.sla_at_risk", crm.SLAEvent{Assignee: &d.agent}, []string{"push ticket"}},
		{"ticket.sla_breached", crm.SLAEvent{}, nil},
		{"conversation.message", notify.Left{Queue: d.queue, Agent: d.agent}, []string{"push message"}},
		{"conversation.message", notify.Left{Agent: uuid.New()}, nil},
		{"call.started", struct{}{}, nil},
	} {
		d.happens(t, row.event, storage.NewID(), row.data)
		if got := kindsOf(d.follow(t)); !slices.Equal(got, row.want) {
			t.Errorf("%s %+v: %v, want %v", row.event, row.data, got, row.want)
		}
	}

	v, err := d.SetProfile(t.Context(), d.tenant, d.agent, notify.Profile{Mobile: mobile, Language: "en", Rules: []notify.Rule{
		{Kind: notify.KindOffer, Push: true}, {Kind: notify.KindMissed},
	}})
	if err != nil || len(v.Rules) != 6 || v.Browsers != 1 || !v.Texting {
		t.Fatalf("the profile is %+v, %v", v, err)
	}
	d.happens(t, "offer.made", storage.NewID(), offer("").OfferMade)
	d.happens(t, "offer.ended", storage.NewID(), offer(queues.OfferMissed))
	if got := kindsOf(d.follow(t)); !slices.Equal(got, []string{"push offer"}) {
		t.Errorf("after a change of rules: %v", got)
	}

	// Who may not sign in any more is told nothing, and their browsers may be somebody else's by now.
	d.happens(t, "user.changed", d.agent, map[string]any{"active": false})
	d.happens(t, "offer.made", storage.NewID(), offer("").OfferMade)
	if got := kindsOf(d.follow(t)); got != nil {
		t.Errorf("a user without access is told %v", got)
	}
	if v, err := d.Profile(t.Context(), d.tenant, d.agent); err != nil || v.Browsers != 0 {
		t.Errorf("browsers of a user without access: %d, %v", v.Browsers, err)
	}
}

func TestPush(t *testing.T) {
	d := open(t)
	d.reachable(t)
	ctx := t.Context()
	push := notify.Push{Tenant: d.tenant, User: d.agent, What: notify.KindMissed, At: d.db.Now()}
	if err := d.DoPush(ctx, push); err != nil {
		t.Fatal(err)
	}
	got := d.browser.all()
	if len(got) != 1 || got[0].Title != "错过来电" || got[0].Tag != "tandem-missed" || got[0].Path != "/" || got[0].header.Get("Ttl") == "" || got[0].header.Get("Topic") != "missed" {
		t.Fatalf("the browser got %+v", got)
	}
	push.What = notify.KindOffer
	if err := d.DoPush(ctx, push); err != nil {
		t.Fatal(err)
	}
	if got = d.browser.all(); len(got) != 2 || got[1].header.Get("Urgency") != "high" || got[1].size != got[0].size {
		t.Errorf("an offer is pushed as %+v; sizes must not tell kinds apart", got[1])
	}

	// A ring that is over is not pushed.
	push.At = d.db.Now().Add(-2 * time.Minute)
	if err := d.DoPush(ctx, push); err != nil || len(d.browser.all()) != 2 || d.count("push", "late") != 1 {
		t.Errorf("a late push: %v, %d pushes", err, len(d.browser.all()))
	}

	v, err := d.Profile(ctx, d.tenant, d.agent)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		status   int
		result   string
		again    bool
		browsers int
	}{
		{429, "retry", true, 1},
		{500, "retry", true, 1},
		{400, "failed", false, 1},
		{410, "gone", false, 0},
	} {
		d.browser.expect(v.PushKey, row.status)
		push.At = d.db.Now()
		before := d.count("push", row.result)
		err := d.DoPush(ctx, push)
		after, perr := d.Profile(ctx, d.tenant, d.agent)
		if (err != nil) != row.again || d.count("push", row.result) != before+1 || perr != nil || after.Browsers != row.browsers || after.PushKey != v.PushKey {
			t.Errorf("status %d: %v, %d browsers, %v", row.status, err, after.Browsers, perr)
		}
	}
	if err := d.Test(ctx, d.tenant, d.agent, notify.TestPush); !errors.Is(err, notify.ErrNoPush) {
		t.Errorf("a test without browsers: %v", err)
	}
	if strings.Contains(d.log.String(), "capability") {
		t.Error("a push address was logged")
	}
}

func TestSubscriptionsAreChecked(t *testing.T) {
	d := open(t)
	good := d.browser.subscription()
	for name, change := range map[string]func(*notify.Subscription){
		"http":     func(s *notify.Subscription) { s.Endpoint = "http://push.example.com/x" },
		"no host":  func(s *notify.Subscription) { s.Endpoint = "https:///x" },
		"user":     func(s *notify.Subscription) { s.Endpoint = "https://u:p@push.example.com/x" },
		"point":    func(s *notify.Subscription) { s.Keys.P256dh = "AAAA" },
		"no point": func(s *notify.Subscription) { s.Keys.P256dh = "" },
		"auth":     func(s *notify.Subscription) { s.Keys.Auth = "AAAA" },
	} {
		sub := good
		change(&sub)
		if err := d.Subscribe(t.Context(), d.tenant, d.agent, sub, "en"); !errors.Is(err, notify.ErrSubscription) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 2 { // twice is once
		if err := d.Subscribe(t.Context(), d.tenant, d.agent, good, "en"); err != nil {
			t.Fatal(err)
		}
	}
	other := storagetest.Tenant(t, d.db, "b")
	if err := d.Unsubscribe(t.Context(), other, d.agent, good.Endpoint); err != nil {
		t.Fatal(err)
	}
	if v, err := d.Profile(t.Context(), d.tenant, d.agent); err != nil || v.Browsers != 1 {
		t.Errorf("%d browsers, %v", v.Browsers, err)
	}
	if err := d.Unsubscribe(t.Context(), d.tenant, d.agent, good.Endpoint); err != nil {
		t.Fatal(err)
	}
	if v, err := d.Profile(t.Context(), d.tenant, d.agent); err != nil || v.Browsers != 0 {
		t.Errorf("%d browsers after unsubscribing, %v", v.Browsers, err)
	}
}

// An offer is texted once, whatever the provider does and however often the job runs.
func TestText(t *testing.T) {
	d := open(t)
	d.reachable(t)
	ctx := t.Context()
	text := func(what notify.Kind) notify.Text {
		return notify.Text{Tenant: d.tenant, User: d.agent, What: what, Queue: d.queue, Subject: uuid.New(), At: d.db.Now()}
	}
	for _, row := range []struct {
		when          queues.Texting
		offer, missed int
	}{{queues.TextOff, 0, 0}, {queues.TextOffered, 1, 0}, {queues.TextMissed, 0, 1}, {queues.TextBoth, 1, 1}} {
		d.texting(t, row.when)
		for what, want := range map[notify.Kind]int{notify.KindOffer: row.offer, notify.KindMissed: row.missed} {
			_, before := d.sms.counts()
			job := text(what)
			for range 2 {
				if err := d.DoText(ctx, job); err != nil {
					t.Fatal(err)
				}
			}
			if _, taken := d.sms.counts(); taken-before != want {
				t.Errorf("%s when %s: %d messages, want %d", what, row.when, taken-before, want)
			}
		}
	}
	for _, row := range []struct {
		name         string
		status       []int
		asked, taken int
		firstFails   bool
		result       string
	}{
		{"busy, then well", []int{429, 201}, 2, 1, true, "retry"},
		{"broken, then well", []int{503, 201}, 2, 1, true, "retry"},
		{"refused", []int{400}, 1, 0, false, "failed"},
		{"cut off after taking it", []int{0}, 1, 1, false, "unknown"},
	} {
		asked, taken := d.sms.counts()
		before := d.count("text", row.result)
		d.sms.next(row.status...)
		job := text(notify.KindMissed)
		if err := d.DoText(ctx, job); (err != nil) != row.firstFails {
			t.Errorf("%s: the first attempt is %v", row.name, err)
		}
		for range 2 {
			if err := d.DoText(ctx, job); err != nil {
				t.Errorf("%s: a further attempt is %v", row.name, err)
			}
		}
		a, n := d.sms.counts()
		if a-asked != row.asked || n-taken != row.taken || d.count("text", row.result) != before+1 {
			t.Errorf("%s: asked %d, taken %d times", row.name, a-asked, n-taken)
		}
	}
	late := text(notify.KindOffer)
	late.At = late.At.Add(-2 * time.Minute)
	if _, before := d.sms.counts(); d.DoText(ctx, late) != nil {
		t.Error("a late text fails")
	} else if _, taken := d.sms.counts(); taken != before || d.count("text", "late") != 1 {
		t.Error("a ring that is over was texted")
	}
	for secret, where := range map[string]string{mobile[1:]: "number", token: "token"} {
		if strings.Contains(d.log.String(), secret) {
			t.Errorf("the %s was logged: %s", where, d.log)
		}
	}
}

func TestTextLimit(t *testing.T) {
	d := open(t)
	d.reachable(t)
	d.texting(t, queues.TextBoth)
	for range 25 {
		job := notify.Text{Tenant: d.tenant, User: d.agent, What: notify.KindMissed, Queue: d.queue, Subject: uuid.New(), At: d.db.Now()}
		if err := d.DoText(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	if _, taken := d.sms.counts(); taken != 20 || d.count("text", "limited") != 5 {
		t.Errorf("%d messages in an hour, %v limited", taken, d.count("text", "limited"))
	}
	if err := d.Test(t.Context(), d.tenant, d.agent, notify.TestText); !errors.Is(err, notify.ErrLimit) {
		t.Errorf("the test button above the limit: %v", err)
	}
}

func TestAccount(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	if err := d.Test(ctx, d.tenant, d.agent, notify.TestText); !errors.Is(err, notify.ErrNoSMS) {
		t.Errorf("without an account: %v", err)
	}
	for _, row := range []struct {
		give notify.Account
		want error
	}{
		{notify.Account{Account: "AC1", Sender: sender, Token: token}, notify.ErrAccount},
		{notify.Account{Account: account, Sender: "Tandem", Token: token}, notify.ErrSender},
		{notify.Account{Account: account, Sender: sender}, notify.ErrToken},
		{notify.Account{Account: account, Sender: sender, Token: "wrong"}, nil},
		{notify.Account{Account: account, Sender: sender}, nil}, // keeps the token
		{notify.Account{Account: "AC" + strings.Repeat("f", 32), Sender: sender}, notify.ErrToken},
	} {
		got, err := d.SetSMS(ctx, d.tenant, row.give)
		if !errors.Is(err, row.want) || got.Token != "" {
			t.Errorf("%+v: %+v, %v", row.give, got, err)
		}
	}
	if _, err := d.SetProfile(ctx, d.tenant, d.agent, notify.Profile{Language: "en"}); err != nil {
		t.Fatal(err)
	}
	if err := d.Test(ctx, d.tenant, d.agent, notify.TestText); !errors.Is(err, notify.ErrNoMobile) {
		t.Errorf("without a mobile number: %v", err)
	}
	if _, err := d.SetProfile(ctx, d.tenant, d.agent, notify.Profile{Mobile: mobile, Language: "en"}); err != nil {
		t.Fatal(err)
	}
	if err := d.Test(ctx, d.tenant, d.agent, notify.TestText); fault.KindOf(err) != fault.Illegal {
		t.Errorf("with a wrong token: %v", err)
	}
	if a, err := d.SetSMS(ctx, d.tenant, notify.Account{}); err != nil || a.Stored {
		t.Errorf("ending text messages: %+v, %v", a, err)
	}
	if a, err := d.SMS(ctx, d.tenant); err != nil || a.Account != "" || a.Stored {
		t.Errorf("after ending them: %+v, %v", a, err)
	}
}

func TestMobileNumbers(t *testing.T) {
	d := open(t)
	for give, want := range map[string]string{
		"": "", "+49 151 12345678": mobile, "+1 (415) 555-2671": "+14155552671", "+86 138 0013 8000": "+8613800138000",
		"015112345678": "!", "+49 30 123456": "!", "+4915": "!", "mobile": "!", "+49151123456789012345": "!",
	} {
		v, err := d.SetProfile(t.Context(), d.tenant, d.agent, notify.Profile{Mobile: give, Language: "en"})
		if (want == "!") != errors.Is(err, notify.ErrMobile) || want != "!" && v.Mobile != want {
			t.Errorf("%q: %q, %v", give, v.Mobile, err)
		}
	}
	for name, p := range map[string]notify.Profile{
		"language": {Language: "fr"},
		"unknown":  {Language: "en", Rules: []notify.Rule{{Kind: "dinner"}}},
		"twice":    {Language: "en", Rules: []notify.Rule{{Kind: notify.KindMissed}, {Kind: notify.KindMissed, Push: true}}},
		"no text":  {Language: "en", Rules: []notify.Rule{{Kind: notify.KindVoicemail, Text: true}}},
	} {
		if _, err := d.SetProfile(t.Context(), d.tenant, d.agent, p); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTones(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	mp3, err := os.ReadFile("testdata/tone.mp3")
	if err != nil {
		t.Fatal(err)
	}
	first, err := d.AddTone(ctx, d.tenant, " Morning ", bytes.NewReader(mp3))
	if err != nil || first.Name != "Morning" || first.Seconds < 0.5 || first.Size != int64(len(mp3)) {
		t.Fatalf("%+v, %v", first, err)
	}
	for name, row := range map[string]struct {
		name string
		file io.Reader
		code string
	}{
		"taken":    {"morning", bytes.NewReader(mp3), "ringtone_name_taken"},
		"no name":  {" ", bytes.NewReader(mp3), "ringtone_name"},
		"PNG":      {"tone.mp3", strings.NewReader("\x89PNG\r\n\x1a\n"), "ringtone_not_mp3"},
		"WAV":      {"tone.mp3", strings.NewReader("RIFF\x24\x00\x00\x00WAVEfmt "), "ringtone_not_mp3"},
		"HTML":     {"tone.mp3", strings.NewReader("<html><script>"), "ringtone_not_mp3"},
		"empty":    {"tone.mp3", strings.NewReader(""), "ringtone_not_mp3"},
		"no sound": {"tone.mp3", strings.NewReader("ID3\x04\x00\x00\x00\x00\x00\x00" + strings.Repeat("x", 2000)), "broken_audio"},
		"large":    {"tone.mp3", io.MultiReader(bytes.NewReader(mp3), strings.NewReader(strings.Repeat("\x00", notify.MaxToneBytes))), "audio_too_large"},
	} {
		_, err := d.AddTone(ctx, d.tenant, row.name, row.file)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != row.code {
			t.Errorf("%s: %v, want %s", name, err, row.code)
		}
	}
	_, before, err := d.ToneFile(ctx, d.tenant, first.ID)
	if err != nil {
		t.Fatal(err)
	}
	second, err := d.ReplaceTone(ctx, d.tenant, first.ID, bytes.NewReader(mp3[:len(mp3)*3/4]))
	if err != nil || second.ID != first.ID || second.Size >= first.Size || second.Name != "Morning" {
		t.Fatalf("%+v, %v", second, err)
	}
	file, after, err := d.ToneFile(ctx, d.tenant, first.ID)
	if err != nil || before == after {
		t.Fatalf("the version is %q after %q, %v", after, before, err)
	}
	if b, err := io.ReadAll(file); err != nil || int64(len(b)) != second.Size || file.Close() != nil {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	other := storagetest.Tenant(t, d.db, "b")
	if _, _, err := d.ToneFile(ctx, other, first.ID); !errors.Is(err, notify.ErrNoTone) {
		t.Errorf("another tenant's tone: %v", err)
	}
	if err := d.DeleteTone(ctx, other, first.ID); !errors.Is(err, notify.ErrNoTone) {
		t.Errorf("another tenant deletes it: %v", err)
	}
	if err := d.DeleteTone(ctx, d.tenant, first.ID); err != nil {
		t.Fatal(err)
	}
	if all, err := d.Tones(ctx, d.tenant); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

// What jobs carry is kept where row-level security does not reach: ids only.
func TestJobsCarryNoPersonalData(t *testing.T) {
	t.Parallel()
	for _, job := range []storage.Job{notify.Push{What: notify.KindMissed}, notify.Text{What: notify.KindOffer}} {
		b, err := json.Marshal(job)
		if err != nil || strings.Contains(string(b), "mobile") || strings.Contains(string(b), "name") || !strings.HasPrefix(job.Kind(), "notify_") {
			t.Errorf("%s: %s, %v", job.Kind(), b, err)
		}
	}
}
