//go:build amd64 || arm64

// Package ccall calls C functions that return within some dozens of microseconds.
//
// A call by cgo tells Go's scheduler that this thread may be gone for long. Its monitor then wakes every 20 µs to look after it, which costs several
// times what a frame of a codec does. Such a frame is like any piece of Go that runs on without looking up: the garbage collector waits for it.
package ccall

import "unsafe"

// Enabled tells whether Do may be used on this processor.
const Enabled = true

// Do runs the C function of the type void(void *) at fn with arg, on the thread's own stack. It must not call Go, nor block. What arg points to
// stays where it is meanwhile, and so does what that points to.
//
//go:noescape
func Do(fn, arg unsafe.Pointer)
