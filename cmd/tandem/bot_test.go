package main

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crm"
	"tandem/internal/storage"
	"tandem/media/codec"
	"tandem/media/sound"
	"tandem/mediastream"
	"tandem/mediastream/bottest"
	"tandem/queues"
	"tandem/recording/recordingtest"
	"tandem/sip/siptest"
)

const botHz = 700

// botLine is a customer who calls a queue with a virtual agent, and the SIP phone of the person who serves it.
type botLine struct {
	caller
	agent      *siptest.Phone
	agentVoice *siptest.Voice
	queue      uuid.UUID
	bot        mediastream.Bot
}

// newBotLine makes all of it; the bot is reached at url and signs with token.
func (a *app) newBotLine(t testing.TB, user, number, url, token string) *botLine {
	t.Helper()
	c := a.client(t)
	l := &botLine{
		caller: caller{phone: siptest.New(t, user), voice: siptest.NewVoice(t, codec.PCMU)},
		agent:  siptest.New(t, "uas"), agentVoice: siptest.NewVoice(t, codec.PCMU),
	}
	l.bot = ask[mediastream.Bot](c, "POST", "/api/v1/bots", map[string]any{"name": "Bot " + number, "url": url, "token": token, "connect_seconds": 1})
	l.queue, _ = a.queueWith(t, "Desk "+number, number, "sip:uas@"+l.agent.Addr(), queues.OwnSettings{
		Whisper: &queues.Whisper{Mode: queues.WhisperOff, Speed: 1}, Countdown: new(false), Record: new(queues.RecordYes),
		WrapUp: &queues.WrapUpRule{Mode: queues.WrapUpNone}, Ticket: new(true),
	})
	set := ask[map[string]any](c, "PATCH", "/api/v1/queues/"+l.queue.String(), map[string]any{
		"set": map[string]any{"bot": map[string]any{"bot": l.bot.ID, "when": queues.BotAlways}},
	})
	if set["id"] != l.queue.String() {
		t.Fatalf("the queue's virtual agent was set: %v", set)
	}
	return l
}

func (l *botLine) dial(server, number string) {
	l.call = l.phone.Invite(server, number, l.phone.SDP(l.voice.Port(), "", lines["PCMU"]...))
	answer := l.call.Response(200)
	l.call.Ack("")
	l.voice.Send(string(answer.Body()), customerHz)
}

// person answers for people, and talks until both have heard each other.
func (l *botLine) person(t testing.TB) *siptest.Call {
	t.Helper()
	call := l.agent.TryAnswer(time.Minute) // a busy machine takes its time to give the bot up
	if call == nil {
		t.Fatal("the call does not come to a person")
	}
	call.Reply(call.Invite, 200, "OK", l.agent.SDP(l.agentVoice.Port(), "", lines["PCMU"]...))
	l.agentVoice.Send(string(call.Invite.Body()), farHz)
	call.Request("ACK")
	l.voice.WaitTone(farHz, 30*time.Second)
	l.agentVoice.WaitTone(customerHz, 30*time.Second)
	return call
}

// ulaw is a tone as bots send it.
func ulaw(t testing.TB, hz float64, length time.Duration) []byte {
	t.Helper()
	enc, err := codec.NewEncoder(codec.PCMU, 8000)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	buf := make([]byte, 160)
	pcm := sound.Tone{Hz: []float64{hz}, On: length, Level: -10}.PCM(8000).Samples
	for ; len(pcm) >= 160; pcm = pcm[160:] {
		n, err := enc.Encode(buf, pcm[:160])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, buf[:n]...)
	}
	return out
}

// hearsTone listens until a second of a tone has come; false: the stream ended before.
func hearsTone(k *bottest.Talk, hz float64) bool {
	var pcm []int16
	for {
		m, ok := k.Wait("media")
		if !ok {
			return false
		}
		for _, b := range m.Audio {
			pcm = append(pcm, codec.MuLawToPCM[b])
		}
		if len(pcm) >= 8000 && recordingtest.Level(pcm[len(pcm)-8000:], 8000, hz) > 1000 {
			return true
		}
	}
}

// A customer talks with a virtual agent, which hands over to a person: tones both ways, one recording from the first word to the last, flags,
// data and summary on the record and the ticket, by the bot and by the API.
func TestVirtualAgent(t *testing.T) {
	t.Parallel()
	a := start(t)
	c := a.client(t)
	patched := make(chan struct{})
	speech := ulaw(t, botHz, 30*time.Second)
	bot := bottest.New(t, "bot-token", func(k *bottest.Talk) {
		if k.Start.Parameters["from"] != "+4930555111" || k.Start.Parameters["to"] != "2906" || k.Start.Parameters["queue"] != "Desk 2906" {
			t.Errorf("the bot is told %v", k.Start.Parameters)
		}
		k.Say(speech)
		if !hearsTone(k, customerHz) {
			t.Error("the bot does not hear the customer")
			return
		}
		<-patched
		k.Send(map[string]any{"event": "data", "reserved": map[string]bool{"reserved_verified_customer": true}, "data": map[string]any{"order": "4711"}})
		k.Mark("said")
		k.Clear() // the rest of the speech
		k.Wait("mark")
		k.Send(map[string]any{"event": "handover", "handover": map[string]any{"summary": "Wants to move a delivery.", "data": map[string]any{"order": "4712"}}})
		k.Wait("stop")
	})
	l := a.newBotLine(t, "+4930555111", "2906", bot.URL(), "bot-token")
	l.dial(a.sipAddr(), "2906")
	l.voice.WaitTone(botHz, 30*time.Second)
	row := ask[list[calls.CallRow]](c, "GET", "/api/v1/calls?state=live&search=30555111", nil).Items[0]
	if row.State != calls.StateBot || row.Bot == nil || *row.Bot != l.bot.ID {
		t.Errorf("with the bot the call is %s, with %v", row.State, row.Bot)
	}
	path := "/api/v1/calls/" + row.ID.String()
	data := ask[calls.Data](c, "PATCH", path+"/data", map[string]any{"reserved": map[string]bool{"reserved_repeat_customer": true}, "data": map[string]any{"tier": "gold", "nothing": nil}})
	if data.Reserved.RepeatCustomer == nil || !*data.Reserved.RepeatCustomer || data.Data["tier"] != "gold" || len(data.Data) != 1 {
		t.Errorf("the data are %+v", data)
	}
	if status, b := c.do("PATCH", path+"/data", map[string]any{"data": map[string]any{"reserved_bad_actor": "true"}}); status != 400 || !strings.Contains(string(b), "data_name_invalid") {
		t.Errorf("a flag as data: %d %s", status, b)
	}
	close(patched)
	call := l.person(t)
	data = ask[calls.Data](c, "GET", path+"/data", nil)
	if data.Summary != "Wants to move a delivery." || data.Data["order"] != "4712" || data.Data["tier"] != "gold" || data.Reserved.VerifiedCustomer == nil || !*data.Reserved.VerifiedCustomer {
		t.Errorf("after the hand-over the data are %+v", data)
	}
	if status, b := c.do("POST", path+"/handover", map[string]any{}); status != 409 || !strings.Contains(string(b), "call_not_with_bot") {
		t.Errorf("handing over a call that is with a person: %d %s", status, b)
	}
	hearMore(t, l.voice, time.Second)
	l.hangUp()
	row = a.ended(t, l.phone.User)
	call.Request("BYE")
	if row.Reason != calls.ReasonCallerHungUp || row.BotSeconds < 1 || row.Summary == "" || len(row.Legs) != 3 || row.Legs[1].Party != "bot" || row.Headers["tier"] != "gold" {
		t.Errorf("record: %s, %.1f s with the bot, summary %q, %d legs, data %v", row.Reason, row.BotSeconds, row.Summary, len(row.Legs), row.Headers)
	}
	a.botRecording(t, c, row)
	if status, _ := c.do("PATCH", path+"/data", map[string]any{"data": map[string]any{"late": "1"}}); status != 409 {
		t.Errorf("changing the data of a call that has ended: %d, want 409", status)
	}
}

// A customer whose telephone knows no telephone-event presses a key: the bot, which hears what they say as it is, is told of it all the same.
func TestVirtualAgentIsToldOfTones(t *testing.T) {
	t.Parallel()
	a := start(t)
	heard, told := make(chan struct{}), make(chan string, 1)
	bot := bottest.New(t, "bot-token", func(k *bottest.Talk) {
		if !hearsTone(k, customerHz) {
			t.Error("the bot does not hear the customer")
		}
		close(heard)
		if m, ok := k.Wait("dtmf"); ok {
			told <- m.DTMF.Digit
		}
		k.Wait("stop")
	})
	l := a.newBotLine(t, "+4930555117", "2917", bot.URL(), "bot-token")
	l.call = l.phone.Invite(a.sipAddr(), "2917", l.phone.SDP(l.voice.Port(), "", "0"))
	answer := l.call.Response(200)
	l.call.Ack("")
	l.voice.Send(string(answer.Body()), customerHz)
	<-heard
	l.voice.Chord(770, 1336)
	select {
	case key := <-told:
		if key != "5" {
			t.Errorf("the bot is told of %q", key)
		}
	case <-time.After(30 * time.Second):
		t.Error("the bot is told of no key")
	}
	l.hangUp()
	a.ended(t, l.phone.User)
}

// botRecording checks that there is one file with the customer all through on the left, and on the right the bot, then the person; and what
// the ticket says.
func (a *app) botRecording(t *testing.T, c client, row calls.CallRow) {
	t.Helper()
	a.destroyed(t, row.ID)
	files := c.files(row.ID)
	if len(files) != 1 {
		t.Fatalf("%d files on the ticket, want one for bot and person", len(files))
	}
	sides, f := recordingtest.Join(t, files[0].content)
	second := f.Rate
	gaps := 0
	for at := second; at+second <= len(sides[0])-second; at += second {
		if recordingtest.Level(sides[0][at:at+second], f.Rate, customerHz) < 1000 {
			gaps++
		}
	}
	if gaps > 0 || len(sides[0]) < 2*second {
		t.Errorf("the customer is missing in %d of %d seconds", gaps, len(sides[0])/second)
	}
	if recordingtest.Level(sides[1][second/2:second*3/2], f.Rate, botHz) < 1000 {
		t.Error("the bot is not on the right")
	}
	if end := len(sides[1]) - second/2; recordingtest.Level(sides[1][end-second/2:end], f.Rate, farHz) < 1000 {
		t.Error("the person is not on the right at the end")
	}
	ticket := ask[list[crm.Ticket]](c, "GET", "/api/v1/tickets?call="+row.ID.String(), nil).Items[0]
	var page struct{ Notes []crm.Note }
	within(t, 30*time.Second, "the call's note on its ticket", func() bool {
		page = ask[struct{ Notes []crm.Note }](c, "GET", "/api/v1/tickets/"+ticket.ID.String(), nil)
		return len(page.Notes) > 0
	})
	note := page.Notes[0].Body
	for _, want := range []string{"Verified customer: yes", "Repeat customer: yes", "Wants to move a delivery."} {
		if !strings.Contains(note, want) {
			t.Errorf("the ticket lacks %q: %s", want, note)
		}
	}
	if strings.Contains(note, "gold") {
		t.Errorf("the ticket tells data that it was not to tell: %s", note)
	}
}

// Whatever a bot does, the caller comes to a person, or is hung up when the bot says so.
func TestBotsThatFail(t *testing.T) {
	t.Parallel()
	a := start(t)
	deaf, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	speech := ulaw(t, botHz, 20*time.Second)
	killed := bottest.New(t, "", func(k *bottest.Talk) {
		k.Say(speech)
		hearsTone(k, customerHz)
		k.Break()
	})
	garbage := bottest.New(t, "", func(k *bottest.Talk) {
		for range 100 {
			k.SendText([]byte(`{"event":"media"`))
		}
		k.Wait("stop")
	})
	for _, one := range []struct{ name, user, number, url string }{
		{"killed in mid-sentence", "+4930555221", "2911", killed.URL()},
		{"never shakes hands", "+4930555222", "2912", "ws://" + deaf.Addr().String()},
		{"writes garbage", "+4930555223", "2913", garbage.URL()},
	} {
		t.Run(one.name, func(t *testing.T) {
			l := a.newBotLine(t, one.user, one.number, one.url, "")
			l.dial(a.sipAddr(), one.number)
			call := l.person(t)
			l.hangUp()
			if row := a.ended(t, one.user); row.Reason != calls.ReasonCallerHungUp || row.Bot == nil || row.Agent == nil {
				t.Errorf("record: %s, bot %v, agent %v", row.Reason, row.Bot, row.Agent)
			}
			call.Request("BYE")
		})
	}
	t.Run("hangs up", func(t *testing.T) {
		polite := bottest.New(t, "", func(k *bottest.Talk) {
			k.Say(speech[:8000])
			k.Send(map[string]any{"event": "hangup"})
			k.Wait("stop")
		})
		l := a.newBotLine(t, "+4930555224", "2914", polite.URL(), "")
		l.dial(a.sipAddr(), "2914")
		if row := a.ended(t, l.phone.User); row.Reason != calls.ReasonBot || row.Agent != nil {
			t.Errorf("record: %s, agent %v", row.Reason, row.Agent)
		}
		l.hungUp()
	})
}

// The three flags come by SIP header from a trunk that is trusted, and from no other.
func TestReservedHeaders(t *testing.T) {
	t.Parallel()
	a := start(t)
	c := a.client(t)
	for _, trusted := range []bool{true, false} {
		user := "+493055533" + map[bool]string{true: "1", false: "2"}[trusted]
		trunk := ask[list[map[string]any]](c, "GET", "/api/v1/trunks", nil).Items[0]
		id, _ := trunk["id"].(string)
		delete(trunk, "id")
		delete(trunk, "$schema")
		trunk["trusted"] = trusted
		if status, b := c.do("PUT", "/api/v1/trunks/"+id, trunk); status != 200 {
			t.Fatalf("change the trunk: %d %s", status, b)
		}
		if err := a.trunks.Load(context.Background()); err != nil { // now, not when the bus says so
			t.Fatal(err)
		}
		phone := siptest.New(t, user)
		voice := siptest.NewVoice(t, codec.PCMU)
		call := phone.Invite(a.sipAddr(), "1003", phone.SDP(voice.Port(), "", lines["PCMU"]...),
			"X-Reserved-Verified-Customer: true", "X-Reserved_Bad_Actor: true", "X-Reserved-Repeat-Customer: false", "X-Order: 4711")
		call.Response(200)
		call.Ack("")
		call.Send("BYE", "", "")
		call.Response(200)
		row := a.ended(t, user)
		r := row.Reserved
		all := r.VerifiedCustomer != nil && *r.VerifiedCustomer && r.BadActor != nil && *r.BadActor && r.RepeatCustomer != nil && !*r.RepeatCustomer
		if trusted && (!all || row.Headers["x-order"] != "4711" || len(row.Headers) != 1) || !trusted && (r != calls.Reserved{} || len(row.Headers) != 0) {
			t.Errorf("trusted %v: flags %+v, data %v", trusted, r, row.Headers)
		}
		var told string
		err := a.db.Worker(context.Background(), func(tx *storage.Tx) error {
			return tx.QueryRow(context.Background(), `SELECT data::text FROM events WHERE type = 'call.ended' AND subject = $1`, row.ID).Scan(&told)
		})
		if err != nil || !trusted && strings.Contains(told, "reserved_bad_actor") {
			t.Errorf("trusted %v: what CRMs are told is %s, %v", trusted, told, err)
		}
	}
}
