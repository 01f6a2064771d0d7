package mediastream_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tandem/calls"
	"tandem/internal/auth"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/media"
	"tandem/media/codec"
	"tandem/media/sound"
	"tandem/mediastream"
	"tandem/mediastream/bottest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that must come.
const patience = 30 * time.Second

// house is a Service with what it needs, and the calls that it asks things of.
type house struct {
	t      *testing.T
	s      *mediastream.Service
	tenant uuid.UUID
	clock  *media.Clock

	asked chan any // DataChange, HandOver, or "end"

	mu     sync.Mutex
	refuse error // of the next request
}

func (h *house) ask(what any) error {
	h.mu.Lock()
	err := h.refuse
	h.refuse = nil
	h.mu.Unlock()
	h.asked <- what
	return err
}

// ChangeData implements mediastream.Calls.
func (h *house) ChangeData(_ context.Context, _, _ uuid.UUID, c calls.DataChange) (calls.Data, error) {
	return calls.Data{}, h.ask(c)
}

// HandOver implements mediastream.Calls.
func (h *house) HandOver(_ context.Context, _, _ uuid.UUID, o calls.HandOver) error { return h.ask(o) }

// EndByBot implements mediastream.Calls.
func (h *house) EndByBot(context.Context, uuid.UUID, uuid.UUID) error { return h.ask("end") }

func newHouse(t *testing.T, private bool) *house {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db := storagetest.New(t)
	bus, err := events.NewBus(events.BusConfig{}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	keys, err := storage.OpenKeys(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	service, err := auth.New(db, auth.Config{})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, clock: media.NewClock(), asked: make(chan any, 16)}
	if h.tenant, err = service.AddTenant(t.Context(), "one", "One", "en", "UTC"); err != nil {
		t.Fatal(err)
	}
	h.s = mediastream.New(mediastream.Config{
		DB: db, Events: events.NewLog(bus), Keys: keys, Log: log, Metrics: prometheus.NewRegistry(), Private: private,
		Stream: media.StreamConfig{Clock: h.clock, Log: log},
	}, h)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { _ = h.clock.Run(ctx) })
	ready := make(chan struct{})
	running.Go(func() { close(ready); _ = h.s.Run(ctx) })
	<-ready
	t.Cleanup(func() { cancel(); running.Wait() })
	return h
}

// add makes a bot that connects within a second.
func (h *house) add(url, token string) mediastream.Bot {
	h.t.Helper()
	b, err := h.s.AddBot(h.t.Context(), h.tenant, mediastream.BotChange{
		Name: new("bot"), URL: &url, Token: &token, Parameters: &map[string]string{"tone": "friendly"}, ConnectSeconds: new(1), SilenceSeconds: new(5),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

// dial begins a talk.
func (h *house) dial(b mediastream.Bot) (calls.Leg, uuid.UUID) {
	h.t.Helper()
	call := storage.NewID()
	to := calls.Target{
		Tenant: h.tenant, Call: call, Device: calls.DeviceBot + b.ID.String(), Language: "en",
		Card: calls.Card{
			Number: "1001", Caller: "+4930123", QueuePath: []string{"Main", "Support"}, Data: map[string]string{"x-order": "4711"},
			Reserved: calls.Reserved{VerifiedCustomer: new(true)},
		},
	}
	for {
		leg, err := h.s.Dial(h.t.Context(), to)
		if err == nil {
			h.t.Cleanup(func() { leg.Hangup(calls.CauseNormal); <-leg.Done() })
			return leg, call
		}
		if fault.KindOf(err) != fault.Unavailable || h.t.Context().Err() != nil { // Run has not begun yet
			h.t.Fatal(err)
		}
	}
}

func (h *house) answered(leg calls.Leg) {
	h.t.Helper()
	select {
	case e := <-leg.Events():
		if e != calls.LegAnswered {
			h.t.Fatalf("the bot's leg says %q (%s), not that it has answered", e, leg.Cause())
		}
	case <-time.After(patience):
		h.t.Fatal("the bot does not answer")
	}
}

func (h *house) ended(leg calls.Leg, want calls.Cause) {
	h.t.Helper()
	select {
	case <-leg.Done():
		if got := leg.Cause(); got != want {
			h.t.Errorf("the leg ended for %q, want %q", got, want)
		}
	case <-time.After(patience):
		h.t.Fatal("the leg does not end")
	}
}

func (h *house) next() any {
	h.t.Helper()
	select {
	case a := <-h.asked:
		return a
	case <-time.After(patience):
		h.t.Fatal("the bot asks for nothing")
		return nil
	}
}

func tone(t testing.TB, hz float64, length time.Duration) []byte {
	t.Helper()
	enc, err := codec.NewEncoder(codec.PCMU, 8000)
	if err != nil {
		t.Fatal(err)
	}
	pcm := sound.Tone{Hz: []float64{hz}, On: length, Level: -10}.PCM(8000).Samples
	out := make([]byte, 0, len(pcm))
	buf := make([]byte, 160)
	for ; len(pcm) >= 160; pcm = pcm[160:] {
		n, err := enc.Encode(buf, pcm[:160])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, buf[:n]...)
	}
	return out
}

// share is how much of µ-law audio is a tone: 1 is all of it.
func share(ulaw []byte, hz float64) float64 {
	var re, im, all float64
	for i, b := range ulaw {
		s := float64(codec.MuLawToPCM[b])
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / 8000)
		re, im, all = re+s*cos, im+s*sin, all+s*s
	}
	if all == 0 {
		return 0
	}
	return 2 * (re*re + im*im) / float64(len(ulaw)) / all
}

// hears waits until a second of a tone has come by a tap.
func hears(t *testing.T, tap *media.Tap, hz float64) {
	t.Helper()
	var got []byte
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-deadline.C:
			t.Fatalf("no second of %v Hz was heard; %d bytes were", hz, len(got))
		case <-tick.C:
		}
		tap.Read(func(p *media.Packet, _ media.Format) { got = append(got, p.Payload...) })
		if len(got) >= 8000 {
			if s := share(got[len(got)-8000:], hz); s > 0.98 {
				return
			}
		}
	}
}

// A bot hears what the other leg says, and is heard: both measured by a tone.
func TestEcho(t *testing.T) {
	h := newHouse(t, true)
	starts := make(chan bottest.Start, 1)
	bot := bottest.New(t, "secret-token", func(k *bottest.Talk) { starts <- k.Start; bottest.Echo(k) })
	leg, call := h.dial(h.add(bot.URL(), "secret-token"))
	h.answered(leg)
	start := <-starts
	want := map[string]string{
		"call_id": call.String(), "from": "+4930123", "to": "1001", "queue": "Support", "language": "en", "x-order": "4711", "reserved_verified_customer": "true",
		"tone": "friendly",
	}
	for name, value := range want {
		if start.Parameters[name] != value {
			t.Errorf("the parameter %s is %q, want %q", name, start.Parameters[name], value)
		}
	}
	if len(start.Parameters) != len(want) || start.Call != "CA"+strings.ReplaceAll(call.String(), "-", "") {
		t.Errorf("the stream starts with %+v", start)
	}
	tap := media.NewTap(500)
	defer leg.Stream().AddTap(tap)()
	pcm := sound.Tone{Hz: []float64{440}, On: time.Second, Level: -10}.PCM(8000)
	a, err := sound.NewLoop(pcm)
	if err != nil {
		t.Fatal(err)
	}
	leg.Stream().Play(media.Sound(a, media.SoundOptions{Loop: true}))
	hears(t, tap, 440)
}

// What a framework does in a talk: it says something with a mark, is interrupted, clears, hears keys and sends some.
func TestMarkClearKeys(t *testing.T) {
	h := newHouse(t, true)
	speech := tone(t, 600, 400*time.Millisecond)
	cleared, done := make(chan struct{}), make(chan struct{})
	bot := bottest.New(t, "", func(k *bottest.Talk) {
		defer close(done)
		k.Mark("first")
		if m, _ := k.Wait("mark"); m.Mark == nil || m.Mark.Name != "first" {
			t.Errorf("a mark behind nothing comes back as %+v", m)
		}
		k.Say(speech)
		k.Mark("spoken")
		if m, _ := k.Wait("mark"); m.Mark == nil || m.Mark.Name != "spoken" {
			t.Errorf("the mark behind speech comes back as %+v", m)
		}
		for range 100 {
			k.Say(speech) // 40 s
		}
		k.Mark("never heard")
		k.Mark("nor this")
		k.Clear()
		for _, want := range []string{"never heard", "nor this"} {
			if m, _ := k.Wait("mark"); m.Mark == nil || m.Mark.Name != want {
				t.Errorf("clear gives back %+v, want %s", m, want)
			}
		}
		close(cleared)
		if m, _ := k.Wait("dtmf"); m.DTMF == nil || m.DTMF.Digit != "5" {
			t.Errorf("the key comes as %+v", m)
		}
		k.Send(map[string]any{"event": "dtmf", "streamSid": k.Start.Stream, "dtmf": map[string]string{"digits": "12#"}})
		k.Send(map[string]any{"event": "stop", "streamSid": k.Start.Stream})
	})
	leg, _ := h.dial(h.add(bot.URL(), ""))
	h.answered(leg)
	tap := media.NewTap(500)
	defer leg.Stream().AddTap(tap)()
	select {
	case <-cleared:
	case <-time.After(patience):
		t.Fatal("the bot does not come to the keys")
	}
	leg.(interface{ SendDigit(key rune) }).SendDigit('5')
	var keys []rune
	for len(keys) < 3 {
		select {
		case d := <-leg.Stream().Digits():
			keys = append(keys, d.Key)
		case <-time.After(patience):
			t.Fatalf("of the bot's keys only %q came", string(keys))
		}
	}
	if string(keys) != "12#" {
		t.Errorf("the bot's keys are %q", string(keys))
	}
	<-done
	h.ended(leg, calls.CauseNormal)
	packets := 0
	tap.Read(func(*media.Packet, media.Format) { packets++ })
	if packets < 20 || packets > 400 {
		t.Errorf("%d frames were heard of 20 and what was cleared", packets)
	}
}

// The bot's last word waits until what it said before was heard; what it says of the call comes before.
func TestLastWord(t *testing.T) {
	queue := uuid.MustParse("0192d1f0-0000-7000-8000-000000000001")
	for _, c := range []struct {
		name   string
		last   map[string]any
		refuse error
		want   func(any) bool
		then   func(any) bool // asked once more
	}{
		{name: "handover", last: map[string]any{"event": "handover", "handover": map[string]any{"queue": queue.String(), "summary": "S", "data": map[string]any{"a": "1"}}}, want: func(a any) bool {
			o, ok := a.(calls.HandOver)
			return ok && o.Queue == queue && o.Summary == "S" && *o.Data["a"] == "1"
		}},
		{
			name: "handover with bad data", last: map[string]any{"event": "handover", "handover": map[string]any{"queue": queue.String(), "data": map[string]any{"reserved_x": "1"}}}, refuse: calls.ErrDataName,
			want: func(a any) bool { o, ok := a.(calls.HandOver); return ok && len(o.Data) == 1 },
			then: func(a any) bool { o, ok := a.(calls.HandOver); return ok && o.Queue == queue && len(o.Data) == 0 },
		},
		{name: "hangup", last: map[string]any{"event": "hangup"}, want: func(a any) bool { return a == "end" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, true)
			speech := tone(t, 600, time.Second)
			bot := bottest.New(t, "", func(k *bottest.Talk) {
				k.Send(map[string]any{"event": "data", "reserved": map[string]bool{"reserved_bad_actor": true}, "data": map[string]any{"gone": nil}})
				k.Say(speech)
				k.Send(c.last)
				k.Wait("stop")
			})
			leg, _ := h.dial(h.add(bot.URL(), ""))
			h.answered(leg)
			tap := media.NewTap(500)
			defer leg.Stream().AddTap(tap)()
			change, ok := h.next().(calls.DataChange)
			if _, there := change.Data["gone"]; !ok || !*change.Reserved.BadActor || !there {
				t.Errorf("the bot's data are %+v", change)
			}
			h.mu.Lock()
			h.refuse = c.refuse
			h.mu.Unlock()
			if a := h.next(); !c.want(a) {
				t.Errorf("the bot asks for %+v", a)
			}
			if c.then != nil {
				if a := h.next(); !c.then(a) {
					t.Errorf("and then for %+v", a)
				}
			}
			packets := 0
			tap.Read(func(*media.Packet, media.Format) { packets++ })
			if packets < 45 {
				t.Errorf("only %d of 50 frames were heard before", packets)
			}
			leg.Hangup(calls.CauseNormal)
			h.ended(leg, calls.CauseNormal)
		})
	}
}

// However a bot fails, its leg ends, and says why.
func TestFailingBots(t *testing.T) {
	for _, c := range []struct {
		name string
		talk func(*bottest.Talk)
		want calls.Cause
	}{
		{"leaves", func(k *bottest.Talk) { k.Close() }, calls.CauseNormal},
		{"crashes", func(k *bottest.Talk) { k.Break() }, calls.CauseFailed},
		{"writes garbage", func(k *bottest.Talk) {
			for range 60 {
				k.SendText([]byte(`{"event":"media","media":`))
			}
			k.Wait("stop")
		}, calls.CauseFailed},
		{"writes a message without end", func(k *bottest.Talk) {
			k.SendText(slices.Repeat([]byte(" "), 2<<20))
			k.Wait("stop")
		}, calls.CauseFailed},
		{"says nothing", func(k *bottest.Talk) { k.Wait("stop") }, calls.CauseNoAnswer},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, true)
			bot := bottest.New(t, "", c.talk)
			leg, _ := h.dial(h.add(bot.URL(), ""))
			h.answered(leg)
			h.ended(leg, c.want)
		})
	}
}

// A bot that takes connections and never shakes hands, one that listens nowhere, and one that is not there at all.
func TestUnreachableBots(t *testing.T) {
	h := newHouse(t, true)
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := h.add("ws://"+silent.Addr().String()+"/", "")
	leg, _ := h.dial(b)
	h.ended(leg, calls.CauseUnreachable)
	if err := silent.Close(); err != nil {
		t.Fatal(err)
	}
	leg, _ = h.dial(b)
	h.ended(leg, calls.CauseUnreachable)
	leg, _ = h.dial(mediastream.Bot{ID: uuid.New()})
	h.ended(leg, calls.CauseUnreachable)
	if _, err := h.s.Dial(t.Context(), calls.Target{Device: "bot:1"}); err == nil {
		t.Error("a device that is no bot is dialled")
	}
}

func TestBots(t *testing.T) {
	h := newHouse(t, false)
	ctx := t.Context()
	for url, code := range map[string]string{
		"http://bot.example.com/": "bot_url_invalid", "wss://": "bot_url_invalid", "wss://u:p@bot.example.com/": "bot_url_invalid", "wss://bot.example.com/#a": "bot_url_invalid",
		"ws://bot.example.com/": "bot_url_plain", "wss://localhost/": "bot_url_private", "wss://127.0.0.1:1/": "bot_url_private", "wss://10.1.2.3/": "bot_url_private",
		"wss://[::1]/": "bot_url_private", "wss://[fd00::1]/": "bot_url_private", "wss://[::ffff:192.168.0.1]/": "bot_url_private", "wss://169.254.169.254/": "bot_url_private",
		"wss://100.64.0.1/": "bot_url_private", "wss://db.internal/": "bot_url_private", "wss://LOCALHOST./": "bot_url_private",
	} {
		_, err := h.s.AddBot(ctx, h.tenant, mediastream.BotChange{Name: new("b"), URL: &url})
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != code {
			t.Errorf("%s: %v, want %s", url, err, code)
		}
	}
	b, err := h.s.AddBot(ctx, h.tenant, mediastream.BotChange{Name: new(" Eve "), URL: new("wss://bot.example.com/"), Token: new("t1")})
	if err != nil || b.Name != "Eve" || !b.HasToken || b.ConnectSeconds != 5 || b.SilenceSeconds != 60 {
		t.Fatalf("made %+v, %v", b, err)
	}
	if _, err := h.s.AddBot(ctx, h.tenant, mediastream.BotChange{Name: new("Eve"), URL: new("wss://bot.example.com/")}); !errors.Is(err, mediastream.ErrNameTaken) {
		t.Errorf("two bots of one name: %v", err)
	}
	// The token is not to be had by sending it elsewhere.
	if _, err := h.s.ChangeBot(ctx, h.tenant, b.ID, mediastream.BotChange{URL: new("wss://other.example.com/")}); err == nil {
		t.Error("the token follows to another address")
	}
	if b, err = h.s.ChangeBot(ctx, h.tenant, b.ID, mediastream.BotChange{Name: new("Eva")}); err != nil || !b.HasToken {
		t.Errorf("changed %+v, %v", b, err)
	}
	if b, err = h.s.ChangeBot(ctx, h.tenant, b.ID, mediastream.BotChange{URL: new("wss://other.example.com/"), Token: new("")}); err != nil || b.HasToken {
		t.Errorf("changed %+v, %v", b, err)
	}
	all, err := h.s.Bots(ctx, h.tenant)
	if err != nil || len(all) != 1 || all[0].Name != "Eva" {
		t.Errorf("there are %+v, %v", all, err)
	}
	if err := h.s.DeleteBot(ctx, h.tenant, b.ID); err != nil {
		t.Error(err)
	}
	if _, err := h.s.Bot(ctx, h.tenant, b.ID); !errors.Is(err, mediastream.ErrNoBot) {
		t.Errorf("a deleted bot: %v", err)
	}
}

// A name that leads inside is found out when it is resolved.
func TestPrivateNames(t *testing.T) {
	h := newHouse(t, false)
	trial, err := h.s.Try(t.Context(), h.tenant, uuid.Nil, mediastream.BotChange{URL: new("wss://localtest.invalid/")})
	if err != nil || trial.OK || len(trial.Events) != 1 || trial.Events[0].Kind != mediastream.TrialUnreachable {
		t.Errorf("tried: %+v, %v", trial, err)
	}
}

func TestTry(t *testing.T) {
	h := newHouse(t, true)
	kinds := func(url string) (ok bool, out []string) {
		trial, err := h.s.Try(t.Context(), h.tenant, uuid.Nil, mediastream.BotChange{URL: &url})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range trial.Events {
			out = append(out, string(e.Kind)+e.Detail)
		}
		return trial.OK, out
	}
	polite := bottest.New(t, "", func(k *bottest.Talk) {
		k.Say(make([]byte, 160))
		k.Mark("m")
		k.Wait("stop")
	})
	if ok, got := kinds(polite.URL()); !ok || !slices.Equal(got, []string{"connected", "started", "audio", "messagemark"}) {
		t.Errorf("a bot that speaks: %v %v", ok, got)
	}
	brief := bottest.New(t, "", func(k *bottest.Talk) { k.Close() })
	if ok, got := kinds(brief.URL()); ok || !slices.Equal(got, []string{"connected", "started", "closed1000"}) {
		t.Errorf("a bot that leaves: %v %v", ok, got)
	}
	if ok, got := kinds("ws://127.0.0.1:1/"); ok || len(got) != 1 || !strings.HasPrefix(got[0], "unreachable") {
		t.Errorf("no bot: %v %v", ok, got)
	}
}
