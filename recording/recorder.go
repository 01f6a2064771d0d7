package recording

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/media"
	"tandem/media/codec"
	"tandem/media/sound"
)

// Recorder captures one call. It belongs to the call, not to a leg: sides come and go. Its methods may be called from any goroutine, and
// none but Stop ever waits.
type Recorder struct {
	s     *Service
	id    uuid.UUID
	req   NewRecording
	began time.Duration // media.Now at the first sample

	mu      sync.Mutex // the audio's way to queue
	sides   [2]source
	tracks  []*track
	heard   []codec.Codec // of sides that have left before the format was fixed
	format  sound.Format
	flushed int64    // samples handed on
	queue   [][]byte // chunks to be written
	stopped bool
	ended   time.Duration // media.Now when stopped
	lost    bool          // audio was thrown away: the file failed
	redacts bool          // what is said is not kept

	wmu     sync.Mutex // the file
	file    *spoolFile
	failed  error
	begun   bool
	offered atomic.Bool
}

// source is a side's tap on a stream.
type source struct {
	tap    *media.Tap
	stream *media.Stream
	remove func()
}

// Start begins a recording: a row, a key, a file. An error means that nothing is recorded; the call goes on, and the alarm is raised
// (due counts up, made does not).
func (s *Service) Start(ctx context.Context, n NewRecording) (*Recorder, error) {
	if n.Kind == "" {
		n.Kind = KindCall
	}
	s.metrics.due.Inc()
	s.due.Add(1)
	r := &Recorder{s: s, id: storage.NewID(), req: n, began: media.Now()}
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.active[r.id] = r // from now on no repair takes it for a dead one
	}
	s.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	if !s.HasRoom() {
		s.forget(r.id)
		s.metrics.failed.Inc()
		return nil, ErrFull
	}
	for side, stream := range map[Side]*media.Stream{Customer: n.Customer, Agent: n.Agent} {
		if stream != nil {
			r.Hear(side, stream)
		}
	}
	if err := r.open(ctx); err != nil {
		r.Unhear(Customer)
		r.Unhear(Agent)
		s.forget(r.id)
		s.metrics.failed.Inc()
		s.log.Error("a call is not recorded", "call", n.Call, "err", err)
		return nil, fmt.Errorf("start the recording: %w", err)
	}
	return r, nil
}

func (r *Recorder) open(ctx context.Context) error {
	var key *storage.DataKey
	second, err := r.s.cfg.Second(ctx)
	if err != nil {
		return err
	}
	err = r.s.cfg.DB.Tenant(ctx, r.req.Tenant, func(tx *storage.Tx) error {
		began, _ := trust(tx.Now, second, time.Time{})
		crm, public, err := r.s.sealingKey(ctx, tx, r.req.Tenant)
		if err != nil {
			return err
		}
		day, err := r.s.cfg.Keys.MakeEpoch(began)
		if err != nil {
			return err
		}
		r.s.cfg.Crashing("c19")
		var shares storage.Shares
		if key, shares, err = storage.NewSplitKey(keyContext(r.id), public, day); err != nil {
			return err
		}
		if err := insertRecording(ctx, tx, r.id, r.req, r.s.cfg.Node, crm, shares, began, began.Add(r.s.cfg.Keep)); err != nil {
			return err
		}
		return r.s.cfg.Events.Append(ctx, tx, "recording.started", r.id, Event{Recording: r.id, Call: r.req.Call, Kind: r.req.Kind})
	})
	if err != nil {
		return err
	}
	r.s.cfg.Crashing("c1")
	file, err := createSpool(r.s.cfg.Dir, r.req.Tenant, r.id, key)
	if err != nil {
		return errors.Join(err, r.giveUp(ctx))
	}
	r.mu.Lock()
	r.file = file
	r.mu.Unlock()
	return nil
}

// giveUp seals a recording that has no file, so that it does not count as running for ever.
func (r *Recorder) giveUp(ctx context.Context) error {
	return r.s.cfg.DB.Tenant(ctx, r.req.Tenant, func(tx *storage.Tx) error {
		return r.s.seal(ctx, tx, sealing{id: r.id, incomplete: true})
	})
}

// ID is the recording's id, for the call record.
func (r *Recorder) ID() uuid.UUID { return r.id }

// Hear records what the stream's peer sends as that side, from now on, instead of what the side was before: after a transfer, a reload, a
// hold.
func (r *Recorder) Hear(side Side, s *media.Stream) {
	tap := media.NewTap(tapSlots)
	r.hear(side, source{tap: tap, stream: s, remove: s.AddTap(tap)})
}

func (r *Recorder) hear(side Side, src source) {
	r.mu.Lock()
	old := r.sides[side]
	if r.stopped {
		old = src // too late: it goes at once
	} else {
		r.empty(side)
		r.sides[side] = src
		if r.tracks != nil && int(side) < len(r.tracks) {
			r.tracks[side].restart()
		}
	}
	r.mu.Unlock()
	if old.remove != nil {
		old.remove()
	}
	if r.tapDropped(old) > 0 {
		r.s.metrics.dropped.Add(float64(r.tapDropped(old)))
	}
}

func (r *Recorder) tapDropped(s source) uint64 {
	if s.tap == nil {
		return 0
	}
	return s.tap.Dropped()
}

// Unhear records silence for that side from now on: hold, or the agent is gone.
func (r *Recorder) Unhear(side Side) { r.hear(side, source{}) }

// Redact records silence from both sides, whoever they are, until it is switched off (V3.6). The timeline goes on. It returns the time since
// the start.
func (r *Recorder) Redact(on bool) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	for side := range Side(r.channels()) {
		r.empty(side)
	}
	r.redacts = on
	return media.Now() - r.began
}

// Elapsed is how long the recording has been running.
func (r *Recorder) Elapsed() time.Duration { return media.Now() - r.began }

// stoppedFor is how long ago Finish was, 0 while the recording runs.
func (r *Recorder) stoppedFor() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stopped {
		return 0
	}
	return media.Now() - r.ended
}

// empty takes what a side's tap holds. The caller holds mu.
func (r *Recorder) empty(side Side) {
	src := r.sides[side]
	if src.tap == nil || int(side) >= r.channels() {
		return
	}
	if r.redacts {
		src.tap.Read(func(*media.Packet, media.Format) {})
		return
	}
	if r.tracks == nil {
		if c := src.codec(); c.Name != "" && !slices.Contains(r.heard, c) {
			r.heard = append(r.heard, c)
		}
		r.fix()
	}
	t := r.tracks[side]
	src.tap.Read(func(p *media.Packet, f media.Format) {
		if p.PayloadType == f.PayloadType { // no telephone events: digits are not recorded
			t.add(p, f.Codec, p.Arrival-r.began)
		}
	})
}

func (s source) codec() codec.Codec {
	if s.stream == nil {
		return codec.Codec{}
	}
	return s.stream.Format().Codec
}

func (r *Recorder) channels() int {
	if r.req.Kind == KindVoicemail {
		return 1
	}
	return 2
}

// fix decides on the file's format. The caller holds mu.
func (r *Recorder) fix() {
	heard := r.heard
	for i := range r.channels() {
		if c := r.sides[i].codec(); c.Name != "" {
			heard = append(heard, c)
		}
	}
	r.format = fileFormat(r.channels(), heard)
	for range r.channels() {
		r.tracks = append(r.tracks, newTrack(r.format))
	}
}

// known says whether the format can be decided: every side has told its codec, or has had the time to.
func (r *Recorder) known(elapsed time.Duration) bool {
	if r.tracks != nil || elapsed >= formatWait {
		return true
	}
	for i := range r.channels() {
		if r.sides[i].codec().Name == "" {
			return false
		}
	}
	return true
}

// drain moves audio from the taps to chunks, and says whether any chunk waits to be written.
func (r *Recorder) drain() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped || r.file == nil {
		return len(r.queue) > 0
	}
	if elapsed := media.Now() - r.began; r.known(elapsed) {
		r.take()
		if now := r.tracks[0].samples(elapsed); now-r.flushed >= r.tracks[0].samples(chunkAfter) {
			r.advance(r.complete(elapsed))
		}
	}
	return len(r.queue) > 0
}

// take moves what the taps hold to the tracks. The caller holds mu.
func (r *Recorder) take() {
	if r.tracks == nil {
		r.fix()
	}
	for i := range r.tracks {
		r.empty(Side(i))
	}
}

// complete is up to which sample nothing more is waited for, at a time after the start: up to the first gap of a side, and no gap is waited for longer than
// the de-jitter delay. So chunks are long where the network is good, and each of them costs the disk a sync. The caller holds mu.
func (r *Recorder) complete(elapsed time.Duration) int64 {
	until := r.tracks[0].samples(elapsed)
	for i, t := range r.tracks {
		if r.sides[i].tap != nil {
			until = min(until, t.whole(elapsed))
		}
	}
	return max(until, r.tracks[0].samples(elapsed-dejitter))
}

// advance makes a chunk of the audio up to a sample. The caller holds mu.
func (r *Recorder) advance(until int64) {
	for _, t := range r.tracks {
		if err := t.settle(until); err != nil {
			r.s.metrics.undecodable.Inc()
		}
	}
	if until > r.flushed {
		r.enqueue(interleave(nil, until, r.tracks...))
		r.flushed = until
	}
}

func (r *Recorder) enqueue(chunk []byte) {
	if len(r.queue) >= maxQueued || r.lost {
		r.lost = true // what follows a gap would stand at the wrong time
		return
	}
	r.queue = append(r.queue, chunk)
}

// writeOut encrypts and writes what is queued, and returns once it is on disk. A disk that fails ends the capture and harms nothing else.
func (r *Recorder) writeOut() {
	r.wmu.Lock()
	defer r.wmu.Unlock()
	r.mu.Lock()
	chunks, format := r.queue, r.format
	r.queue = nil
	r.mu.Unlock()
	if r.failed != nil || len(chunks) == 0 {
		return
	}
	if err := r.append(chunks, format); err != nil {
		r.failed = err
		r.mu.Lock()
		r.lost = true
		r.mu.Unlock()
		r.s.metrics.failed.Inc()
		r.s.log.Error("a recording ends before its call does", "recording", r.id, "call", r.req.Call, "err", err)
		r.broken(err)
	}
}

func (r *Recorder) append(chunks [][]byte, format sound.Format) error {
	if !r.begun {
		if err := r.file.begin(format); err != nil {
			return err
		}
		r.begun = true
	}
	for _, c := range chunks {
		if err := r.file.add(c); err != nil {
			return err
		}
		clear(c)
	}
	rows, err := r.file.flush(r.s.cfg.Crashing)
	if err != nil {
		return err
	}
	r.s.cfg.Crashing("c3")
	r.s.mu.Lock()
	r.s.rows = append(r.s.rows, rows...)
	r.s.mu.Unlock()
	return nil
}

// Stop ends the recording and seals it: its length is the time since Start. The second Stop does nothing.
func (r *Recorder) Stop(ctx context.Context) error {
	r.Finish()
	return r.s.cfg.DB.Tenant(ctx, r.req.Tenant, func(tx *storage.Tx) error { return r.StopIn(ctx, tx) })
}

// StopIn is Stop within the transaction that writes the call record. Call Finish before the transaction begins, so that it does not wait
// for the disk.
func (r *Recorder) StopIn(ctx context.Context, tx *storage.Tx) error {
	r.Finish()
	r.s.cfg.Crashing("c5")
	r.mu.Lock()
	s := sealing{id: r.id, format: r.format, incomplete: r.lost}
	r.mu.Unlock()
	r.wmu.Lock()
	if r.file != nil {
		s.payload = r.file.durable // after a failure nothing beyond is trusted, even if it can be read: the kernel tells of a lost write once
	}
	s.incomplete = s.incomplete || r.failed != nil
	r.wmu.Unlock()
	tx.AfterCommit(func() { r.s.ended(r.id) })
	return r.s.seal(ctx, tx, s)
}

// Finish takes the last audio and brings all of it to the disk. Stop does it too; the second time is quick.
func (r *Recorder) Finish() {
	r.mu.Lock()
	if r.stopped || r.file == nil {
		r.mu.Unlock()
		return
	}
	r.take()
	r.ended = media.Now()
	r.advance(r.tracks[0].samples(r.ended - r.began))
	r.stopped = true
	sides := r.sides
	r.sides = [2]source{}
	r.mu.Unlock()
	for _, src := range sides {
		if src.remove != nil {
			src.remove()
		}
		r.s.metrics.dropped.Add(float64(r.tapDropped(src)))
	}
	r.writeOut()
	r.wmu.Lock()
	defer r.wmu.Unlock()
	if err := r.file.close(); err != nil && r.failed == nil {
		r.failed = err
	}
}
