package storage

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

// serverLog turns what PostgreSQL writes to stderr into log records, line by line, and remembers the last lines for error messages.
type serverLog struct {
	log    *slog.Logger
	mu     sync.Mutex
	part   []byte
	recent []string
}

const (
	keptLines   = 5
	longestLine = 8 << 10
)

// Write takes bytes as they come; an unfinished line waits for its rest, up to longestLine.
func (l *serverLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = append(l.part, b...)
	for {
		i := bytes.IndexByte(l.part, '\n')
		if i < 0 && len(l.part) > longestLine {
			i = len(l.part) - 1
		}
		if i < 0 {
			return len(b), nil
		}
		l.line(strings.TrimSpace(string(l.part[:i])))
		l.part = l.part[i+1:]
	}
}

func (l *serverLog) line(s string) {
	if s == "" {
		return
	}
	l.recent = append(l.recent, s)
	if len(l.recent) > keptLines {
		l.recent = l.recent[1:]
	}
	severity, text, found := strings.Cut(s, ":  ")
	if !found {
		severity, text = "LOG", s
	}
	switch severity {
	case "FATAL", "PANIC":
		l.log.Warn("PostgreSQL: "+text, "severity", severity)
	default:
		l.log.Debug("PostgreSQL: "+text, "severity", severity)
	}
}

// last returns the lines remembered, oldest first.
func (l *serverLog) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.recent, " / ")
}
