package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tandem/calls"
	"tandem/recording/recordingtest"
	"tandem/sip"
	"tandem/sip/siptest"
)

// SIPp calls the menu, presses 2, and waits in Support until a supervisor ends the call.
func TestSIPpInTheMenu(t *testing.T) {
	t.Parallel()
	a := start(t)
	bin, err := exec.LookPath("sipp")
	if err != nil {
		t.Fatal("SIPp is missing; run scripts/setup.sh test, or apt-get install sip-tester")
	}
	scenario, err := filepath.Abs("testdata/sipp_menu.xml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sipp := exec.CommandContext(ctx, bin, "-sf", scenario, "-i", "127.0.0.1", "-p", strconv.Itoa(freePort(t)), "-mp", strconv.Itoa(freePort(t)),
		"-s", "1000", "-m", "1", "-nostdin", "-timeout", "50s", "-timeout_error", "-trace_err", "-error_file", dir+"/errors", a.sipAddr())
	sipp.Dir, sipp.Env = dir, append(os.Environ(), "TERM=dumb")
	if err := sipp.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- sipp.Wait() }()

	c := a.client(t)
	var row calls.CallRow
	within(t, 30*time.Second, "SIPp waiting in Support", func() bool {
		rows := ask[list[calls.CallRow]](c, "GET", "/api/v1/calls", nil).Items
		if len(rows) == 1 {
			row = rows[0]
		}
		return row.State == calls.StateWaiting
	})
	if row.Caller.Number != "sipp-menu" || len(row.QueuePath) == 0 || row.QueuePath[len(row.QueuePath)-1] != "Support" {
		t.Errorf("%q waits in %v", row.Caller.Number, row.QueuePath)
	}
	if status, b := c.do("POST", "/api/v1/calls/"+row.ID.String()+"/end", nil); status > 299 {
		t.Errorf("end the call: %d %s", status, b)
	}
	if err := <-done; err != nil {
		errs, _ := os.ReadFile(dir + "/errors")
		t.Errorf("SIPp: %v\n%s", err, errs)
	}
	if row := a.ended(t, "sipp-menu"); row.Reason != calls.ReasonEndedByPerson {
		t.Errorf("the call ended as %s", row.Reason)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// network is a network namespace with a cable to this one: baresip refuses loopback.
type network struct {
	name        string
	near, there string // addresses at both ends
}

var networks atomic.Int32 // that this process has made

// newNetwork makes one. Only who may not make network namespaces skips the test.
func newNetwork(t *testing.T) *network {
	t.Helper()
	n := (os.Getpid() + 0x1003*int(networks.Add(1))) & 0x3fff // of 198.18.0.0/16, for tests of devices (RFC 2544): four addresses each
	at := func(host int) string { return fmt.Sprintf("198.18.%d.%d", n>>6, n&0x3f<<2+host) }
	nw := &network{name: "tandem" + strconv.Itoa(n), near: at(1), there: at(2)}
	near, there := "tdn"+strconv.Itoa(n), "tdt"+strconv.Itoa(n)
	ip := func(args ...string) error {
		out, err := exec.Command("ip", args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
		}
		return nil
	}
	if err := ip("netns", "add", nw.name); err != nil {
		if strings.Contains(err.Error(), "Operation not permitted") || strings.Contains(err.Error(), "Permission denied") {
			t.Skipf("skipped for this reason only: baresip refuses loopback and needs a network namespace, which this user may not make (root may): %v", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ip("netns", "del", nw.name); err != nil { // takes the cable along
			t.Error(err)
		}
	})
	for _, args := range [][]string{
		{"link", "add", near, "type", "veth", "peer", "name", there, "netns", nw.name},
		{"addr", "add", nw.near + "/30", "dev", near},
		{"link", "set", near, "up"},
		{"-n", nw.name, "addr", "add", nw.there + "/30", "dev", there},
		{"-n", nw.name, "link", "set", there, "up"},
		{"-n", nw.name, "link", "set", "lo", "up"},
		{"-n", nw.name, "route", "add", "default", "via", nw.near},
	} {
		if err := ip(args...); err != nil {
			t.Fatal(err)
		}
	}
	return nw
}

const baresipConfig = `poll_method epoll
sip_listen %[1]s:%[4]d
rtcp_mux yes
audio_player aubridge,nil
audio_source ausine,%[5]g
audio_alert aubridge,nil
ausrc_srate 48000
auplay_srate 48000
ausrc_channels 2
auplay_channels 2
module_path %[3]s
module g711.so
module g722.so
module opus.so
module stdio.so
module srtp.so
module dtls_srtp.so
module ausine.so
module aubridge.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
snd_path %[2]s
`

// softphone is how a telephone of the namespace is started: it speaks a tone in one call that it makes or, where it dials nobody, answers.
type softphone struct {
	name, codec string
	port        int
	hz          float64
	dials       string
	params      string            // further ones of baresip's account, such as ";mediaenc=srtp"
	encryption  string            // of the audio, at linphonec: "none", "srtp", "dtls"
	user        string            // baresip's, unless by its name
	account     *sip.PhoneAccount // by which linphonec registers; nil: it does not
	server      string            // of the account: an address, and perhaps a transport
	traced      bool              // baresip says which SIP messages it sees
}

// baresip is a running baresip that speaks a tone in one call, and writes what it says and hears to files.
type baresip struct {
	t     testing.TB
	dir   string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan error
	said  *saidSoFar
}

// saidSoFar is what a client has said, which may be read while it goes on.
type saidSoFar struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *saidSoFar) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *saidSoFar) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// says waits until a client has said something.
func (s *saidSoFar) says(t testing.TB, what string) {
	t.Helper()
	within(t, patient, what+" of a client", func() bool { return strings.Contains(s.String(), what) })
}

// dial calls with a tone of 440 Hz; params are further ones of baresip's account.
func (n *network) dial(t testing.TB, name, codec, target string, params ...string) *baresip {
	t.Helper()
	return n.baresip(t, softphone{name: name, codec: codec, port: 5060, hz: customerHz, dials: target, params: strings.Join(params, "")})
}

func (n *network) baresip(t testing.TB, c softphone) *baresip {
	t.Helper()
	modules, _ := filepath.Glob("/usr/lib/*/baresip/modules")
	modules = append(modules, "/usr/lib/baresip/modules")
	b := &baresip{t: t, dir: t.TempDir(), done: make(chan error, 1), said: &saidSoFar{}}
	for name, text := range map[string]string{
		"config":   fmt.Sprintf(baresipConfig, n.there, b.dir, modules[0], c.port, c.hz),
		"accounts": fmt.Sprintf("<sip:%s@%s>;regint=0;audio_codecs=%s%s\n", cmp.Or(c.user, "bare-"+c.name), n.there, c.codec, c.params),
		"contacts": "",
	} {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"netns", "exec", n.name, "baresip", "-f", b.dir}
	if c.dials != "" {
		args = append(args, "-e", "/dial "+c.dials)
	}
	if c.traced {
		args = append(args, "-s")
	}
	b.cmd = exec.Command("ip", args...)
	b.cmd.Stdout, b.cmd.Stderr = b.said, b.said
	var err error
	if b.stdin, err = b.cmd.StdinPipe(); err == nil {
		err = b.cmd.Start()
	}
	if err != nil {
		t.Fatalf("baresip is missing; run scripts/setup.sh test, or apt-get install baresip-core: %v", err)
	}
	go func() { b.done <- b.cmd.Wait() }()
	t.Cleanup(func() {
		_ = b.cmd.Process.Kill() // after hangUp there is none
		b.done <- <-b.done
		if t.Failed() {
			t.Log(b.said)
		}
	})
	return b
}

// command has baresip do something, such as "/transfer sip:1003@tandem".
func (b *baresip) command(line string) {
	b.t.Helper()
	if _, err := fmt.Fprintln(b.stdin, line); err != nil {
		b.t.Errorf("baresip takes no command: %v\n%s", err, b.said)
	}
}

// file is what baresip has written of what it hears ("dec"), or says ("enc").
func (b *baresip) file(side string) string {
	files, err := filepath.Glob(filepath.Join(b.dir, "dump-*-"+side+".wav"))
	if err != nil || len(files) == 0 {
		return ""
	}
	return files[0]
}

// hearMore waits until baresip has heard so much more.
func (b *baresip) hearMore(d time.Duration) {
	b.t.Helper()
	growsBy(b.t, d, func() string { return b.file("dec") })
}

// growsBy waits until a file of sound has got so much longer.
func growsBy(t testing.TB, d time.Duration, file func() string) {
	t.Helper()
	size := func() int64 {
		info, err := os.Stat(file())
		if err != nil {
			return 0
		}
		return info.Size()
	}
	want := size() + int64(d.Seconds()*8000*2) // at least 8,000 samples of two bytes a second
	within(t, d+20*time.Second, "sound at a telephone", func() bool { return size() >= want })
}

// hangUp ends baresip, which says BYE, and returns the last second that it heard.
func (b *baresip) hangUp() (hz, level float64) {
	b.t.Helper()
	b.quit()
	return lastSecond(b.t, b.file("dec"))
}

// quit ends baresip.
func (b *baresip) quit() {
	b.t.Helper()
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.t.Fatal(err)
	}
	select {
	case err := <-b.done:
		b.done <- err
	case <-time.After(10 * time.Second):
		b.t.Fatal("baresip does not end")
	}
}

// lastSecond is what sounds at the end of a file, before the silence that may follow.
func lastSecond(t testing.TB, file string) (hz, level float64) {
	t.Helper()
	wav, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("a telephone heard nothing: %v", err)
	}
	sides, f := recordingtest.Join(t, wav)
	pcm := sides[0]
	for len(pcm) > 0 && pcm[len(pcm)-1] < 100 { // a tone passes that twice in each of its periods
		pcm = pcm[:len(pcm)-1]
	}
	return siptest.Frequency(pcm[max(0, len(pcm)-f.Rate):], f.Rate)
}

// hears ends the call and says whether baresip heard the tone.
func (b *baresip) hears(want float64) {
	b.t.Helper()
	if hz, level := b.hangUp(); math.Abs(hz-want) > 5 || level < 300 {
		b.t.Errorf("baresip hears %.0f Hz at level %.0f, want %.0f Hz\n%s", hz, level, want, b.said)
	}
}

// connectedCall is the one call that is connected.
func (a *app) connectedCall(t testing.TB) (id string) {
	t.Helper()
	within(t, 10*time.Second, "a connected call", func() bool {
		rows, err := a.board.List(context.Background(), a.tenant, calls.Filter{Live: true, States: []calls.State{calls.StateTalking}, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 1 {
			id = rows[0].ID.String()
		}
		return len(rows) == 1
	})
	return id
}

// baresip calls the echo, and an agent in a browser, with G.711, G.722 and Opus: the tone is found both ways, and a supervisor hears both
// while neither hears the supervisor.
func TestBaresip(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	cert, key := siptest.CertificateFiles(t)
	a := start(t, "TANDEM_SIP_UDP="+n.near+":0", "TANDEM_WEBRTC_UDP="+n.near+":0", "TANDEM_MEDIA_IP="+n.near,
		"TANDEM_SIP_TLS="+n.near+":0", "TANDEM_TLS_CERT="+cert, "TANDEM_TLS_KEY="+key)
	ctx := context.Background()
	if _, err := a.trunks.PutTrunk(ctx, a.tenant, sip.Trunk{Name: "baresip", Networks: []string{n.there + "/32"}, Trusted: true, Enabled: true}, sip.Passwords{}); err != nil {
		t.Fatal(err)
	}
	if err := a.trunks.Load(ctx); err != nil {
		t.Fatal(err)
	}
	echo := n.dial(t, "PCMA", "pcma/8000/1", "sip:1003@"+a.sipAddr())
	echo.hearMore(2 * time.Second)
	echo.hears(customerHz)
	if row := a.ended(t, "bare-PCMA"); row.Reason != calls.ReasonCompleted || row.Legs[0].Codec != "PCMA" {
		t.Errorf("record of the echo: %s, %s", row.Reason, row.Legs[0].Codec)
	}

	for menc, says := range map[string]string{ // RTP/AVP with keys, RTP/SAVP, UDP/TLS/RTP/SAVPF
		"srtp": "SRTP is Enabled", "srtp-mand": "SRTP is Enabled", "dtls_srtp": "DTLS-SRTP complete",
	} {
		b := n.dial(t, menc, "pcma/8000/1", "sip:1003@"+a.sip.Addr("tls").String()+";transport=tls", ";mediaenc="+menc)
		b.hearMore(2 * time.Second)
		b.hears(customerHz)
		if said := b.said.String(); !strings.Contains(said, says) {
			t.Errorf("baresip does not say that %s is encrypted:\n%s", menc, said)
		}
	}

	agent := a.signIn(t, "agent1@demo.test", agentHz)
	goAvailable(agent)
	supervisor := sit(t, a.client(t).base, "supervisor@demo.test")
	supervisor.RTC.Say(supervisorHz)
	for _, c := range []struct{ codec, record string }{{"pcmu/8000/1", "PCMU"}, {"g722/16000/1", "G722"}, {"opus/48000/2", "opus"}} {
		t.Run(c.record, func(t *testing.T) {
			b := n.dial(t, c.record, c.codec, "sip:1001@"+a.sipAddr())
			agent.Wait("button", "Accept")
			agent.Click("button", "Accept")
			agent.See("In the call")
			agent.WaitTone(customerHz, 15*time.Second)
			supervisor.supervise("supervise.start", a.connectedCall(t), "monitor")
			within(t, 20*time.Second, "both parties at the supervisor's page", func() bool {
				return supervisor.RTC.Strength(customerHz) > 1000 && supervisor.RTC.Strength(agentHz) > 200 // a browser suppresses tones
			})
			b.hearMore(2 * time.Second)
			b.hears(agentHz)
			agent.See("Wrap-up")
			supervisor.Wait("supervise", "state", "ended")
			supervisor.RTC.Forget()
			if row := a.ended(t, "bare-"+c.record); row.Reason != calls.ReasonCallerHungUp || row.Legs[0].Codec != c.record {
				t.Errorf("record: %s, %s", row.Reason, row.Legs[0].Codec)
			}
			finishWrapUp(agent)
		})
	}
}
