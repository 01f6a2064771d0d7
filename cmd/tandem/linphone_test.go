package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A certificate of the server's is none that linphonec knows. Who is encrypted is so or not at all.
const linphoneConfig = `[sip]
sip_port=%[1]d
sip_tcp_port=-1
sip_tls_port=-1
guess_hostname=1
verify_server_certs=0
verify_server_cn=0
media_encryption=%[3]s
media_encryption_mandatory=%[4]d
[rtp]
audio_rtp_port=%[2]d
[video]
enabled=0
capture=0
display=0
[sound]
echocancellation=0
[audio_codec_0]
mime=PCMA
rate=8000
enabled=1
[audio_codec_1]
mime=opus
rate=48000
channels=2
enabled=0
[audio_codec_2]
mime=speex
rate=16000
enabled=0
[audio_codec_3]
mime=speex
rate=8000
enabled=0
`

const linphoneAccount = `[proxy_0]
reg_proxy=<sip:%[1]s>
reg_identity=sip:%[2]s@tandem
reg_expires=60
reg_sendregister=1
publish=0
[auth_info_0]
username=%[2]s
passwd=%[3]s
realm=tandem
`

// linphone is a running linphonec that speaks a tone in its calls, and writes what it hears in the first to a file.
type linphone struct {
	t     testing.TB
	dir   string
	said  *saidSoFar
	stdin io.WriteCloser
	done  chan error
}

func (n *network) linphone(t testing.TB, c softphone) *linphone {
	t.Helper()
	l := &linphone{t: t, dir: t.TempDir(), said: &saidSoFar{}, done: make(chan error, 1)}
	mandatory := 1
	if c.encryption == "" || c.encryption == "none" {
		c.encryption, mandatory = "none", 0
	}
	text := fmt.Sprintf(linphoneConfig, c.port, c.port+2000, c.encryption, mandatory)
	if c.account != nil {
		text += fmt.Sprintf(linphoneAccount, c.server, c.account.Username, c.account.Secret)
	}
	rc := filepath.Join(l.dir, "rc")
	err := os.MkdirAll(filepath.Join(l.dir, ".local/share/linphone"), 0o700)
	if err == nil {
		err = os.Mkdir(filepath.Join(l.dir, ".linphone-usr-crt"), 0o700) // of DTLS
	}
	if err == nil {
		err = os.WriteFile(rc, []byte(text), 0o600)
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
		if t.Failed() {
			t.Log(l.said)
		}
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

func (l *linphone) speaks() float64 {
	_, level := lastSecond(l.t, l.file("tone"))
	return level
}

func (l *linphone) heard() (hz, level float64) { return lastSecond(l.t, l.file("heard")) }
