package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/stage"
	"tandem/chat/instagram/instagramtest"
	"tandem/chat/line/linetest"
	"tandem/chat/messenger/messengertest"
	"tandem/chat/sms/smstest"
	"tandem/chat/telegram/telegramtest"
	"tandem/chat/viber/vibertest"
	"tandem/chat/wechat/wechattest"
	"tandem/chat/whatsapp/whatsapptest"
	"tandem/internal/fault"
)

type fakeChannelsCommand struct {
	Addr      string `help:"Where to listen; the demo's accounts expect the default." default:"127.0.0.1:8099"`
	Tandem    string `help:"Where Tandem is reached, for the hooks." default:"http://127.0.0.1:8080"`
	PublicURL string `name:"public-url" help:"Where Tandem believes that platforms reach it; some sign this." default:"https://cc.example.test"`
	Anywhere  bool   `help:"Listen on an address that is not loopback. Everybody knows the secrets."`
}

var errFakesAbroad = fault.New(fault.Invalid, "not_loopback",
	"The fake channels listen on loopback only, because everybody knows their secrets. Use an address like 127.0.0.1:8099, or add --anywhere.")

// fakePlatforms are all fake platforms, each with the demo account. Their ids go on from those of an earlier start.
func fakePlatforms(start time.Time) []chattest.Platform {
	all := []chattest.Platform{
		whatsapptest.New(start), messengertest.New(start), instagramtest.New(start), wechattest.New(start), linetest.New(start),
		telegramtest.New(start), vibertest.New(start), smstest.New(start),
	}
	for _, p := range all {
		p.Base().CountFrom(int(start.Unix()))
	}
	return all
}

// Run serves the fake platforms until SIGINT or SIGTERM.
func (f fakeChannelsCommand) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if !f.Anywhere && !loopback(f.Addr) {
		return errFakesAbroad
	}
	if u, err := url.Parse(f.Tandem); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fault.New(fault.Invalid, "bad_url", "--tandem must be like http://127.0.0.1:8080.")
	}
	platforms := fakePlatforms(time.Now())
	s, err := stage.New(platforms)
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", f.Addr)
	if err != nil {
		return fmt.Errorf("listen for the fake channels: %w", err)
	}
	f.point(platforms, "http://"+l.Addr().String())
	fmt.Printf("Play the customers at http://%s/; what they do goes to %s.\n", l.Addr(), f.Tandem)
	return serveFakes(ctx, l, s, platforms)
}

// point has each platform deliver to Tandem's hook of the account named demo, and tell what becomes of our messages.
func (f fakeChannelsCommand) point(platforms []chattest.Platform, base string) {
	for _, p := range platforms {
		fake := p.Base()
		account := p.Account(base + "/" + string(fake.Channel)) // which also tells the platform where it is
		path := "/hooks/" + string(fake.Channel) + "/" + account.Name
		fake.Point(strings.TrimSuffix(f.PublicURL, "/")+path, strings.TrimSuffix(f.Tandem, "/")+path)
		fake.Tell(chat.StatusSent, chat.StatusDelivered)
	}
}

// serveFakes serves until ctx ends.
func serveFakes(ctx context.Context, l net.Listener, s *stage.Stage, platforms []chattest.Platform) error {
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	running, stop := context.WithCancel(ctx)
	defer stop()
	played := make(chan error, 1)
	go func() { played <- s.Run(running) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	stop()
	for _, p := range platforms {
		p.Base().Close() // lets go of calls that are held back
	}
	err = errors.Join(err, server.Close(), <-played)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// loopback says whether an address like 127.0.0.1:80 can be reached from this machine only.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
