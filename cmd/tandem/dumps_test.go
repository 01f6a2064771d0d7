package main

import (
	"syscall"
	"testing"
)

// The server's memory goes into no core file, and no other process may look into it.
func TestNoDumps(t *testing.T) {
	if err := noDumps(); err != nil {
		t.Fatal(err)
	}
	var after syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &after); err != nil || after.Cur != 0 || after.Max != 0 {
		t.Errorf("core files of %+v bytes, %v", after, err)
	}
	dumpable, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_GET_DUMPABLE, 0, 0)
	if errno != 0 || dumpable != 0 {
		t.Errorf("dumpable is %d, %v", dumpable, errno)
	}
}
