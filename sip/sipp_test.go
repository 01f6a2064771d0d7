package sip_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem/calls"
	"tandem/sip"
	"tandem/sip/siptest"
)

// sipp runs a scenario of testdata/sipp against (or, for callees, waiting for) the server; the returned function waits for its end.
func sipp(t *testing.T, server, scenario, service string, port int, args ...string) (wait func()) {
	t.Helper()
	bin, err := exec.LookPath("sipp")
	if err != nil {
		t.Fatal("SIPp is missing; run scripts/setup.sh test, or apt-get install sip-tester")
	}
	file, err := filepath.Abs(filepath.Join("testdata", "sipp", scenario+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	all := append([]string{
		"-sf", file, "-i", "127.0.0.1", "-p", strconv.Itoa(port), "-s", service, "-m", "1", "-nostdin", "-timeout", "20s", "-timeout_error",
		"-trace_err", "-error_file", dir + "/errors", "-trace_msg", "-message_file", dir + "/messages", "-mp", strconv.Itoa(port + 2000), server,
	}, args...)
	cmd := exec.CommandContext(ctx, bin, all...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TERM=dumb")
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	return func() {
		t.Helper()
		defer cancel()
		if err := <-done; err != nil {
			errs, _ := os.ReadFile(dir + "/errors")
			msgs, _ := os.ReadFile(dir + "/messages")
			t.Fatalf("%s: %v\n%s\n%s", scenario, err, errs, msgs)
		}
	}
}

// freePort finds a UDP port that nobody has.
func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// listening waits until SIPp has bound its port.
func listening(t *testing.T, port int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			return
		}
		_ = c.Close()
		<-tick.C
	}
	t.Fatal("SIPp does not start")
}

// Scenarios in which SIPp calls.
func TestSIPpCallers(t *testing.T) {
	h := newHouse(t)
	h.phone("8001")
	for _, c := range []struct{ scenario, service string }{
		{"uac_hold", "1003"},
		{"uac_lost_ack", "1003"},
		{"uac_refresh", "1003"},
		{"uac_cancel", "1008"},
		{"uac_unknown", "4711"},
		{"uac_bad_sdp", "1003"},
		{"uac_no_codec", "1003"},
		{"uac_options", "1003"},
		{"uac_wrong_digest", "8001"},
		{"uac_100rel", "1011"},
		{"uac_update", "1003"},
		{"uac_refer", "1003"},
		{"uac_fax", "1003"},
		{"uac_t38", "1003"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			sipp(t, h.udp, c.scenario, c.service, freePort(t))()
		})
	}
}

// SIPp takes the place of a leg, as a PBX does that transfers attended by itself: the call goes on with it, and the one before is hung up.
func TestSIPpReplaces(t *testing.T) {
	h := newHouse(t)
	p := siptest.New(t, "100")
	c := p.Invite(h.udp, "1003", p.SDP(4000, "", pcmu))
	c.Response(200)
	c.Ack("")
	leg := get(t, h.legs, "leg")
	wait := sipp(t, h.udp, "uac_replaces", "1003", freePort(t), "-key", "replaces", strings.TrimPrefix(replacing(c, ""), "Replaces: "))
	c.Reply(c.Request("BYE"), 200, "OK", "")
	wait()
	<-leg.Done()
}

// Scenarios in which SIPp is called: a phone calls 1900, which is bridged to SIPp.
func TestSIPpCallees(t *testing.T) {
	for _, c := range []struct {
		scenario string
		drive    func(t *testing.T, h *house, a *siptest.Call)
	}{
		{"uas_twelve", func(t *testing.T, h *house, a *siptest.Call) {
			a.Response(200)
			a.Ack("")
			a.Send("BYE", "", "")
			a.Response(200)
		}},
		{"uas_cancel_crosses", func(t *testing.T, h *house, a *siptest.Call) {
			a.Response(180)
			a.RemoteTag = ""
			a.Cancel()
		}},
		{"uas_fork", func(t *testing.T, h *house, a *siptest.Call) {
			a.Response(200)
			a.Ack("")
			first := get(t, h.dialed, "far leg")
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for range 500 {
				if h.count("tandem_sip_late_answers_total") > 0 {
					break
				}
				<-tick.C
			}
			select {
			case <-first.Done():
				t.Errorf("the first fork's call ended: %s", first.Cause())
			default:
			}
			a.Send("BYE", "", "")
			a.Response(200)
		}},
		{"uas_100rel", func(t *testing.T, _ *house, a *siptest.Call) {
			a.Response(200)
			a.Ack("")
			a.Send("BYE", "", "")
			a.Response(200)
		}},
		{"uas_t38", func(t *testing.T, _ *house, a *siptest.Call) {
			a.Response(200)
			a.Ack("")
			a.Reply(a.Request("BYE"), 200, "OK", "")
		}},
		{"uas_refresh", func(t *testing.T, h *house, a *siptest.Call) {
			a.Response(200)
			a.Ack("")
			far := get(t, h.dialed, "far leg")
			select {
			case <-far.Done():
				t.Errorf("the call ended: %s", far.Cause())
			case <-time.After(2500 * time.Millisecond): // longer than the session interval
			}
			far.Hangup(calls.CauseNormal)
		}},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			h := newHouse(t, func(cfg *sip.Config) {
				if c.scenario == "uas_refresh" {
					cfg.SessionExpires, cfg.MinSE = 4*time.Second, time.Second
				}
			})
			port := freePort(t)
			wait := sipp(t, h.udp, c.scenario, "uas", port)
			listening(t, port)
			h.setFar("sip:uas@127.0.0.1:" + strconv.Itoa(port))
			p := siptest.New(t, "100")
			a := p.Invite(h.udp, "1900", strings.ReplaceAll(p.SDP(4000, "", pcmu), "\n\n", "\n"))
			c.drive(t, h, a)
			wait()
		})
	}
}
