package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/sip/siptest"
)

// A call to an outside address: the caller's number reaches it unchanged, its codec is asked for first, and sound passes both ways.
func TestBridgeToAddress(t *testing.T) {
	t.Parallel()
	a := start(t)
	far := siptest.New(t, "far")
	_, err := a.numbers.Put(context.Background(), a.tenant, calls.Number{Number: "5100", Kind: calls.EntryAddress, Address: "sip:far@" + far.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []codec.Codec{codec.PCMA, codec.Opus} {
		near, farVoice := siptest.NewVoice(t, c), siptest.NewVoice(t, c)
		phone := siptest.New(t, "caller_7-x")
		call := phone.Invite(a.sipAddr(), "5100", phone.SDP(near.Port(), "", lines[c.Name]...))
		in := far.Answer()
		if user := in.Invite.From().Address.User; user != "caller_7-x" {
			t.Errorf("the far end sees caller %q", user)
		}
		offer := string(in.Invite.Body())
		if first := firstFormat(offer); first != strings.Fields(lines[c.Name][0])[0] {
			t.Errorf("%s caller: the far end is offered payload type %s first:\n%s", c.Name, first, offer)
		}
		in.Reply(in.Invite, 180, "Ringing", "")
		call.Response(180)
		in.Reply(in.Invite, 200, "OK", far.SDP(farVoice.Port(), "", lines[c.Name][0]))
		farVoice.Send(offer, agentHz)
		answer := call.Response(200)
		call.Ack("")
		near.Send(string(answer.Body()), customerHz)
		near.WaitTone(agentHz, 10*time.Second)
		farVoice.WaitTone(customerHz, 10*time.Second)
		in.Send("BYE", "", "")
		in.Response(200)
		call.Reply(call.Request("BYE"), 200, "OK", "")
		row := a.ended(t, "caller_7-x")
		if row.Reason != calls.ReasonFarEndHungUp || row.Legs[0].Codec != c.Name || row.Legs[1].Codec != c.Name {
			t.Errorf("record: %s, codecs %s and %s", row.Reason, row.Legs[0].Codec, row.Legs[1].Codec)
		}
		if q := row.Legs[0].Quality; q.In.Packets == 0 || q.In.MOS < 3 {
			t.Errorf("quality of the caller's leg: %+v", q)
		}
	}
}

// Keys pass a bridge in whatever way each side speaks: here INFO in, and INFO out to a far end without telephone-events.
func TestKeysPassABridge(t *testing.T) {
	t.Parallel()
	a := start(t)
	far := siptest.New(t, "far")
	_, err := a.numbers.Put(context.Background(), a.tenant, calls.Number{Number: "5101", Kind: calls.EntryAddress, Address: "sip:far@" + far.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	near, farVoice := siptest.NewVoice(t, codec.PCMU), siptest.NewVoice(t, codec.PCMU)
	phone := siptest.New(t, "49305101")
	call := phone.Invite(a.sipAddr(), "5101", phone.SDP(near.Port(), "", "0"), "Allow: INVITE, ACK, BYE, CANCEL, INFO")
	in := far.Answer()
	in.Reply(in.Invite, 200, "OK", far.SDP(farVoice.Port(), "", "0"), "Allow: INVITE, ACK, BYE, CANCEL, INFO")
	call.Response(200)
	call.Ack("")
	in.Request("ACK")
	pressed(call, "7")
	info := in.Request("INFO")
	in.Reply(info, 200, "OK", "")
	if body := string(info.Body()); !strings.HasPrefix(body, "Signal=7\r\n") {
		t.Errorf("the far end got %q", body)
	}
	pressed(in, "#")
	back := call.Request("INFO")
	call.Reply(back, 200, "OK", "")
	if body := string(back.Body()); !strings.HasPrefix(body, "Signal=#\r\n") {
		t.Errorf("the caller got %q", body)
	}
	call.Send("BYE", "", "")
	call.Response(200)
	in.Reply(in.Request("BYE"), 200, "OK", "")
}

func firstFormat(sdp string) string {
	_, rest, _ := strings.Cut(sdp, "m=audio ")
	return strings.Fields(rest)[2]
}
