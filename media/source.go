package media

import (
	"slices"

	"tandem/media/sound"
)

// Source is what a peer hears: Silence, Forward, Sound, Broadcast, Echo or a Mixer's Sum. One Source may be given to several streams; each has its own
// position in it.
type Source interface {
	// feed sets the source to work for one listener, whose egress is locked.
	feed(to *Stream) feed
}

// sourceFunc is a Source by its feed.
type sourceFunc func(to *Stream) feed

func (f sourceFunc) feed(to *Stream) feed { return f(to) }

// Silence sends frames without sound: a carrier that sees the media stop ends the call.
func Silence() Source {
	return sourceFunc(func(*Stream) feed { return &silenceFeed{} })
}

// Forward lets the peer hear what another peer sends, packet by packet as they come: unchanged where the codecs are equal, else decoded and
// encoded for this direction only. While from sends nothing, the peer hears silence.
func Forward(from *Stream) Source {
	return sourceFunc(func(to *Stream) feed { return newForward(from, to) })
}

// Echo lets the peer hear itself.
func Echo() Source {
	return sourceFunc(func(to *Stream) feed { return newForward(to, to) })
}

// SoundOptions say how a Sound is played.
type SoundOptions struct {
	// Loop begins again at the end; then Done is never called.
	Loop bool
	// Done is called when the last frame has been heard to its end. Silence follows, unless Done plays something else, which begins without a gap.
	Done func()
	// Marks are called when playing reaches the asset's mark of that name, before the frame there is sent: what a mark plays takes
	// that frame's place. Marks the asset does not have are never called.
	Marks map[string]func()
}

// Sound plays a prompt from its beginning. Done and Marks run on the clock: they may Play and Apply, and must not block. They are not
// called any more once the stream plays something else. Playing begins when the stream is negotiated.
func Sound(a *sound.Asset, opt SoundOptions) Source {
	marks := make([]mark, 0, len(opt.Marks))
	for name, call := range opt.Marks {
		if at, ok := a.Mark(name); ok && call != nil {
			marks = append(marks, mark{frame: int((at + frameTime - 1) / frameTime), call: call})
		}
	}
	slices.SortStableFunc(marks, func(a, b mark) int { return a.frame - b.frame })
	return sourceFunc(func(*Stream) feed {
		return &soundFeed{asset: a, loop: opt.Loop, done: opt.Done, marks: marks, total: int(a.Duration() / frameTime)}
	})
}

// Broadcast plays hold music that goes on for ever: whoever joins hears the position that all others hear. Opus frames depend on those
// before, so a listener who joins in the middle needs up to 80 ms until the sound is exact; the music should not begin with a bang.
func Broadcast(a *sound.Asset) Source {
	return sourceFunc(func(*Stream) feed { return &broadcastFeed{frames: frames{asset: a}} })
}

// frames are an asset's payloads in the codec of the session at hand.
type frames struct {
	asset *sound.Asset
	sess  *session
	list  [][]byte
}

// at is a frame, silence where the asset has none in this codec.
func (f *frames) at(sess *session, i int64) []byte {
	if f.sess != sess {
		f.sess, f.list = sess, f.asset.Frames(sess.Codec)
	}
	if i < 0 || i >= int64(len(f.list)) {
		return sess.silence
	}
	return f.list[i]
}

type silenceFeed struct{ _ byte } // not empty: each has its own address

func (f *silenceFeed) release()    {}
func (f *silenceFeed) due() func() { return nil }
func (f *silenceFeed) frame(e *egress, sess *session, b beat) {
	e.frame(f, sess, sess.silence, b.now)
}

type broadcastFeed struct{ frames frames }

func (f *broadcastFeed) release()    {}
func (f *broadcastFeed) due() func() { return nil }
func (f *broadcastFeed) frame(e *egress, sess *session, b beat) {
	total := max(1, int64(f.frames.asset.Duration()/frameTime))
	e.frame(f, sess, f.frames.at(sess, (b.frame%total+total)%total), b.now)
}

type mark struct {
	frame int
	call  func()
}

type soundFeed struct {
	asset  *sound.Asset
	frames frames
	loop   bool
	done   func()
	marks  []mark
	passed int // marks that were called
	pos    int // frame that is next
	total  int
}

func (f *soundFeed) release() {}

func (f *soundFeed) due() func() {
	if f.passed < len(f.marks) && f.marks[f.passed].frame <= f.pos {
		f.passed++
		return f.marks[f.passed-1].call
	}
	if f.pos < f.total {
		return nil
	}
	if f.loop {
		f.pos, f.passed = 0, 0
		if len(f.marks) > 0 && f.marks[0].frame == 0 {
			f.passed++
			return f.marks[0].call
		}
		return nil
	}
	call := f.done
	f.done = nil
	return call
}

func (f *soundFeed) frame(e *egress, sess *session, b beat) {
	f.frames.asset = f.asset
	e.frame(f, sess, f.frames.at(sess, int64(f.pos)), b.now)
	if f.pos < f.total {
		f.pos++
	}
}
