package main

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crmsync/rt/rttest"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/media/codec"
	"tandem/recording/recordingtest"
	"tandem/sip/siptest"
)

// program builds the real program once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tandem-program-")
	if err != nil {
		return "", err
	}
	atExit = append(atExit, func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "tandem")
	build := exec.Command("go", "build", "-o", path, ".")
	if out, err := build.CombinedOutput(); err != nil {
		return "", &exec.Error{Name: string(out), Err: err}
	}
	return path, nil
})

// process is the real program, with demo data, as a process of its own.
type process struct {
	client
	cmd    *exec.Cmd
	sip    string // where phones reach it
	dir    string
	node   string // its name, where the test gave it one
	exited chan struct{}
	code   int // after exited

	mu  sync.Mutex
	log strings.Builder
}

var serves = regexp.MustCompile(`msg="tandem serves".* http=(\S+) sip_udp=(\S+)`)

// run starts the program and waits until it serves; it is killed when the test ends.
func run(t testing.TB, database, dir string, settings ...string) *process {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatalf("build the program: %v", err)
	}
	p := &process{cmd: exec.Command(path, "serve", "--demo"), dir: dir, exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), environment(database, dir, settings...)...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	up := make(chan []string, 1)
	go func() {
		defer close(p.exited)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			p.mu.Lock()
			p.log.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
			if m := serves.FindStringSubmatch(lines.Text()); m != nil {
				up <- m
			}
		}
		_ = p.cmd.Wait() // the code says what the error says
		p.code = p.cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the program's log:\n%s", p.logged())
		}
	})
	select {
	case m := <-up:
		p.client, p.sip = client{t, "http://" + m[1]}, m[2]
	case <-p.exited:
		t.Fatalf("the program ended:\n%s", p.logged())
	case <-time.After(2 * time.Minute):
		t.Fatalf("the program does not serve:\n%s", p.logged())
	}
	return p
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.exited
}

func (p *process) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// call is the only call of the demo tenant.
func (p *process) call() calls.CallRow {
	p.t.Helper()
	rows := ask[list[calls.CallRow]](p.client, "GET", "/api/v1/calls", nil).Items
	if len(rows) != 1 {
		p.t.Fatalf("%d calls", len(rows))
	}
	return rows[0]
}

func open(t testing.TB, database string) *storage.DB {
	t.Helper()
	db, err := storage.Open(context.Background(), storage.Config{URL: database, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func count(t testing.TB, db *storage.DB, sql string, args ...any) (n int) {
	t.Helper()
	err := db.Worker(context.Background(), func(tx *storage.Tx) error { return tx.QueryRow(context.Background(), sql, args...).Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The program is killed in the middle of a recorded call. The next start closes the call's record, once, and delivers what was recorded:
// all but the last second, once.
func TestKilledInTheCall(t *testing.T) {
	t.Parallel()
	database, dir := storagetest.NewURL(t), t.TempDir()
	first := run(t, database, dir)
	p := newTalk(t, first.client, "+4930333333", "2903", codec.PCMU, nil)
	p.connect(first.sip, "2903", codec.PCMU)
	hearMore(t, p.voice, 3*time.Second)
	first.kill()
	killed := time.Now()

	second := run(t, database, dir)
	db := open(t, database)
	within(t, 30*time.Second, "the end of the call", func() bool { return second.call().EndedAt != nil })
	row := second.call()
	if row.Reason != calls.ReasonNodeStopped {
		t.Errorf("the call ended as %s", row.Reason)
	}
	destroyed(t, db, filepath.Join(dir, "spool"), row.ID)
	if n := count(t, db, `SELECT count(*) FROM events WHERE type = 'call.ended' AND subject = $1`, row.ID); n != 1 {
		t.Errorf("call.ended was written %d times", n)
	}
	if n := count(t, db, `SELECT count(*) FROM recordings WHERE call_id = $1 AND truncated`, row.ID); n != 1 {
		t.Errorf("%d recordings are marked as truncated", n)
	}
	files := second.files(row.ID)
	if len(files) != 1 {
		t.Fatalf("%d files on the ticket", len(files))
	}
	sides, f := recordingtest.Join(t, files[0].content)
	talked, kept := killed.Sub(*row.ConnectedAt).Seconds(), float64(len(sides[0]))/float64(f.Rate)
	if kept < talked-1 || kept > talked {
		t.Errorf("%.2f s of %.2f s were kept", kept, talked)
	}
	alone(t, "left", sides[0][f.Rate/2:], f.Rate, customerHz, farHz)
	alone(t, "right", sides[1][f.Rate/2:], f.Rate, farHz, customerHz)
}

// register makes a phone the device of an agent.
func register(t testing.TB, ph *siptest.Phone, server string) {
	t.Helper()
	r := ph.Request("REGISTER", server, ph.User)
	r.Resend()
	r.Authorize(r.Response(401), "REGISTER", ph.User, demoPassword, "MD5")
	r.Response(200)
}

// The program is killed while an agent is in a call. After the next start the agent gets calls again, and both recordings arrive.
func TestKilledWithAnAgent(t *testing.T) {
	t.Parallel()
	database, dir := storagetest.NewURL(t), t.TempDir()
	agent := siptest.New(t, "8001")
	first := run(t, database, dir)
	register(t, agent, first.sip)
	hearMore(t, talkWith(t, agent, first.sip).voice, 2*time.Second)
	first.kill()

	second := run(t, database, dir)
	register(t, agent, second.sip)
	talkWith(t, agent, second.sip).hangUp()
	db := open(t, database)
	within(t, 30*time.Second, "the end of both calls", func() bool {
		return count(t, db, `SELECT count(*) FROM calls WHERE ended_at IS NOT NULL`) == 2
	})
	for i, reason := range []calls.Reason{calls.ReasonCallerHungUp, calls.ReasonNodeStopped} { // the newest first
		row := ask[list[calls.CallRow]](second.client, "GET", "/api/v1/calls", nil).Items[i]
		if row.Reason != reason || row.AgentName != "Phone 8001" {
			t.Errorf("call %d ended as %s with %q", i, row.Reason, row.AgentName)
		}
		destroyed(t, db, filepath.Join(dir, "spool"), row.ID)
		if n := len(second.files(row.ID)); n != 1 {
			t.Errorf("%d files on the ticket of call %d", n, i)
		}
	}
	within(t, 20*time.Second, "an empty queue and an idle agent", func() bool {
		return count(t, db, `SELECT (SELECT count(*) FROM queue_items WHERE state <> 'left') + (SELECT count(*) FROM queue_offers WHERE ended_at IS NULL)`) == 0
	})
}

// talkWith calls 1005, and the agent's phone answers; both hear each other.
func talkWith(t testing.TB, agent *siptest.Phone, server string) *caller {
	t.Helper()
	p := &caller{phone: siptest.New(t, "+4930888888"), voice: siptest.NewVoice(t, codec.PCMU)}
	p.call = p.phone.Invite(server, "1005", p.phone.SDP(p.voice.Port(), "", "0"))
	answer := p.call.Response(200)
	p.call.Ack("")
	p.voice.Send(string(answer.Body()), customerHz)
	offer := agent.TryAnswer(40 * time.Second)
	if offer == nil {
		t.Fatal("the agent's phone does not ring")
	}
	ear := siptest.NewVoice(t, codec.PCMU)
	offer.Reply(offer.Invite, 200, "OK", agent.SDP(ear.Port(), "", "0"))
	ear.Send(string(offer.Invite.Body()), agentHz)
	p.voice.WaitTone(agentHz, 20*time.Second)
	ear.WaitTone(customerHz, 20*time.Second)
	return p
}

// gate stands before a CRM and fails on request.
type gate struct {
	proxy *httputil.ReverseProxy
	url   string
	held  chan struct{} // gets a word for each upload whose answer is kept back

	mu   sync.Mutex
	mode gateMode
}

type gateMode int

const (
	gateOpen    gateMode = iota
	gateDead             // connections are cut
	gateKeeping          // an upload is passed on, its answer never comes back
)

func newGate(t testing.TB, behind string) *gate {
	t.Helper()
	to, err := url.Parse(behind)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{proxy: httputil.NewSingleHostReverseProxy(to), held: make(chan struct{}, 100)}
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	g.url = s.URL
	return g
}

func (g *gate) set(m gateMode) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mode = m
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	mode := g.mode
	g.mu.Unlock()
	upload := strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/")
	switch {
	case mode == gateDead:
		panic(http.ErrAbortHandler) // cuts the connection
	case mode == gateKeeping && upload:
		g.proxy.ServeHTTP(httptest.NewRecorder(), r)
		g.held <- struct{}{}
		<-r.Context().Done()
	default:
		g.proxy.ServeHTTP(w, r)
	}
}

// connectRT makes Request Tracker the demo tenant's CRM, as an administrator does on the page.
func connectRT(c client, base string) {
	c.t.Helper()
	ask[struct{ Provider string }](c, "PUT", "/api/v1/crm-connection", map[string]string{
		"provider": "rt", "base_url": base, "user": rttest.User, "password": rttest.Password,
	})
}

// rtFiles are the parts on the RT ticket of a call, in RT's order.
func rtFiles(t testing.TB, db *storage.DB, s *rttest.Server, call uuid.UUID) (files []attached) {
	t.Helper()
	var ticket string
	err := db.Worker(context.Background(), func(tx *storage.Tx) error {
		return tx.QueryRow(context.Background(), `SELECT ticket FROM crm_call_tickets WHERE call_id = $1`, call).Scan(&ticket)
	})
	if err != nil {
		t.Fatalf("the call's ticket: %v", err)
	}
	var all struct {
		Items []struct{ ID, Filename string }
	}
	s.Get("/ticket/"+ticket+"/attachments?fields=Filename&per_page=100", &all)
	for _, i := range all.Items {
		if strings.HasPrefix(i.Filename, "rec_") {
			f := attached{content: s.Content(i.ID)}
			f.Name = i.Filename
			files = append(files, f)
		}
	}
	return files
}

// The program is killed after Request Tracker has stored a part and before it could know. The next start finds the part and attaches no
// second one; the rest follows, in order.
func killedInTheUpload(t *testing.T, s *rttest.Server) {
	t.Parallel()
	g := newGate(t, s.URL)
	database, dir := storagetest.NewURL(t), t.TempDir()
	first := run(t, database, dir, "TANDEM_RECORDING_PART_BYTES=30000")
	connectRT(first.client, g.url)
	p := newTalk(t, first.client, "+4930444444", "2904", codec.PCMU, nil)
	g.set(gateKeeping)
	p.connect(first.sip, "2904", codec.PCMU)
	hearMore(t, p.voice, 3*time.Second)
	p.hangUp()
	select {
	case <-g.held:
	case <-time.After(30 * time.Second):
		t.Fatal("no upload came")
	}
	first.kill()
	g.set(gateOpen)

	second := run(t, database, dir, "TANDEM_RECORDING_PART_BYTES=30000")
	db := open(t, database)
	row := second.call()
	destroyed(t, db, filepath.Join(dir, "spool"), row.ID)
	files := rtFiles(t, db, s, row.ID)
	if len(files) < 2 {
		t.Errorf("%d parts", len(files))
	}
	sides, f := joined(t, files, 30_000)
	if kept := float64(len(sides[0])) / float64(f.Rate); kept < row.TalkSeconds-0.04 || kept > row.TalkSeconds+0.04 {
		t.Errorf("%.3f s on the ticket, the talk had %.3f s", kept, row.TalkSeconds)
	}
	_, metrics := second.do("GET", "/metrics", nil)
	if !bytes.Contains(metrics, []byte(`tandem_recording_uploads_total{result="adopted"} 1`)) {
		t.Error("the part that had arrived was not adopted")
	}
}
