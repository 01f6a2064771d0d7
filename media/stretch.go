package media

import "time"

const (
	offLimit    = 2 * time.Second        // too deep or too shallow for so long: the clocks differ, or the network has changed
	voicedWait  = 200 * time.Millisecond // more for a moment in which nobody speaks
	adjustEvery = 60 * time.Millisecond
	silentPeak  = 200 // of 32768: nobody misses a frame below
)

// adjust brings a buffer that has been too deep or too shallow for a while to its target, in steps: a frame in which nobody speaks is left out or
// heard twice, else some pitch periods are.
func (j *jitter) adjust(frame int) {
	over, way := j.depth()-j.target(), 0
	switch {
	case over > frame, over > 0 && j.off > 0:
		way = 1
	case over <= -frame, over < 0 && j.off < 0:
		way = -1
	}
	if way == 0 || way != j.off {
		j.off, j.offFor = way, 0
		return
	}
	j.offFor += frameTime
	if j.offFor < offLimit {
		return
	}
	need := frame
	if way > 0 {
		need = 2 * frame
	}
	if !j.ahead(need) {
		return
	}
	lag := frame
	if peak(j.pcm[:frame]) >= silentPeak {
		if j.offFor < offLimit+voicedWait {
			return
		}
		lag = bestLag(j.pcm[:need], j.rate)
	}
	if way > 0 {
		j.cut(lag)
	} else {
		j.stretch(lag)
	}
	j.offFor -= adjustEvery
}

// ahead decodes until there are n samples; false: there are no packets for them yet.
func (j *jitter) ahead(n int) bool {
	for s := &j.slots[j.next%jitterSlots]; j.n < n && s.full && s.ext == j.next; s = &j.slots[j.next%jitterSlots] {
		j.decode(s)
	}
	return j.n >= n
}

// cut leaves out the first lag samples, and fades from them to what follows.
func (j *jitter) cut(lag int) {
	blend(j.pcm[lag:j.n], j.pcm[:], j.rate/200)
	j.n = copy(j.pcm[:], j.pcm[lag:j.n])
	j.cuts++
}

// stretch lets the first lag samples be heard twice, and fades from what follows them to their second time.
func (j *jitter) stretch(lag int) {
	window := min(j.rate/200, j.n-lag)
	if j.n+lag > len(j.pcm) || window < 0 {
		return
	}
	var follows [maxFrame]int16
	copy(follows[:window], j.pcm[lag:])
	copy(j.pcm[lag:], j.pcm[:j.n])
	blend(j.pcm[lag:], follows[:], window)
	j.n += lag
	j.stretches++
}

func peak(pcm []int16) (most int) {
	for _, v := range pcm {
		most = max(most, int(v), -int(v))
	}
	return most
}

// bestLag is the number of samples, 5 to 15 ms, whose loss or repetition is heard least: what follows them is most like what begins here.
func bestLag(pcm []int16, rate int) int {
	window := rate / 200
	best, score := window, 0.0
	for lag := window; lag <= rate*15/1000 && lag+window <= len(pcm); lag++ {
		var xy, xx, yy float64
		for i := range window {
			x, y := float64(pcm[i]), float64(pcm[lag+i])
			xy, xx, yy = xy+x*y, xx+x*x, yy+y*y
		}
		// Of equals the longest: it is the sooner done.
		if s := xy * xy / (xx*yy + 1); xy > 0 && s > 0.98*score {
			best, score = lag, max(s, score)
		}
	}
	return best
}

// blend fades from's first n samples into to's.
func blend(to, from []int16, n int) {
	for i := range n {
		to[i] = int16((int(from[i])*(n-i) + int(to[i])*i) / n)
	}
}
