package faultrun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// wire lies between a process and its database. While it is cut nothing passes and nothing ends, as when a cable is drawn; once mended, what was
// under way arrives.
type wire struct {
	listener net.Listener
	network  string // of the database
	address  string
	ends     context.CancelFunc
	wg       sync.WaitGroup

	mu    sync.Mutex
	whole chan struct{} // closed while bytes pass
}

// newWire returns a wire and the database's URL at its other end.
func newWire(database string) (w *wire, through string, err error) {
	cfg, err := pgx.ParseConfig(database)
	if err != nil {
		return nil, "", fmt.Errorf("read the database's address: %w", err)
	}
	u, err := url.Parse(database)
	if err != nil {
		return nil, "", fmt.Errorf("read the database's address: %w", err)
	}
	w = &wire{whole: make(chan struct{})}
	close(w.whole)
	if w.listener, err = new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0"); err != nil {
		return nil, "", fmt.Errorf("listen for the process: %w", err)
	}
	w.network, w.address = pgconn.NetworkAddress(cfg.Host, cfg.Port)
	u.Host = ""
	q := u.Query()
	host, port, _ := net.SplitHostPort(w.listener.Addr().String())
	q.Set("host", host)
	q.Set("port", port)
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	ctx, cancel := context.WithCancel(context.Background())
	w.ends = cancel
	w.wg.Go(func() { w.accept(ctx) })
	return w, u.String(), nil
}

func (w *wire) close() {
	w.ends()
	_ = w.listener.Close()
	w.wg.Wait()
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.whole = make(chan struct{})
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.whole)
}

func (w *wire) accept(ctx context.Context) {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return // closed
		}
		w.wg.Go(func() { w.join(ctx, near) })
	}
}

// join carries one connection to its end.
func (w *wire) join(ctx context.Context, near net.Conn) {
	defer near.Close()
	if !w.passes(ctx) {
		return
	}
	far, err := (&net.Dialer{}).DialContext(ctx, w.network, w.address)
	if err != nil {
		return // the process sees its connection end
	}
	defer far.Close()
	over := make(chan struct{}, 2)
	for _, way := range [...][2]net.Conn{{near, far}, {far, near}} {
		w.wg.Go(func() {
			_ = w.carry(ctx, way[0], way[1]) // how a connection ends is of no interest
			over <- struct{}{}
		})
	}
	select {
	case <-over:
	case <-ctx.Done():
	}
}

// carry passes bytes on in one direction.
func (w *wire) carry(ctx context.Context, from io.Reader, to io.Writer) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !w.passes(ctx) {
				return ctx.Err()
			}
			if _, bad := to.Write(buf[:n]); bad != nil {
				return bad
			}
		}
		if errors.Is(err, io.EOF) {
			w.passes(ctx) // its end is not seen at once either
		}
		if err != nil {
			return err
		}
	}
}

// passes waits while the wire is cut.
func (w *wire) passes(ctx context.Context) bool {
	w.mu.Lock()
	whole := w.whole
	w.mu.Unlock()
	select {
	case <-whole:
		return true
	case <-ctx.Done():
		return false
	}
}
