package storage

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestServerLogLines(t *testing.T) {
	var out bytes.Buffer
	l := &serverLog{log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, piece := range []string{"LOG:  ready to acc", "ept\nFATAL:  no", "\n\n", "odd line\n", "an unfinished"} {
		if n, err := l.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("Write(%q) = %d, %v", piece, n, err)
		}
	}
	if want := "LOG:  ready to accept / FATAL:  no / odd line"; l.last() != want {
		t.Errorf("last() = %q, want %q", l.last(), want)
	}
	for _, want := range []string{`level=DEBUG msg="PostgreSQL: ready to accept" severity=LOG`, `level=WARN msg="PostgreSQL: no" severity=FATAL`, `msg="PostgreSQL: odd line"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is missing in\n%s", want, out.String())
		}
	}
	endless := bytes.Repeat([]byte("x"), 5*longestLine)
	for range 10 {
		if _, err := l.Write(endless); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.part) > longestLine {
		t.Errorf("an endless line is kept: %d bytes", len(l.part))
	}
}

func TestParseVersion(t *testing.T) {
	for in, want := range map[string]int{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": 15,
		"postgres (PostgreSQL) 18beta1\n":                        18,
		"postgres (PostgreSQL) 17.2":                             17,
		"postgres (PostgreSQL) ":                                 0,
		"mysqld 8.0":                                             0,
		"":                                                       0,
	} {
		got, err := parseVersion([]byte(in))
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("parseVersion(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
}
