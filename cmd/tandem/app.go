package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/analytics"
	"tandem/api"
	"tandem/calls"
	"tandem/chat"
	"tandem/chat/attach"
	widget "tandem/chat/web"
	"tandem/crm"
	"tandem/crmsync"
	"tandem/internal/auth"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/media"
	"tandem/mediastream"
	"tandem/notify"
	"tandem/queues"
	"tandem/recording"
	"tandem/signaling"
	"tandem/sip"
	"tandem/smartactions"
	"tandem/webhooks"
)

// app is the program. run builds everything, lowest layer first, serves, and takes everything down in the opposite order.
type app struct {
	cfg   *Config
	demo  bool
	log   *slog.Logger
	drain <-chan struct{} // closed: take no new calls, end when the last one has ended
	ready func(*app)      // called once everything listens; tests learn the addresses here

	cleanups []cleanup
	draining atomic.Bool
	metrics  *prometheus.Registry

	db     *storage.DB
	keys   *storage.Keys
	blobs  storage.Blobs
	bus    *events.Bus
	events *events.Log
	auth   *auth.Service
	jobs   *storage.Jobs

	mediaIP      netip.Addr
	mediaMetrics *media.Metrics
	clock        *media.Clock
	ports        *media.RTPPorts
	tls          *tls.Config // nil without a certificate

	queues    *queues.Service
	recording *recording.Service
	uploader  *recording.Uploader
	crm       *crm.Service
	crmsync   *crmsync.Service
	notify    *notify.Service
	analytics *analytics.Service
	cleaner   *attach.Cleaner
	actions   *smartactions.Service
	chat      *chat.Service
	media     *chat.MediaStore
	prompts   *calls.Prompts
	numbers   *calls.Numbers
	board     *calls.Switchboard
	bots      *mediastream.Service
	webhooks  *webhooks.Service
	trunks    *sip.Directory
	sip       *sip.Server
	hub       *signaling.Hub
	api       *api.Server
	widget    *widget.Service
	listener  net.Listener

	tenant uuid.UUID // of the demo
	apiKey string    // of the demo
}

type cleanup struct {
	name string
	do   func() error
}

// later has do done at the end, the last named first.
func (a *app) later(name string, do func() error) { a.cleanups = append(a.cleanups, cleanup{name, do}) }

// run serves until ctx ends or, after a.drain was closed, the last call has ended.
func (a *app) run(ctx context.Context) (err error) {
	defer func() {
		for i := len(a.cleanups) - 1; i >= 0; i-- {
			if cerr := a.cleanups[i].do(); cerr != nil {
				err = errors.Join(err, fmt.Errorf("%s: %w", a.cleanups[i].name, cerr))
			}
		}
	}()
	if err := a.build(ctx); err != nil {
		return err
	}
	return a.serve(ctx)
}
