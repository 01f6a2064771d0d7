package whatsapp_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"testing"

	"tandem/chat"
	"tandem/chat/chattest"
)

func TestFetch(t *testing.T) {
	r := newRig(t)
	file := chattest.File{Kind: chat.File, Name: "bill.pdf", ContentType: "application/pdf", Data: []byte("%PDF-1.4")}
	_, event, err := r.Act(chattest.Act{Customer: r.ann.ID, Kind: chattest.Give, File: &file})
	if err != nil {
		t.Fatal(err)
	}
	ref := r.Events(event)[0].Message.Media[0]
	sum := sha256.Sum256(file.Data)
	if ref.SHA256 != base64.StdEncoding.EncodeToString(sum[:]) {
		t.Errorf("sum %s", ref.SHA256)
	}
	m, err := r.Fetch(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(m.Body)
	m.Body.Close()
	if err != nil || string(data) != string(file.Data) || m.Name != "bill.pdf" || m.ContentType != "application/pdf" || m.Bytes != int64(len(data)) {
		t.Errorf("%q, %+v, %v", data, m, err)
	}

	// An address that has expired between the two steps is asked for again.
	r.Next("", chattest.Behaviour{}, chattest.Behaviour{Misdeed: chattest.Down})
	if _, err := r.Fetch(t.Context(), ref); err == nil || errors.Is(err, chat.ErrMediaGone) {
		t.Errorf("trouble on the way: %v", err)
	}
	r.ExpireNext()
	if m, err = r.Fetch(t.Context(), ref); err != nil {
		t.Errorf("expired once: %v", err)
	} else {
		m.Body.Close()
	}
	r.ExpireNext()
	r.ExpireNext()
	if _, err = r.Fetch(t.Context(), ref); !errors.Is(err, chat.ErrMediaGone) {
		t.Errorf("expired twice: %v", err)
	}
	r.SetFiles(chattest.Gone)
	if _, err = r.Fetch(t.Context(), ref); !errors.Is(err, chat.ErrMediaGone) {
		t.Errorf("gone: %v", err)
	}
}
