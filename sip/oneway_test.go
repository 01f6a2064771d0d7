package sip_test

import (
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"tandem/media"
	"tandem/sip/siptest"
)

// A telephone of which nothing comes while it is spoken to is asked where it is, and heard from there.
func TestOneWayAudioIsMended(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	call := func(user string) (c *siptest.Call, audio *siptest.Audio, answer []byte) {
		p := siptest.New(t, user)
		audio = siptest.NewAudio(t)
		c = p.Invite(h.udp, "1003", p.SDP(audio.Port(), "", pcmu))
		answer = c.Response(200).Body()
		c.Ack("")
		return c, audio, answer
	}
	_, speaker, sdp := call("100")
	speaking := get(t, h.legs, "leg")
	dumb, _, _ := call("101")
	silent := get(t, h.legs, "leg")
	speaker.Follow(sdp)
	speaker.Tone(440)
	speaker.Hears(440) // its echo
	media.Apply(map[*media.Stream]media.Source{
		speaking.Stream(): media.Forward(silent.Stream()), silent.Stream(): media.Forward(speaking.Stream()),
	})
	inv, ok := dumb.TryNext(15 * time.Second).(*gosip.Request)
	if !ok || inv.Method != gosip.INVITE {
		t.Fatalf("%v came", inv)
	}
	moved := siptest.NewAudio(t)
	dumb.Reply(inv, 200, "OK", dumb.Phone.SDP(moved.Port(), "", pcmu))
	dumb.Request("ACK")
	moved.Follow(inv.Body())
	moved.Tone(700)
	speaker.Forget()
	speaker.Hears(700)
	moved.Hears(440)
	if n := silent.Stream().Quality().OneWay; n != 1 {
		t.Errorf("found %d times", n)
	}
}
