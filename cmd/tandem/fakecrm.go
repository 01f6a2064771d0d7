package main

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"tandem/crmsync/zendesk/zendesktest"
	"tandem/internal/fault"
)

type fakeCRMCommand struct {
	Addr     string `help:"Where to listen." default:"127.0.0.1:8098"`
	Anywhere bool   `help:"Listen on an address that is not loopback. Everybody knows the secrets."`
}

var errFakeCRMAbroad = fault.New(fault.Invalid, "not_loopback",
	"The fake CRMs listen on loopback only, because everybody knows their secrets. Use an address like 127.0.0.1:8098, or add --anywhere.")

// fakeCRM is one of the CRMs, with what its page shows.
type fakeCRM struct {
	Name, Label string
	Base        string
	Fields      [][2]string // what the connection page wants to know
	Tickets     []fakeTicket
}

type fakeTicket struct {
	ID, Title, Status string
	Comments          []fakeComment
}

type fakeComment struct {
	Text  string
	Files []string
}

// Run serves the fake CRMs until SIGINT or SIGTERM.
func (f fakeCRMCommand) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if !f.Anywhere && !loopback(f.Addr) {
		return errFakeCRMAbroad
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", f.Addr)
	if err != nil {
		return fmt.Errorf("listen for the fake CRMs: %w", err)
	}
	fmt.Printf("The fake CRMs and their tickets are at http://%s/\n", l.Addr())
	server := &http.Server{Handler: fakeCRMs("http://" + l.Addr().String()), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case <-ctx.Done():
		err = errors.Join(server.Close(), <-ended)
	case err = <-ended:
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// fakeCRMs are all of them, and a page of their tickets.
func fakeCRMs(base string) http.Handler {
	zendesk := zendesktest.New()
	zendesk.Base = base + "/zendesk"
	mux := http.NewServeMux()
	mux.Handle("/zendesk/", http.StripPrefix("/zendesk", zendesk.Handler()))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = fakeCRMPage.Execute(w, []fakeCRM{zendeskShown(zendesk)}) // the browser may be gone
	})
	return mux
}

func zendeskShown(s *zendesktest.Server) fakeCRM {
	shown := fakeCRM{Name: "zendesk", Label: "Zendesk", Base: s.Base, Fields: [][2]string{
		{"Address", s.Base},
		{"Agent's e-mail address", zendesktest.User},
		{"API token", zendesktest.Token},
		{"OAuth client", zendesktest.ClientID},
		{"OAuth client's secret", zendesktest.Secret},
		{"Custom field", zendesktest.FieldID},
	}}
	for _, t := range s.Tickets() {
		one := fakeTicket{ID: strconv.FormatInt(t.ID, 10), Title: t.Subject, Status: t.Status}
		for _, c := range t.Comments {
			said := fakeComment{Text: c.Body}
			for _, f := range c.Files {
				said.Files = append(said.Files, fmt.Sprintf("%s (%d bytes)", f.Name, f.Size))
			}
			one.Comments = append(one.Comments, said)
		}
		shown.Tickets = append(shown.Tickets, one)
	}
	return shown
}

var fakeCRMPage = template.Must(template.New("fake CRMs").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Fake CRMs</title>
<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color-scheme:light dark}
table{border-collapse:collapse}th{text-align:left;font-weight:500;padding-right:1rem}article{border:1px solid #8886;border-radius:8px;padding:.5rem 1rem;margin:1rem 0}
pre{white-space:pre-wrap;margin:.3rem 0;font:inherit}</style>
<h1>Fake CRMs</h1>
{{range .}}<section id="{{.Name}}"><h2>{{.Label}}</h2>
<table>{{range .Fields}}<tr><th>{{index . 0}}</th><td><code>{{index . 1}}</code></td></tr>{{end}}</table>
{{range .Tickets}}<article><h3>#{{.ID}} {{.Title}} ({{.Status}})</h3>
{{range .Comments}}<pre>{{.Text}}</pre>{{range .Files}}<div>📎 {{.}}</div>{{end}}{{end}}</article>{{else}}<p>No tickets yet.</p>{{end}}</section>{{end}}
</html>`))
