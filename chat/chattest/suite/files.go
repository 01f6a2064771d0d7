package suite

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tandem/chat"
	"tandem/chat/chattest"
)

// mediaIn: what customers give is fetched as it is, and what cannot be says why.
func mediaIn(t *testing.T, s Subject) {
	r := newRig(t, s)
	given := 0
	for _, file := range []chattest.File{
		*picture(),
		{Kind: chat.File, Name: "bill.pdf", ContentType: "application/pdf", Data: []byte("%PDF-1.4 not much of one")},
		{Kind: chat.Audio, Name: "voice.ogg", ContentType: "audio/ogg", Data: []byte("OggS and some more")},
		{Kind: chat.Video, Name: "clip.mp4", ContentType: "video/mp4", Data: []byte("\x00\x00\x00\x18ftypmp42 and some more")},
	} {
		a := chattest.Act{Customer: r.p.Customer(0), Name: "Ann", Kind: chattest.Give, File: &file}
		_, event, err := r.p.Act(a)
		if !can(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		given++
		r.f.Emit(event)
		r.fetch(file, r.take())
	}
	if given == 0 {
		t.Error("customers can give nothing")
	}
}

func (r *rig) fetch(file chattest.File, events []chat.Event) {
	r.t.Helper()
	var ref *chat.MediaRef
	for _, e := range events {
		if e.Message != nil && len(e.Message.Media) == 1 {
			ref = &e.Message.Media[0]
		}
	}
	if ref == nil {
		r.t.Errorf("%s: no file in %d events", file.Kind, len(events))
		return
	}
	if ref.Kind != file.Kind && (file.Kind != chat.Video || ref.Kind != chat.File) {
		r.t.Errorf("%s: comes as %s", file.Kind, ref.Kind)
	}
	if got, err := r.read(*ref); err != nil || !bytes.Equal(got, file.Data) {
		r.t.Errorf("%s: %d bytes of %d, %v", file.Kind, len(got), len(file.Data), err)
	}
	for _, state := range r.s.States {
		r.f.SetFiles(state)
		want := map[chattest.FileState]error{chattest.Gone: chat.ErrMediaGone, chattest.Later: chat.ErrMediaLater, chattest.TooLarge: chat.ErrMediaTooLarge}[state]
		if _, err := r.read(*ref); !errors.Is(err, want) {
			r.t.Errorf("%s, %s: %v", file.Kind, state, err)
		}
	}
	r.f.SetFiles(chattest.Ready)
	// Whatever a customer's message says: only the platform's hosts are asked.
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		r.t.Errorf("%s: another host is asked", file.Kind)
	}))
	defer elsewhere.Close()
	forged := *ref
	forged.URL = strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1) + "/file"
	_, err := r.read(forged) // what its id leads to, or an error
	r.quiet(err)
}

func (r *rig) read(ref chat.MediaRef) ([]byte, error) {
	m, err := r.channel.Fetch(r.t.Context(), ref)
	if err != nil {
		return nil, r.safe(err)
	}
	defer m.Body.Close()
	return io.ReadAll(m.Body)
}
