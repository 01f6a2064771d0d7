package faultrun

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
)

// process is a process under test as the runner sees it.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	exited chan struct{}

	mu     sync.Mutex
	done   map[string]time.Time // orders done, "verb id", by when
	failed map[string]string    // ids whose order failed, with the reason
	died   time.Time
}

// spawn starts this program again as a process under test, with the run's folder as its own: what it writes anywhere is found there.
func spawn(dir string, cfg nodeConfig) (*process, error) {
	text, err := json.Marshal(cfg)
	if err != nil {
		return nil, fmt.Errorf("describe the process: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the process's log: %w", err)
	}
	defer log.Close()
	p := &process{cmd: exec.CommandContext(context.Background(), os.Args[0]), exited: make(chan struct{}), done: map[string]time.Time{}, failed: map[string]string{}}
	p.cmd.Env = append(os.Environ(), nodeEnv+"="+string(text), "TMPDIR="+dir, "GOMAXPROCS=2")
	if cfg.Zone != "" {
		p.cmd.Env = append(p.cmd.Env, "TZ="+cfg.Zone)
	}
	p.cmd.Dir, p.cmd.Stderr = dir, log
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the process: %w", err)
	}
	go p.listen(out)
	return p, nil
}

// listen notes what the process says, until it ends.
func (p *process) listen(out io.Reader) {
	defer close(p.exited)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		words := strings.SplitN(lines.Text(), " ", 4)
		p.mu.Lock()
		switch {
		case words[0] == "ready":
			p.done["ready"] = time.Now()
		case words[0] == "died" && len(words) == 2:
			p.died = nanos(words[1])
		case words[0] == "done" && len(words) == 4:
			p.done[words[1]+" "+words[2]] = nanos(words[3])
		case words[0] == "failed" && len(words) > 2:
			p.failed[words[1]] = strings.Join(words[2:], " ")
		}
		p.mu.Unlock()
	}
	_ = p.cmd.Wait() // how it ended is seen by its last word
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.died.IsZero() {
		p.died = time.Now()
	}
}

func nanos(text string) time.Time {
	n, _ := strconv.ParseInt(text, 10, 64)
	return time.Unix(0, n)
}

// order tells the process to do something with a call.
func (p *process) order(verb string, id uuid.UUID, index int) {
	_, _ = fmt.Fprintf(p.in, "%s %s %d\n", verb, id, index) // a dead process is noticed by its silence
}

// when says when an order was done, and why it was not.
func (p *process) when(verb string, id uuid.UUID) (at time.Time, failed string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done[verb+" "+id.String()], p.failed[id.String()]
}

func (p *process) ready() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.done["ready"].IsZero()
}

// dead says whether the process is gone, and since when.
func (p *process) dead() (since time.Time, gone bool) {
	select {
	case <-p.exited:
	default:
		return time.Time{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.died, true
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends the process as the kernel does when memory is short.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.exited
	_ = p.in.Close()
}
