package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/storage"
	"tandem/media/codec"
	"tandem/media/sound"
	"tandem/notify"
	"tandem/queues"
	"tandem/sip/siptest"
)

// preview asks for the whisper of a queue with settings that are not saved, at 8 kHz.
func (c client) preview(queue uuid.UUID, trial map[string]any) []int16 {
	c.t.Helper()
	body, err := json.Marshal(trial)
	if err != nil {
		c.t.Fatal(err)
	}
	status, wav := c.do("POST", "/api/v1/queues/"+queue.String()+"/whisper-preview", json.RawMessage(body))
	if status != 200 {
		c.t.Fatalf("the preview is %d: %s", status, wav)
	}
	return samplesOf(c.t, wav)
}

func samplesOf(t testing.TB, wav []byte) []int16 {
	t.Helper()
	r, err := sound.NewReader(bytes.NewReader(wav))
	if err != nil {
		t.Fatal(err)
	}
	p := sound.PCM{Rate: r.Format().Rate, Samples: make([]int16, len(wav)/2)}
	n, err := r.ReadPCM(p.Samples)
	if err != nil {
		t.Fatal(err)
	}
	p.Samples = p.Samples[:n]
	return p.At(8000).Samples
}

// envelope is the level of each 20 ms.
func envelope(pcm []int16) (levels []float64) {
	for frame := range slices.Chunk(pcm, 160) {
		sum := 0.0
		for _, s := range frame {
			sum += float64(s) * float64(s)
		}
		levels = append(levels, math.Sqrt(sum/float64(len(frame))))
	}
	return levels
}

// find looks for a sound in another one: at which frame they are most alike, and how much (1: the same).
func find(want, heard []float64) (at int, like float64) {
	for lag := 0; lag+len(want) <= len(heard); lag++ {
		var dot, a, b float64
		for i, w := range want {
			h := heard[lag+i]
			dot, a, b = dot+w*h, a+w*w, b+h*h
		}
		if r := dot / math.Sqrt(a*b+1); r > like {
			at, like = lag, r
		}
	}
	return at, like
}

// What the settings' page plays is what the agent's telephone is sent: whisper, then countdown, then the bridge.
func TestWhisperPreviewIsWhatTheAgentHears(t *testing.T) {
	t.Parallel()
	a := start(t)
	agent := siptest.New(t, "agent")
	ear := siptest.NewVoice(t, codec.PCMU)
	queue, _ := a.queueWith(t, "Whispering", "5211", "sip:agent@"+agent.Addr(), queues.OwnSettings{
		Whisper: &queues.Whisper{Mode: queues.WhisperText, Text: "A customer with a question about the second invoice.", Speed: 1.4}, Countdown: new(true),
		Record: new(queues.RecordNo), WrapUp: &queues.WrapUpRule{Mode: queues.WrapUpNone},
	})
	c := a.client(t)
	status, wav := c.do("GET", "/api/v1/queues/"+queue.String()+"/whisper-preview", nil)
	if status != 200 {
		t.Fatalf("the preview is %d", status)
	}
	all := samplesOf(t, wav)
	whisper := c.preview(queue, map[string]any{"countdown": false})
	countdown := c.preview(queue, map[string]any{"whisper": queues.Whisper{Mode: queues.WhisperOff, Speed: 1}})
	if diff := len(all) - len(whisper) - len(countdown); diff < -160 || diff > 160 || len(countdown) < 3*8000 {
		t.Errorf("%d samples are not %d of the whisper and %d of the countdown", len(all), len(whisper), len(countdown))
	}

	call := a.hear(t, "49305211", "5211")
	in := agent.TryAnswer(wait)
	in.Reply(in.Invite, 200, "OK", agent.SDP(ear.Port(), "", "0"))
	in.Request("ACK")
	within(t, wait, "the talk", func() bool {
		rows, err := a.board.List(context.Background(), a.tenant, calls.Filter{Live: true, Text: "49305211", Limit: 1})
		return err == nil && len(rows) == 1 && rows[0].State == calls.StateTalking
	})
	heard := envelope(ear.Heard())
	first, like := find(envelope(whisper), heard)
	if like < 0.97 {
		t.Errorf("the agent heard another whisper than the preview: %.3f alike", like)
	}
	second, like := find(envelope(countdown), heard)
	if like < 0.97 || second < first+len(envelope(whisper))-1 {
		t.Errorf("the agent heard another countdown than the preview: %.3f alike, at frame %d after %d", like, second, first)
	}
	call.Send("BYE", "", "")
	call.Response(200)
	in.Reply(in.Request("BYE"), 200, "OK", "")
	a.ended(t, "49305211")
}

// The reading speed is how fast it is read.
func TestWhisperSpeed(t *testing.T) {
	t.Parallel()
	a := start(t)
	queue, _ := a.queueWith(t, "Speedy", "5212", "sip:nobody@127.0.0.1:9", queues.OwnSettings{})
	length := func(speed float64) float64 {
		return float64(len(a.client(t).preview(queue, map[string]any{
			"whisper":   queues.Whisper{Mode: queues.WhisperText, Text: "This is a call about a delivery that has not arrived in time.", Speed: speed},
			"countdown": false,
		})))
	}
	slow, normal, fast := length(0.5), length(1), length(2)
	if slow < 1.5*normal || normal < 1.5*fast {
		t.Errorf("half, normal and double speed take %.1f, %.1f and %.1f s", slow/8000, normal/8000, fast/8000)
	}
}

// textService is Twilio as far as one message goes.
type textService struct {
	*httptest.Server
	mu    sync.Mutex
	texts []string
}

func newTextService(t *testing.T, account, token string) *textService {
	s := &textService{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != account || password != token || !strings.HasSuffix(r.URL.Path, "/Accounts/"+account+"/Messages.json") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.texts = append(s.texts, r.PostFormValue("To")+" "+r.PostFormValue("Body"))
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *textService) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.texts))
}

// A call rings at an agent, who misses it: a text message of each, once.
func TestTextsOfAMissedOffer(t *testing.T) {
	t.Parallel()
	const account, token, mobile = "AC0123456789abcdef0123456789abcdef", "a-token", "+4915112345678"
	twilio := newTextService(t, account, token)
	a := start(t, "TANDEM_NOTIFY_TWILIO_URL="+twilio.URL)
	ctx := context.Background()
	phone := siptest.New(t, "agent")
	queue, agent := a.queueWith(t, "Texting", "5213", "sip:agent@"+phone.Addr(), queues.OwnSettings{
		RingSeconds: new(3), Notification: &queues.Notification{Text: queues.TextBoth},
	})
	if _, err := a.notify.SetSMS(ctx, a.tenant, notify.Account{Account: account, Sender: "+4915100000000", Token: token}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.notify.SetProfile(ctx, a.tenant, agent, notify.Profile{Mobile: mobile, Language: "en"}); err != nil {
		t.Fatal(err)
	}
	c := a.hear(t, "49305213", "5213")
	in := phone.TryAnswer(wait)
	in.Reply(in.Invite, 180, "Ringing", "")
	const rings, missed = mobile + " Tandem: A call is waiting for you to answer.", mobile + " Tandem: You missed a call."
	within(t, time.Minute, "a text message of each kind", func() bool {
		return slices.Contains(twilio.all(), rings) && slices.Contains(twilio.all(), missed)
	})
	if page, err := a.queues.Queued(ctx, a.tenant, queues.QueuedFilter{Queue: queue}); err != nil || len(page.Items) != 1 {
		t.Errorf("the caller waits no more: %v, %v", page.Items, err)
	}
	within(t, 10*time.Second, "the metric of text messages", func() bool {
		_, metrics := a.client(t).do("GET", "/metrics", nil)
		return strings.Contains(string(metrics), `tandem_notifications_total{kind="text",result="sent"} `)
	})
	c.Send("BYE", "", "")
	c.Response(200)
	a.ended(t, "49305213")
	// A slow machine may have offered the call more than once; each offer is told at most once.
	var offers int
	err := a.db.Worker(ctx, func(tx *storage.Tx) error {
		return tx.QueryRow(ctx, `SELECT count(*) FROM events WHERE type = 'offer.made' AND data->>'agent' = $1`, agent.String()).Scan(&offers)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{rings, missed} {
		n := 0
		for _, got := range twilio.all() {
			if got == text {
				n++
			}
		}
		if n > offers {
			t.Errorf("%d offers, and %d times %q", offers, n, text)
		}
	}
}

// The offer tells the agent's page how to ring: as its queue says, else as all queues do.
func TestTheOfferSaysHowToRing(t *testing.T) {
	t.Parallel()
	a := start(t)
	ctx := context.Background()
	seat := sit(t, a.client(t).base, "agent1@demo.test")
	seat.available()
	support, err := a.queues.Queues(ctx, a.tenant)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(support, func(q queues.Queue) bool { return q.Name == "Support" })
	for _, row := range []struct {
		set  func(n *queues.Notification) error
		tone string
		want string
	}{
		{func(n *queues.Notification) error {
			_, err := a.queues.SetGlobal(ctx, a.tenant, queues.OwnSettings{Notification: n}, nil)
			return err
		}, "marimba", "marimba"},
		{func(n *queues.Notification) error {
			_, err := a.queues.UpdateQueue(ctx, a.tenant, support[i].ID, queues.QueueChange{Set: queues.OwnSettings{Notification: n}})
			return err
		}, "pulse", "pulse"},
	} {
		if err := row.set(&queues.Notification{Call: queues.Tone{Tone: row.tone, EverySeconds: 7}, Text: queues.TextOff}); err != nil {
			t.Fatal(err)
		}
		c := a.hear(t, "49305214", "1001")
		offer := seat.Wait("offer")
		if got := offer.Get("tone", "tone") + " " + offer.Get("tone", "every_seconds"); got != row.want+" 7" {
			t.Errorf("the offer rings %q, want %q every 7 s", got, row.want)
		}
		c.Send("BYE", "", "")
		c.Response(200)
		seat.Wait("offer.withdrawn", "offer", offer.Get("offer"))
		a.ended(t, "49305214")
	}
}
