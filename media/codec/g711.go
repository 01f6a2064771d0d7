package codec

import (
	"io"
	"math/bits"
)

// Payload bytes of digital silence; a SIP leg sends them rather than nothing.
const (
	MuLawSilence = 0xFF
	ALawSilence  = 0xD5
)

// The G.711 tables (ITU-T G.711 tables 1a to 2b). They are shared: read them, never write them.
var (
	MuLawToPCM  = expand(muLawExpand)         // 16-bit value of a µ-law byte
	ALawToPCM   = expand(aLawExpand)          // 16-bit value of an A-law byte
	MuLawToALaw = translate(&MuLawToPCM, ToA) // A-law byte nearest to a µ-law byte
	ALawToMuLaw = translate(&ALawToPCM, ToMu) // µ-law byte nearest to an A-law byte
	muLawOfPCM  = compress(muLawCompress, 2)  // µ-law byte by the upper 14 bits of a sample
	aLawOfPCM   = compress(aLawCompress, 3)   // A-law byte by the upper 13 bits of a sample
)

// ToMu gives the µ-law byte of a sample.
func ToMu(s int16) byte { return muLawOfPCM[uint16(s)>>2] }

// ToA gives the A-law byte of a sample.
func ToA(s int16) byte { return aLawOfPCM[uint16(s)>>3] }

func expand(f func(byte) int16) (t [256]int16) {
	for i := range t {
		t[i] = f(byte(i))
	}
	return t
}

func translate(from *[256]int16, to func(int16) byte) (t [256]byte) {
	for i := range t {
		t[i] = to(from[i])
	}
	return t
}

// compress tabulates f over all samples without their lowest bits; each cell stands for the middle of its samples.
func compress(f func(int) byte, drop uint) []byte {
	t := make([]byte, 1<<16>>drop)
	for i := range t {
		t[i] = f(int(int16(i<<drop)) + 1<<(drop-1))
	}
	return t
}

func muLawExpand(b byte) int16 {
	b = ^b
	v := (int(b&0x0F)<<3+132)<<(b>>4&7) - 132
	if b&0x80 != 0 {
		v = -v
	}
	return int16(v)
}

func muLawCompress(s int) byte {
	sign := byte(0)
	if s < 0 {
		sign, s = 0x80, -s
	}
	s = min(s, 32635) + 132
	exp := bits.Len(uint(s)) - 8
	return ^(sign | byte(exp)<<4 | byte(s>>(exp+3))&0x0F)
}

func aLawExpand(b byte) int16 {
	b ^= 0x55
	v := int(b&0x0F)<<4 + 8
	if exp := b >> 4 & 7; exp > 0 {
		v = (v + 256) << (exp - 1)
	}
	if b&0x80 == 0 {
		v = -v
	}
	return int16(v)
}

func aLawCompress(s int) byte {
	sign := byte(0x80)
	if s < 0 {
		sign, s = 0, -s
	}
	s = min(s, 32767)
	if s < 256 {
		return (sign | byte(s>>4)) ^ 0x55
	}
	exp := bits.Len(uint(s)) - 8
	return (sign | byte(exp)<<4 | byte(s>>(exp+3))&0x0F) ^ 0x55
}

type muLaw struct{}

func (muLaw) Encode(dst []byte, pcm []int16) (int, error) {
	if len(dst) < len(pcm) {
		return 0, io.ErrShortBuffer
	}
	dst = dst[:len(pcm)]
	for i, s := range pcm {
		dst[i] = ToMu(s)
	}
	return len(pcm), nil
}

type aLaw struct{}

func (aLaw) Encode(dst []byte, pcm []int16) (int, error) {
	if len(dst) < len(pcm) {
		return 0, io.ErrShortBuffer
	}
	dst = dst[:len(pcm)]
	for i, s := range pcm {
		dst[i] = ToA(s)
	}
	return len(pcm), nil
}

type g711Decoder struct {
	table *[256]int16
	plc   *concealer
}

func (d *g711Decoder) Decode(dst []int16, payload []byte) (int, error) {
	if len(dst) < len(payload) {
		return 0, io.ErrShortBuffer
	}
	dst = dst[:len(payload)]
	for i, b := range payload {
		dst[i] = d.table[b]
	}
	d.plc.heard(dst)
	return len(payload), nil
}

func (d *g711Decoder) Conceal(dst []int16) (int, error) {
	d.plc.conceal(dst)
	return len(dst), nil
}
