package main

import (
	"fmt"
	"testing"
	"time"

	"tandem/calls"
	"tandem/internal/auth"
	"tandem/media/codec"
	"tandem/signaling/browsertest"
)

const (
	callsOfAddress = 5 // as many as one address may make from the web
	benchListeners = 50
)

// holdBrowsers holds so many calls from web pages, which speak one codec, to the outside address, which speaks G.711: WebRTC on one side, SIP on the other.
func (s *served) holdBrowsers(b *testing.B, count int, c codec.Codec) {
	memory := s.rss(b)
	var pages []*browsertest.Page
	for i := range count {
		from := fmt.Sprintf("127.0.1.%d", 1+i/callsOfAddress)
		p := browsertest.OpenFrom(b, from, "ws://"+s.http+"/ws", map[string]any{"customer": true, "name": "Bench"})
		p.Send("call.start", map[string]string{"number": "1900"})
		p.ConnectWith(c)
		p.Wait("call", "state", "talking")
		p.RTC.Say(440)
		pages = append(pages, p)
	}
	for _, p := range pages {
		p.RTC.Await(620)
	}
	s.cost(b, count, memory, func() { <-time.After(benchHold) })
	for _, p := range pages {
		p.Send("call.hangup", nil)
		p.Wait("call", "state", "ended")
		p.Leave()
	}
}

// BenchmarkSilentListener reports what supervisors add to the server's work who only listen, each to a call of their own: the same calls and
// pages before and after they begin. The pages send silence, as a browser does whose microphone is muted.
func BenchmarkSilentListener(b *testing.B) {
	s := serveForBench(b)
	defer uas(b)()
	c := client{b, "http://" + s.http}
	var ears []*seat
	for _, email := range s.supervisors(c) {
		ear := sit(b, c.base, email)
		ear.RTC.Say(0)
		ears = append(ears, ear)
	}
	defer s.callIn(b, benchListeners, "1900")()
	spent := func() time.Duration {
		before := s.cpu(b)
		<-time.After(benchHold)
		return s.cpu(b) - before
	}
	for b.Loop() {
		without := spent()
		for i, call := range ask[list[calls.CallRow]](c, "GET", "/api/v1/calls?state=connected", nil).Items {
			ears[i].supervise("supervise.start", call.ID.String(), "monitor")
		}
		for _, ear := range ears {
			ear.Wait("supervise", "state", "on")
			within(b, 20*time.Second, "both parties at the page", func() bool { return ear.RTC.Strength(440) > 1000 && ear.RTC.Strength(620) > 1000 })
		}
		with := spent()
		b.ReportMetric((with-without).Seconds()/(benchHold.Minutes()*benchListeners), "cpu-s/listener-min")
		b.ReportMetric(0, "ns/op")
		for _, ear := range ears {
			ear.Send("supervise.stop", map[string]string{})
			ear.Wait("supervise", "state", "ended")
		}
	}
}

// supervisors makes people who may listen to all calls.
func (s *served) supervisors(c client) (emails []string) {
	role := ask[auth.Role](c, "POST", "/api/v1/roles", map[string]any{"name": "Listeners", "permissions": auth.Permissions{
		{Verb: "monitor", Resource: "calls", Scope: auth.ScopeAll}, {Verb: "read", Resource: "calls", Scope: auth.ScopeAll},
	}})
	for i := range benchListeners {
		email := fmt.Sprintf("ear%d@demo.test", i)
		ask[any](c, "POST", "/api/v1/users", map[string]any{"email": email, "name": email, "password": demoPassword, "roles": []string{role.ID.String()}})
		emails = append(emails, email)
	}
	return emails
}
