#include "textflag.h"

// func Do(fn, arg unsafe.Pointer)
TEXT ·Do(SB), NOSPLIT, $32-16
	MOVD fn+0(FP), R0
	MOVD R0, 8(RSP)
	MOVD arg+8(FP), R0
	MOVD R0, 16(RSP)
	CALL runtime·asmcgocall(SB)
	RET
