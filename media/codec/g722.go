package codec

import "io"

// band is the adaptive predictor and quantiser scale of one of the two sub-bands (ITU-T G.722 sections 3.5, 3.6 and 4.3 to 4.6). Names
// follow the recommendation.
type band struct {
	s, sz  int32    // prediction, and its zero section
	a1, a2 int32    // pole coefficients
	b      [6]int32 // zero coefficients
	d      [6]int32 // last quantised differences, newest first
	r1, r2 int32    // last reconstructed samples
	p1, p2 int32    // last partial reconstructions
	nb     int32    // log of the scale
	det    int32    // scale
}

// adapt feeds a quantised difference to the predictor and computes the next prediction (block 4 of the recommendation).
func (q *band) adapt(d int32) {
	r := sat16(q.s + d)
	p := sat16(q.sz + d)

	// UPPOL2: second pole coefficient, from the signs of the last three partial reconstructions.
	wd := sat16(q.a1 << 2)
	if (p ^ q.p1) >= 0 {
		wd = min(-wd, 32767)
	}
	a2 := wd>>7 + (q.a2*32512)>>15
	if (p ^ q.p2) >= 0 {
		a2 += 128
	} else {
		a2 -= 128
	}
	a2 = min(max(a2, -12288), 12288)

	// UPPOL1: first pole coefficient, kept inside the stability triangle.
	a1 := (q.a1 * 32640) >> 15
	if (p ^ q.p1) >= 0 {
		a1 += 192
	} else {
		a1 -= 192
	}
	limit := sat16(15360 - a2)
	a1 = min(max(a1, -limit), limit)

	// UPZERO and FILTEZ: zero coefficients, and their share of the next prediction.
	step := int32(128)
	if d == 0 {
		step = 0
	}
	var sz int32
	last := d
	for i := range q.b {
		b := (q.b[i] * 32640) >> 15
		if (q.d[i] ^ d) >= 0 {
			b += step
		} else {
			b -= step
		}
		q.b[i] = b
		last, q.d[i] = q.d[i], last
		sz += (b * sat16(q.d[i]<<1)) >> 15
	}
	q.sz = sat16(sz)

	// FILTEP: share of the poles.
	q.r2, q.r1 = q.r1, r
	q.p2, q.p1 = q.p1, p
	q.a1, q.a2 = a1, a2
	sp := sat16((a1*sat16(q.r1<<1))>>15 + (a2*sat16(q.r2<<1))>>15)
	q.s = sat16(sp + q.sz)
}

// scaleLow and scaleHigh move the quantiser scale (LOGSCL, SCALEL and their high-band twins).
func (q *band) scaleLow(code int32) {
	q.nb = min(max((q.nb*127)>>7+int32(g722LogLow[code]), 0), 18432)
	q.det = scale(q.nb, 8)
}

func (q *band) scaleHigh(code int32) {
	q.nb = min(max((q.nb*127)>>7+int32(g722LogHigh[code]), 0), 22528)
	q.det = scale(q.nb, 10)
}

func scale(nb, shift int32) int32 {
	mantissa := int32(g722Scale[nb>>6&31])
	s := shift - nb>>11
	if s < 0 {
		return mantissa << -s << 2
	}
	return mantissa >> s << 2
}

func sat16(v int32) int32 { return min(max(v, -32768), 32767) }

const g722Chunk = 320 // samples at 16 kHz filtered in one pass

type g722Encoder struct {
	low, high band
	line      [22 + g722Chunk]int32
}

func newG722Encoder() *g722Encoder {
	return &g722Encoder{low: band{det: 32}, high: band{det: 8}}
}

// Encode writes one byte for each two samples at 16 kHz.
func (e *g722Encoder) Encode(dst []byte, pcm []int16) (int, error) {
	if len(pcm)%2 != 0 {
		return 0, ErrFrame
	}
	if len(dst) < len(pcm)/2 {
		return 0, io.ErrShortBuffer
	}
	n := 0
	for len(pcm) > 0 {
		part := pcm[:min(len(pcm), g722Chunk)]
		pcm = pcm[len(part):]
		for i, s := range part {
			e.line[22+i] = int32(s)
		}
		for i := 0; i < len(part); i += 2 {
			low, high := analyse(e.line[i : i+24])
			dst[n] = e.encodeHigh(high)<<6 | e.encodeLow(low)
			n++
		}
		copy(e.line[:22], e.line[len(part):])
	}
	return n, nil
}

// analyse is the transmit quadrature mirror filter: 24 samples in, one of each band out.
func analyse(x []int32) (low, high int32) {
	x = x[:24]
	var a, b int32
	for i, c := range g722Mirror {
		a += x[2*i] * c
		b += x[2*i+1] * g722Mirror[11-i]
	}
	return (b + a) >> 14, (b - a) >> 14
}

func (e *g722Encoder) encodeLow(x int32) byte {
	q := &e.low
	diff := sat16(x - q.s)
	size := diff
	if diff < 0 {
		size = -(diff + 1)
	}
	// QUANTL: the first decision level above the difference, found by halving.
	lo, hi := 1, 30
	for lo < hi {
		m := (lo + hi) / 2
		if size < (int32(g722Decision[m])*q.det)>>12 {
			hi = m
		} else {
			lo = m + 1
		}
	}
	code := byte(62 - lo) // positive codes run 61 down to 32, negative 63, 62, 31 down to 4
	if diff < 0 {
		code = g722NegativeLow(lo)
	}
	q.adapt((q.det * int32(g722Inv4[code>>2])) >> 15) // with the old scale
	q.scaleLow(int32(code >> 2))
	return code
}

func g722NegativeLow(level int) byte {
	if level <= 2 {
		return byte(64 - level)
	}
	return byte(34 - level)
}

func (e *g722Encoder) encodeHigh(x int32) byte {
	q := &e.high
	diff := sat16(x - q.s)
	size, code := diff, byte(3)
	if diff < 0 {
		size, code = -(diff + 1), 1
	}
	if size >= (564*q.det)>>12 {
		code--
	}
	q.adapt((q.det * int32(g722Inv2[code])) >> 15)
	q.scaleHigh(int32(code))
	return code
}

type g722Decoder struct {
	low, high band
	line      [22 + g722Chunk]int32
	plc       *concealer
}

func newG722Decoder() *g722Decoder {
	return &g722Decoder{low: band{det: 32}, high: band{det: 8}, plc: newConcealer(16000)}
}

// Decode writes two samples at 16 kHz for each byte.
func (d *g722Decoder) Decode(dst []int16, payload []byte) (int, error) {
	n := 2 * len(payload)
	if len(dst) < n {
		return 0, io.ErrShortBuffer
	}
	dst = dst[:n]
	for at := 0; len(payload) > 0; {
		part := payload[:min(len(payload), g722Chunk/2)]
		payload = payload[len(part):]
		for i, b := range part {
			low, high := d.decodeLow(b), d.decodeHigh(b)
			d.line[22+2*i], d.line[23+2*i] = low+high, low-high
		}
		for i := range part {
			dst[at], dst[at+1] = synthesise(d.line[2*i : 2*i+24])
			at += 2
		}
		copy(d.line[:22], d.line[2*len(part):])
	}
	d.plc.heard(dst)
	return n, nil
}

// synthesise is the receive quadrature mirror filter.
func synthesise(x []int32) (first, second int16) {
	x = x[:24]
	var a, b int32
	for i, c := range g722Mirror {
		b += x[2*i] * c
		a += x[2*i+1] * g722Mirror[11-i]
	}
	return int16(sat16(a >> 11)), int16(sat16(b >> 11))
}

func (d *g722Decoder) decodeLow(b byte) int32 {
	q, code := &d.low, b&63
	out := min(max(q.s+(q.det*int32(g722Inv6[code]))>>15, -16384), 16383)
	q.adapt((q.det * int32(g722Inv4[code>>2])) >> 15)
	q.scaleLow(int32(code >> 2))
	return out
}

func (d *g722Decoder) decodeHigh(b byte) int32 {
	q, code := &d.high, b>>6
	diff := (q.det * int32(g722Inv2[code])) >> 15
	out := min(max(q.s+diff, -16384), 16383)
	q.adapt(diff)
	q.scaleHigh(int32(code))
	return out
}

func (d *g722Decoder) Conceal(dst []int16) (int, error) {
	d.plc.conceal(dst)
	return len(dst), nil
}
