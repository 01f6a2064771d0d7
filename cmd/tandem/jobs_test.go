package main

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tandem/calls"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/media/sound"
	"tandem/queues"
)

// What a queue says is spoken when its settings change, before somebody calls; so is what menus above it say.
func TestQueuesSpeakAhead(t *testing.T) {
	t.Parallel()
	a := start(t)
	ctx := context.Background()
	parent, err := a.queues.CreateQueue(ctx, a.tenant, queues.NewQueue{Name: "Harbour"})
	if err != nil {
		t.Fatal(err)
	}
	greeting := "Welcome aboard the ferry."
	child, err := a.queues.CreateQueue(ctx, a.tenant, queues.NewQueue{Name: "Ferry", Key: 4, Parent: parent.ID, Settings: queues.OwnSettings{
		Greeting: &queues.Prompt{Text: greeting},
	}})
	if err != nil {
		t.Fatal(err)
	}
	a.spoken(t, greeting)
	a.spoken(t, "For Ferry, press 4. ")
	// What is inherited changes below.
	whisper := queues.Whisper{Mode: queues.WhisperText, Text: "A passenger.", Speed: 1}
	if _, err := a.queues.UpdateQueue(ctx, a.tenant, parent.ID, queues.QueueChange{Set: queues.OwnSettings{Whisper: &whisper}}); err != nil {
		t.Fatal(err)
	}
	a.spoken(t, whisper.Text)
	if plan, err := (&queueDesk{queues: a.queues, language: a.language, now: a.db.Now}).Plan(ctx, a.tenant, child.ID, calls.ChannelIVR, ""); err != nil || plan.Whisper.Text != whisper.Text {
		t.Errorf("the queue below whispers %q, %v", plan.Whisper.Text, err)
	}
	// Another node needs no engine to say the same.
	elsewhere := sound.NewCachedTTS(sound.NewEspeak(sound.EspeakConfig{Path: "no-such-program"}), "espeak-ng", speech{a.blobs}, a.log)
	if pcm, err := elsewhere.Synthesize(ctx, greeting, "en", 1); err != nil || pcm.Duration() < time.Second {
		t.Errorf("the greeting elsewhere: %s, %v", pcm.Duration(), err)
	}
	if _, err := (speech{a.blobs}).Get(ctx, "never"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what nobody has said: %v", err)
	}
}

// spoken waits until a text is in the store of speech.
func (a *app) spoken(t *testing.T, text string) {
	t.Helper()
	key := sound.NewCachedTTS(nil, "espeak-ng", nil, nil).Key(text, "en", 1)
	within(t, time.Minute, "speech", func() bool {
		_, err := a.blobs.Size(context.Background(), "speech/"+key)
		if err != nil && !errors.Is(err, storage.ErrNoBlob) {
			t.Fatal(err)
		}
		return err == nil
	})
}

// The nightly check tells of an audit log that somebody with the database's keys has changed.
func TestBrokenAuditLogIsNoticed(t *testing.T) {
	t.Parallel()
	url := storagetest.NewURL(t)
	a, stop := startStoppable(t, url, t.TempDir())
	defer stop()
	ctx := context.Background()
	a.done(t, "sweep_sessions", 1)
	a.done(t, "verify_audit", 1)
	a.shows(t, "tandem_audit_broken_tenants 0")
	owner, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(ctx)
	if _, err := owner.Exec(ctx, `SET session_replication_role = replica; UPDATE audit SET action = 'nothing' WHERE seq = 1`); err != nil {
		t.Fatal(err)
	}
	if err := a.db.Worker(ctx, func(tx *storage.Tx) error { return a.jobs.Enqueue(ctx, tx, verifyAudit{}) }); err != nil {
		t.Fatal(err)
	}
	a.done(t, "verify_audit", 2)
	a.shows(t, "tandem_audit_broken_tenants 1")
}

// done waits until so many jobs of a kind are done.
func (a *app) done(t *testing.T, kind string, want int) {
	t.Helper()
	within(t, time.Minute, kind, func() (ok bool) {
		err := a.db.Worker(context.Background(), func(tx *storage.Tx) error {
			return tx.QueryRow(context.Background(), `SELECT count(*) >= $2 FROM river.river_job WHERE kind = $1 AND state = 'completed'`, kind, want).Scan(&ok)
		})
		if err != nil {
			t.Fatal(err)
		}
		return ok
	})
}

// shows looks for a line of /metrics.
func (a *app) shows(t *testing.T, line string) {
	t.Helper()
	status, body := a.client(t).do("GET", "/metrics", nil)
	if status != 200 || !strings.Contains(string(body), "\n"+line+"\n") {
		t.Errorf("/metrics: %d, without %q", status, line)
	}
}
