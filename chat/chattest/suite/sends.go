package suite

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"tandem/chat"
	"tandem/chat/chattest"
)

// out: all that the traits promise reaches the customer as it was meant.
func out(t *testing.T, s Subject) {
	r := newRig(t, s)
	from := r.meet(0)
	traits := s.Maker.Traits
	last := func() chattest.Received {
		t.Helper()
		all := r.got(1)
		return all[len(all)-1]
	}
	const words = `plain <b>&amp;</b> "quoted" _*[x](y)*_ 你好 👍🏽` + "\nsecond line"
	r.must(r.answer(from, words))
	if got := last(); got.Text != words || got.Kind != chat.Text {
		t.Errorf("a text arrives as %s %q", got.Kind, got.Text)
	}
	if traits.Quote {
		m := r.answer(from, "that one")
		m.Quote, m.QuoteToken = from.Message.ID, from.Message.QuoteToken
		r.must(m)
		if got := last(); got.Quote == "" || got.Text != m.Text {
			t.Errorf("a quote arrives as %+v", got)
		}
	}
	if traits.Options > 0 {
		m := r.answer(from, "which one?")
		m.Kind = chat.Offer
		m.Body.Options = []chat.Option{{ID: "yes", Title: "Yes, please"}, {ID: "no", Title: "不用了"}}
		r.must(m)
		got := last()
		if !strings.Contains(got.Text, m.Text) || fmt.Sprint(got.Options) != fmt.Sprint(m.Body.Options) {
			t.Errorf("buttons arrive as %q %v", got.Text, got.Options)
		}
	}
	if traits.React && from.Message.ID != "" {
		m := r.answer(from, "👍")
		m.React = from.Message.ID
		r.must(m)
		if got := last(); got.Reaction != "👍" || got.To != from.Message.ID {
			t.Errorf("a reaction arrives as %+v", got)
		}
	}
	if traits.Edit {
		id := r.must(r.answer(from, "befroe")).ID
		m := r.answer(from, "before")
		m.Edit = id
		r.must(m)
		if !r.has(func(g chattest.Received) bool { return g.ID == id && g.Text == "before" && g.Edited }) {
			t.Error("an edit does not arrive")
		}
	}
	if traits.Unsend {
		id := r.must(r.answer(from, "not for you")).ID
		m := r.answer(from, "")
		m.Unsend = id
		r.must(m)
		if !r.has(func(g chattest.Received) bool { return g.ID == id && g.Unsent }) {
			t.Error("a message taken back is still there")
		}
	}
	for _, kind := range mediaKinds(traits) {
		r.mediaOut(from, kind)
	}
}

func (r *rig) has(is func(chattest.Received) bool) bool {
	for _, g := range r.f.Received(r.p.Customer(0)) {
		if is(g) {
			return true
		}
	}
	return false
}

// mediaOut sends a file of each of a kind's types, with a caption where there are any.
func (r *rig) mediaOut(from chat.Event, kind chat.MediaKind) {
	r.t.Helper()
	traits := r.s.Maker.Traits
	for _, contentType := range traits.Media[kind].Types {
		if strings.Contains(contentType, "*") {
			contentType = "application/pdf"
		}
		file := chattest.File{Kind: kind, Name: "a file" + extension(contentType), ContentType: contentType, Data: content(contentType)}
		m := r.answer(from, "")
		m.Kind, m.Media = chat.MediaOf, r.give(file)
		if traits.Caption > 0 && kind != chat.Sticker && kind != chat.Audio {
			m.Text = "what it shows"
		}
		before := len(r.f.Received(r.p.Customer(0)))
		r.must(m)
		var texts string
		var files []chattest.File
		for _, g := range r.got(before + 1)[before:] {
			texts += g.Text
			files = append(files, g.Files...)
		}
		if len(files) != 1 || !bytes.Equal(files[0].Data, file.Data) {
			r.t.Errorf("%s %s: %d files arrive, or another one", kind, contentType, len(files))
		}
		if m.Text != "" && !strings.Contains(texts, m.Text) {
			r.t.Errorf("%s %s: the caption arrives as %q", kind, contentType, texts)
		}
	}
}

// give makes an outgoing file of a file, which also lies at a URL.
func (r *rig) give(file chattest.File) *chat.OutgoingMedia {
	r.mu.Lock()
	defer r.mu.Unlock()
	path := fmt.Sprintf("/media/%d%s", len(r.files), extension(file.ContentType))
	r.files[path] = file
	m := &chat.OutgoingMedia{
		Kind: file.Kind, Name: file.Name, ContentType: file.ContentType, Bytes: int64(len(file.Data)), Seconds: 2, Voice: file.Kind == chat.Audio,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(file.Data)), nil },
	}
	if r.s.Maker.Traits.ByURL {
		m.URL = public + path
		preview := path + "-preview.jpg"
		r.files[preview] = *picture()
		m.Preview = public + preview
	}
	return m
}

func extension(contentType string) string {
	_, sub, _ := strings.Cut(contentType, "/")
	if short := map[string]string{"jpeg": "jpg", "plain": "txt", "mpeg": "mp3"}[sub]; short != "" {
		sub = short
	}
	return "." + sub
}

// content is something of a type: a true picture, otherwise bytes.
func content(contentType string) []byte {
	if contentType == "image/jpeg" {
		return picture().Data
	}
	return []byte("a file of the type " + contentType + " \x00\xff")
}

// picture is what a customer sends.
func picture() *chattest.File {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		panic(err) // there is no reason
	}
	return &chattest.File{Kind: chat.Image, Name: "photo.jpg", ContentType: "image/jpeg", Data: b.Bytes()}
}

// limit: a text of exactly the limit gets through unchanged, in whatever letters; one more is refused for good.
func limit(t *testing.T, s Subject) {
	r := newRig(t, s)
	from := r.meet(0)
	traits := s.Maker.Traits
	for _, letter := range []string{"a", "é", "汉", "👍"} {
		n := traits.TextLimit / width(traits.Unit, letter)
		text := strings.Repeat(letter, n)
		text += strings.Repeat("a", traits.TextLimit-n*width(traits.Unit, letter))
		r.must(r.answer(from, text))
		all := r.got(1)
		if got := all[len(all)-1].Text; got != text {
			t.Errorf("%d letters %s arrive as %d bytes of %d", n, letter, len(got), len(text))
		}
		if _, err := r.send(t.Context(), r.answer(from, text+"a")); err == nil || err.Verdict != chat.VerdictRejected {
			t.Errorf("one letter too many after %s: %v", letter, err)
		}
		if len(r.got(1)) != len(all) {
			t.Errorf("one letter too many after %s has arrived", letter)
		}
		r.f.Advance(6e10)
	}
}

func width(u chat.Unit, letter string) int {
	switch u {
	case chat.Bytes:
		return len(letter)
	case chat.UTF16:
		return len(utf16.Encode([]rune(letter)))
	}
	return utf8.RuneCountInString(letter)
}

// refused: each of the platform's errors has its verdict, and nothing has arrived.
func refused(t *testing.T, s Subject) {
	r := newRig(t, s)
	from := r.meet(0)
	customer := r.p.Customer(0)
	known := verdicts(r.p)
	for _, v := range []chat.Verdict{chat.VerdictThrottled, chat.VerdictReauthorise, chat.VerdictRejected} {
		if !known[v] {
			t.Errorf("no code of the fake means %s", v)
		}
	}
	if !known[chat.VerdictUnreachable] && !known[chat.VerdictOptedOut] {
		t.Error("no code of the fake means that a customer cannot be reached")
	}
	for _, c := range r.p.Codes() {
		r.f.Always(customer, chattest.Behaviour{Misdeed: chattest.Refuse, Code: c.Code})
		before := len(r.f.Received(customer))
		_, err := r.send(t.Context(), r.answer(from, "this is what they say no to"))
		r.f.Always(customer, chattest.Behaviour{})
		switch {
		case err == nil:
			t.Errorf("%s: taken", c.Code)
		case err.Verdict != c.Verdict:
			t.Errorf("%s: %s, want %s", c.Code, err.Verdict, c.Verdict)
		case err.Code == "":
			t.Errorf("%s: no code", c.Code)
		}
		if len(r.f.Received(customer)) != before {
			t.Errorf("%s: it has arrived all the same", c.Code)
		}
	}
	r.must(r.answer(from, "and all is well again"))
}

// later: what was taken and then failed is told as failed, with its verdict.
func later(t *testing.T, s Subject) {
	r := newRig(t, s)
	from := r.meet(0)
	for _, c := range r.p.Codes() {
		if !c.Later {
			continue
		}
		r.f.Next(r.p.Customer(0), chattest.Behaviour{Misdeed: chattest.Fail, Code: c.Code})
		m := r.answer(from, "taken at first")
		sent := r.must(m)
		var news *chat.Receipt
		for _, e := range r.take() {
			if e.Receipt != nil && e.Receipt.Status == chat.StatusFailed {
				news = e.Receipt
			}
		}
		switch {
		case news == nil:
			t.Errorf("%s: no news of it", c.Code)
		case news.ID != sent.ID && news.Local != m.ID:
			t.Errorf("%s: news of another message", c.Code)
		case news.Err == nil || news.Err.Verdict != c.Verdict:
			t.Errorf("%s: %+v, want %s", c.Code, news.Err, c.Verdict)
		default:
			r.quiet(news.Err, m.Text)
		}
	}
}

// transport: what nobody has answered is in doubt, what nobody can have read is tried again.
func transport(t *testing.T, s Subject) {
	r := newRig(t, s)
	from := r.meet(0)
	customer := r.p.Customer(0)
	r.must(r.answer(from, "so that tokens are there"))
	for _, c := range []struct {
		misdeed chattest.Misdeed
		arrives int
		want    []chat.Verdict
	}{
		{chattest.Drop, 0, []chat.Verdict{chat.VerdictDoubt}},
		{chattest.Reset, 1, []chat.Verdict{chat.VerdictDoubt}},
		{chattest.Delay, 1, []chat.Verdict{chat.VerdictDoubt}},
		{chattest.Slow, 1, []chat.Verdict{chat.VerdictDoubt}},
		{chattest.Down, 0, []chat.Verdict{chat.VerdictRetry, chat.VerdictDoubt}},
	} {
		before := len(r.f.Received(customer))
		r.f.Always(customer, chattest.Behaviour{Misdeed: c.misdeed, After: 1e18})
		ctx, cancel := context.WithCancel(t.Context())
		held := make(chan struct{})
		go func() {
			defer close(held)
			if c.misdeed == chattest.Drop || c.misdeed == chattest.Delay || c.misdeed == chattest.Slow {
				r.f.AwaitHeld(ctx)
				cancel()
			}
		}()
		_, err := r.send(ctx, r.answer(from, "does it get through?"))
		cancel()
		<-held
		r.f.Always(customer, chattest.Behaviour{})
		ok := false
		for _, v := range c.want {
			ok = ok || err != nil && err.Verdict == v
		}
		if !ok {
			t.Errorf("%s: %v, want %v", c.misdeed, err, c.want)
		}
		if n := len(r.f.Received(customer)) - before; n != c.arrives {
			t.Errorf("%s: %d arrive, want %d", c.misdeed, n, c.arrives)
		}
	}
	r.must(r.answer(from, "and all is well again"))
	r.api.Close()
	r.channel = r.open(r.account) // without connections
	if _, err := r.send(t.Context(), r.answer(from, "nobody is there")); err == nil || err.Verdict != chat.VerdictRetry {
		t.Errorf("nobody there: %v", err)
	}
}

// again: where the platform has a retry key, an attempt that ended in doubt can be repeated.
func again(t *testing.T, s Subject) {
	r := newRig(t, s)
	from := r.meet(0)
	customer := r.p.Customer(0)
	m := r.answer(from, "once, please")
	m.Reply = ""
	r.f.Always(customer, chattest.Behaviour{Misdeed: chattest.Reset})
	_, err := r.send(t.Context(), m)
	r.f.Always(customer, chattest.Behaviour{})
	if err == nil || err.Verdict != chat.VerdictDoubt {
		t.Fatalf("a connection that ends without an answer: %v", err)
	}
	if len(r.got(1)) != 1 {
		t.Fatal("the first attempt has not arrived")
	}
	if s.RetryKey != s.Maker.Traits.Repeats {
		t.Errorf("the traits say that repeats are safe: %v", s.Maker.Traits.Repeats)
	}
	if !s.RetryKey {
		return // then nobody repeats it
	}
	r.must(m)
	if n := len(r.got(1)); n != 1 {
		t.Errorf("it has arrived %d times", n)
	}
}

// revoked: without a good token nothing goes out, and the verdict says why.
func revoked(t *testing.T, s Subject) {
	r := newRig(t, s)
	from := r.meet(0)
	r.must(r.answer(from, "with a good token"))
	r.f.Revoke(true)
	if _, err := r.send(t.Context(), r.answer(from, "with a revoked one")); err == nil || err.Verdict != chat.VerdictReauthorise {
		t.Errorf("with a revoked token: %v", err)
	}
	if len(r.got(1)) != 1 {
		t.Error("it has arrived all the same")
	}
	r.f.Revoke(false)
	r.must(r.answer(from, "with a good one again"))
}

// signals: they may fail, and customers never get a message of them.
func signals(t *testing.T, s Subject) {
	r := newRig(t, s)
	from := r.meet(0)
	for _, b := range []chattest.Behaviour{{}, {Misdeed: chattest.Down}, {Misdeed: chattest.Reset}} {
		r.f.Always("", b)
		for _, kind := range []chat.SignalKind{chat.SignalTyping, chat.SignalQuiet, chat.SignalRead} {
			err := r.channel.Signal(t.Context(), chat.Signal{To: from.From, Kind: kind, Message: from.Message.ID, ReadToken: from.Message.ReadToken, LastAt: from.At})
			r.quiet(err)
			if b.Misdeed == chattest.OK && err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
	}
	r.f.Always("", chattest.Behaviour{})
	if n := len(r.f.Received(r.p.Customer(0))); n != 0 {
		t.Errorf("the customer has got %d messages of signals", n)
	}
	r.must(r.answer(from, "and an answer all the same"))
}

// health: a good account is well, one with a revoked token is not, and a person asked about is the one asked about.
func health(t *testing.T, s Subject) {
	r := newRig(t, s)
	from := r.meet(0)
	h, err := r.channel.Check(t.Context())
	if err != nil {
		t.Errorf("a good account: %v", err)
	}
	for _, secret := range r.secrets {
		if strings.Contains(fmt.Sprint(h), secret) {
			t.Error("the health tells a secret")
		}
	}
	p, err := r.channel.Person(t.Context(), from.From)
	if r.safe(err) == nil && p.ID != from.From.ID {
		t.Error("the person asked about is another one")
	}
	r.f.Revoke(true)
	if _, err := r.channel.Check(t.Context()); r.safe(err) == nil {
		t.Error("a revoked token is well")
	}
	_, err = r.channel.Person(t.Context(), from.From)
	r.quiet(err)
	r.api.Close()
	_, err = r.channel.Check(t.Context())
	if r.safe(err) == nil {
		t.Error("a platform that is not there is well")
	}
}

// together: many customers are written to at the same time; each gets all of theirs, in order.
func together(t *testing.T, s Subject) {
	r := newRig(t, s)
	const customers, each = 10, 5
	from := make([]chat.Event, customers)
	for n := range from {
		from[n] = r.meet(n)
	}
	errs := make(chan error, customers*each)
	var all sync.WaitGroup
	for _, e := range from {
		all.Go(func() {
			for i := range each {
				m := r.answer(e, fmt.Sprintf("number %d", i))
				if i > 0 {
					m.Reply = ""
				}
				if _, err := r.channel.Send(t.Context(), m); err != nil {
					errs <- err
				}
			}
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		t.Errorf("send: %v", r.safe(err))
	}
	for n := range customers {
		for i, g := range r.gotBy(n, each) {
			if g.Text != fmt.Sprintf("number %d", i) {
				t.Errorf("customer %d has got %q at %d", n, g.Text, i)
			}
		}
	}
}
