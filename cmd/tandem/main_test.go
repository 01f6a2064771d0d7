package main

import (
	"flag"
	"os"
	"testing"
)

// These tests mostly wait for sound to be played: more of them run at once than there are processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "10"); err != nil {
		panic(err)
	}
	code := m.Run()
	for _, do := range atExit {
		do()
	}
	os.Exit(code)
}

// atExit is done after the last test.
var atExit []func()
