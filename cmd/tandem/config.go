package main

import (
	"errors"
	"fmt"
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
		TCP string   `koanf:"tcp"`
	} `koanf:"webrtc"`
	TURN struct {
		UDP    string   `koanf:"udp"`
		TCP    string   `koanf:"tcp"`
		TLS    string   `koanf:"tls"`
		Host   string   `koanf:"host"`
		URLs   []string `koanf:"urls"`
		Secret string   `koanf:"secret"`
	} `koanf:"turn"`
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
		"webrtc.udp": []string{":8189"}, "webrtc.tcp": "",
		"turn.udp": "", "turn.tcp": "", "turn.tls": "", "turn.host": "", "turn.urls": []string{}, "turn.secret": "",
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
