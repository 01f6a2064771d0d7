// Package browsertest drives a real headless Chromium in tests: the pages as users see them, and the sound that arrives in them.
package browsertest

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tandem/media/sound"
)

//go:embed driver.mjs
var driver string

// Browser is one Chromium with one page. Its microphone plays a tone.
type Browser struct {
	t     testing.TB
	in    io.WriteCloser
	out   *bufio.Scanner
	mu    sync.Mutex
	calls int

	Level float64 // RMS of the microphone's tone, 1 is full scale
}

// Heard is what the page receives.
type Heard struct {
	Hz      float64 `json:"hz"`
	Level   float64 `json:"level"` // RMS, 1 is full scale
	Packets int     `json:"packets"`
	State   string  `json:"state"` // of the PeerConnection
}

// Network is what lies between a browser and the server.
type Network struct {
	RelayOnly bool `json:"relayOnly"` // audio goes by a TURN server, whose certificate is taken as it is
	NoUDP     bool `json:"noUDP"`     // no UDP leaves the browser
}

// New starts Chromium, whose microphone plays a sine of hz. It ends with the test.
func New(t testing.TB, hz float64) *Browser {
	t.Helper()
	return NewBehind(t, hz, Network{})
}

// NewBehind is New in a network.
func NewBehind(t testing.TB, hz float64, network Network) *Browser {
	t.Helper()
	between, err := json.Marshal(network)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	wav := filepath.Join(dir, "microphone.wav")
	const level = -12 // dB
	tone := sound.Tone{Hz: []float64{hz}, On: 20 * time.Second, Level: level}.PCM(16000)
	if err := os.WriteFile(wav, tone.WAV(), 0o600); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "driver.mjs")
	if err := os.WriteFile(script, []byte(driver), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", script, webFolder(t), wav, string(between))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start the browser's driver (node): %v", err)
	}
	b := &Browser{t: t, in: in, out: bufio.NewScanner(out), Level: math.Pow(10, level/20.0)}
	b.out.Buffer(nil, 16<<20)
	t.Cleanup(func() {
		_ = in.Close() // the driver ends with its input
		if err := cmd.Wait(); err != nil {
			t.Logf("the browser's driver ended with %v", err)
		}
	})
	return b
}

func webFolder(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "web")
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("the folder web is not above the test")
		}
		dir = up
	}
}

// try runs a command of driver.mjs.
func (b *Browser) try(cmd string, args map[string]any, result any) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	line := map[string]any{"id": b.calls, "cmd": cmd}
	for k, v := range args {
		line[k] = v
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err.Error()
	}
	if _, err := b.in.Write(append(text, '\n')); err != nil {
		return err.Error()
	}
	if !b.out.Scan() {
		return "the driver has ended"
	}
	var answer struct {
		Value json.RawMessage `json:"value"`
		Error string          `json:"error"`
	}
	if err := json.Unmarshal(b.out.Bytes(), &answer); err != nil {
		return err.Error()
	}
	if answer.Error == "" && result != nil {
		if err := json.Unmarshal(answer.Value, result); err != nil {
			return err.Error()
		}
	}
	return answer.Error
}

func (b *Browser) must(cmd string, args map[string]any, result any) {
	b.t.Helper()
	if problem := b.try(cmd, args, result); problem != "" {
		path := filepath.Join(os.TempDir(), "tandem-browser-failure.png")
		b.try("screenshot", map[string]any{"path": path}, nil)
		var text string
		b.try("text", nil, &text)
		var problems []string
		b.try("problems", nil, &problems)
		b.t.Fatalf("browser: %s %v: %s\nthe page shows:\n%s\nits errors: %v\npicture: %s", cmd, args, problem, text, problems, path)
	}
}

// Goto opens an address.
func (b *Browser) Goto(url string) { b.t.Helper(); b.must("goto", map[string]any{"url": url}, nil) }

// Eval runs an expression in the page and reads its value into result; nil reads nothing.
func (b *Browser) Eval(js string, result any) {
	b.t.Helper()
	b.must("eval", map[string]any{"js": js}, result)
}

// Fill writes into the field with a label.
func (b *Browser) Fill(label, value string) {
	b.t.Helper()
	b.must("fill", map[string]any{"label": label, "value": value}, nil)
}

// Click clicks what has an ARIA role and a name.
func (b *Browser) Click(role, name string) {
	b.t.Helper()
	b.must("click", map[string]any{"role": role, "name": name}, nil)
}

// Press presses a key, such as "Enter" or "Alt+a".
func (b *Browser) Press(key string) { b.t.Helper(); b.must("press", map[string]any{"key": key}, nil) }

// See waits until a text is on the page.
func (b *Browser) See(text string) { b.t.Helper(); b.must("see", map[string]any{"text": text}, nil) }

// Sees is See for what may not come: it says whether it did, after the same time.
func (b *Browser) Sees(text string) bool {
	b.t.Helper()
	return b.try("see", map[string]any{"text": text}, nil) == ""
}

// Gone waits until a text is no longer on the page.
func (b *Browser) Gone(text string) { b.t.Helper(); b.must("gone", map[string]any{"text": text}, nil) }

// Wait waits until something with a role and a name is there.
func (b *Browser) Wait(role, name string) {
	b.t.Helper()
	b.must("wait", map[string]any{"role": role, "name": name}, nil)
}

// Reload reloads the page.
func (b *Browser) Reload() { b.t.Helper(); b.must("reload", nil, nil) }

// Screenshot writes a PNG.
func (b *Browser) Screenshot(path string) {
	b.t.Helper()
	b.must("screenshot", map[string]any{"path": path}, nil)
}

// Hear listens for d to what the page receives.
func (b *Browser) Hear(d time.Duration) Heard {
	b.t.Helper()
	var h Heard
	b.must("hear", map[string]any{"ms": d.Milliseconds()}, &h)
	return h
}

// Path says what the connection goes by: the kind of the browser's candidate (host, prflx, relay), and udp, tcp or tls.
func (b *Browser) Path() (kind, protocol string) {
	b.t.Helper()
	var p struct {
		Kind     string `json:"kind"`
		Protocol string `json:"protocol"`
	}
	b.must("path", nil, &p)
	return p.Kind, p.Protocol
}

// WaitTone waits until the page hears a tone within 5 Hz of hz.
func (b *Browser) WaitTone(hz float64, limit time.Duration) {
	b.t.Helper()
	var h Heard
	for end := time.Now().Add(limit); time.Now().Before(end); {
		if h = b.Hear(800 * time.Millisecond); math.Abs(h.Hz-hz) <= 5 && h.Level > 0.01 {
			return
		}
	}
	b.t.Fatalf("the browser heard %+v, want %.0f Hz", h, hz)
}

// Problems are the errors of the page and of its console so far.
func (b *Browser) Problems() []string {
	b.t.Helper()
	var p []string
	b.must("problems", nil, &p)
	return p
}
