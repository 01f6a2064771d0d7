package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/queues"
	"tandem/signaling/browsertest"
	"tandem/sip"
	"tandem/sip/siptest"
)

// handset is a client of whose call is known what it says and hears.
type handset interface {
	hearMore(d time.Duration)
	quit()                      // ends the call
	speaks() (level float64)    // RMS of its tone
	heard() (hz, level float64) // after quit, the end of what it heard
}

func (b *baresip) speaks() float64 {
	_, level := lastSecond(b.t, b.file("enc"))
	return level
}

func (b *baresip) heard() (hz, level float64) { return lastSecond(b.t, b.file("dec")) }

// webCall is one call of a telephone in a page.
type webCall struct {
	*webPhone
	dials bool
	last  browsertest.Heard
}

// hearMore listens until the page hears the same twice: the first sound is mixed with the silence before it.
func (w *webCall) hearMore(d time.Duration) {
	w.t.Helper()
	if w.last.Packets == 0 {
		w.says("talking")
	}
	within(w.t, patient, "sound at a page", func() bool {
		before := w.last
		w.last = w.Hear(d)
		return w.last.Level > 0.001 && math.Abs(w.last.Hz-before.Hz) < 2 && math.Abs(w.last.Level/before.Level-1) < 0.03
	})
}

func (w *webCall) quit() {
	w.t.Helper()
	if w.dials {
		w.does("hangUp()")
	}
	w.says("ended")
}

func (w *webCall) speaks() float64            { return w.Level * fullScale }
func (w *webCall) heard() (hz, level float64) { return w.last.Hz, w.last.Level * fullScale }

const fullScale = 1 << 15

// hearsWell says whether one telephone heard what the other said: within 5 Hz, and as loud within a tenth.
func hearsWell(t *testing.T, listener, speaker handset, hz float64) {
	t.Helper()
	got, level := listener.heard()
	said := speaker.speaks()
	if math.Abs(got-hz) > 5 || math.Abs(level/said-1) > 0.1 {
		t.Errorf("%T hears %.0f Hz at level %.0f, %T said %.0f Hz at %.0f", listener, got, level, speaker, hz, said)
	}
}

// lane is a place from which pairs of clients call each other, one pair after the other: a network of their own, and a trunk that is there.
type lane struct {
	*app
	*network
	trunk sip.Trunk
	web   map[bool]*webPhone // who calls, and who is called
}

const (
	pairAnswers, pairDials      = 5070, 5080    // ports in the network
	toAddress, toPage, fromPage = "1", "2", "3" // the last digits of numbers
)

// number leads to one of the lane's clients.
func (l *lane) number(which string) string { return "55" + l.name[len("tandem"):] + which }

func newLane(t *testing.T, a *app, n *network) *lane {
	t.Helper()
	l := &lane{app: a, network: n, trunk: sip.Trunk{Name: n.name, Networks: []string{n.there + "/32"}, Trusted: true, Enabled: true}}
	_, err := a.numbers.Put(context.Background(), a.tenant, calls.Number{Number: l.number(toAddress), Kind: calls.EntryAddress, Address: fmt.Sprintf("sip:bare-answers@%s:%d", n.there, pairAnswers)})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// telephoneAt is an agent's telephone that a number of its own name leads to.
func (a *app) telephoneAt(t testing.TB, number string) sip.PhoneAccount {
	t.Helper()
	ctx, agent := context.Background(), uuid.New()
	err := a.queues.PutAgent(ctx, a.tenant, queues.Agent{ID: agent, Name: "Agent of " + number, Device: "phone:" + number, AlwaysAvailable: true})
	if err == nil {
		_, err = a.numbers.Put(ctx, a.tenant, calls.Number{Number: number, Kind: calls.EntryAgent, Agent: &agent})
	}
	if err != nil {
		t.Fatal(err)
	}
	return a.phoneAccount(t, number, agent)
}

// pair is who calls whom, and how the audio of who calls is encrypted. Pages are always encrypted, by DTLS.
type pair struct{ from, to, encryption string }

// phone starts a client, or lets a page's take part.
func (l *lane) phone(t *testing.T, kind string, c softphone) handset {
	t.Helper()
	switch kind {
	case "baresip":
		c.codec = "pcma/8000/1"
		c.params = map[string]string{"srtp": ";mediaenc=srtp-mand", "dtls": ";mediaenc=dtls_srtp"}[c.encryption] + ";answermode=auto"
		return l.baresip(t, c)
	case "linphonec":
		return l.linphone(t, c)
	}
	w := &webCall{webPhone: l.web[c.dials != ""], dials: c.dials != ""}
	w.t = t
	if w.dials {
		number, _, _ := strings.Cut(strings.TrimPrefix(c.dials, "sip:"), "@")
		w.does(fmt.Sprintf("call(%q)", number))
	}
	return w
}

// call lets a pair talk. Where the caller is to be encrypted the trunk refuses it otherwise. baresip and linphonec are called in the clear: by TLS they are
// called if we trust their certificate, or if they have registered so. Then our offer is RTP/AVP with keys, which linphonec takes for no encryption at all, and
// baresip does not register, because the first digest that it is asked for is not MD5's.
func (l *lane) call(t *testing.T, p pair) {
	t.Helper()
	answers := softphone{name: "answers", port: pairAnswers, hz: agentHz, encryption: "none"}
	dials := softphone{name: "dials", port: pairDials, hz: customerHz, encryption: p.encryption}
	which, at := toAddress, l.sipAddr()
	l.trunk.Encryption = sip.EncryptionOff
	if p.encryption != "none" {
		at = l.sip.Addr("tls").String() + ";transport=tls"
		l.trunk.Encryption = sip.EncryptionRequire
	}
	if p.to == "chromium" {
		which = toPage
	}
	dials.dials = fmt.Sprintf("sip:%s@%s", l.number(which), at)
	var err error
	if l.trunk, err = l.trunks.PutTrunk(t.Context(), l.tenant, l.trunk, sip.Passwords{}); err == nil {
		err = l.trunks.Load(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	far := l.phone(t, p.to, answers)
	if b, ok := far.(*baresip); ok {
		b.said.says(t, "baresip is ready")
	} else if which == toAddress {
		l.listens(t, pairAnswers)
	}
	near := l.phone(t, p.from, dials)
	near.hearMore(1500 * time.Millisecond)
	far.hearMore(time.Second)
	near.quit()
	far.quit()
	hearsWell(t, near, far, agentHz)
	hearsWell(t, far, near, customerHz)
}

// Two clients besides ours call each other through us, each in every pairing: what one says is what the other hears, both ways. linphonec calls by DTLS in
// none: it ends the handshake, and then its own library (bctoolbox, as Debian has it) cannot say what our certificate's fingerprint is.
func TestClientPairs(t *testing.T) {
	t.Parallel()
	n, other := newNetwork(t), newNetwork(t)
	cert, key := siptest.CertificateFiles(t)
	a := start(t, "TANDEM_SIP_UDP="+n.near+":0", "TANDEM_WEBRTC_UDP="+n.near+":0", "TANDEM_MEDIA_IP="+n.near, "TANDEM_SIP_TLS="+n.near+":0", "TANDEM_SIP_WS=127.0.0.1:0",
		"TANDEM_TLS_CERT="+cert, "TANDEM_TLS_KEY="+key)
	telephones, pages := newLane(t, a, n), newLane(t, a, other)
	page, server := webPages(t), "ws://"+a.sip.Addr("ws").String()
	pages.web = map[bool]*webPhone{
		true:  newWebPhone(t, page, "jssip", server, "pcmu", customerHz, a.telephoneAt(t, pages.number(fromPage))),
		false: newWebPhone(t, page, "sipjs", server, "pcmu", agentHz, a.telephoneAt(t, pages.number(toPage))),
	}
	for name, c := range map[string]struct {
		*lane
		pairs []pair
	}{
		"telephones": {telephones, []pair{
			{"baresip", "baresip", "none"},
			{"baresip", "baresip", "srtp"},
			{"baresip", "baresip", "dtls"},
			{"baresip", "linphonec", "none"},
			{"baresip", "linphonec", "srtp"},
			{"baresip", "linphonec", "dtls"},
			{"linphonec", "baresip", "none"},
			{"linphonec", "baresip", "srtp"},
			{"linphonec", "linphonec", "none"},
			{"linphonec", "linphonec", "srtp"},
		}},
		"pages": {pages, []pair{
			{"chromium", "chromium", "dtls"},
			{"chromium", "baresip", "dtls"},
			{"chromium", "linphonec", "dtls"},
			{"baresip", "chromium", "none"},
			{"baresip", "chromium", "srtp"},
			{"baresip", "chromium", "dtls"},
			{"linphonec", "chromium", "none"},
			{"linphonec", "chromium", "srtp"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, p := range c.pairs {
				t.Run(p.from+" to "+p.to+" "+p.encryption, func(t *testing.T) { c.call(t, p) })
			}
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
