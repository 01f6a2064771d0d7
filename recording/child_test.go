package recording_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/media/codec"
	"tandem/recording"
	"tandem/recording/recordingtest"
)

// folder is a CRM on disk, so that it outlives the processes that write to it: a folder for each ticket, files in the order of their
// arrival. Like a real one it keeps nothing of a request whose body is cut off.
type folder struct{ dir string }

func (f folder) Limits(context.Context, uuid.UUID) (recording.Limits, error) {
	return recording.Limits{}, nil
}

func (f folder) Attach(_ context.Context, p recording.Part, audio io.Reader) (recording.Confirmation, error) {
	data, err := io.ReadAll(audio)
	if err != nil {
		return recording.Confirmation{}, err
	}
	dir := filepath.Join(f.dir, p.Ticket)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return recording.Confirmation{}, err
	}
	id := fmt.Sprintf("%020d", time.Now().UnixNano())
	temp := filepath.Join(f.dir, "."+id)
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return recording.Confirmation{}, err
	}
	return recording.Confirmation{ID: id}, os.Rename(temp, filepath.Join(dir, id+" "+p.Name))
}

func (f folder) files(ticket string) (names []string) {
	entries, err := os.ReadDir(filepath.Join(f.dir, ticket))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		panic(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (f folder) Find(_ context.Context, p recording.Part) (list []recording.Attachment, err error) {
	for _, name := range f.files(p.Ticket) {
		info, err := os.Stat(filepath.Join(f.dir, p.Ticket, name))
		if err != nil {
			return nil, err
		}
		if id, found := strings.CutSuffix(name, " "+p.Name); found {
			list = append(list, recording.Attachment{ID: id, Name: p.Name, Size: info.Size(), At: info.ModTime()})
		}
	}
	return list, nil
}

func (f folder) Remove(_ context.Context, p recording.Part, a recording.Attachment) error {
	return os.Remove(filepath.Join(f.dir, p.Ticket, a.ID+" "+p.Name))
}

// runChild is another process of the node: it records, or uploads, until it is killed at a point, "name:n" for the nth time it gets
// there. It says "ready" when it works, and ends with code 3 when the point is never reached.
func runChild(job string) {
	env := func(name string) string { return os.Getenv("RECORDING_" + name) }
	n, err := recordingtest.OpenNode(env("URL"), env("KEYS"), env("DIR"), slog.New(slog.NewTextHandler(os.Stderr, nil)), nil)
	check(err)
	skew, err := time.ParseDuration(env("SKEW"))
	check(err)
	n.Skew(skew)
	cfg := n.Config()
	point, nth, _ := strings.Cut(env("CRASH_AT"), ":")
	left, _ := strconv.Atoi(nth)
	var hits atomic.Int64
	cfg.Crashing = func(at string) {
		if at == point && hits.Add(1) == int64(max(left, 1)) {
			check(syscall.Kill(os.Getpid(), syscall.SIGKILL))
			select {} // until the signal is there
		}
	}
	s, err := recording.New(cfg)
	check(err)
	ctx := context.Background()
	go func() { check(s.Run(ctx)) }()
	if job == "capture" {
		call := uuid.MustParse(env("CALL"))
		rec, err := s.Start(ctx, recording.NewRecording{Tenant: uuid.MustParse(env("TENANT")), Call: call})
		check(err)
		rec.Hear(recording.Customer, recordingtest.Speak(codec.PCMU, 440, nil).Stream)
		rec.Hear(recording.Agent, recordingtest.Speak(codec.PCMU, 1000, nil).Stream)
	} else {
		u := recording.NewUploader(s, folder{env("CRM")}, recording.UploaderConfig{MaxPart: 13_058, Base: time.Millisecond, Poll: 10 * time.Millisecond})
		go func() { check(u.Run(ctx)) }()
	}
	fmt.Println("ready")
	<-time.After(20 * time.Second)
	os.Exit(3)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(2)
	}
}

// child starts another process on the rig's node. ready is closed once it works.
func child(t *testing.T, r *recordingtest.Rig, job string, env ...string) (cmd *exec.Cmd, ready <-chan struct{}) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RECORDING_CHILD="+job, "RECORDING_URL="+r.URL, "RECORDING_KEYS="+r.KeyDir, "RECORDING_DIR="+r.Dir, "RECORDING_TENANT="+r.Tenant.String(),
		"RECORDING_SKEW="+time.Until(r.Now()).String())
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := make(chan struct{})
	go func() {
		defer close(c)
		_, _ = bufio.NewReader(out).ReadString('\n')
	}()
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		<-c
	})
	return cmd, c
}

// killed waits for the child's end, which must be the signal.
func killed(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended by itself: %v", err)
	}
}

// kill -9 in mid-call: the next start seals what is on disk, which lacks a second at most, and it reaches the ticket.
func TestKilledWhileCapturing(t *testing.T) {
	for _, c := range []struct {
		name, point string
		least       time.Duration // of audio; 0: as long as the child lived, but for a second
		empty       bool
	}{
		{"at any moment", "", 0, false},
		{"row written, no file", "c1", 0, true},
		{"in the third write", "c2:3", 600 * time.Millisecond, false},
		{"written, but no row", "c3:3", 900 * time.Millisecond, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := recordingtest.New(t, nil)
			r.Stop()
			call := uuid.New()
			cmd, ready := child(t, r, "capture", "RECORDING_CALL="+call.String(), "RECORDING_CRASH_AT="+c.point)
			var lived time.Duration
			if c.point == "" {
				<-ready
				began := time.Now()
				<-time.After(2300 * time.Millisecond)
				lived = time.Since(began)
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			killed(t, cmd)
			spool := spoolBytes(t, r.Dir)

			crm := folder{t.TempDir()}
			r.Restart(nil)
			uploader(r, crm, recording.UploaderConfig{})
			r.Link(call, "t")
			var id uuid.UUID
			r.Scan(&id, `SELECT recording_id FROM recordings`)
			r.Await("destroyed", func() bool { return r.State(id) == recording.Destroyed })
			var truncated bool
			r.Scan(&truncated, `SELECT truncated FROM recordings`)
			files := crm.files("t")
			if !truncated || c.empty != (len(files) == 0) || len(files) > 1 {
				t.Fatalf("truncated %v, on the ticket %v", truncated, files)
			}
			if c.empty {
				return
			}
			data, err := os.ReadFile(filepath.Join(crm.dir, "t", files[0]))
			if err != nil {
				t.Fatal(err)
			}
			sides, f := recordingtest.Join(t, data)
			got := time.Duration(len(sides[0])) * time.Second / time.Duration(f.Rate)
			if got < c.least || c.least == 0 && got < lived-time.Second {
				t.Errorf("%v of audio is left after %v", got, lived)
			}
			if got > time.Second {
				checkTones(t, sides, f.Rate, 440, 1000)
			}
			// The canary: nothing that was on disk at the moment of death reads like the audio.
			if slices.ContainsFunc(spool, func(b []byte) bool { return strings.Contains(string(b), string(data[4058:4122])) }) {
				t.Error("audio is in the spool in the clear")
			}
		})
	}
}

func spoolBytes(t *testing.T, dir string) (all [][]byte) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// kill -9 at every point between the seal and the last trace, one process after another on the same recordings: in the end each part is
// on its ticket once, in order, and nothing else is left.
func TestKilledWhileUploading(t *testing.T) {
	r := recordingtest.New(t, nil)
	crm := folder{t.TempDir()}
	var ids []uuid.UUID
	var calls []uuid.UUID
	var recs []*recording.Recorder
	for range 6 {
		call := uuid.New()
		rec, err := r.Service.Start(t.Context(), recording.NewRecording{Tenant: r.Tenant, Call: call})
		if err != nil {
			t.Fatal(err)
		}
		rec.Hear(recording.Customer, recordingtest.NewVoice(t, codec.PCMU, 440, nil).Stream)
		recs, calls, ids = append(recs, rec), append(calls, call), append(ids, rec.ID())
	}
	<-time.After(time.Second)
	for i, rec := range recs {
		if err := rec.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.Link(calls[i], "t"+strconv.Itoa(i/2)) // two recordings on each ticket
	}
	r.Stop()
	for _, point := range []string{
		"c6", "c7", "c6:3", "c8", "c10", "c11", "c12", "c8:2", "c10:3", "c11:3",
		"c12:2", "c16", "c17", "c16",
	} {
		cmd, _ := child(t, r, "upload", "RECORDING_CRM="+crm.dir, "RECORDING_CRASH_AT="+point)
		killed(t, cmd)
		r.Skew(2 * time.Minute) // the leases of the dead run out
	}
	r.Restart(nil)
	uploader(r, crm, recording.UploaderConfig{MaxPart: 13_058})
	for _, id := range ids {
		r.Await("destroyed", func() bool { return r.State(id) == recording.Destroyed })
	}
	for i := range 3 {
		var names []string
		for _, n := range crm.files("t" + strconv.Itoa(i)) {
			_, name, _ := strings.Cut(n, " ")
			names = append(names, name)
		}
		var want []string
		for _, id := range ids[2*i : 2*i+2] {
			for part := range 2 {
				want = append(want, fmt.Sprintf("rec_%s_p%d_", id, part+1))
			}
		}
		if len(names) != len(want) {
			t.Fatalf("ticket %d: %v", i, names)
		}
		for k := range want {
			if !strings.HasPrefix(names[k], want[k]) {
				t.Errorf("ticket %d: %s where %s… should be", i, names[k], want[k])
			}
		}
	}
	if left := spoolBytes(t, r.Dir); len(left) != 1 { // the lock
		t.Errorf("%d files left", len(left))
	}
	var keys, chunks, destroyed int
	r.Scan(&keys, `SELECT count(*) FROM recordings WHERE wrapped_key IS NOT NULL`)
	r.Scan(&chunks, `SELECT count(*) FROM recording_chunks`)
	r.Scan(&destroyed, `SELECT count(*) FROM events WHERE type = 'recording.destroyed'`)
	if keys != 0 || chunks != 0 || destroyed != len(ids) {
		t.Errorf("%d keys and %d rows left, %d destructions told", keys, chunks, destroyed)
	}
}
