package main

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	yamlnode "go.yaml.in/yaml/v3"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Config is what the server is told from outside: a YAML file, then the environment (TANDEM_HTTP_ADDR for http.addr).
type Config struct {
	HTTP struct {
		Addr      string `koanf:"addr"`
		PublicURL string `koanf:"public_url"`
	} `koanf:"http"`
	SIP struct {
		UDP string `koanf:"udp"`
		TCP string `koanf:"tcp"`
		TLS string `koanf:"tls"`
		WS  string `koanf:"ws"`
		WSS string `koanf:"wss"`
	} `koanf:"sip"`
	TLS struct {
		Cert string `koanf:"cert"`
		Key  string `koanf:"key"`
	} `koanf:"tls"`
	Media struct {
		IP       string `koanf:"ip"`
		RTPPorts string `koanf:"rtp_ports"`
	} `koanf:"media"`
	WebRTC struct {
		UDP []string `koanf:"udp"`
	} `koanf:"webrtc"`
	Data struct {
		Dir string `koanf:"dir"`
	} `koanf:"data"`
	Keys struct {
		Master string `koanf:"master"`
	} `koanf:"keys"`
	Database struct {
		URL string `koanf:"url"`
	} `koanf:"database"`
	Bus struct {
		Listen string   `koanf:"listen"`
		Routes []string `koanf:"routes"`
	} `koanf:"bus"`
	Blob struct {
		URL string `koanf:"url"`
	} `koanf:"blob"`
	Recording struct {
		PartBytes int64  `koanf:"part_bytes"`
		WhenFull  string `koanf:"when_full"`
		CopyURL   string `koanf:"copy_url"`
	} `koanf:"recording"`
	Calls struct {
		Max          int `koanf:"max"`
		StuckMinutes int `koanf:"stuck_minutes"`
		LostSeconds  int `koanf:"lost_seconds"`
	} `koanf:"calls"`
	Chat struct {
		MaxFileBytes int64 `koanf:"max_file_bytes"`
	} `koanf:"chat"`
	Egress struct {
		Private bool `koanf:"private"`
	} `koanf:"egress"`
	Mail struct {
		Host     string `koanf:"host"`
		Port     int    `koanf:"port"`
		User     string `koanf:"user"`
		Password string `koanf:"password"`
		From     string `koanf:"from"`
		TLS      string `koanf:"tls"`
	} `koanf:"mail"`
	Notify struct {
		Twilio  string `koanf:"twilio_url"`
		Contact string `koanf:"contact"`
	} `koanf:"notify"`
	Reports struct {
		KeepDays      int `koanf:"keep_days"`
		KeepWaitsDays int `koanf:"keep_waits_days"`
	} `koanf:"reports"`
	Node struct {
		Name string `koanf:"name"`
	} `koanf:"node"`
	Demo struct {
		APIKey string `koanf:"api_key"`
	} `koanf:"demo"`
	Log struct {
		Level string `koanf:"level"`
	} `koanf:"log"`

	given map[string]bool // keys that somebody set
}

// defaults are the settings as they are when nobody sets them; tandem.yaml shows the same, by test.
func defaults() map[string]any {
	return map[string]any{
		"http.addr": ":8080", "http.public_url": "",
		"sip.udp": ":5060", "sip.tcp": ":5060", "sip.tls": "", "sip.ws": "", "sip.wss": "",
		"tls.cert": "", "tls.key": "",
		"media.ip": "", "media.rtp_ports": "20000-29999",
		"webrtc.udp":   []string{":8189"},
		"data.dir":     "./data",
		"keys.master":  "",
		"database.url": "",
		"bus.listen":   "", "bus.routes": []string{},
		"blob.url":             "",
		"recording.part_bytes": 50_000_000, "recording.when_full": "take_calls", "recording.copy_url": "",
		"calls.max":           2000,
		"calls.stuck_minutes": 120,
		"calls.lost_seconds":  60,
		"chat.max_file_bytes": 26_214_400,
		"egress.private":      false,
		"mail.host":           "", "mail.port": 0, "mail.user": "", "mail.password": "", "mail.from": "", "mail.tls": "starttls",
		"notify.twilio_url":       "https://api.twilio.com",
		"notify.contact":          "admin@example.com",
		"reports.keep_days":       800,
		"reports.keep_waits_days": 100,
		"node.name":               "",
		"demo.api_key":            "",
		"log.level":               "info",
	}
}

func (c *Config) openKeys() (*storage.Keys, error) {
	return storage.OpenKeysWith(filepath.Join(c.Data.Dir, "keys"), c.Keys.Master)
}

// loadConfig reads the file (none: only the environment) and checks every setting. Errors name the key, and the line in the file.
func loadConfig(path string, environ []string) (*Config, error) {
	var text []byte
	if path != "" {
		var err error
		if text, err = os.ReadFile(path); err != nil {
			return nil, fault.Newf(fault.Invalid, "config_unreadable", "The configuration file cannot be read: %s.", cause(err)).Because(err)
		}
	}
	k := koanf.New(".")
	known := defaults()
	if err := k.Load(confmap.Provider(known, "."), nil); err != nil {
		return nil, fmt.Errorf("load the default settings: %w", err)
	}
	given := map[string]bool{}
	if err := loadFile(k, path, text, known, given); err != nil {
		return nil, err
	}
	if err := loadEnvironment(k, environ, known, given); err != nil {
		return nil, err
	}
	var c Config
	if err := k.Unmarshal("", &c); err != nil {
		return nil, located(path, text, "", "%s", cause(err))
	}
	c.given = given
	if key, err := c.check(); err != nil {
		return nil, located(path, text, key, "%s", err)
	}
	return &c, nil
}

func loadFile(k *koanf.Koanf, path string, text []byte, known map[string]any, given map[string]bool) error {
	if path == "" {
		return nil
	}
	file := koanf.New(".")
	if err := file.Load(rawbytes.Provider(text), yaml.Parser()); err != nil {
		return fault.Newf(fault.Invalid, "config_syntax", "%s is not valid YAML: %s.", path, cause(err)).Because(err)
	}
	for _, key := range file.Keys() {
		if _, ok := known[key]; !ok {
			return located(path, text, key, "%s is no setting; `tandem check-config` and docs/configuration.md list them", key)
		}
		given[key] = true
	}
	return k.Merge(file)
}

func loadEnvironment(k *koanf.Koanf, environ []string, known map[string]any, given map[string]bool) error {
	byName := map[string]string{}
	for key := range known {
		byName["TANDEM_"+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))] = key
	}
	return k.Load(env.Provider(".", env.Opt{
		Prefix:      "TANDEM_",
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			key, ok := byName[name]
			if !ok {
				return "", nil
			}
			given[key] = true
			if _, list := known[key].([]string); list {
				return key, strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
			}
			return key, value
		},
	}), nil)
}

// located is a fault that names the line of the key in the file.
func located(path string, text []byte, key, format string, args ...any) error {
	sentence := fmt.Sprintf(format, args...)
	where := ""
	if path != "" {
		where = path
		if line := lineOf(text, key); line > 0 {
			where += ":" + strconv.Itoa(line)
		}
		where += ": "
	}
	return fault.New(fault.Invalid, "config_setting", where+sentence+".").WithField(key)
}

// lineOf finds the line of a dotted key, 0 when the file does not have it.
func lineOf(text []byte, key string) int {
	var doc yamlnode.Node
	if key == "" || yamlnode.Unmarshal(text, &doc) != nil || len(doc.Content) == 0 {
		return 0
	}
	node, line := doc.Content[0], 0
	for part := range strings.SplitSeq(key, ".") {
		i := slices.IndexFunc(node.Content, func(n *yamlnode.Node) bool { return n.Value == part })
		if node.Kind != yamlnode.MappingNode || i < 0 || i+1 >= len(node.Content) {
			return line
		}
		line, node = node.Content[i].Line, node.Content[i+1]
	}
	return line
}

// cause is an error's text without the name of the operation, in one line.
func cause(err error) string {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Path + ": " + pe.Err.Error()
	}
	return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
}

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

// onLoopback moves the listeners that nobody gave an address to loopback: the demo's passwords are known.
func (c *Config) onLoopback() {
	local := func(key string, addr *string) {
		if !c.given[key] && strings.HasPrefix(*addr, ":") {
			*addr = "127.0.0.1" + *addr
		}
	}
	local("http.addr", &c.HTTP.Addr)
	local("sip.udp", &c.SIP.UDP)
	local("sip.tcp", &c.SIP.TCP)
	for i := range c.WebRTC.UDP {
		local("webrtc.udp", &c.WebRTC.UDP[i])
	}
	if !c.given["media.ip"] {
		c.Media.IP = "127.0.0.1"
	}
}
