package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crm"
	"tandem/crmsync/rt/rttest"
	"tandem/internal/storage"
	"tandem/media/codec"
	"tandem/media/sound"
	"tandem/recording/recordingtest"
	"tandem/sip/siptest"
)

const farHz = 1000

// client talks to a server's API as the administrator.
type client struct {
	t    testing.TB
	base string
}

func (a *app) client(t testing.TB) client { return client{t, "http://" + a.listener.Addr().String()} }

// do makes a request and returns what came, of whatever status.
func (c client) do(method, path string, body any, header ...string) (status int, answer []byte) {
	c.t.Helper()
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, c.base+path, r)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testKey)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	if answer, err = io.ReadAll(res.Body); err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return res.StatusCode, answer
}

// ask is do for requests that succeed; it decodes the answer.
func ask[T any](c client, method, path string, body any) (answer T) {
	c.t.Helper()
	status, b := c.do(method, path, body)
	if status < 200 || status > 299 {
		c.t.Fatalf("%s %s: %d %s", method, path, status, b)
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

type list[T any] struct{ Items []T }

// talk is a customer in a call, through a number that leads outside and is recorded, with a far end whose phone is the test's own.
type talk struct {
	caller
	far      *siptest.Phone
	farVoice *siptest.Voice
	farCall  *siptest.Call
}

// newTalk makes the number and both phones; lose says which packets never arrive (nil: none).
func newTalk(t testing.TB, c client, user, number string, k codec.Codec, lose func(uint16) bool) *talk {
	t.Helper()
	p := &talk{
		caller: caller{phone: siptest.New(t, user), voice: siptest.NewVoice(t, k)},
		far:    siptest.New(t, "uas"), farVoice: siptest.NewVoice(t, k),
	}
	p.voice.Lose(lose)
	p.farVoice.Lose(lose)
	ask[calls.Number](c, "POST", "/api/v1/numbers", map[string]any{"number": number, "kind": calls.EntryAddress, "address": "sip:uas@" + p.far.Addr(), "record": true})
	return p
}

// connect calls the number, and the far end answers.
func (p *talk) connect(server, number string, k codec.Codec) {
	p.call = p.phone.Invite(server, number, p.phone.SDP(p.voice.Port(), "", lines[k.Name]...))
	p.farCall = p.far.Answer()
	p.farCall.Reply(p.farCall.Invite, 200, "OK", p.far.SDP(p.farVoice.Port(), "", lines[k.Name]...))
	p.farVoice.Send(string(p.farCall.Invite.Body()), farHz)
	answer := p.call.Response(200)
	p.call.Ack("")
	p.voice.Send(string(answer.Body()), customerHz)
	p.farCall.Request("ACK")
}

// hearMore waits until so much more has been heard.
func hearMore(t testing.TB, v *siptest.Voice, d time.Duration) {
	t.Helper()
	want := len(v.Heard()) + int(d.Seconds()*8000)
	within(t, d+20*time.Second, "sound", func() bool { return len(v.Heard()) >= want })
}

// hold is a re-INVITE of the far end.
func (p *talk) hold(direction string) {
	p.farCall.Send("INVITE", "application/sdp", p.far.SDP(p.farVoice.Port(), direction, "0"))
	p.farCall.Response(200)
	p.farCall.Ack("")
}

// A call with one packet in ten lost, and a hold in the middle: the file on the ticket has the customer alone on the left, the far end
// alone on the right, exact silence for the hold, and the length of the talk. Spool and key are gone afterwards.
func TestRecordedCall(t *testing.T) {
	t.Parallel()
	a := start(t)
	c := a.client(t)
	p := newTalk(t, c, "+4930111111", "2901", codec.PCMU, func(seq uint16) bool { return seq%10 == 3 })
	notes := a.followAll(t)
	p.connect(a.sipAddr(), "2901", codec.PCMU)
	hearMore(t, p.voice, 2*time.Second)
	p.hold("sendonly")
	notes.await(t, "call.held")
	p.voice.Forget()
	hearMore(t, p.voice, 2*time.Second)
	if hz, level := siptest.Frequency(p.voice.Last(time.Second), 8000); math.Abs(hz-farHz) <= 5 || level < 50 {
		t.Errorf("the customer on hold hears %.0f Hz at level %.0f, not the music", hz, level)
	}
	p.hold("sendrecv")
	notes.await(t, "call.resumed")
	hearMore(t, p.farVoice, 2*time.Second)
	p.hangUp()
	row := a.ended(t, p.phone.User)
	if row.Reason != calls.ReasonCallerHungUp || row.Recording == nil || row.HeldSeconds < 1.9 {
		t.Fatalf("record: %s, recording %v, held %.1f s", row.Reason, row.Recording, row.HeldSeconds)
	}
	a.destroyed(t, row.ID)

	files := c.files(row.ID)
	if len(files) != 1 {
		t.Fatalf("%d files on the ticket", len(files))
	}
	sides, f := recordingtest.Join(t, files[0].content)
	if f.Rate != 8000 || f.Channels != 2 {
		t.Fatalf("format %+v", f)
	}
	length := float64(len(sides[0])) / float64(f.Rate)
	if math.Abs(length-row.TalkSeconds) > 0.040 {
		t.Errorf("the file has %.3f s, the talk had %.3f s", length, row.TalkSeconds)
	}
	from, to := longestSilence(sides)
	if silent := float64(to-from) / 8000; silent < row.HeldSeconds-0.3 {
		t.Errorf("exact silence for %.3f s, held for %.3f s", silent, row.HeldSeconds)
	}
	alone(t, "left before the hold", sides[0][8000:from], 8000, customerHz, farHz)
	alone(t, "right before the hold", sides[1][8000:from], 8000, farHz, customerHz)
	alone(t, "left after the hold", sides[0][to:], 8000, customerHz, farHz)
	alone(t, "right after the hold", sides[1][to:], 8000, farHz, customerHz)
}

func (f *follow) await(t testing.TB, event string) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case n := <-f.notes:
			if n.Type == event {
				return
			}
		case <-limit:
			t.Fatalf("%s did not come", event)
		}
	}
}

// alone says that a channel holds one tone and nothing of the other.
func alone(t testing.TB, what string, pcm []int16, rate int, own, other float64) {
	t.Helper()
	if len(pcm) < rate/2 {
		t.Errorf("%s: only %d samples", what, len(pcm))
		return
	}
	var a, b float64
	n := 0
	for block := range slices.Chunk(pcm, rate/10) { // a busy machine's phone stalls, and goes on in another phase
		x, y := recordingtest.Level(block, rate, own), recordingtest.Level(block, rate, other)
		a, b, n = a+x*x, b+y*y, n+1
	}
	if a, b = math.Sqrt(a/float64(n)), math.Sqrt(b/float64(n)); a < 4000 || b > a/50 {
		t.Errorf("%s: own tone at %.0f, the other at %.0f", what, a, b)
	}
}

// longestSilence is the longest stretch in which every sample of both channels is zero.
func longestSilence(sides [][]int16) (from, to int) {
	began := 0
	for i := range sides[0] {
		if sides[0][i] != 0 || sides[1][i] != 0 {
			began = i + 1
		} else if i+1-began > to-from {
			from, to = began, i+1
		}
	}
	return from, to
}

type attached struct {
	crm.Attachment
	content []byte
}

// files are the files on a call's ticket, in their order.
func (c client) files(call uuid.UUID) (files []attached) {
	c.t.Helper()
	type page struct {
		Attachments []crm.Attachment
		Calls       []uuid.UUID
	}
	for _, t := range ask[list[crm.Ticket]](c, "GET", "/api/v1/tickets?limit=100", nil).Items {
		p := ask[page](c, "GET", "/api/v1/tickets/"+t.ID.String(), nil)
		if len(p.Calls) != 1 || p.Calls[0] != call {
			continue
		}
		for _, f := range p.Attachments {
			status, b := c.do("GET", "/api/v1/tickets/"+t.ID.String()+"/attachments/"+f.ID.String(), nil)
			if status != http.StatusOK || int64(len(b)) != f.Size {
				c.t.Fatalf("file %s: %d, %d bytes of %d", f.Name, status, len(b), f.Size)
			}
			files = append(files, attached{f, b})
		}
	}
	return files
}

// destroyed waits until the recordings of a call are delivered, and nothing of them is left: no key, no file.
func (a *app) destroyed(t testing.TB, call uuid.UUID) {
	t.Helper()
	destroyed(t, a.db, filepath.Join(a.cfg.Data.Dir, "spool"), call)
}

func destroyed(t testing.TB, db *storage.DB, spool string, call uuid.UUID) {
	t.Helper()
	var open, keys int
	within(t, 60*time.Second, "delivery and destruction", func() bool {
		err := db.Worker(context.Background(), func(tx *storage.Tx) error {
			return tx.QueryRow(context.Background(), `SELECT count(*) FILTER (WHERE state <> 'destroyed'), count(wrapped_key) FROM recordings WHERE call_id = $1`, call).Scan(&open, &keys)
		})
		if err != nil {
			t.Fatal(err)
		}
		return open == 0
	})
	if keys != 0 {
		t.Errorf("%d keys are left", keys)
	}
	left, err := os.ReadDir(spool)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if e.Name() != ".lock" {
			t.Errorf("%s is left in the spool", e.Name())
		}
	}
}

// A message to a queue that is closed: on the ticket, and in the list of voicemails.
func TestVoicemail(t *testing.T) {
	t.Parallel()
	a := start(t)
	c := a.client(t)
	p := caller{phone: siptest.New(t, "+4930222222"), voice: siptest.NewVoice(t, codec.PCMA)}
	notes := a.followAll(t)
	p.call = p.phone.Invite(a.sipAddr(), "1002", p.phone.SDP(p.voice.Port(), "", lines["PCMA"]...))
	answer := p.call.Response(200)
	p.call.Ack("")
	p.voice.Send(string(answer.Body()), customerHz)
	notes.await(t, "recording.started") // after the greeting and the tone
	hearMore(t, p.voice, 2*time.Second)
	p.hangUp()
	row := a.ended(t, p.phone.User)
	if row.Reason != calls.ReasonVoicemail || row.Recording == nil {
		t.Fatalf("record: %s, recording %v", row.Reason, row.Recording)
	}
	a.destroyed(t, row.ID)
	files := c.files(row.ID)
	if len(files) != 1 {
		t.Fatalf("%d files on the ticket", len(files))
	}
	sides, f := recordingtest.Join(t, files[0].content)
	if f.Channels != 1 || len(sides[0]) < f.Rate*18/10 || len(sides[0]) > f.Rate*6 {
		t.Fatalf("a message of %d samples as %+v", len(sides[0]), f)
	}
	alone(t, "message", sides[0][f.Rate/5:], f.Rate, customerHz, farHz)
	mails := ask[list[calls.CallRow]](c, "GET", "/api/v1/voicemails", nil).Items
	if len(mails) != 1 || mails[0].ID != row.ID {
		t.Errorf("voicemails: %+v", mails)
	}
}

// joined checks parts by their names and sizes, and joins them: playable each, without a gap.
func joined(t testing.TB, files []attached, most int64) ([][]int16, sound.Format) {
	t.Helper()
	var parts [][]byte
	for i, f := range files {
		sum := sha256.Sum256(f.content)
		if !strings.Contains(f.Name, fmt.Sprintf("_p%d_%x", i+1, sum[:6])) || int64(len(f.content)) > most {
			t.Errorf("part %d is %s of %d bytes, with checksum %x", i+1, f.Name, len(f.content), sum[:6])
		}
		parts = append(parts, f.content)
	}
	return recordingtest.Join(t, parts...)
}

// The limit at 100 kB, and Request Tracker away from the middle of the call on: once it is back, the parts come in order, each of them
// playable, and join without a gap. Then spool and key are gone.
func TestRequestTracker(t *testing.T) {
	t.Parallel()
	s := rttest.Start(t)
	t.Run("away during the call", func(t *testing.T) { awayDuringTheCall(t, s) })
	t.Run("killed in the upload", func(t *testing.T) { killedInTheUpload(t, s) })
}

func awayDuringTheCall(t *testing.T, s *rttest.Server) {
	t.Parallel()
	g := newGate(t, s.URL)
	a := start(t, "TANDEM_RECORDING_PART_BYTES=100000")
	c := a.client(t)
	connectRT(c, g.url)
	p := newTalk(t, c, "+4930555555", "2905", codec.G722, nil)
	p.connect(a.sipAddr(), "2905", codec.G722)
	g.set(gateDead)
	hearMore(t, p.voice, 4*time.Second)
	p.hangUp()
	row := a.ended(t, p.phone.User)
	within(t, 20*time.Second, "a failed attempt", func() bool {
		return count(t, a.db, `SELECT count(*) FROM crm_outbox WHERE call_id = $1 AND last_error <> ''`, row.ID) > 0
	})
	g.set(gateOpen)
	connectRT(c, g.url) // the administrator saves again, rather than waiting for the next attempt
	a.destroyed(t, row.ID)

	files := rtFiles(t, a.db, s, row.ID)
	if len(files) < 3 {
		t.Errorf("%d parts", len(files))
	}
	sides, f := joined(t, files, 100_000)
	if f.Rate != 16000 || f.Channels != 2 {
		t.Fatalf("format %+v", f)
	}
	if length := float64(len(sides[0])) / float64(f.Rate); math.Abs(length-row.TalkSeconds) > 0.040 {
		t.Errorf("%.3f s on the ticket, the talk had %.3f s", length, row.TalkSeconds)
	}
	at := 0
	for i, part := range files[:max(0, len(files)-1)] {
		one, _ := recordingtest.Join(t, part.content)
		at += len(one[1])
		if d := stray(sides[1], at, f.Rate, farHz); d > 1000 {
			t.Errorf("the tone jumps by %.0f between part %d and the next", d, i+1)
		}
	}
	alone(t, "left", sides[0][f.Rate:], f.Rate, customerHz, farHz)
	alone(t, "right", sides[1][f.Rate:], f.Rate, farHz, customerHz)
}

// stray is how far samples around a place are from where a sine goes on: x[n+1] = 2 cos(w) x[n] - x[n-1].
func stray(pcm []int16, at, rate int, hz float64) (most float64) {
	k := 2 * math.Cos(2*math.Pi*hz/float64(rate))
	for n := max(at-2, 1); n < min(at+2, len(pcm)-1); n++ {
		most = max(most, math.Abs(k*float64(pcm[n])-float64(pcm[n-1])-float64(pcm[n+1])))
	}
	return most
}
