package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/recording/recordingtest"
	"tandem/sip/siptest"
)

// What is said while the recording is paused is on no file, at exactly the time that the ticket names; the parties hear each other all along.
func TestRedaction(t *testing.T) {
	t.Parallel()
	a := start(t)
	c := a.client(t)
	p := newTalk(t, c, "+4930222111", "2902", codec.PCMU, nil)
	notes := a.followAll(t)
	p.connect(a.sipAddr(), "2902", codec.PCMU)
	hearMore(t, p.voice, 2*time.Second)
	id := ask[list[calls.CallRow]](c, "GET", "/api/v1/calls?state=connected&search=30222111", nil).Items[0].ID
	if status, b := c.do("PUT", "/api/v1/calls/"+id.String()+"/redaction", map[string]any{"on": true}); status != 204 {
		t.Fatalf("pause the recording: %d %s", status, b)
	}
	notes.await(t, "call.redaction_started")
	p.voice.Forget()
	hearMore(t, p.voice, 2*time.Second)
	if hz, level := siptest.Frequency(p.voice.Last(time.Second), 8000); math.Abs(hz-farHz) > 5 || level < 1000 {
		t.Errorf("while the recording is paused the customer hears %.0f Hz at level %.0f", hz, level)
	}
	c.do("PUT", "/api/v1/calls/"+id.String()+"/redaction", map[string]any{"on": false})
	notes.await(t, "call.redaction_ended")
	hearMore(t, p.farVoice, 2*time.Second)
	p.hangUp()
	row := a.ended(t, p.phone.User)
	if len(row.Redactions) != 1 || row.Redactions[0].Ended != calls.RedactionEndedByAgent {
		t.Fatalf("redactions: %+v", row.Redactions)
	}
	if status, b := c.do("PUT", "/api/v1/calls/"+id.String()+"/redaction", map[string]any{"on": true}); status != 409 || !strings.Contains(string(b), "call_ended") {
		t.Errorf("pausing the recording of a call that has ended: %d %s", status, b)
	}
	a.destroyed(t, row.ID)
	sides, f := recordingtest.Join(t, c.files(row.ID)[0].content)
	r := row.Redactions[0]
	from, to := longestSilence(sides)
	// Sound stands where its sender's clock puts it, and a phone on a busy machine stalls.
	const stall = 0.5
	if at := float64(from) / float64(f.Rate); math.Abs(at-r.FromSecond) > stall {
		t.Errorf("silence from %.3f s, the record says %.3f", at, r.FromSecond)
	}
	if at := float64(to) / float64(f.Rate); math.Abs(at-r.ToSecond) > stall {
		t.Errorf("silence until %.3f s, the record says %.3f", at, r.ToSecond)
	}
	alone(t, "left before", sides[0][8000:from], f.Rate, customerHz, farHz)
	alone(t, "right after", sides[1][to:], f.Rate, farHz, customerHz)
}
