package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"tandem/calls"
	"tandem/sip"
	"tandem/sip/siptest"
)

const linphoneConfig = `[sip]
sip_port=%[1]d
sip_tcp_port=-1
sip_tls_port=-1
guess_hostname=1
media_encryption=none
[rtp]
audio_rtp_port=%[2]d
[video]
enabled=0
capture=0
display=0
[sound]
echocancellation=0
`

// linphone is a running linphonec that speaks a tone in one call, and writes what it hears to a file.
type linphone struct {
	t     testing.TB
	dir   string
	said  *bytes.Buffer
	stdin io.WriteCloser
	done  chan error
}

func (n *network) linphone(t testing.TB, c softphone) *linphone {
	t.Helper()
	l := &linphone{t: t, dir: t.TempDir(), said: &bytes.Buffer{}, done: make(chan error, 1)}
	rc := filepath.Join(l.dir, "rc")
	err := os.MkdirAll(filepath.Join(l.dir, ".local/share/linphone"), 0o700)
	if err == nil {
		err = os.WriteFile(rc, fmt.Appendf(nil, linphoneConfig, c.port, c.port+2000), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	tone := exec.Command("sox", "-n", "-r", "8000", "-c", "1", "-b", "16", l.file("tone"), "synth", "60", "sine", fmt.Sprint(c.hz), "gain", "-6")
	if out, err := tone.CombinedOutput(); err != nil {
		t.Fatalf("a tone cannot be made; run scripts/setup.sh test, or apt-get install sox: %v: %s", err, out)
	}
	cmd := exec.Command("ip", "netns", "exec", n.name, "linphonec", "-a", "-c", rc)
	cmd.Env = append(os.Environ(), "HOME="+l.dir)
	cmd.Stdout, cmd.Stderr = l.said, l.said
	if l.stdin, err = cmd.StdinPipe(); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("linphonec is missing; run scripts/setup.sh test, or apt-get install linphone-cli: %v", err)
	}
	go func() { l.done <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // after quit there is none
		l.done <- <-l.done
	})
	l.command("soundcard use files")
	l.command("play " + l.file("tone"))
	l.command("record " + l.file("heard"))
	if c.dials != "" {
		l.command("call " + c.dials)
	}
	return l
}

func (l *linphone) file(name string) string { return filepath.Join(l.dir, name+".wav") }

func (l *linphone) command(line string) {
	if _, err := fmt.Fprintln(l.stdin, line); err != nil {
		l.t.Errorf("linphonec takes no command: %v\n%s", err, l.said)
	}
}

func (l *linphone) hearMore(d time.Duration) {
	l.t.Helper()
	growsBy(l.t, d, func() string { return l.file("heard") })
}

// quit ends the call, and linphonec.
func (l *linphone) quit() {
	l.t.Helper()
	l.command("terminate")
	l.command("quit")
	select {
	case err := <-l.done:
		l.done <- err
	case <-time.After(20 * time.Second):
		l.t.Fatalf("linphonec does not end\n%s", l.said)
	}
}

func (l *linphone) spoken() string { return l.file("tone") }
func (l *linphone) heard() string  { return l.file("heard") }
func (b *baresip) spoken() string  { return b.file("enc") }
func (b *baresip) heard() string   { return b.file("dec") }

// handset is a client with files of what it says and hears.
type handset interface {
	hearMore(d time.Duration)
	quit()
	spoken() string
	heard() string
}

// hearsWell says whether one telephone heard what the other said: within 5 Hz, and as loud within a tenth.
func hearsWell(t *testing.T, listener, speaker handset, hz float64) {
	t.Helper()
	got, level := lastSecond(t, listener.heard())
	_, said := lastSecond(t, speaker.spoken())
	if math.Abs(got-hz) > 5 || math.Abs(level/said-1) > 0.1 {
		t.Errorf("%T hears %.0f Hz at level %.0f, %T said %.0f Hz at %.0f", listener, got, level, speaker, hz, said)
	}
}

// Two SIP stacks besides ours call each other through us: what one says is what the other hears, both ways. Where the caller is to be encrypted the
// trunk refuses it otherwise; who answers is reached in the clear.
func TestClientPairs(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	cert, key := siptest.CertificateFiles(t)
	a, ctx := start(t, "TANDEM_SIP_UDP="+n.near+":0", "TANDEM_WEBRTC_UDP="+n.near+":0", "TANDEM_MEDIA_IP="+n.near,
		"TANDEM_SIP_TLS="+n.near+":0", "TANDEM_TLS_CERT="+cert, "TANDEM_TLS_KEY="+key), context.Background()
	trunk := sip.Trunk{Name: "clients", Networks: []string{n.there + "/32"}, Trusted: true, Enabled: true}
	const answers, dials = 5070, 5080
	const answerer = "5501"
	_, err := a.numbers.Put(ctx, a.tenant, calls.Number{Number: answerer, Kind: calls.EntryAddress, Address: fmt.Sprintf("sip:bare-answers@%s:%d", n.there, answers)})
	if err != nil {
		t.Fatal(err)
	}
	bare := map[string]string{"none": "", "srtp": ";mediaenc=srtp-mand", "dtls": ";mediaenc=dtls_srtp"}
	phones := map[string]func(t *testing.T, c softphone, encryption string) handset{
		"baresip": func(t *testing.T, c softphone, encryption string) handset {
			c.codec, c.params = "pcma/8000/1", bare[encryption]+";answermode=auto"
			return n.baresip(t, c)
		},
		"linphonec": func(t *testing.T, c softphone, _ string) handset { return n.linphone(t, c) },
	}
	for _, p := range []struct{ from, to, encryption string }{
		{"baresip", "baresip", "none"},
		{"baresip", "linphonec", "none"},
		{"linphonec", "baresip", "none"},
		{"baresip", "baresip", "srtp"},
		{"baresip", "linphonec", "srtp"},
		{"baresip", "baresip", "dtls"},
		{"baresip", "linphonec", "dtls"},
	} {
		t.Run(p.from+" to "+p.to+" "+p.encryption, func(t *testing.T) {
			target := fmt.Sprintf("sip:%s@%s", answerer, a.sipAddr())
			trunk.Encryption = sip.EncryptionOff
			if p.encryption != "none" {
				target = fmt.Sprintf("sip:%s@%s;transport=tls", answerer, a.sip.Addr("tls"))
				trunk.Encryption = sip.EncryptionRequire
			}
			if trunk, err = a.trunks.PutTrunk(ctx, a.tenant, trunk, sip.Passwords{}); err == nil {
				err = a.trunks.Load(ctx)
			}
			if err != nil {
				t.Fatal(err)
			}
			far := phones[p.to](t, softphone{name: "answers", port: answers, hz: agentHz}, "none")
			n.listens(t, answers)
			near := phones[p.from](t, softphone{name: "dials", port: dials, hz: customerHz, dials: target}, p.encryption)
			near.hearMore(2 * time.Second)
			far.hearMore(time.Second)
			near.quit()
			far.quit()
			hearsWell(t, near, far, agentHz)
			hearsWell(t, far, near, customerHz)
		})
	}
}

// listens waits until somebody in the namespace has a UDP port.
func (n *network) listens(t testing.TB, port int) {
	t.Helper()
	within(t, 20*time.Second, "a telephone that listens", func() bool {
		out, err := exec.Command("ip", "netns", "exec", n.name, "ss", "-Hlun", fmt.Sprintf("sport = :%d", port)).Output()
		return err == nil && len(bytes.TrimSpace(out)) > 0
	})
}
