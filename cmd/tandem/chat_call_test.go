package main

import (
	"fmt"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/internal/storage/storagetest"
	"tandem/media/codec"
)

// A hundred messages a second leave the sound of a call as it is: one stream each way, no packet left out, the tone still there; and each message
// is stored once.
func TestMessagesBesideACall(t *testing.T) {
	t.Parallel()
	const messages, perSecond = 300, 100
	database := storagetest.NewURL(t)
	a := startAt(t, database, t.TempDir(), "TANDEM_HTTP_PUBLIC_URL="+publicURL)
	c := a.client(t)
	ps := newPlatforms(t, c, open(t, database))
	talk := newTalk(t, c, "4477", "4478", codec.PCMU, nil)
	talk.connect(a.sipAddr(), "4478", codec.PCMU)
	phoneHears(t, "before", talk.farVoice, map[float64]bool{customerHz: true})

	talk.farVoice.Forget()
	talk.voice.Forget()
	p := ps.all[0]
	f := p.Base()
	tick := time.NewTicker(time.Second / perSecond)
	defer tick.Stop()
	for i := range messages {
		<-tick.C
		if _, err := f.Play(chattest.Act{Customer: p.Customer(i % 20), Kind: chattest.Say, Text: fmt.Sprintf("message %d", i)}); err != nil {
			t.Fatal(err)
		}
		for _, e := range f.Flush(t.Context()) {
			if e.Status != 200 {
				t.Fatalf("message %d is answered %d", i, e.Status)
			}
		}
	}
	steady(t, "what the far end hears", talk.farVoice.Trace())
	steady(t, "what the customer hears", talk.voice.Trace())
	phoneHears(t, "afterwards", talk.farVoice, map[float64]bool{customerHz: true})
	ps.read()
	if n := ps.messages(f.Channel, chat.In); n != messages {
		t.Errorf("%d messages of %d are stored", n, messages)
	}
	talk.hangUp()
}
