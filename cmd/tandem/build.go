package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"tandem/analytics"
	"tandem/api"
	"tandem/calls"
	"tandem/chat"
	"tandem/crm"
	"tandem/crmsync"
	"tandem/crmsync/freshdesk"
	"tandem/crmsync/hubspot"
	"tandem/crmsync/own"
	"tandem/crmsync/rt"
	"tandem/crmsync/salesforce"
	"tandem/crmsync/servicenow"
	"tandem/crmsync/webhook"
	"tandem/crmsync/zendesk"
	"tandem/internal/audit"
	"tandem/internal/auth"
	"tandem/internal/egress"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/media"
	"tandem/media/codec"
	"tandem/media/sound"
	"tandem/mediastream"
	"tandem/notify"
	"tandem/queues"
	"tandem/recording"
	"tandem/signaling"
	"tandem/signaling/relay"
	"tandem/sip"
	"tandem/smartactions"
	"tandem/web"
	"tandem/webhooks"
)

// build makes everything in one straight line, lowest layer first. Nothing serves before it is done.
func (a *app) build(ctx context.Context) error {
	if a.demo {
		a.cfg.onLoopback()
	}
	if a.cfg.Node.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("find the host's name: %w", err)
		}
		a.cfg.Node.Name = host
	}
	a.metrics = prometheus.NewRegistry()
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if !codec.OpusEncoding() {
		a.log.Warn("built without libopus: every call works, with G.711")
	}
	for _, step := range []func(context.Context) error{
		a.buildStorage, a.buildIdentity, a.buildMedia, a.listen, a.buildServices, a.buildCalls, a.buildWidget, a.fillDemo, a.buildSIP, a.buildBrowsers, a.buildHTTP,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) buildStorage(ctx context.Context) (err error) {
	if err := os.MkdirAll(a.cfg.Data.Dir, 0o711); err != nil {
		return fault.New(fault.Invalid, "data_dir", "The folder data.dir cannot be made.").WithField("data.dir").Because(err)
	}
	url := a.cfg.Database.URL
	if url == "" {
		private := storage.NewPrivate(storage.PrivateConfig{Dir: a.cfg.Data.Dir, Log: a.log})
		if url, err = private.Start(ctx); err != nil {
			return err
		}
		a.later("stop the private PostgreSQL", func() error { return private.Stop(context.WithoutCancel(ctx)) })
	}
	if err := storage.Migrate(ctx, url, a.log); err != nil {
		return err
	}
	if a.db, err = storage.Open(ctx, storage.Config{URL: url, MaxConns: 24}); err != nil {
		return err
	}
	a.later("close the database", func() error { a.db.Close(); return nil })
	if a.keys, err = a.cfg.openKeys(); err != nil {
		return err
	}
	onDisk := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tandem_master_key_on_disk", Help: "1 while the master key lies on a disk, an image of which opens what a dump of the database holds."})
	a.metrics.MustRegister(onDisk)
	if a.keys.OnDisk() {
		onDisk.Set(1)
		a.log.Warn("the master key lies on a disk: an image of it and a dump of the database open recordings that wait; see keys.master in docs/recording.md")
	}
	blobURL := a.cfg.Blob.URL
	if blobURL == "" {
		blobURL = "file:" + filepath.Join(a.cfg.Data.Dir, "blobs")
	}
	if a.blobs, err = storage.OpenBlobs(ctx, blobURL); err != nil {
		return err
	}
	if a.bus, err = events.NewBus(events.BusConfig{Listen: a.cfg.Bus.Listen, Routes: a.cfg.Bus.Routes}, a.log); err != nil {
		return err
	}
	a.later("leave the bus", func() error { a.bus.Close(); return nil })
	a.events = events.NewLog(a.bus)
	return nil
}

func (a *app) buildMedia(context.Context) (err error) {
	a.clock = media.NewClock()
	a.mediaMetrics = media.NewMetrics(a.metrics)
	lo, hi, err := a.cfg.rtpPorts()
	if err != nil {
		return err
	}
	if a.mediaIP, err = a.cfg.mediaIP(); err != nil {
		return err
	}
	a.ports, err = media.NewRTPPorts(media.RTPConfig{IP: a.mediaIP, MinPort: int(lo), MaxPort: int(hi), Metrics: a.mediaMetrics})
	return err
}

// mediaIP is the address put into SDP: as set, or that of the default route.
func (c *Config) mediaIP() (netip.Addr, error) {
	if c.Media.IP != "" {
		return netip.ParseAddr(c.Media.IP)
	}
	// Connecting a UDP socket sends nothing; it only asks the kernel for the route (192.0.2.1 is reserved for documents, RFC 5737).
	conn, err := new(net.Dialer).DialContext(context.Background(), "udp4", "192.0.2.1:9")
	if err != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	}
	defer conn.Close()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, errors.New("the default route has no IP address; set media.ip")
	}
	return local.AddrPort().Addr().Unmap(), nil
}

func (a *app) buildCalls(context.Context) (err error) {
	tts := sound.NewCachedTTS(sound.NewEspeak(sound.EspeakConfig{}), "espeak-ng", speech{a.blobs}, a.log)
	a.prompts = calls.NewPrompts(a.db, a.blobs, tts, a.events)
	a.numbers = calls.NewNumbers(a.db, a.events, a.keys, a.cfg.Egress.Private || a.demo)
	desk := &queueDesk{queues: a.queues, language: a.language, now: a.db.Now}
	a.board = calls.NewSwitchboard(calls.Config{
		Node: a.cfg.Node.Name, MaxCalls: a.cfg.Calls.Max, StuckAfter: time.Duration(a.cfg.Calls.StuckMinutes) * time.Minute, LostGrace: time.Duration(a.cfg.Calls.LostSeconds) * time.Second, Bus: a.bus,
		Tags: a.tagsOf, Private: a.cfg.Egress.Private || a.demo, Rights: rights{a.auth, a.queues}, Room: a.room,
		MayCall: func(ctx context.Context, tenant uuid.UUID, number string) (string, error) {
			return a.sip.MayCall(ctx, tenant, number)
		},
		Extensions: a.auth.AtExtension,
	}, a.db, a.events, a.log, a.metrics,
		a.numbers, a.prompts, desk, recorder{a.recording}, a, callbackDesk{a.queues})
	a.bots = mediastream.New(mediastream.Config{
		DB: a.db, Events: a.events, Keys: a.keys, Stream: media.StreamConfig{Clock: a.clock, Log: a.log, Metrics: a.mediaMetrics},
		Log: a.log, Metrics: a.metrics, Private: a.cfg.Egress.Private || a.demo,
	}, a.board)
	a.jobs, err = a.newJobs(desk)
	return err
}

// room is whether calls may be taken, as far as their recordings go.
func (a *app) room() bool { return a.cfg.Recording.WhenFull != "refuse_calls" || a.recording.HasRoom() }

func (a *app) language(ctx context.Context, tenant uuid.UUID) (string, error) {
	t, err := a.auth.Tenant(ctx, tenant)
	return t.Locale, err
}

func (a *app) zone(ctx context.Context, tenant uuid.UUID) (string, error) {
	t, err := a.auth.Tenant(ctx, tenant)
	return t.TimeZone, err
}

func (a *app) rebuildLater(ctx context.Context, tx *storage.Tx, tenant uuid.UUID) error {
	return a.jobs.Enqueue(ctx, tx, rebuildReports{Tenant: tenant})
}

// Dial implements calls.Dialer: an agent's browser is reached by signalling, a virtual agent by its WebSocket, everything else by SIP. What rings
// for an agent on another device is seen on their page too.
func (a *app) Dial(ctx context.Context, to calls.Target) (calls.Leg, error) {
	if strings.HasPrefix(to.Device, calls.DeviceBot) {
		return a.bots.Dial(ctx, to)
	}
	switch {
	case to.Device == queues.Browser:
		return a.hub.Dialer().Dial(ctx, to)
	case strings.HasPrefix(to.Device, queues.PhoneDevice):
		leg, err := a.sip.Dialer().Dial(ctx, to)
		if err != nil {
			return nil, err
		}
		return a.hub.Accompany(leg, to), nil
	case strings.HasPrefix(to.Device, queues.NumberDevice):
		return a.dialNumber(ctx, to)
	}
	return a.sip.Dialer().Dial(ctx, to)
}

// dialNumber reaches an agent at a telephone number, by the rules that all calls to telephone numbers go by.
func (a *app) dialNumber(ctx context.Context, to calls.Target) (calls.Leg, error) {
	language, err := a.language(ctx, to.Tenant)
	if err != nil {
		return nil, err
	}
	queue := ""
	if path := to.Card.QueuePath; len(path) > 0 {
		queue = path[len(path)-1]
	}
	asks, err := a.prompts.AskToTake(ctx, language, queue)
	if err != nil {
		return nil, fmt.Errorf("make the question to an agent: %w", err)
	}
	out := to
	out.Device = "trunk:" + strings.TrimPrefix(to.Device, queues.NumberDevice)
	leg, err := a.sip.Dialer().Dial(ctx, out)
	if err != nil {
		return nil, err
	}
	return a.hub.Accompany(calls.AskFirst(leg, asks), to), nil
}

func (a *app) fillDemo(ctx context.Context) (err error) {
	if !a.demo {
		return nil
	}
	d := &demo{db: a.db, auth: a.auth, queues: a.queues, chat: a.chat, crm: a.crm, widget: a.widget, numbers: a.numbers, prompts: a.prompts, trunks: a.trunks, log: a.log}
	if a.tenant, err = d.fill(ctx); err != nil {
		return err
	}
	a.apiKey, err = d.key(ctx, a.cfg.Demo.APIKey)
	return err
}

const sipRealm = "tandem"

func (a *app) buildSIP(ctx context.Context) (err error) {
	listen := sip.Listen{UDP: a.cfg.SIP.UDP, TCP: a.cfg.SIP.TCP, TLS: a.cfg.SIP.TLS, WS: a.cfg.SIP.WS, WSS: a.cfg.SIP.WSS}
	if a.cfg.TLS.Cert != "" {
		cert, err := tls.LoadX509KeyPair(a.cfg.TLS.Cert, a.cfg.TLS.Key)
		if err != nil {
			return fault.New(fault.Invalid, "tls_certificate", "tls.cert and tls.key cannot be used.").WithField("tls.cert").Because(err)
		}
		a.tls = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
		listen.TLSConfig = a.tls
	}
	if err := a.trunks.Load(ctx); err != nil {
		return fmt.Errorf("load the trunks: %w", err)
	}
	a.sip, err = sip.New(sip.Config{
		Listen: listen, MediaIP: a.mediaIP,
		RTP: sip.RTP{Ports: a.ports, Stream: media.StreamConfig{Clock: a.clock, Log: a.log, Metrics: a.mediaMetrics, Inband: true}},
	}, a.trunks, a.board.Incoming, a.metrics, a.log)
	return err
}

func (a *app) buildBrowsers(context.Context) (err error) {
	a.hub, err = signaling.New(signaling.Config{
		RTC:       signaling.RTCConfig{UDP: a.cfg.WebRTC.UDP, TCP: a.cfg.WebRTC.TCP, Public: a.mediaIP, TURN: a.turn()},
		Stream:    media.StreamConfig{Clock: a.clock, Log: a.log, Metrics: a.mediaMetrics},
		Ports:     a.ports,
		Customers: a.demo, Tenant: a.tenant,
	}, signaling.Needs{
		Bus: a.bus, Queues: a.queues, Redeem: a.auth.Redeem, Renew: a.auth.Renew, Incoming: a.board.Incoming, WriteNotes: a.board.WriteNotes, Vouched: a.auth.ReadClientToken,
		Within: a.auth.Within, LiveCalls: a.board.Live, Supervise: a.board.Supervise, Widget: a.widget,
	}, a.log, a.metrics)
	if err != nil {
		return err
	}
	a.later("close the browsers' ports", a.hub.Close)
	return nil
}

func (a *app) turn() relay.Config {
	set := a.cfg.TURN
	return relay.Config{UDP: set.UDP, TCP: set.TCP, TLS: set.TLS, TLSConfig: a.tls, Host: cmp.Or(set.Host, a.mediaIP.String()), URLs: set.URLs, Secret: set.Secret}
}

func (a *app) buildIdentity(context.Context) (err error) {
	a.trunks = sip.NewDirectory(a.db, a.bus, a.events, a.keys, a.log, sipRealm, a.cfg.Node.Name,
		func(ctx context.Context, tx *storage.Tx, tenant, agent uuid.UUID, device string, there bool) error {
			return a.queues.DeviceIs(ctx, tx, tenant, agent, device, there)
		})
	a.auth, err = auth.New(a.db, auth.Config{
		Record:      audit.Auth(a.events),
		PasswordSet: a.phonePassword,
		Secrets:     &sealer{db: a.db, keys: a.keys},
	})
	return err
}

// calendar is the time within opening hours, for tickets' promises.
func (a *app) calendar(ctx context.Context, tx *storage.Tx, id uuid.UUID) (crm.Calendar, error) {
	h, err := a.queues.HoursIn(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	return func(from, until time.Time) (spans []crm.Span, err error) {
		open, err := h.Spans(from, until)
		for _, s := range open {
			spans = append(spans, crm.Span(s))
		}
		return spans, err
	}, nil
}

func (a *app) buildServices(ctx context.Context) (err error) {
	a.queues = queues.New(a.db, a.events, a.bus, a.log, a.metrics, a.cfg.Node.Name)
	var copies storage.Blobs
	if a.cfg.Recording.CopyURL != "" {
		if copies, err = storage.OpenBlobs(ctx, a.cfg.Recording.CopyURL); err != nil {
			return fmt.Errorf("open recording.copy_url: %w", err)
		}
	}
	a.recording, err = recording.New(recording.Config{
		DB: a.db, Events: a.events, Bus: a.bus, Keys: a.keys, Log: a.log, Metrics: a.metrics,
		Dir: filepath.Join(a.cfg.Data.Dir, "spool"), Node: a.cfg.Node.Name, Copies: copies,
		Secret: func(ctx context.Context, tx *storage.Tx, tenant uuid.UUID) ([]byte, error) {
			return a.crmsync.Secret(ctx, tx, tenant)
		},
	})
	if err != nil {
		return err
	}
	a.crm = crm.New(crm.Config{
		DB: a.db, Events: a.events, Bus: a.bus, Keys: a.keys, Blobs: a.blobs, Hours: a.calendar, Ask: a.askCustomer, Said: chat.TextOf, Mails: a.cfg.Mail.Host != "", Log: a.log, Metrics: a.metrics,
		Holders: []crm.Holder{{Name: "conversations", Move: chat.MoveContact}, {Name: "devices", Move: smartactions.MoveContact}},
	})
	a.buildActions()
	a.buildChat()
	a.crmsync = crmsync.New(crmsync.Config{
		DB: a.db, Events: a.events, Bus: a.bus, Keys: a.keys, Recordings: a.recording, Log: a.log, Metrics: a.metrics, Actions: a.actions, Chat: a.chat,
		Record: func(ctx context.Context, tenant, call uuid.UUID) (calls.CallRow, error) {
			return a.board.Get(ctx, tenant, call)
		},
		Vendors: a.crmVendors(), HTTP: crmsync.HTTPClient(egress.Transport(a.cfg.Egress.Private || a.demo)), PublicURL: a.publicURL(),
		Attended: a.queues.Attended,
	})
	a.analytics = analytics.New(analytics.Config{DB: a.db, Bus: a.bus, Queues: a.queues, Zone: a.zone, Later: a.rebuildLater, Log: a.log, Metrics: a.metrics})
	a.notify = notify.New(notify.Config{
		DB: a.db, Events: a.events, Bus: a.bus, Keys: a.keys, Blobs: a.blobs, Queues: a.queues, Log: a.log, Metrics: a.metrics,
		Twilio: a.cfg.Notify.Twilio, Contact: a.cfg.Notify.Contact,
		Enqueue: func(ctx context.Context, tx *storage.Tx, job storage.Job) error { return a.jobs.Enqueue(ctx, tx, job) },
	})
	a.webhooks = webhooks.New(webhooks.Config{
		DB: a.db, Events: a.events, Bus: a.bus, Keys: a.keys, Guard: egress.Guard{Private: a.cfg.Egress.Private || a.demo}, Log: a.log, Metrics: a.metrics,
	})
	a.uploader = recording.NewUploader(a.recording, a.crmsync, recording.UploaderConfig{MaxPart: a.cfg.Recording.PartBytes, Metrics: a.metrics})
	return nil
}

// crmVendors are the CRMs there are. Their requests never go through a proxy of the environment: what is sent holds recordings.
func (a *app) crmVendors() []crmsync.Vendor {
	transport := egress.Transport(a.cfg.Egress.Private || a.demo)
	return []crmsync.Vendor{
		own.New(a.crm), rt.New(transport), zendesk.New(transport), salesforce.New(transport), hubspot.New(transport),
		freshdesk.New(transport), servicenow.New(transport), webhook.New(transport),
	}
}

func (a *app) buildHTTP(context.Context) (err error) {
	routes := a.chatRoutes()
	routes["/ws"] = a.hub
	routes["/widget.js"], routes["/widget/"] = a.widget.Handler(), a.widget.Handler()
	a.api, err = api.New(api.Config{
		Services: api.Services{
			DB: a.db, Auth: a.auth, Calls: a.board, Numbers: a.numbers, Prompts: a.prompts, Voicemails: calls.NewVoicemails(a.db, a.events), Queues: a.queues, Trunks: a.trunks, SIP: a.sip.Dialer(),
			Recordings: a.recording, CRM: a.crm, CRMSync: a.crmsync, Notify: a.notify, Bots: a.bots, Analytics: a.analytics, Actions: a.actions, Chat: a.chat, Media: a.media, Widgets: a.widget, Webhooks: a.webhooks,
		},
		Log: a.log, Metrics: a.metrics, Count: a.metrics, Ready: a.readiness, Web: web.Dist(), Version: version, Customers: a.tenant,
		Routes: routes,
	})
	return err
}

// listen takes the address; who asks already waits until everything is built.
func (a *app) listen(ctx context.Context) (err error) {
	if a.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", a.cfg.HTTP.Addr); err != nil {
		return fault.Newf(fault.Unavailable, "http_addr", "http.addr %s cannot be listened on.", a.cfg.HTTP.Addr).WithField("http.addr").Because(err)
	}
	return nil
}

func (a *app) readiness() error {
	if a.draining.Load() {
		return fault.New(fault.Unavailable, "draining", "This node takes no new calls.")
	}
	return nil
}
