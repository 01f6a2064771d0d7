//go:build !amd64 && !arm64

package ccall

import "unsafe"

const Enabled = false

func Do(_, _ unsafe.Pointer) { panic("ccall: not on this processor") }
