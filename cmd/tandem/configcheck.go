package main

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// check returns the first setting that cannot be, and why.
func (c *Config) check() (key string, err error) {
	addresses := []struct {
		key, value string
		optional   bool
	}{
		{"http.addr", c.HTTP.Addr, false},
		{"sip.udp", c.SIP.UDP, true},
		{"sip.tcp", c.SIP.TCP, true},
		{"sip.tls", c.SIP.TLS, true},
		{"sip.ws", c.SIP.WS, true},
		{"sip.wss", c.SIP.WSS, true},
		{"webrtc.tcp", c.WebRTC.TCP, true},
		{"turn.udp", c.TURN.UDP, true},
		{"turn.tcp", c.TURN.TCP, true},
		{"turn.tls", c.TURN.TLS, true},
		{"bus.listen", c.Bus.Listen, true},
	}
	for _, a := range addresses {
		if err := checkAddr(a.value, a.optional); err != nil {
			return a.key, fmt.Errorf("%s %w", a.key, err)
		}
	}
	if len(c.WebRTC.UDP) == 0 {
		return "webrtc.udp", errors.New("webrtc.udp needs at least one address such as :8189")
	}
	for _, a := range c.WebRTC.UDP {
		if err := checkAddr(a, false); err != nil {
			return "webrtc.udp", fmt.Errorf("webrtc.udp %w", err)
		}
	}
	if (c.SIP.TLS != "" || c.SIP.WSS != "") && (c.TLS.Cert == "" || c.TLS.Key == "") {
		return "sip.tls", errors.New("sip.tls and sip.wss need tls.cert and tls.key")
	}
	if key, err := c.checkTURN(); err != nil {
		return key, err
	}
	if _, err := netip.ParseAddr(c.Media.IP); c.Media.IP != "" && err != nil {
		return "media.ip", fmt.Errorf("media.ip is %q, not an IP address", c.Media.IP)
	}
	if _, _, err := c.rtpPorts(); err != nil {
		return "media.rtp_ports", err
	}
	if c.Data.Dir == "" {
		return "data.dir", errors.New("data.dir must name a folder")
	}
	if len(c.Bus.Routes) > 0 && c.Bus.Listen == "" {
		return "bus.routes", errors.New("bus.routes needs bus.listen, so that the other nodes reach this one")
	}
	if c.Recording.PartBytes < 10_000 {
		return "recording.part_bytes", errors.New("recording.part_bytes is at least 10000 bytes")
	}
	if !slices.Contains([]string{"take_calls", "refuse_calls"}, c.Recording.WhenFull) {
		return "recording.when_full", errors.New("recording.when_full is take_calls or refuse_calls")
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		return "log.level", errors.New("log.level is debug, info, warn or error")
	}
	return c.checkOutside()
}

// checkOutside is check for what reaches outside, and for counts.
func (c *Config) checkOutside() (key string, err error) {
	if u, err := url.Parse(c.Notify.Twilio); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return "notify.twilio_url", errors.New("notify.twilio_url must be like https://api.twilio.com")
	}
	if u, err := url.Parse(c.HTTP.PublicURL); c.HTTP.PublicURL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Path != "" || u.RawQuery != "") {
		return "http.public_url", errors.New("http.public_url must be like https://tandem.example.com, without a path")
	}
	if _, err := mail.ParseAddress(c.Mail.From); err != nil && (c.Mail.From != "" || c.Mail.Host != "") {
		return "mail.from", errors.New("mail.from must be a mail address, with or without a name, when mail.host is set")
	}
	if !slices.Contains([]string{"starttls", "tls", "none"}, c.Mail.TLS) || c.Mail.Port < 0 || c.Mail.Port > 65535 {
		return "mail.tls", errors.New("mail.tls is starttls, tls or none, and mail.port is 0 to 65535")
	}
	if a, err := mail.ParseAddress(c.Notify.Contact); err != nil || a.Address != c.Notify.Contact {
		return "notify.contact", errors.New("notify.contact must be a mail address such as admin@example.com")
	}
	for _, n := range []struct {
		key string
		n   int
	}{
		{"reports.keep_days", c.Reports.KeepDays},
		{"reports.keep_waits_days", c.Reports.KeepWaitsDays},
		{"calls.max", c.Calls.Max},
		{"calls.stuck_minutes", c.Calls.StuckMinutes},
	} {
		if n.n < 1 {
			return n.key, fmt.Errorf("%s is at least 1", n.key)
		}
	}
	if n := c.Chat.MaxFileBytes; n < 1<<20 || n > 1<<30 {
		return "chat.max_file_bytes", errors.New("chat.max_file_bytes is 1048576 to 1073741824")
	}
	if c.Calls.LostSeconds < 5 {
		return "calls.lost_seconds", errors.New("calls.lost_seconds is at least 5: the caller hears the comfort prompt after 3")
	}
	return "", nil
}

func (c *Config) checkTURN() (key string, err error) {
	if c.TURN.TLS != "" && (c.TLS.Cert == "" || c.TLS.Key == "" || c.TURN.Host == "") {
		return "turn.tls", errors.New("turn.tls needs tls.cert, tls.key, and as turn.host a name that the certificate is for")
	}
	if strings.ContainsAny(c.TURN.Host, "/@ ") {
		return "turn.host", errors.New("turn.host is a name or an address, without a port")
	}
	for _, u := range c.TURN.URLs {
		if !strings.HasPrefix(u, "turn:") && !strings.HasPrefix(u, "turns:") {
			return "turn.urls", errors.New("turn.urls are like turn:turn.example.com:3478?transport=udp or turns:turn.example.com:5349")
		}
	}
	if (len(c.TURN.URLs) > 0) != (c.TURN.Secret != "") {
		return "turn.secret", errors.New("turn.urls and turn.secret need each other")
	}
	return "", nil
}

func checkAddr(addr string, optional bool) error {
	if addr == "" && optional {
		return nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("is %q, not an address such as :5060 or 192.0.2.1:5060", addr)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("has port %q, which is not 0 to 65535", port)
	}
	if _, err := netip.ParseAddr(host); host != "" && host != "localhost" && err != nil {
		return fmt.Errorf("has host %q; listen on an IP address", host)
	}
	return nil
}

func (c *Config) rtpPorts() (lo, hi uint16, err error) {
	a, b, ok := strings.Cut(c.Media.RTPPorts, "-")
	l, err1 := strconv.ParseUint(a, 10, 16)
	h, err2 := strconv.ParseUint(b, 10, 16)
	if !ok || err1 != nil || err2 != nil || l < 1024 || h < l+3 {
		return 0, 0, fmt.Errorf("media.rtp_ports is %q, not a range such as 20000-29999 above 1023", c.Media.RTPPorts)
	}
	return uint16(l), uint16(h), nil
}
