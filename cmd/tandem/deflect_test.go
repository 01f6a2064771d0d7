package main

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/events"
	"tandem/media/codec"
	"tandem/media/sound"
	"tandem/queues"
	"tandem/sip/siptest"
)

// Queues that are full send their callers on: to another queue, to a number outside, to voicemail; in a circle nobody is led for ever.
func TestDeflections(t *testing.T) {
	t.Parallel()
	a := start(t)
	ctx := context.Background()
	network := carrier(t, a.trunks, a.tenant)
	// Nobody serves any of these queues, so each sends its callers on at once.
	sends := func(name, number string, to queues.Deflection) uuid.UUID {
		queue, _ := a.queueWith(t, name, number, "sip:nobody@127.0.0.1:9", queues.OwnSettings{
			Empty: &queues.EmptyPolicy{
				Join:  queues.EmptyRule{When: queues.EmptySignedOut, Do: to},
				Leave: queues.EmptyRule{When: queues.EmptyNever, Do: queues.Deflection{Mode: queues.DeflectOff}},
			},
		})
		if err := a.queues.SetMembers(ctx, a.tenant, queue, nil); err != nil {
			t.Fatal(err)
		}
		return queue
	}
	outside := sends("Outside", "5401", queues.Deflection{Mode: queues.DeflectNumber, Number: "+49305401"})
	sends("On", "5402", queues.Deflection{Mode: queues.DeflectQueue, Queue: outside})
	sends("Box", "5403", queues.Deflection{Mode: queues.DeflectVoicemail, Prompt: queues.Prompt{Text: "Speak."}})

	// By way of another queue to a telephone number, where somebody answers.
	near, far := siptest.NewVoice(t, codec.PCMU), siptest.NewVoice(t, codec.PCMU)
	phone := siptest.New(t, "+49305411")
	c := phone.Invite(a.sipAddr(), "5402", phone.SDP(near.Port(), "", "0"))
	near.Send(string(c.Response(200).Body()), customerHz)
	c.Ack("")
	out := rung(t, network)
	if to := out.Invite.Recipient.User; to != "+49305401" {
		t.Errorf("%q is called", to)
	}
	answerAs(out, far, agentHz)
	near.WaitTone(agentHz, patient)
	far.WaitTone(customerHz, patient)
	c.Send("BYE", "", "")
	c.Response(200)
	out.Reply(out.Request("BYE"), 200, "OK", "")
	row := a.ended(t, "+49305411")
	if len(row.Deflected) != 2 || row.Deflected[0].Kind != calls.ToQueue || row.Deflected[1].Kind != calls.ToNumber || row.ConnectedAt == nil {
		t.Errorf("deflected %+v, ended as %s", row.Deflected, row.Reason)
	}

	// A number that does not answer: the caller hears so.
	busy := a.hear(t, "+49305412", "5401")
	refused := rung(t, network)
	refused.Reply(refused.Invite, 486, "Busy Here", "")
	goodbye(t, busy)
	if row := a.ended(t, "+49305412"); row.Reason != calls.ReasonBusy {
		t.Errorf("a busy number: %s", row.Reason)
	}

	// A message, left because nobody is there.
	notes := a.followAll(t)
	mail := a.hear(t, "+49305413", "5403")
	notes.await(t, "recording.started")
	pressed(mail, "#")
	goodbye(t, mail)
	if row := a.ended(t, "+49305413"); row.Reason != calls.ReasonVoicemail || row.Voicemail == nil || row.Voicemail.Why != calls.BecauseEmpty {
		t.Errorf("a message: %s %+v", row.Reason, row.Voicemail)
	}
}

// A caller whose number is withheld types one for the agent's own box; the agent finds the message with it.
func TestAgentsBox(t *testing.T) {
	t.Parallel()
	a := start(t)
	ctx := context.Background()
	_, agent := a.queueWith(t, "Team", "5404", "browser", queues.OwnSettings{})
	if _, err := a.numbers.Put(ctx, a.tenant, calls.Number{Number: "5405", Kind: calls.EntryVoicemail, Agent: &agent}); err != nil {
		t.Fatal(err)
	}
	notes := a.followAll(t)
	c := a.hear(t, "anonymous", "5405")
	for _, key := range "0305405#" {
		pressed(c, string(key))
	}
	notes.await(t, "recording.started")
	pressed(c, "1")
	goodbye(t, c)
	var mails []calls.Voicemail
	within(t, patient, "the message", func() bool {
		var err error
		mails, err = calls.NewVoicemails(a.db, events.NewLog(a.bus)).List(ctx, a.tenant, calls.MailFilter{Agents: []uuid.UUID{agent}, Limit: 10})
		return err == nil && len(mails) == 1
	})
	if m := mails[0]; m.Number != "0305405" || !m.Withheld || m.Queue != nil || m.State != calls.MailUnread {
		t.Errorf("the message: %+v", m)
	}
}

// The position is told between stretches of music, in the order of the settings: the music, here a tone, stops for it and comes back.
func TestPositionIsAnnounced(t *testing.T) {
	t.Parallel()
	a := start(t)
	ctx := context.Background()
	const musicHz = 620
	tone := sound.Tone{Hz: []float64{musicHz}, On: 30 * time.Second, Level: -15}.PCM(8000).WAV()
	music, err := a.prompts.Upload(ctx, a.tenant, "tone", "en", nil, bytes.NewReader(tone))
	if err != nil {
		t.Fatal(err)
	}
	queue, _ := a.queueWith(t, "Told", "5406", "sip:nobody@127.0.0.1:9", queues.OwnSettings{
		HoldMusic: &queues.Prompt{ID: music.ID},
		Announcement: &queues.Announcement{On: true, EverySeconds: 10, Order: []queues.AnnouncementPart{
			{Play: queues.AnnounceMusic}, {Play: queues.AnnouncePosition}, {Play: queues.AnnounceWait},
		}},
	})
	if err := a.queues.SetMembers(ctx, a.tenant, queue, nil); err != nil {
		t.Fatal(err)
	}
	phone, ear := siptest.New(t, "+49305406"), siptest.NewVoice(t, codec.PCMU)
	c := phone.Invite(a.sipAddr(), "5406", phone.SDP(ear.Port(), "", "0"))
	ear.Send(string(c.Response(200).Body()), 0)
	c.Ack("")
	ear.WaitTone(musicHz, patient)
	ear.WaitNoTone(musicHz, patient)
	ear.WaitTone(musicHz, patient)
	c.Send("BYE", "", "")
	c.Response(200)
	if row := a.ended(t, "+49305406"); row.Reason != calls.ReasonLeftQueue {
		t.Errorf("ended as %s", row.Reason)
	}
}
