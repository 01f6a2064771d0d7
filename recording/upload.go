package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"tandem/internal/storage"
)

// UploaderConfig says how recordings are delivered. Zero values stand for the defaults.
type UploaderConfig struct {
	MaxPart   int64         // largest part in bytes, header included; default 50,000,000
	Base      time.Duration // first pause after a failure; default 30 s
	Factor    float64       // growth of the pause; default 2
	Cap       time.Duration // longest pause; default 1 h
	Workers   int           // uploads at the same time; default 8
	PerTenant int           // of one tenant, and so to one CRM; default 4
	PerMinute int           // sends to one CRM in a minute; default 3,000; a CRM that takes fewer says so by its Limits
	Poll      time.Duration // how often the queue is looked at without being woken; default 2 s
	Metrics   prometheus.Registerer
}

// Uploader takes sealed recordings of this node to their tickets.
type Uploader struct {
	s       *Service
	dest    Destination
	cfg     UploaderConfig
	uploads *prometheus.CounterVec
	again   chan struct{} // something has changed in this process
	paces   paces
	done    chan uuid.UUID
}

// NewUploader makes an Uploader for the recordings of s. Nothing runs until Run.
func NewUploader(s *Service, dest Destination, cfg UploaderConfig) *Uploader {
	if cfg.MaxPart == 0 {
		cfg.MaxPart = 50_000_000
	}
	if cfg.Base == 0 {
		cfg.Base = 30 * time.Second
	}
	if cfg.Factor == 0 {
		cfg.Factor = 2
	}
	if cfg.Cap == 0 {
		cfg.Cap = time.Hour
	}
	if cfg.Workers == 0 {
		cfg.Workers = 8
	}
	if cfg.PerTenant == 0 {
		cfg.PerTenant = 4
	}
	if cfg.PerMinute == 0 {
		cfg.PerMinute = 3000
	}
	if cfg.Poll == 0 {
		cfg.Poll = 2 * time.Second
	}
	u := &Uploader{
		s: s, dest: dest, cfg: cfg, again: make(chan struct{}, 1), paces: paces{most: cfg.PerMinute, of: map[uuid.UUID]*rate.Limiter{}}, done: make(chan uuid.UUID, 256),
		uploads: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tandem_recording_uploads_total", Help: "Attempts to put a part of a recording on its ticket, by result."}, []string{"result"}),
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(u.uploads)
	}
	return u
}

// Run plans, uploads and destroys what is delivered, once the Service runs, until ctx ends; then it waits for the uploads under way to give up. A part that is
// cut off that way is looked for on its ticket before it is sent again.
func (u *Uploader) Run(ctx context.Context) error {
	select {
	case <-u.s.alone:
	case <-ctx.Done():
		return nil
	}
	wake, stop := u.s.cfg.Bus.Wake(wakeSubject)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { u.plan(ctx) })
	wg.Go(func() { u.destroyDelivered(ctx) })
	slots := make(chan struct{}, u.cfg.Workers)
	poll := time.NewTicker(u.cfg.Poll)
	defer poll.Stop()
	for {
		if err := u.round(ctx, slots, &wg); err != nil && ctx.Err() == nil {
			u.s.log.Error("the upload of recordings tries again", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-u.again:
		case <-poll.C:
		}
	}
}

// plan cuts what is sealed, beside the uploads: a recording of hours holds up nobody else's delivery.
func (u *Uploader) plan(ctx context.Context) {
	wake, stop := u.s.cfg.Bus.Wake(wakeSubject)
	defer stop()
	poll := time.NewTicker(u.cfg.Poll)
	defer poll.Stop()
	for {
		if err := u.planAll(ctx); err != nil && ctx.Err() == nil {
			u.s.log.Error("the planning of uploads tries again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-poll.C:
		}
	}
}

// destroyDelivered makes an end of what the CRM has confirmed.
func (u *Uploader) destroyDelivered(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-u.done:
			if err := u.s.destroy(ctx, id); err != nil && ctx.Err() == nil {
				u.s.log.Error("a delivered recording is not yet destroyed; the sweep tries again", "recording", id, "err", err)
			}
		}
	}
}

// round starts as many uploads as there are free slots.
func (u *Uploader) round(ctx context.Context, slots chan struct{}, wg *sync.WaitGroup) error {
	free := cap(slots) - len(slots)
	if free == 0 {
		return nil
	}
	leases, err := u.claim(ctx, free)
	for _, l := range leases {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() {
				<-slots
				u.nudge()
			}()
			u.attempt(ctx, l)
		})
	}
	return err
}

func (u *Uploader) nudge() {
	select {
	case u.again <- struct{}{}:
	default:
	}
}

// delivered hands a recording over to be destroyed; when the queue is full the sweep finds it.
func (u *Uploader) delivered(id uuid.UUID) {
	select {
	case u.done <- id:
	default:
	}
}

// attempt is one try with one leased part. Whatever happens ends in one write that names the lease's epoch.
func (u *Uploader) attempt(ctx context.Context, l *lease) {
	limit, cancel := context.WithTimeout(ctx, sendTime(l.part.Size))
	result, err := u.send(limit, l)
	cancel()
	// The outcome is worth keeping even while the process ends.
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	u.s.cfg.Crashing("c12")
	var kept string
	if err == nil {
		kept, err = u.confirm(keep, l, result)
	} else {
		kept, err = u.failed(keep, l, err)
	}
	u.s.cfg.Crashing("c13")
	u.uploads.WithLabelValues(kept).Inc()
	if err != nil {
		u.s.log.Error("the outcome of an upload is not stored; its lease will run out", "recording", l.part.Recording, "part", l.part.Number, "err", err)
	}
}

// outcome is a part that the CRM certainly has.
type outcome struct {
	id      string
	adopted bool
}

var (
	errNotListed = errors.New("the CRM accepted the part, but does not list it yet")
	errMisled    = errors.New("the CRM lists another file than the one it was asked for")
)

// send looks for the part if it may have been sent before, sends it, and reads back what the CRM stored.
func (u *Uploader) send(ctx context.Context, l *lease) (outcome, error) {
	if l.tried {
		found, err := u.lookUp(ctx, l)
		if err != nil {
			return outcome{}, fmt.Errorf("look for the part: %w", err)
		}
		if found != nil {
			return outcome{found.ID, true}, nil
		}
	}
	u.s.cfg.Crashing("c8")
	if err := u.attach(ctx, l); err != nil {
		return outcome{}, err
	}
	u.s.cfg.Crashing("c11")
	found, err := u.lookUp(ctx, l)
	if err != nil {
		return outcome{}, doubt(fmt.Errorf("read the part back: %w", err))
	}
	if found == nil {
		return outcome{}, doubt(errNotListed)
	}
	return outcome{found.ID, false}, nil
}

// doubt makes any later failure one after which the part may be on the ticket, and keeps a pause that the CRM asked for.
func doubt(err error) error {
	var known *SendError
	if errors.As(err, &known) && (known.Class == ClassThrottled || known.Class == ClassUnauthorized) {
		return &SendError{Class: known.Class, RetryAfter: known.RetryAfter, Err: err}
	}
	return &SendError{Class: ClassDoubt, Err: err}
}

func (u *Uploader) attach(ctx context.Context, l *lease) error {
	key, err := u.key(ctx, l.row)
	var a *audio
	if err == nil {
		a, err = openAudio(u.s.cfg.Dir, l.row.ID, key, l.row.format(), l.offset, l.payload)
	}
	switch {
	case err != nil && unreadable(err):
		return &SendError{Class: ClassRejected, Err: err}
	case err != nil:
		return &SendError{Class: ClassRetry, Err: err}
	}
	defer a.Close()
	_, err = u.dest.Attach(ctx, l.part, &crashingReader{r: a, half: l.part.Size / 2, crash: u.s.cfg.Crashing})
	return err
}

// crashingReader lets tests end the process in the middle of a body.
type crashingReader struct {
	r     io.Reader
	half  int64 // bytes
	read  int64
	crash func(string)
}

func (c *crashingReader) Read(b []byte) (int, error) {
	if c.read == 0 {
		c.crash("c9")
	}
	n, err := c.r.Read(b[:min(len(b), 32<<10)])
	if c.read < c.half && c.read+int64(n) >= c.half {
		c.crash("c10")
	}
	c.read += int64(n)
	return n, err
}

// lookUp finds the part on its ticket: same name, same size. Of two the older stays; a damaged one is removed where the CRM lets us. A list with another
// name in it is an answer to another question: it proves nothing, and nothing in it is ours to remove.
func (u *Uploader) lookUp(ctx context.Context, l *lease) (*Attachment, error) {
	found, err := u.dest.Find(ctx, l.part)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(found, func(a Attachment) bool { return a.Name != l.part.Name }) {
		return nil, errMisled
	}
	var good *Attachment
	for i := range found {
		a := &found[i]
		if good == nil && (a.Size == l.part.Size || a.Size < 0) {
			good = a
			continue
		}
		u.s.log.Warn("a surplus or damaged attachment is removed", "recording", l.part.Recording, "part", l.part.Number, "size", a.Size, "expected", l.part.Size)
		if err := u.dest.Remove(ctx, l.part, *a); err != nil && !errors.Is(err, ErrCannotRemove) {
			return nil, fmt.Errorf("remove a surplus attachment: %w", err)
		}
	}
	return good, nil
}

// confirm makes the part's delivery final. The write is refused when the lease is no longer ours.
func (u *Uploader) confirm(ctx context.Context, l *lease, o outcome) (kept string, err error) {
	kept = "confirmed"
	if o.adopted {
		kept = "adopted"
	}
	err = u.s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		r, err := get(ctx, tx, l.row.ID)
		if err != nil {
			return err
		}
		ours, err := l.store(ctx, tx, PartConfirm, `crm_id = $5, confirmed_at = $6, last_error = ''`, o.id, tx.Now)
		if err != nil || !ours || r.State != Planned {
			if err == nil {
				kept = "fenced"
			}
			return err
		}
		u.s.cfg.Crashing("c14")
		return u.deliverIfDone(ctx, tx, r)
	})
	return kept, err
}
